//! `rmrl cell sites`

use std::fmt;

use anyhow::anyhow;
use clap::Args;
use rmrl_cell::Access;
use rmrl_inventory::SlotAddress;
use serde::Serialize;

use crate::cell::site_reach::{prove_slot, prove_travel};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::config::{Places, RunConfig};

/// List the sites and their slots, and prove that the arm reaches them.
///
/// For each slot: the way in and out on straight lines within the workspace, and the lines between all of them at the height
/// at which the tool travels. Nothing is moved. Exit status 1 if a slot is out of reach.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell sites --config laboratory.toml")]
pub struct Sites {
    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// All slots, as the command prints them.
#[derive(Serialize)]
struct Listed {
    slots: Vec<SlotLine>,
    /// Why the tool cannot travel between the sites; absent if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    travel: Option<String>,
}

#[derive(Serialize)]
struct SlotLine {
    slot: SlotAddress,
    access: Access,
    x_mm: f64,
    y_mm: f64,
    surface_mm: f64,
    yaw_deg: f64,
    is_seen: bool,
    capacity: u32,
    labware: Vec<String>,
    /// The least distance of a joint to its limits on the ways in and out, in degrees; absent where it is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    least_limit_distance_deg: Option<f64>,
    /// Why it is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_reach: Option<String>,
}

impl Listed {
    fn is_reached(&self) -> bool {
        self.travel.is_none() && self.slots.iter().all(|slot| slot.out_of_reach.is_none())
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.slots {
            let SlotLine { slot, x_mm, y_mm, surface_mm, yaw_deg, capacity, .. } = line;
            let access = match line.access {
                Access::Above => "from above",
                Access::Front => "from the front",
            };
            let seen = if line.is_seen { "seen" } else { "not seen" };
            let labware = match line.labware.as_slice() {
                [] => "any labware".to_string(),
                names => names.join(", "),
            };
            writeln!(
                f,
                "{:<14} x {x_mm:.1}, y {y_mm:.1}, surface {surface_mm:.1} mm, {yaw_deg:.1} degrees, {access}, \
                 {seen}, holds {capacity}, {labware}",
                slot.to_string()
            )?;
            match (&line.out_of_reach, line.least_limit_distance_deg) {
                (Some(reason), _) => writeln!(f, "{:14} OUT OF REACH: {reason}", "")?,
                (None, Some(distance_deg)) => {
                    writeln!(
                        f,
                        "{:14} reached, {distance_deg:.0} degrees to the nearest joint limit",
                        ""
                    )?;
                }
                (None, None) => {}
            }
        }
        match &self.travel {
            Some(reason) => writeln!(f, "travel         OUT OF REACH: {reason}"),
            None => writeln!(f, "travel         between all slots on straight lines"),
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Sites) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    if places.sites.is_empty() {
        return Err(Failure::Usage(anyhow!(
            "the configuration has no site: add [sites.NAME], as configs/laboratory.toml has them"
        )));
    }
    let slots = places.slots().into_iter().map(|slot| line(&config, &places, slot));
    let listed = Listed {
        slots: slots.collect::<anyhow::Result<_>>()?,
        travel: prove_travel(&config, &places).err().map(|error| error.to_string()),
    };
    let words = arguments.configuration.words().join(" ");
    print_result(&listed, arguments.json, format!("rmrl cell inventory show {words}").trim())?;
    match listed.is_reached() {
        true => Ok(()),
        false => Err(Failure::Runtime(anyhow!("the arm does not reach every slot"))),
    }
}

fn line(config: &RunConfig, places: &Places, slot: SlotAddress) -> anyhow::Result<SlotLine> {
    let proof = prove_slot(config, places, &slot);
    let (site, at) = places.slot(&slot)?;
    Ok(SlotLine {
        access: site.access,
        x_mm: 1e3 * at.tool.x_m,
        y_mm: 1e3 * at.tool.y_m,
        surface_mm: 1e3 * at.surface_m,
        yaw_deg: site.yaw_deg,
        is_seen: site.is_seen,
        capacity: site.capacity,
        labware: site.labware.clone(),
        least_limit_distance_deg: proof
            .as_ref()
            .ok()
            .map(|proof| proof.least_limit_distance_rad.to_degrees()),
        out_of_reach: proof.err().map(|error| error.to_string()),
        slot,
    })
}
