//! `rmrl cell doctor`

use std::path::{Path, PathBuf};

use crate::cell::terminal::say;
use crate::commissioning::doctor::{CheckStatus, Diagnosis, Examination, examine};
use anyhow::anyhow;
use clap::Args;

use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::{is_for_people, path_word, print, print_result};

/// Check each device and file that a run needs, and say how to fix what is wrong.
///
/// Without --clear, --power-gripper or --reset-gripper-mode, the doctor changes nothing, so that it can also
/// run beside another program. The exit status is 1 if a check failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell doctor --config configs/xarm6.toml
  rmrl cell doctor --config my-cell.toml --clear      clear the controller's error and warning, then check
  rmrl cell doctor --config my-cell.toml --json | jq '.checks[] | select(.status == \"fail\")'")]
pub struct Doctor {
    /// Clear the controller's error and warning; the arm stays without power
    #[arg(long)]
    clear: bool,

    /// Switch the gripper's power on. Its jaws move to find their ends, and what they hold falls
    #[arg(long)]
    power_gripper: bool,

    /// Reset the control mode of a gripper of the second generation from pulses to millimeters; it has no
    /// power afterwards
    #[arg(long)]
    reset_gripper_mode: bool,

    /// Print one line of JSON on a terminal, too
    #[arg(long)]
    json: bool,

    /// The folder for runs, whose disk space is checked
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,

    #[command(flatten)]
    configuration: Configuration,
}

/// Runs the command.
pub fn run(arguments: &Doctor) -> Result<(), Failure> {
    let examination = Examination {
        config_file: arguments.configuration.config.clone(),
        runs: arguments.runs.clone(),
        clear: arguments.clear,
        power_gripper: arguments.power_gripper,
        reset_gripper_mode: arguments.reset_gripper_mode,
    };
    let as_table = !arguments.json && is_for_people();
    let mut printed = Ok(());
    let diagnosis = examine(arguments.configuration.layers(), &examination, &mut |check| {
        if as_table && printed.is_ok() {
            printed = print(&format!("{check}\n"));
        }
    });
    printed?;
    if as_table {
        print("\n")?;
    }
    print_result(&diagnosis, arguments.json, &next(arguments, &diagnosis))?;
    if diagnosis.is_simulated && arguments.configuration.config.is_none() {
        say(
            "NOT YOUR CELL: without --config FILE the doctor looked at the simulated cell of the defaults. \
             `rmrl cell doctor --config my-cell.toml` looks at yours; configs/xarm6.toml is one to begin with",
        );
    }
    if diagnosis.healthy {
        return Ok(());
    }
    let (failed, all) = (diagnosis.count(CheckStatus::Fail), diagnosis.checks.len());
    Err(Failure::Runtime(anyhow!("{failed} of {all} checks failed")))
}

/// The command that usually follows.
fn next(arguments: &Doctor, diagnosis: &Diagnosis) -> String {
    let file = arguments.configuration.config.as_deref();
    let file = path_word(file.unwrap_or(Path::new("my-cell.toml")));
    match diagnosis.healthy {
        true if diagnosis.is_simulated => "rmrl train".to_string(),
        true => format!("rmrl train --config {file}"),
        false => format!("fix what failed, then rmrl cell doctor --config {file}"),
    }
}
