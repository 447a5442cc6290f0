//! `rmrl cell`

mod doctor;
mod home;
mod standing_arm;
mod stop;
mod teach;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;

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
