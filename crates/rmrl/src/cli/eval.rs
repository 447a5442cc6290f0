//! `rmrl eval`

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::analysis::evaluate::evaluate_run;
use crate::config::{CellKind, Layers, RunConfig, serve_address};
use clap::Args;
use rmrl_cell::TaskKind;
use rmrl_data::RunDir;

use super::args::task_parser;
use super::failure::Failure;
use super::output::{path_word, print_result};
use super::start::{StartArgs, announce_cell, failure_of};

/// Evaluate the policy of a run on new placements.
///
/// Deploys the greedy policy (the most likely candidates, no sampling) in the cell of the run. Prints the
/// columns of the paper's Tables 2 and 3 as the camera measures them and, in a simulated cell, their true
/// values, with the noise floor of the measurement. In a real cell the operator has to permit the first
/// motion.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl eval runs/table-rm-rl-seed0
  rmrl eval runs/table-rm-rl-seed0 --task shelf --trials 50 --json")]
pub struct Eval {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Placements to evaluate on
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    trials: u32,

    /// The task to evaluate on [default: the run's]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// Seed of the placements
    #[arg(long, default_value_t = 0)]
    seed: u32,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    /// Serve a page on which the operator answers, where cell.operator is "page"
    #[arg(long, value_name = "PORT or ADDRESS:PORT", value_parser = serve_address)]
    serve: Option<SocketAddr>,

    /// File with [page] for this start; whatever else it says has to be as in the run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    start_args: StartArgs,
}

impl Eval {
    /// The configuration of the run, with the page of this start.
    fn config(&self, run: &RunConfig) -> Result<RunConfig, Failure> {
        let mut layers = Layers::default();
        if let Some(path) = &self.config {
            layers = layers.with_file(path)?;
        }
        if let Some(address) = self.serve {
            layers = layers.with_value("--serve", "page.serve", address.to_string());
        }
        Ok(layers.for_run(run)?)
    }
}

/// Runs the command.
pub fn run(arguments: &Eval) -> Result<(), Failure> {
    RunDir::check(&arguments.run).map_err(|error| Failure::Usage(error.into()))?;
    let config = arguments.config(&RunConfig::of_run(&arguments.run.join(RunDir::CONFIG))?)?;
    announce_cell(&config);
    let task = arguments.task.unwrap_or(config.task.kind);
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let placements = (arguments.trials, arguments.seed);
    let evaluated = evaluate_run(&config, &arguments.run, task, placements, &start);
    let evaluation = evaluated.map_err(|error| failure_of(error, &start.stop))?;
    let other = TaskKind::ALL.into_iter().find(|other| *other != task).unwrap_or(task);
    let run = path_word(&arguments.run);
    let next = match task == config.task.kind && config.cell.kind == CellKind::Simulated {
        true => format!("rmrl eval {run} --task {other}"),
        false => format!("rmrl report {run}"),
    };
    print_result(&evaluation, arguments.json, &next)?;
    Ok(())
}
