//! `rmrl cell home`

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::cell::first_motion::{FirstMotionError, Start, operator, permission, stop_with};
use crate::cell::transfer_cell::site_plan;
use crate::config::RunConfig;
use clap::Args;
use rmrl_cell::{GuardedArm, SafetyEnvelope, ToolPose};
use rmrl_inventory::World;
use rmrl_xarm::XArm;
use serde::Serialize;

use super::standing_arm::{check_real, standing_arm};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::cli::start::{StartArgs, failure_of};

/// Move the tool home: straight up to travel height, then to task.home.
///
/// A tool that stands in a slot that is entered from the front leaves it backwards first; what the jaws hold by the inventory is
/// lifted before. Look at the jaws, and correct the inventory if it is wrong (`rmrl cell inventory`).
///
/// Like every command that moves an arm, it first asks the operator (cell.operator). Then it sets the arm up as for
/// a run: the controller gets fence, reduced speed, load and tool offset, which are read back. Every motion passes
/// the safety envelope, and the arm only moves if it is proven that it can reach home. Ctrl-C stops it. The gripper
/// stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell home --config my-cell.toml
  rmrl cell home --config my-cell.toml --yes --set task.travel_speed_m_s=0.05     unasked, slowly")]
pub struct Home {
    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// The pose of the tool, as the command prints it.
#[derive(Serialize)]
struct AtHome {
    home: ToolPose,
    /// The least distance of a joint to its limits on the way, in degrees.
    least_limit_distance_deg: f64,
}

impl fmt::Display for AtHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "home, {}", place(self.home))
    }
}

/// Runs the command.
pub fn run(arguments: &Home) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    check_real(&config)?;
    // An error or a motion refuses the command even if the operator would permit it: see `rmrl cell doctor`.
    drop(standing_arm(&config)?);
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    // Without an inventory nobody has said that the jaws hold anything.
    let world = match places.inventory.is_dir() {
        true => World::read(&places.inventory).map_err(anyhow::Error::from)?,
        false => World::default(),
    };
    let start = Start { sites: Some(Arc::new((site_plan(&config, &places), world))), ..start };
    let home = go_home(&config, &start).map_err(|error| failure_of(error, &start.stop))?;
    let file = arguments.configuration.config.as_deref();
    let next =
        format!("rmrl train --config {}", path_word(file.unwrap_or(Path::new("my-cell.toml"))));
    Ok(print_result(&home, false, &next)?)
}

fn go_home(config: &RunConfig, start: &Start) -> anyhow::Result<AtHome> {
    let envelope = SafetyEnvelope::new(config.safety)?;
    let (mut operator, _) = operator(config, start)?;
    let permitted = permission(config, &envelope, operator.as_mut(), start)?;
    let (motion, proof) = (permitted.motion.clone(), permitted.proof.clone());
    let robot = Arc::new(permitted.connect(config)?);
    let mut arm = GuardedArm::new(Box::new(XArm::new(Arc::clone(&robot))), envelope);
    stop_with(arm.stop_switch(), &robot);
    drop(robot);
    start.stop.pass_on_to(arm.stop_switch());
    arm.make_first_motion(&motion).map_err(FirstMotionError::from)?;
    Ok(AtHome {
        home: arm.pose()?,
        least_limit_distance_deg: proof.least_limit_distance_rad.to_degrees(),
    })
}

fn place(at: ToolPose) -> String {
    let [x, y, z] = [at.planar.x_m, at.planar.y_m, at.z_m].map(|m| 1000.0 * m);
    format!("x = {x:.1} mm, y = {y:.1} mm, z = {z:.1} mm")
}
