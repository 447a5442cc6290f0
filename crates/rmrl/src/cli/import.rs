//! `rmrl import`: runs from what other programs hold.
//!
//! - `lerobot`: a dataset of LeRobot

mod lerobot;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Make runs of what other programs hold.
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(name = "lerobot")]
    LeRobot(lerobot::LeRobot),
}

/// Runs the command.
pub fn run(arguments: &Import) -> Result<(), Failure> {
    match &arguments.what {
        What::LeRobot(arguments) => lerobot::run(arguments),
    }
}
