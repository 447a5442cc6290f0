//! `rmrl export lerobot`

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use rmrl_data::RunDir;
use rmrl_lerobot::{Export, Exported, LeRobotError};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::run::lerobot_source::lerobot_source;

/// How long to wait before looking for new trials.
const PAUSE: Duration = Duration::from_millis(300);

/// Export runs as a LeRobot dataset (format v3.0).
///
/// A completed trial is an episode of one frame: the image and the estimated pose before the action, the action, reward
/// and errors. Attempts that a fault cut short, depth images and the images after placing are kept beside the frames, so
/// that `rmrl import lerobot` makes the same run again.
///
/// The folder is a whole dataset at every instant. An export that was killed continues with the same command, and so does
/// one of a run that has more trials by now. Docs: docs/lerobot.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl export lerobot runs/table-rm-rl-seed0 --out datasets/table
  rmrl export lerobot runs/monday runs/tuesday --out datasets/both
  rmrl export lerobot runs/today --out datasets/today --follow")]
pub struct LeRobot {
    /// The runs, in the order of the episodes
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The folder of the dataset: new, empty, or one of an earlier export of the same runs
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Export while the runs train, each trial when it is logged, until no process works in the runs
    #[arg(long)]
    follow: bool,

    /// A file of images is closed when it has as many megabytes. An existing dataset keeps its own size
    #[arg(long, value_name = "MB", default_value_t = Export::SEGMENT_BYTES >> 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    file_mb: u64,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Written {
    dataset: String,
    episodes: usize,
    faults: usize,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, episodes, faults } = self;
        writeln!(f, "{dataset}: {episodes} episodes; {faults} faults are kept beside them")
    }
}

/// Runs the command.
pub fn run(arguments: &LeRobot) -> Result<(), Failure> {
    for run in &arguments.runs {
        RunDir::check(run).map_err(|error| Failure::Usage(error.into()))?;
    }
    let sources = arguments.runs.iter().map(|run| lerobot_source(run));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mut export =
        Export::open(&arguments.out, sources, arguments.file_mb << 20).map_err(failure)?;
    // Asked before the logs are read, so that nothing is missed that was written meanwhile.
    loop {
        let grows = arguments.follow && any_in_use(&arguments.runs)?;
        while export.advance().map_err(failure)? {}
        if !grows {
            break;
        }
        thread::sleep(PAUSE);
    }
    let Exported { episodes, faults } = export.exported();
    if episodes == 0 {
        let names: Vec<String> =
            arguments.runs.iter().map(|run| run.display().to_string()).collect();
        return Err(Failure::Runtime(anyhow!(
            "{}: no trial is completed yet, and a dataset has at least one; train first, or export with --follow",
            names.join(", ")
        )));
    }
    let written = Written { dataset: arguments.out.display().to_string(), episodes, faults };
    let next = format!("rmrl import lerobot {} --out RUN", path_word(&arguments.out));
    Ok(print_result(&written, false, &next)?)
}

fn any_in_use(runs: &[PathBuf]) -> Result<bool, Failure> {
    for run in runs {
        if RunDir::is_in_use(run).map_err(anyhow::Error::from)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is wrong with the command is told from what failed while it worked.
fn failure(error: LeRobotError) -> Failure {
    match error {
        LeRobotError::Occupied { .. }
        | LeRobotError::OtherRuns { .. }
        | LeRobotError::Mixed { .. }
        | LeRobotError::InUse { .. } => Failure::Usage(error.into()),
        error => Failure::Runtime(error.into()),
    }
}
