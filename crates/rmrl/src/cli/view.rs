//! `rmrl view`

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use rmrl_data::RunDir;

use super::failure::Failure;
use super::output::path_word;

/// View a run in Rerun, also while it is made.
///
/// Shows the images with mask and pose, reward and error, the action, and the arm's path in 3-D. This is a part of the Python
/// package; this program says how to get it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl view runs/table-rm-rl-seed0              in a window
  rmrl view runs/table-rm-rl-seed0 --live       follow a run until it ends
  rmrl view runs/table-rm-rl-seed0 --save run.rrd
                                                write a file, for `rerun run.rrd`")]
pub struct View {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Write a file for Rerun instead of opening its window
    #[arg(long, value_name = "FILE.rrd")]
    save: Option<PathBuf>,

    /// Follow the run until it ends
    #[arg(long)]
    live: bool,
}

/// Runs the command.
pub fn run(arguments: &View) -> Result<(), Failure> {
    RunDir::check(&arguments.run).map_err(|error| Failure::Usage(error.into()))?;
    let run = path_word(&arguments.run);
    let save = arguments.save.as_ref().map(|path| format!(" --save {}", path_word(path)));
    let live = if arguments.live { " --live" } else { "" };
    Err(Failure::Usage(anyhow!(
        "this program has no viewer, the Python package has one: pip install \"rmrl-robot[view]\", then rmrl view {run}{}{live}",
        save.unwrap_or_default()
    )))
}
