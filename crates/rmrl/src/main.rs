//! The command `rmrl`: teach a robot arm to place plates to the millimetre.

mod commands;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use rmrl::terminal::say;
use tracing_subscriber::EnvFilter;

use crate::commands::{
    Failure, bench, calibrate, cell, encoder, eval, localize, pretrain, record, report, reproduce,
    signals, snapshot, train, xarm,
};

/// A step of training asks for the same large pieces of memory again and again; this allocator keeps
/// them instead of giving them back in between.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Teach a robot arm to pick and place a cell plate to the millimetre, by Role-Model Reinforcement
/// Learning on the robot itself (arXiv 2510.15189).
///
/// Everything runs in a simulated work cell until a real one is configured. Begin with
/// `rmrl train`, then open the report it names.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Every value of a configuration file can be set by --set KEY=VALUE. The file config.toml of any run
directory shows all keys with their values."
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
    Report(report::Report),
    Reproduce(reproduce::Reproduce),
    Bench(bench::Bench),
    Cell(cell::Cell),
    Xarm(xarm::Xarm),
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("RMRL_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        // It would do so by `eprintln!`, which panics where standard error is gone.
        .log_internal_errors(false)
        .init();
    let done = match &Cli::parse().command {
        Command::Train(arguments) => train::run(arguments),
        Command::Pretrain(arguments) => pretrain::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Encoder(arguments) => encoder::run(arguments),
        Command::Record(arguments) => record::run(arguments),
        Command::Localize(arguments) => localize::run(arguments),
        Command::Snapshot(arguments) => snapshot::run(arguments),
        Command::Calibrate(arguments) => calibrate::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Reproduce(arguments) => reproduce::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Cell(arguments) => cell::run(arguments),
        Command::Xarm(arguments) => xarm::run(arguments),
    };
    match done {
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
