//! `rmrl export`: runs for other programs.
//!
//! - `lerobot`: a dataset of LeRobot

mod lerobot;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Export runs for other programs.
#[derive(Debug, Args)]
pub struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(name = "lerobot")]
    LeRobot(lerobot::LeRobot),
}

/// Runs the command.
pub fn run(arguments: &Export) -> Result<(), Failure> {
    match &arguments.what {
        What::LeRobot(arguments) => lerobot::run(arguments),
    }
}
