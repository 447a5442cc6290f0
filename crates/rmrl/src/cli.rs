//! The command `rmrl`.
//!
//! A subcommand's file has its options and a `run` function:
//!
//! - `train`: trains a policy and writes a run directory
//! - `pretrain`: trains a policy on the role-model labels of earlier runs
//! - `eval`: evaluates the policy of a run on new placements
//! - `config`: prints a configuration with the meaning and the range of every key
//! - `report`: writes the report of a run
//! - `reproduce`: makes the runs and the tables of the paper
//! - `encoder`: trains image encoders
//! - `snapshot`: captures one frame and finds the plate in it
//! - `record`: records frames of a RealSense camera
//! - `localize`: finds the plates in recorded frames
//! - `calibrate`: calibrates the cameras of a cell and checks them
//! - `cell`: commissions and controls a real cell
//! - `xarm`: emulates the controller of an xArm
//! - `bench`: runs benchmarks
//!
//! The commands share:
//!
//! - `args`: options, and checks of them; `key_ranges`: the ranges of keys in `--help`
//! - `start`: how a command that moves an arm starts, and how it fails
//! - `signals`: the signals that stop the arm and the process
//! - `output`: results on standard output
//! - `failure`: why a command failed, and its exit status

mod args;
mod bench;
mod calibrate;
mod cell;
mod config;
mod encoder;
mod eval;
mod failure;
mod key_ranges;
mod localize;
mod output;
mod pretrain;
mod record;
mod report;
mod reproduce;
mod signals;
mod snapshot;
mod start;
mod train;
mod xarm;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::failure::Failure;
use self::key_ranges::with_key_ranges;
use crate::cell::terminal::say;

/// Teach a robot arm to pick and place a cell plate to the millimeter, by Role-Model Reinforcement
/// Learning on the robot itself (arXiv 2510.15189).
///
/// Everything runs in a simulated work cell until a real one is configured. Start with
/// `rmrl train`, then open the report that it names.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "--set KEY=VALUE sets any key of the configuration. `rmrl config` prints all keys with their meanings and \
                  ranges."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Train),
    Pretrain(pretrain::Pretrain),
    Eval(eval::Eval),
    Encoder(encoder::Encoder),
    Snapshot(snapshot::Snapshot),
    Record(record::Record),
    Localize(localize::Localize),
    Calibrate(calibrate::Calibrate),
    Config(config::Config),
    Report(report::Report),
    Reproduce(reproduce::Reproduce),
    Bench(bench::Bench),
    Cell(cell::Cell),
    Xarm(xarm::Xarm),
}

/// Runs the command that the process was started with. Returns its exit status: 0, 1 if the work failed, 2 if the
/// command or its configuration is wrong, 130 if it was stopped.
pub fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("RMRL_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        // It would use `eprintln!`, which panics if standard error is gone.
        .log_internal_errors(false)
        .init();
    let matches = with_key_ranges(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match &cli.command {
        Command::Train(arguments) => train::run(arguments),
        Command::Pretrain(arguments) => pretrain::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Encoder(arguments) => encoder::run(arguments),
        Command::Record(arguments) => record::run(arguments),
        Command::Localize(arguments) => localize::run(arguments),
        Command::Snapshot(arguments) => snapshot::run(arguments),
        Command::Calibrate(arguments) => calibrate::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Reproduce(arguments) => reproduce::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Cell(arguments) => cell::run(arguments),
        Command::Xarm(arguments) => xarm::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            say(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
        Err(Failure::Runtime(error)) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
        Err(Failure::Stopped(message)) => {
            say(message);
            ExitCode::from(signals::STOPPED)
        }
    }
}
