//! Teaches a site from where the arm stands with the jaws around a plate in one of its slots.

use rmrl_xarm::ToolReading;
use toml_edit::{DocumentMut, InlineTable, Item, Value};

use super::config_text::{set_numbers, table_in};
use super::error::TeachError;
use super::{rounded, waypoint};
use crate::config::{Places, RunConfig};

/// The seating of a site that is new in a configuration: in meters, degrees and meters. To be replaced by what the site allows.
const SEATING: [(&str, f64); 3] = [("translation_m", 0.003), ("yaw_deg", 2.0), ("height_m", 0.002)];

/// A taught site: the pose of the tool in its first slot, and its surface there.
#[derive(Debug, Clone, PartialEq)]
pub struct TaughtSite {
    name: String,
    numbers: [(&'static str, f64); 4],
}

impl TaughtSite {
    /// The site `name` by the tool, whose jaws are around a plate in slot `slot`, counted from 1. A site that the configuration
    /// has already knows how far its slots are apart. The surface is `grip_height_m` below the finger tips.
    ///
    /// # Errors
    /// The tool is tilted or outside of the envelope, or the site has no such slot.
    pub fn by_tool(
        config: &RunConfig,
        places: &Places,
        name: &str,
        slot: u32,
        (tool, grip_height_m): (&ToolReading, f64),
    ) -> Result<Self, TeachError> {
        let at = waypoint(config, tool)?;
        let slots = places.sites.get(name).map(|site| site.slots).unwrap_or_default();
        if !(1..=slots.count).contains(&slot) {
            let (site, count) = (name.to_string(), slots.count);
            return Err(TeachError::NoSlot { site, slot, count });
        }
        let above_first_m = f64::from(slot - 1) * slots.pitch_m;
        let surface_m = rounded(at.z_m - grip_height_m - above_first_m, 5);
        let numbers =
            [("x_m", at.x_m), ("y_m", at.y_m), ("yaw_deg", at.yaw_deg), ("surface_m", surface_m)];
        Ok(Self { name: name.to_string(), numbers })
    }

    /// Puts the site into the text of a configuration file. Everything but the numbers stays as it is; a new site also gets a
    /// seating.
    ///
    /// # Errors
    /// The text is not TOML, or has a key of another kind.
    pub fn write_into(&self, text: &str) -> Result<String, TeachError> {
        let mut document: DocumentMut = text.parse()?;
        let sites = table_in(document.as_table_mut(), "sites", "sites", true)?;
        let site = table_in(sites, &self.name, "sites.NAME", false)?;
        set_numbers(site, self.numbers);
        if site.get("seating").is_none() {
            let seating = InlineTable::from_iter(SEATING);
            site.insert("seating", Item::Value(Value::InlineTable(seating)));
        }
        Ok(document.to_string())
    }

    /// The lines to paste into a configuration file.
    pub fn to_toml(&self) -> String {
        let lines = self.numbers.map(|(key, value)| format!("{key} = {}\n", Value::from(value)));
        format!("[sites.{}]\n{}", self.name, lines.concat())
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::{TaskKind, ToolPose};
    use rmrl_core::PlanarPose;

    use super::*;
    use crate::config::Layers;

    const HOTEL: &str = "# A hotel.\n[sites.hotel]\nx_m = 0.1   # measured\ny_m = 0.2\nyaw_deg = 90.0\nsurface_m = 0.05\n\
        access = \"front\"\nslots = { count = 3, pitch_m = 0.06 }\napproach_m = 0.12\n\
        seating = { translation_m = 0.002, yaw_deg = 1.0, height_m = 0.001 }\n";

    fn tool(z_m: f64) -> ToolReading {
        let planar = PlanarPose::new(0.26, 0.3, 90f64.to_radians());
        let pose = ToolPose::new(planar, z_m);
        ToolReading { pose, tilt_rad: 0.0, has_configured_offset: Some(true) }
    }

    #[test]
    fn a_slot_above_the_first_one_teaches_the_whole_site_and_comments_stay() {
        let config = RunConfig::for_task(TaskKind::Table);
        let places = Layers::default().with_text("hotel.toml", HOTEL).unwrap().places().unwrap();
        let taught =
            TaughtSite::by_tool(&config, &places, "hotel", 3, (&tool(0.182), 0.002)).unwrap();
        let text = taught.write_into(HOTEL).unwrap();
        assert!(
            text.contains("x_m = 0.26   # measured") && text.contains("surface_m = 0.06"),
            "{text}"
        );
        assert!(text.contains("translation_m = 0.002"), "a seating that is there stays: {text}");
        let again = Layers::default().with_text("hotel.toml", &text).unwrap().places().unwrap();
        let (_, slot) = again.slot(&"hotel:3".parse().unwrap()).unwrap();
        assert!((slot.surface_m - 0.18).abs() < 1e-9);

        let error = TaughtSite::by_tool(&config, &places, "hotel", 4, (&tool(0.1), 0.002));
        assert!(error.unwrap_err().to_string().contains("site hotel has 3 slots, not 4"));
        // A new site is valid at once.
        let taught =
            TaughtSite::by_tool(&config, &places, "bench", 1, (&tool(0.012), 0.002)).unwrap();
        let text = taught.write_into(HOTEL).unwrap();
        let places = Layers::default().with_text("hotel.toml", &text).unwrap().places().unwrap();
        assert!((places.sites["bench"].surface_m - 0.01).abs() < 1e-9);
        assert!(taught.to_toml().starts_with("[sites.bench]\nx_m = 0.26\n"));
    }
}
