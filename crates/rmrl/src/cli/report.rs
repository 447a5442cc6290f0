//! `rmrl report`

use std::fmt;
use std::path::PathBuf;

use crate::report::{REPORT, report};
use clap::Args;
use rmrl_data::{RunDir, write_atomically};
use serde::Serialize;

use super::args::check_folder_of;
use super::failure::Failure;
use super::output::{path_word, print_result};

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

/// The result, as the command prints it.
#[derive(Serialize)]
struct Written {
    report: String,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)
    }
}

/// Runs the command.
pub fn run(arguments: &Report) -> Result<(), Failure> {
    RunDir::check(&arguments.run).map_err(|error| Failure::Usage(error.into()))?;
    let out = arguments.out.clone().unwrap_or_else(|| arguments.run.join(REPORT));
    check_folder_of(&out)?;
    let page = report(&arguments.run)?;
    write_atomically(&out, page.as_bytes()).map_err(anyhow::Error::from)?;
    let next = format!("open {}, then rmrl eval {}", path_word(&out), path_word(&arguments.run));
    Ok(print_result(&Written { report: out.display().to_string() }, false, &next)?)
}
