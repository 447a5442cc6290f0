//! `rmrl cell`

mod doctor;
mod home;
mod stop;
mod teach;

use crate::config::{CellKind, RunConfig};
use anyhow::anyhow;
use clap::{Args, Subcommand};
use rmrl_xarm::{ArmState, Inspector, ToolReading, controller_error};

use super::failure::Failure;

/// Look at a real cell, stop it, send it home, teach it places.
///
/// docs/xarm.md tells how a cell is set up, and how to try all of this without one.
#[derive(Debug, Args)]
pub struct Cell {
    #[command(subcommand)]
    command: CellCommand,
}

#[derive(Debug, Subcommand)]
enum CellCommand {
    Doctor(doctor::Doctor),
    Home(home::Home),
    Stop(stop::Stop),
    Teach(teach::Teach),
}

/// Runs a subcommand.
pub fn run(arguments: &Cell) -> Result<(), Failure> {
    match &arguments.command {
        CellCommand::Doctor(arguments) => doctor::run(arguments),
        CellCommand::Home(arguments) => home::run(arguments),
        CellCommand::Stop(arguments) => stop::run(arguments),
        CellCommand::Teach(arguments) => teach::run(arguments),
    }
}

/// Refuses cells without an arm, and what nothing can be reached with. The rest of the configuration need
/// not be valid.
fn check_real(config: &RunConfig) -> Result<(), Failure> {
    let wrong =
        |section: &str, error: &dyn std::fmt::Display| Failure::Usage(anyhow!("{section}.{error}"));
    config.xarm.validate().map_err(|error| wrong("xarm", &error))?;
    config.distant.validate().map_err(|error| wrong("distant", &error))?;
    config.camera.realsense.validate().map_err(|error| wrong("camera.realsense", &error))?;
    match config.cell.kind {
        CellKind::XArm => Ok(()),
        CellKind::Simulated => Err(Failure::Usage(anyhow!(
            "cell.kind is \"simulated\": there is no arm to speak to; configs/xarm6.toml is a cell with one"
        ))),
    }
}

/// A link over which the arm is asked, and where its tool is. Refuses an arm that has an error or that
/// another program moves.
fn standing_arm(config: &RunConfig) -> anyhow::Result<(Inspector, ToolReading)> {
    let mut arm = Inspector::connect(config.xarm.clone())?;
    arm.check_model()?;
    let (error, _) = arm.errors()?;
    if error != 0 {
        let explained = controller_error(error);
        return Err(anyhow!(
            "controller error {error}: {}; {}, then `rmrl cell doctor --clear`",
            explained.meaning,
            explained.recovery
        ));
    }
    let (state, waiting) = arm.state()?;
    if state == ArmState::Moving || waiting > 0 {
        return Err(anyhow!(
            "the arm moves: another program has it; end that first, or `rmrl cell stop`"
        ));
    }
    let report = arm.report()?;
    let tool = arm.tool(report.as_ref())?;
    Ok((arm, tool))
}
