//! The command `rmrl`.
//!
//! A subcommand's file has its options and a `run` function:
//!
//! - `train`: trains a policy and writes a run directory
//! - `pretrain`: trains a policy on the role-model labels of earlier runs
//! - `eval`: evaluates the policy of a run on new placements
//! - `config`: prints a configuration with the meaning and the range of every key
//! - `export`: exports runs for other programs
//! - `import`: makes runs of what other programs hold
//! - `report`: writes the report of a run
//! - `view`: says how a run is viewed in Rerun, which the Python package does
//! - `reproduce`: makes the runs and the tables of the paper
//! - `encoder`: trains image encoders
//! - `snapshot`: captures one frame and finds the plate in it
//! - `record`: records frames of a RealSense camera
//! - `localize`: finds the plates in recorded frames
//! - `calibrate`: calibrates the cameras of a cell and checks them
//! - `cell`: commissions and controls a real cell
//! - `policy`: says which trained policies correct transfers
//! - `xarm`: emulates the controller of an xArm
//! - `bench`: runs benchmarks
//!
//! The commands share:
//!
//! - `args`: options, and checks of them; `key_ranges`: the ranges of keys in `--help`
//! - `start`: how a command that moves an arm starts, and how it fails
//! - `signals`: the signals that stop the arm and the process
//! - `output`: results on standard output
//! - `log_filter`: which messages `RMRL_LOG` shows
//! - `failure`: why a command failed, and its exit status

mod args;
mod bench;
mod calibrate;
mod cell;
mod config;
mod encoder;
mod eval;
mod export;
mod failure;
mod import;
mod key_ranges;
mod localize;
mod log_filter;
mod output;
mod policy;
mod pretrain;
mod record;
mod report;
mod reproduce;
mod signals;
mod snapshot;
mod start;
mod train;
mod view;
mod xarm;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::failure::Failure;
use self::key_ranges::with_key_ranges;
use self::log_filter::{LOG, log_filter};
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
                  ranges.\n\nRMRL_LOG=info shows more messages, RMRL_LOG=warn,rmrl_xarm=debug those of one crate. Levels are \
                  error, warn, info, debug, trace and off."
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
    View(view::View),
    Export(export::Export),
    Import(import::Import),
    Reproduce(reproduce::Reproduce),
    Bench(bench::Bench),
    Cell(cell::Cell),
    Policy(policy::PolicyCommand),
    Xarm(xarm::Xarm),
}

/// The whole command line.
fn command() -> clap::Command {
    with_key_ranges(with_negative_numbers(Cli::command()))
}

/// Reads `-5` after an option as its value, so that the error names the option. No option is a digit.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_numbers = |argument: clap::Arg| {
        let is_option = !argument.is_positional() && argument.get_action().takes_values();
        if is_option { argument.allow_negative_numbers(true) } else { argument }
    };
    command.mut_args(takes_numbers).mut_subcommands(with_negative_numbers)
}

/// Runs the command that the process was started with. Returns its exit status: 0, 1 if the work failed, 2 if the
/// command or its configuration is wrong, 130 if it was stopped.
pub fn main() -> ExitCode {
    ExitCode::from(main_with(std::env::args_os()))
}

/// Runs the command of `words`, whose first is the name of the program, as [`main`] does. For a program that is not this
/// command itself, such as a Python interpreter, which has other arguments. Takes the signals of the process, and is called
/// once in it.
pub fn main_with(words: impl IntoIterator<Item = OsString>) -> u8 {
    let status = run(words);
    // A program in another language does not flush what Rust has buffered. Whoever reads it may be gone.
    let _ = std::io::stdout().flush();
    status
}

fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let filter = match log_filter(std::env::var_os(LOG).as_deref()) {
        Ok(filter) => filter,
        Err(message) => {
            say(format_args!("error: {message}"));
            return 2;
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        // It would use `eprintln!`, which panics if standard error is gone.
        .log_internal_errors(false)
        .init();
    let parsed = command().try_get_matches_from(words);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return said(&error),
    };
    match carry_out(&cli.command) {
        Ok(()) => 0,
        Err(Failure::Usage(error)) => {
            say(format_args!("error: {error:#}"));
            2
        }
        Err(Failure::Runtime(error)) => {
            say(format_args!("error: {error:#}"));
            1
        }
        Err(Failure::Ended(status, reason)) => {
            say(reason);
            status
        }
        Err(Failure::Stopped(message)) => {
            say(message);
            signals::STOPPED
        }
    }
}

/// Carries out a command.
fn carry_out(command: &Command) -> Result<(), Failure> {
    match command {
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
        Command::View(arguments) => view::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Reproduce(arguments) => reproduce::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Cell(arguments) => cell::run(arguments),
        Command::Policy(arguments) => policy::run(arguments),
        Command::Xarm(arguments) => xarm::run(arguments),
    }
}

/// Shows what clap answers: help and version on standard output, errors on standard error. Returns the exit status.
fn said(answer: &clap::Error) -> u8 {
    // Whoever reads it may be gone.
    let _ = answer.print();
    u8::try_from(answer.exit_code()).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every option of every command, with the words that lead to it.
    fn options(command: &clap::Command, words: &[String]) -> Vec<(Vec<String>, clap::Arg)> {
        let own = command.get_arguments().filter(|one| one.get_action().takes_values());
        let own = own.filter(|one| !one.is_positional()).map(|one| (words.to_vec(), one.clone()));
        let below = command
            .get_subcommands()
            .flat_map(|below| options(below, &[words, &[below.get_name().to_string()]].concat()));
        own.chain(below).collect()
    }

    /// `--trials -5` said once that there is no argument `-5`.
    #[test]
    fn a_negative_number_is_refused_by_the_name_of_its_option() {
        let (mut refused, all) = (0, options(&command(), &["rmrl".to_string()]));
        for (words, option) in &all {
            let name = format!("--{}", option.get_long().unwrap());
            let line = [&words[..], &[name.clone(), "-5".to_string()]].concat();
            let Err(error) = command().try_get_matches_from(&line) else { continue };
            let message = error.to_string();
            assert_ne!(
                error.kind(),
                clap::error::ErrorKind::UnknownArgument,
                "{line:?}: {message}"
            );
            if error.kind() == clap::error::ErrorKind::ValueValidation {
                assert!(message.contains(&name), "{line:?}: {message}");
                refused += 1;
            }
        }
        assert!(all.len() > 100 && refused > 30, "{refused} of {}", all.len());
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
