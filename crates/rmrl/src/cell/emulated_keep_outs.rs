//! What the emulated controller judges the motions of a laboratory by: the boxes, the table and the margins of its
//! configuration, with the emulator's own geometry.
//!
//! Nothing here uses the proofs of `site_clearance`: the two share the configuration only, so that a mistake in one is found by
//! the other.

use rmrl_cell::{Access, SiteConfig, Slot};
use rmrl_labware::{Labware, Side};
use rmrl_sim::SimulatedCell;
use rmrl_xarm::emulator::{
    EntryRegion, HeldPlate, HeldPlateSource, KeepOutBox, KeepOutTable, KeepOuts,
};

use super::simulated_places::{LID, labware_name};
use crate::config::{Places, RunConfig};

/// How far a corrected pose is from the taught one at most, in meters: what a transfer allows.
const CORRECTED_M: f64 = 0.025;
/// How far from the slot of a site with room a plate is carried about, in meters: 40 mm along x and along y.
const CARRIED_ABOUT_M: f64 = 0.057;
/// What counts as room: the seating tolerance of a site in which a plate may lie anywhere near, in meters.
const ROOMY_M: f64 = 0.0025;
/// How much a region is higher than the poses in it, in meters: the protocol's numbers are rounded.
const SLACK_M: f64 = 0.001;
/// How deep what is put down may be in what it is put on, in meters: they touch, and numbers are rounded.
const TOUCHES_M: f64 = -0.001;
/// The finger tips seen from the flange along the fingers, in meters: the vendor's drawing of the BIO gripper.
const TIPS_M: f64 = 0.1595;

/// What an emulated controller judges the motions of a configuration's laboratory by: each box and the table with the margin of
/// `[clearance]`, and each site's own walls with its `entry_margin_m` where it is entered.
pub fn emulated_keep_outs(config: &RunConfig, places: &Places) -> KeepOuts {
    let clearance = &places.clearance;
    let has_walls = |site: &str| clearance.keep_outs.iter().any(|one| one.name == site);
    let boxes = clearance.keep_outs.iter().map(|one| {
        let site = places.sites.get_key_value(&one.name);
        let entry = site.map(|(name, site)| Entry::of(config, places, name, site));
        KeepOutBox {
            name: one.name.clone(),
            center_m: one.center_m,
            size_m: one.size_m,
            yaw_deg: one.yaw_deg,
            margin_m: clearance.margin_m,
            entry_margin_m: site.map_or(0.0, |(_, site)| site.entry_margin_m),
            entered_within: entry.map_or(Vec::new(), |entry| entry.regions(true)),
        }
    });
    let table = clearance.table_m.map(|height_m| KeepOutTable {
        height_m,
        margin_m: clearance.margin_m,
        entry_margin_m: 0.0,
        // A site with walls stands on the table, and one without is a place on it.
        entered_within: places
            .sites
            .iter()
            .flat_map(|(name, site)| {
                Entry::of(config, places, name, site).regions(!has_walls(name))
            })
            .collect(),
    });
    KeepOuts { boxes: boxes.collect(), table, held_plate: None, stop_on_violation: false }
}

/// Where the tool's point is when the arm enters a site.
struct Entry<'a> {
    site: &'a SiteConfig,
    slots: Vec<Slot>,
    /// Where the fingers point, in radians.
    fingers_rad: f64,
    /// The height at which the tool travels, in meters.
    travel_m: f64,
    /// The greatest height of a grip above the surface, in meters.
    grip_m: f64,
    /// The greatest height of what lies in a slot, in meters.
    filled_m: f64,
}

impl<'a> Entry<'a> {
    fn of(config: &RunConfig, places: &Places, name: &str, site: &'a SiteConfig) -> Self {
        let addresses = places.slots().into_iter().filter(|slot| slot.site() == name);
        let slots: Vec<Slot> =
            addresses.filter_map(|slot| Some(places.slot(&slot).ok()?.1)).collect();
        let taken: Vec<&Labware> = places
            .labware
            .iter()
            .chain(places.labware.lids())
            .filter(|one| site.takes(&one.name))
            .collect();
        let most = |of: fn(&Labware) -> f64| taken.iter().map(|one| of(one)).fold(0.0, f64::max);
        let height_m = most(|one| one.with_lid_m().unwrap_or(one.height_m));
        Self {
            site,
            slots,
            fingers_rad: site.yaw_deg.to_radians() + config.xarm.jaw_yaw_deg.to_radians(),
            travel_m: config.task.travel_height_m,
            grip_m: most(|one| one.grip.height_m),
            filled_m: f64::from(site.capacity) * height_m,
        }
    }

