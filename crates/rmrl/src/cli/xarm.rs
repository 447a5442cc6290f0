//! `rmrl xarm`

mod arguments;
mod laboratory;
mod task_cell;

use clap::{Args, Subcommand};

use self::arguments::Emulate;
use super::failure::Failure;

/// Tools for the xArm.
#[derive(Debug, Args)]
pub struct Xarm {
    #[command(subcommand)]
    command: XarmCommand,
}

#[derive(Debug, Subcommand)]
enum XarmCommand {
    Emulate(Box<Emulate>),
}

/// Runs the command.
pub fn run(arguments: &Xarm) -> Result<(), Failure> {
    let XarmCommand::Emulate(arguments) = &arguments.command;
    let mut layers = arguments.configuration.layers()?;
    if let Some(seed) = arguments.seed {
        layers = layers.with_value("--seed", "seed", i64::from(seed));
    }
    if layers.places()?.sites.is_empty() {
        task_cell::emulate(arguments, layers)
    } else {
        laboratory::emulate(arguments, &layers)
    }
}
