//! `rmrl cell sites`

use std::fmt;

use anyhow::anyhow;
use clap::Args;
use rmrl_cell::Access;
use rmrl_inventory::SlotAddress;
use serde::Serialize;

use crate::cell::site_clearance::{SiteClearance, WayError};
use crate::cell::site_reach::{prove_slot, prove_travel};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::config::{Places, RunConfig};

/// List the sites and their slots, and prove that the arm reaches them and that its ways are clear.
///
/// For each slot: the way in and out on straight lines within the workspace, with every labware that it takes. For each pair of
/// slots: the line between them at the height at which the tool travels, or a way above. Every part of arm, gripper and plate
/// stays out of the keep-out boxes and off the table by the margins of [clearance]. Nothing is moved. Exit status 1 if a slot
/// is out of reach or a way is not clear.
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
    /// Why the tool cannot travel between the sites; empty if it can.
    travel: Vec<String>,
    /// Pairs of slots between which the tool has to pass above what stands between them, with how high.
    above: Vec<Above>,
}

/// A way above.
#[derive(Serialize)]
struct Above {
    from: SlotAddress,
    to: SlotAddress,
    /// The height of the tool, in millimeters.
    height_mm: f64,
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
    /// Where the ways in and out come nearest to anything, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
    /// Why they are not clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_clear: Option<String>,
}

impl Listed {
    fn is_usable(&self) -> bool {
        let is_good = |slot: &SlotLine| slot.out_of_reach.is_none() && slot.not_clear.is_none();
        self.travel.is_empty() && self.slots.iter().all(is_good)
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
            match (&line.not_clear, &line.nearest) {
                (Some(reason), _) => writeln!(f, "{:14} NOT CLEAR: {reason}", "")?,
                (None, Some(nearest)) => writeln!(f, "{:14} clear: at the nearest, {nearest}", "")?,
                (None, None) => {}
            }
        }
        for reason in &self.travel {
            writeln!(f, "travel         NOT POSSIBLE: {reason}")?;
        }
        for Above { from, to, height_mm } in &self.above {
            writeln!(f, "travel         from {from} to {to} at a height of {height_mm:.0} mm")?;
        }
        if self.travel.is_empty() && self.above.is_empty() {
            writeln!(f, "travel         between all slots on straight lines")?;
        }
        Ok(())
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
    let mut ways = SiteClearance::new(&config, &places);
    let slots = places.slots().into_iter().map(|slot| line((&config, &places), &mut ways, slot));
    let slots = slots.collect::<anyhow::Result<_>>()?;
    let mut listed = Listed { slots, travel: Vec::new(), above: Vec::new() };
    listed.travel.extend(prove_travel(&config, &places).err().map(|error| error.to_string()));
    if let Ok(ways) = &ways {
        add_travel(&mut listed, &places.slots(), ways);
    }
    let words = arguments.configuration.words().join(" ");
    print_result(&listed, arguments.json, format!("rmrl cell inventory show {words}").trim())?;
    match listed.is_usable() {
        true => Ok(()),
        false => Err(Failure::Runtime(anyhow!("not every slot can be used: see above"))),
    }
}

/// Adds the ways between all slots.
fn add_travel(listed: &mut Listed, slots: &[SlotAddress], ways: &SiteClearance) {
    for (number, from) in slots.iter().enumerate() {
        for to in &slots[number + 1..] {
            match ways.travel(from, to) {
                Ok(via) => listed.above.extend(via.points.first().map(|_| Above {
                    from: from.clone(),
                    to: to.clone(),
                    height_mm: 1e3 * ways.height_m(&via),
                })),
                Err(error) => listed.travel.push(error.to_string()),
            }
        }
    }
}

fn line(
    (config, places): (&RunConfig, &Places),
    ways: &mut Result<SiteClearance, WayError>,
    slot: SlotAddress,
) -> anyhow::Result<SlotLine> {
    let proof = prove_slot(config, places, &slot);
    let clear = match ways {
        Ok(ways) => ways.slot(&slot).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
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
        nearest: clear.as_ref().ok().and_then(|nearest| Some(nearest.as_ref()?.to_string())),
        not_clear: clear.err(),
        slot,
    })
}
