//! `rmrl import lerobot`

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use rmrl_lerobot::{LeRobotError, import};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Make a run directory of a dataset that `rmrl export lerobot` wrote.
///
/// The run has the configuration, target, log and images that were exported, with the same bytes. It can be reported,
/// trained from and, where its cell is simulated, resumed. Weights are not part of a dataset: training makes them again
/// from the log.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl import lerobot datasets/table --out runs/again
  rmrl import lerobot datasets/both --run 2 --out runs/second")]
pub struct LeRobot {
    /// The dataset
    #[arg(value_name = "DIR")]
    dataset: PathBuf,

    /// Where to make the run directory
    #[arg(long, value_name = "RUN")]
    out: PathBuf,

    /// Which run of the dataset, counted from 1 [default: the only one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    run: Option<u32>,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Made {
    run: String,
    name: String,
    trials: usize,
    faults: usize,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, name, trials, faults } = self;
        writeln!(f, "{run}: the run {name}, {trials} trials and {faults} faults")
    }
}

/// Runs the command.
pub fn run(arguments: &LeRobot) -> Result<(), Failure> {
    let run = arguments.run.map(|run| run as usize);
    let imported = import(&arguments.dataset, run, &arguments.out).map_err(failure)?;
    let made = Made {
        run: arguments.out.display().to_string(),
        name: imported.name,
        trials: imported.episodes,
        faults: imported.faults,
    };
    Ok(print_result(&made, false, &format!("rmrl report {}", path_word(&arguments.out)))?)
}

fn failure(error: LeRobotError) -> Failure {
    match error {
        LeRobotError::Foreign { .. }
        | LeRobotError::SeveralRuns { .. }
        | LeRobotError::RunDir(_) => Failure::Usage(error.into()),
        error => Failure::Runtime(error.into()),
    }
}
