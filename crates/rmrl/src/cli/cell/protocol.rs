//! `rmrl cell protocol`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use rmrl_files::read_utf8_file;
use rmrl_transfer::{Protocol, ProtocolEnd, ProtocolEvent, StepOutcome};

use super::transfer::opened;
use crate::cell::protocol_chains::{ProtocolChains, in_words};
use crate::cell::terminal::say;
use crate::cell::transfer_cell::AssembledCell;
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::cli::start::StartArgs;

/// The largest protocol, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Run a protocol: transfers one after the other, with what to do where one fails.
///
/// Each step is a transfer: of a plate, of a lid off its plate or onto it, onto another plate or off it. What ends it is said with
/// every attempt. With --chains it is run again and again, and the share of chains in which every step was done is said with its
/// 95 % interval.
///
/// Exit status: 0 every step of every chain was done; 3 a step failed; 4 it failed with something in the jaws; 5 nobody knows where
/// an item is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell protocol configs/read-a-plate.toml --config configs/laboratory.toml
  rmrl cell protocol configs/read-a-plate.toml --chains 20 --config configs/laboratory.toml")]
pub struct ProtocolCommand {
    /// The protocol, a TOML file
    protocol: PathBuf,

    /// How often it is run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    chains: u32,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// Runs the command.
pub fn run(arguments: &ProtocolCommand) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    let file = arguments.protocol.display().to_string();
    let text = read_utf8_file(&arguments.protocol, MOST_BYTES)
        .with_context(|| format!("cannot read {file}"))
        .map_err(Failure::Usage)?;
    let has_slot = |slot: &rmrl_inventory::SlotAddress| places.slot(slot).is_ok();
    let protocol =
        Protocol::parse(&text, &file, has_slot).map_err(|error| Failure::Usage(error.into()))?;
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let AssembledCell { mut cell, .. } = opened(&config, &places, &start)?;
    let chains =
        ProtocolChains::run(&protocol, &mut cell, arguments.chains, &start.stop, &mut say_event);
    let last = chains.chains.last().map(|chain| chain.end.clone());
    let words = arguments.configuration.words().join(" ");
    print_result(&chains, arguments.json, format!("rmrl cell inventory show {words}").trim())?;
    match last {
        Some(end @ ProtocolEnd::Failed { .. }) => Err(Failure::Ended(3, in_words(&end))),
        Some(end @ ProtocolEnd::JawsFull { .. }) => Err(Failure::Ended(4, in_words(&end))),
        Some(end @ ProtocolEnd::Unknown { .. }) => Err(Failure::Ended(5, in_words(&end))),
        Some(end @ ProtocolEnd::StopRequested { .. }) => Err(Failure::Stopped(in_words(&end))),
        _ if !chains.succeeded() => Err(Failure::Ended(3, "a step was skipped".to_string())),
        _ => Ok(()),
    }
}

fn say_event(event: ProtocolEvent<'_>) {
    match event {
        ProtocolEvent::Begins { step, attempt } => {
            let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            say(format_args!("{step}{again}"));
        }
        ProtocolEvent::Ended(attempt) => say(format_args!(
            "  {} after {:.1} s",
            match &attempt.outcome {
                StepOutcome::Done { error: Some(error), .. } =>
                    format!("done, {:.2} mm off", 1e3 * error.translation_m()),
                StepOutcome::Done { error: None, .. } => "done".to_string(),
                StepOutcome::NotDone { reason, .. } => format!("not done: {reason}"),
                StepOutcome::Unknown { reason, .. } => format!("nobody knows: {reason}"),
            },
            attempt.seconds
        )),
    }
}
