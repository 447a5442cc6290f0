//! `rmrl cell home`

use std::fmt;
use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use rmrl::cell::{GuardedArm, MotionError, SafetyEnvelope, ToolPose};
use rmrl::config::RunConfig;
use rmrl::preflight::prove_way_home;
use rmrl::xarm::{Robot, XArm};
use serde::Serialize;

use super::super::{print_result, signals};
use super::{Configuration, Failure, check_real, standing_arm};

/// Move the tool home: straight up to travel height, then to task.home.
///
/// The arm is set up as for a run: fence, reduced speed, load and tool offset are given to the
/// controller and read back. Every motion passes the safety envelope, and before the first one it is
/// proven that the arm gets there. Ctrl-C stops it. The gripper is left as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell home --config my-cell.toml
  rmrl cell home --config my-cell.toml --yes --set task.travel_speed_m_s=0.05     unasked, slowly")]
pub struct Home {
    /// Do not ask before the arm moves
    #[arg(long)]
    yes: bool,

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
    let envelope = SafetyEnvelope::new(config.safety).map_err(anyhow::Error::from)?;
    let (mut arm, tool) = standing_arm(&config)?;
    let joints = arm.joints().map_err(anyhow::Error::from)?;
    let proof = prove_way_home(&config, &envelope, &tool, &joints).map_err(anyhow::Error::from)?;
    // The session that moves has a link of its own.
    drop(arm);
    if !arguments.yes {
        confirm(&config, tool.pose)?;
    }
    let home = go_home(&config, envelope).map_err(|error| match error.downcast_ref() {
        Some(MotionError::Stopped(stopped)) => Failure::Stopped(stopped.to_string()),
        _ => {
            let told = "the arm did not get home; see `rmrl cell doctor` for what it says";
            Failure::Runtime(error.context(told))
        }
    })?;
    let least_limit_distance_deg = proof.least_limit_distance_rad.to_degrees();
    Ok(print_result(&AtHome { home, least_limit_distance_deg }, false)?)
}

fn go_home(config: &RunConfig, envelope: SafetyEnvelope) -> anyhow::Result<ToolPose> {
    let robot = Arc::new(Robot::connect(config.xarm.clone())?);
    let mut arm = GuardedArm::new(Box::new(XArm::new(Arc::clone(&robot))), envelope);
    // Weakly: the switch outlives a panic, and the session has to see its end to stop the arm.
    let robot = Arc::downgrade(&robot);
    arm.stop_switch().on_press(move |_| {
        if let Some(robot) = robot.upgrade()
            && let Err(error) = robot.stop()
        {
            tracing::error!("the arm could not be stopped, use the red button: {error}");
        }
    });
    signals::listen(arm.stop_switch())?;
    let (task, speed_m_s) = (&config.task, config.task.travel_speed_m_s);
    let here = arm.pose()?;
    if here.z_m < task.travel_height_m {
        arm.move_to(here.at_height(task.travel_height_m), speed_m_s)?;
    }
    arm.move_to(task.home.tool_pose(), speed_m_s)?;
    Ok(arm.pose()?)
}

fn confirm(config: &RunConfig, here: ToolPose) -> Result<(), Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::Usage(anyhow!(
            "nobody can be asked whether the arm may move, for there is no terminal: give --yes"
        )));
    }
    let mut asked = stderr().lock();
    let mut line = String::new();
    write!(
        asked,
        "The tool is at {}.\nIt will rise to {:.0} mm and go to {}, at {} m/s, whatever stands in between.\n\
         Keep the emergency stop in reach. Move? [y/N] ",
        place(here),
        1000.0 * config.task.travel_height_m.max(here.z_m),
        place(config.task.home.tool_pose()),
        config.task.travel_speed_m_s
    )
    .and_then(|()| asked.flush())
    .and_then(|()| stdin().lock().read_line(&mut line))
    .context("the terminal failed")?;
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Runtime(anyhow!("the arm was not moved"))),
    }
}

fn place(at: ToolPose) -> String {
    let [x, y, z] = [at.planar.x_m, at.planar.y_m, at.z_m].map(|m| 1000.0 * m);
    format!("x = {x:.1} mm, y = {y:.1} mm, z = {z:.1} mm")
}