    /// The regions of all slots. Where the hand `touches`, it puts down or lifts what lies on the obstacle.
    fn regions(&self, touches: bool) -> Vec<EntryRegion> {
        let mut regions = Vec::new();
        for slot in &self.slots {
            match self.site.access {
                Access::Above => regions.push(self.column(slot)),
                Access::Front => regions.extend(self.passage(slot)),
            }
            if touches {
                regions.push(self.touch(slot));
            }
        }
        regions
    }

    /// The column above a slot, from its surface to where the tool travels.
    fn column(&self, slot: &Slot) -> EntryRegion {
        let inside_m = slot.surface_m + self.filled_m + self.site.approach_m;
        EntryRegion {
            center_m: [slot.tool.x_m, slot.tool.y_m],
            z_m: [slot.surface_m - SLACK_M, self.travel_m.max(inside_m) + SLACK_M],
            radius_m: Some(self.radius_m()),
            size_m: None,
            yaw_deg: 0.0,
            margin_m: Some(self.site.entry_margin_m),
        }
    }

    fn radius_m(&self) -> f64 {
        let has_room = self.site.is_seen
            && self.site.access == Access::Above
            && self.site.seating.translation_m >= ROOMY_M;
        CORRECTED_M + if has_room { CARRIED_ABOUT_M } else { 0.0 }
    }

    /// The passage in front of a slot, and the column above its beginning.
    fn passage(&self, slot: &Slot) -> [EntryRegion; 2] {
        let (sin, cos) = self.fingers_rad.sin_cos();
        let before = |back_m: f64| [slot.tool.x_m - back_m * cos, slot.tool.y_m - back_m * sin];
        let approach_m = self.site.approach_m;
        let top_m = slot.surface_m + self.filled_m + self.site.lift_m;
        let (yaw_deg, margin_m) = (self.fingers_rad.to_degrees(), Some(self.site.entry_margin_m));
        let level = EntryRegion {
            center_m: before(0.5 * approach_m),
            z_m: [slot.surface_m - SLACK_M, top_m],
            radius_m: None,
            size_m: Some([approach_m + 2.0 * CORRECTED_M, 2.0 * CORRECTED_M]),
            yaw_deg: wrapped_deg(yaw_deg),
            margin_m,
        };
        let above = EntryRegion {
            center_m: before(approach_m),
            z_m: [slot.surface_m - SLACK_M, self.travel_m.max(top_m) + SLACK_M],
            radius_m: Some(CORRECTED_M),
            size_m: None,
            yaw_deg: 0.0,
            margin_m,
        };
        [level, above]
    }

    /// Where the jaws close and open: what they hold touches what it lies on.
    fn touch(&self, slot: &Slot) -> EntryRegion {
        let lifted_m = slot.surface_m + self.grip_m + self.site.lift_m;
        EntryRegion {
            center_m: [slot.tool.x_m, slot.tool.y_m],
            z_m: [slot.surface_m - SLACK_M, lifted_m + SLACK_M],
            radius_m: Some(self.radius_m()),
            size_m: None,
            yaw_deg: 0.0,
            margin_m: Some(TOUCHES_M),
        }
    }
}

/// An angle of at most a whole turn, in degrees.
fn wrapped_deg(yaw_deg: f64) -> f64 {
    yaw_deg % 360.0
}

/// Says which plate a simulated laboratory holds: its labware as configured, with its lid where one lies on it.
pub(crate) fn held_plates(
    config: &RunConfig,
    places: &Places,
    cell: SimulatedCell,
) -> HeldPlateSource {
    let beyond_tips_m = config.xarm.flange_from_tool().translation.x - TIPS_M;
    let places = places.clone();
    HeldPlateSource::new(move || {
        let items = cell.items();
        let held = items.iter().filter(|item| item.is_held);
        // A lid on a plate that is held is held, too.
        let item = held.min_by_key(|item| item.lies_on.is_some())?;
        let labware = places.labware.get(&labware_name(&places, &item.id)?).ok()?;
        let lies_on_it = |one: &&rmrl_sim::ItemTruth| one.lies_on.as_ref() == Some(&item.id);
        let has_lid = items.iter().any(|one| one.id.ends_with(LID) && lies_on_it(&one));
        Some(held_plate(labware, has_lid, beyond_tips_m))
    })
}

