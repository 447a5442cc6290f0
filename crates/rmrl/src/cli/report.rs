//! `rmrl report`

use std::path::PathBuf;

use crate::report::{REPORT, report};
use clap::Args;
use rmrl_data::{RunDir, write_atomically};

use super::args::check_folder_of;
use super::failure::Failure;
use super::output::print;

/// Write a run's report: one self-contained HTML page with curves and images.
///
/// `rmrl train` writes the report when a run ends. Use this command while a run is in progress, or to
/// write the report again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl report runs/table-rm-rl-seed0
  rmrl report runs/table-rm-rl-seed0 --out monday.html")]
pub struct Report {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Where to write the page [default: RUN/report.html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Report) -> Result<(), Failure> {
    RunDir::check(&arguments.run).map_err(|error| Failure::Usage(error.into()))?;
    let out = arguments.out.clone().unwrap_or_else(|| arguments.run.join(REPORT));
    check_folder_of(&out)?;
    let page = report(&arguments.run)?;
    write_atomically(&out, page.as_bytes()).map_err(anyhow::Error::from)?;
    Ok(print(&format!("{}\n", out.display()))?)
}
