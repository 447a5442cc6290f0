//! `rmrl cell home`

use std::fmt;
use std::sync::Arc;

use crate::cell::first_motion::{FirstMotionError, Start, operator, permission, stop_with};
use crate::config::RunConfig;
use clap::Args;
use rmrl_cell::{GuardedArm, SafetyEnvelope, ToolPose};
use rmrl_xarm::XArm;
use serde::Serialize;

use super::standing_arm::{check_real, standing_arm};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::cli::start::{StartArgs, failure_of};

/// Move the tool home: straight up to travel height, then to task.home.
///
/// The cell's operator (cell.person) is asked first, as by every command that moves an arm. Then the arm is set up
/// as for a run: fence, reduced speed, load and tool offset are given to the controller and read back. Every
/// motion passes the safety envelope, and before the first one it is proven that the arm gets there. Ctrl-C stops
/// it. The gripper is left as it is.
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

/// Where the arm is.
#[derive(Serialize)]
struct AtHome {
    home: ToolPose,
    /// The least distance of a joint to one of its limits on the way, in degrees.
    least_limit_distance_deg: f64,
}

impl fmt::Display for AtHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "home, {}", place(self.home))
    }
}

/// Moves home.
pub fn run(arguments: &Home) -> Result<(), Failure> {
    let config = arguments.configuration.layers()?.resolve()?;
    check_real(&config)?;
    // Also where a person would let it: what to do about an error is for `rmrl cell doctor` to say.
    drop(standing_arm(&config)?);
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let home = go_home(&config, &start).map_err(|error| failure_of(error, &start.stop))?;
    Ok(print_result(&home, false)?)
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