fn held_plate(labware: &Labware, has_lid: bool, beyond_tips_m: f64) -> HeldPlate {
    let [along_fingers_m, across_fingers_m] = match labware.held_side() {
        Side::Length => [labware.width_m, labware.length_m],
        Side::Width => [labware.length_m, labware.width_m],
    };
    let height_m = labware.with_lid_m().filter(|_| has_lid).unwrap_or(labware.height_m);
    HeldPlate {
        along_fingers_m,
        across_fingers_m,
        height_m,
        beyond_tips_m,
        grip_height_m: labware.grip.height_m,
    }
}

#[cfg(test)]
mod tests {
    use rmrl_labware::Library;

    use super::*;
    use crate::config::Layers;

    fn laboratory() -> (RunConfig, Places) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");
        let layers = Layers::default().with_file(file.as_ref()).unwrap();
        let places = layers.places().unwrap();
        (layers.resolve().unwrap(), places)
    }

    /// Whether a tool's point is in a region, by its definition.
    fn is_in(region: &EntryRegion, [x_m, y_m, z_m]: [f64; 3]) -> bool {
        let [dx, dy] = [x_m - region.center_m[0], y_m - region.center_m[1]];
        let (sin, cos) = region.yaw_deg.to_radians().sin_cos();
        let [along, aside] = [dx * cos + dy * sin, dy * cos - dx * sin];
        let is_within = match (region.radius_m, region.size_m) {
            (Some(radius_m), _) => dx.hypot(dy) <= radius_m,
            (_, Some(size)) => along.abs() <= 0.5 * size[0] && aside.abs() <= 0.5 * size[1],
            _ => false,
        };
        is_within && (region.z_m[0]..=region.z_m[1]).contains(&z_m)
    }

    fn least_m(regions: &[EntryRegion], at: [f64; 3]) -> Option<f64> {
        let inside = regions.iter().filter(|region| is_in(region, at));
        inside.filter_map(|region| region.margin_m).reduce(f64::min)
    }

    #[test]
    fn only_a_sites_own_walls_may_be_near_where_it_is_entered() {
        let (config, places) = laboratory();
        let keep_outs = emulated_keep_outs(&config, &places);
        keep_outs.validate().unwrap();
        let regions = |name: &str| {
            let one = keep_outs.boxes.iter().find(|one| one.name == name).unwrap();
            assert_eq!(one.margin_m, 0.02);
            one.entered_within.clone()
        };
        assert_eq!(regions("camera post"), []);
        let (hotel, reader) = (regions("hotel"), regions("reader"));
        let table = keep_outs.table.as_ref().unwrap().entered_within.clone();
        let entry_m = Some(0.0005);
        for (at, of_hotel, of_reader, of_table) in [
            // In a slot of the hotel, where the jaws close; on the way in; above its beginning; beside it.
            ([0.26, 0.30, 0.062], Some(TOUCHES_M), None, entry_m),
            ([0.26, 0.22, 0.063], entry_m, None, entry_m),
            ([0.26, 0.15, 0.2], entry_m, None, entry_m),
            ([0.31, 0.22, 0.063], None, None, None),
            // Over the reader, on it, and beside it.
            ([0.47, 0.19, 0.2], None, entry_m, entry_m),
            ([0.46, 0.18, 0.012], None, Some(TOUCHES_M), entry_m),
            ([0.46, 0.21, 0.1], None, None, None),
            // Where a plate is put down on the table, and above that.
            ([0.38, -0.10, 0.003], None, None, Some(TOUCHES_M)),
            ([0.38, -0.10, 0.1], None, None, entry_m),
        ] {
            assert_eq!(least_m(&hotel, at), of_hotel, "hotel {at:?}");
            assert_eq!(least_m(&reader, at), of_reader, "reader {at:?}");
            assert_eq!(least_m(&table, at), of_table, "table {at:?}");
        }
    }

    #[test]
    fn a_plate_is_held_as_its_labware_says() {
        let library = Library::built_in();
        let plate = library.get("96-well-with-lid").unwrap();
        let bare = held_plate(plate, false, 0.0);
        assert_eq!([bare.along_fingers_m, bare.across_fingers_m], [plate.length_m, plate.width_m]);
        assert_eq!([bare.height_m, bare.grip_height_m], [plate.height_m, plate.grip.height_m]);
        assert_eq!(held_plate(plate, true, 0.0).height_m, plate.with_lid_m().unwrap());
        assert_eq!(held_plate(plate, true, -0.01).beyond_tips_m, -0.01);
    }
}
