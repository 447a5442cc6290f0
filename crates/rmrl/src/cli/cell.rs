//! `rmrl cell`
//!
//! - `doctor` checks devices and files, `home` moves the tool home, `stop` stops the arm, `teach` reads
//!   poses into a configuration.
//! - `sites` lists places and proves that the arm reaches them; `inventory` shows and says what lies where.
//! - `transfer` moves a plate or a lid from one slot to another; `protocol` runs a list of such steps.
//! - `qualify` writes a cell's acceptance report, `history` the errors at its sites over days.
//! - `standing_arm` connects to an arm that does not move.

mod doctor;
mod history;
mod home;
mod inventory;
mod protocol;
mod qualify;
mod sites;
mod standing_arm;
mod stop;
mod teach;
mod transfer;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;

/// Commission and use a cell: diagnose, home, stop, teach poses, sites, what lies where, and transfers.
///
/// docs/xarm.md describes how to set up a cell, and how to try all commands without one.
#[derive(Debug, Args)]
pub struct Cell {
    #[command(subcommand)]
    command: CellCommand,
}

#[derive(Debug, Subcommand)]
enum CellCommand {
    Doctor(doctor::Doctor),
    History(history::HistoryCommand),
    Home(home::Home),
    Inventory(inventory::InventoryCommand),
    Protocol(protocol::ProtocolCommand),
    Qualify(qualify::QualifyCommand),
    Sites(sites::Sites),
    Stop(stop::Stop),
    Teach(teach::Teach),
    Transfer(transfer::TransferCommand),
}

/// Runs the command.
pub fn run(arguments: &Cell) -> Result<(), Failure> {
    match &arguments.command {
        CellCommand::Doctor(arguments) => doctor::run(arguments),
        CellCommand::History(arguments) => history::run(arguments),
        CellCommand::Home(arguments) => home::run(arguments),
        CellCommand::Inventory(arguments) => inventory::run(arguments),
        CellCommand::Protocol(arguments) => protocol::run(arguments),
        CellCommand::Qualify(arguments) => qualify::run(arguments),
        CellCommand::Sites(arguments) => sites::run(arguments),
        CellCommand::Stop(arguments) => stop::run(arguments),
        CellCommand::Teach(arguments) => teach::run(arguments),
        CellCommand::Transfer(arguments) => transfer::run(arguments),
    }
}
