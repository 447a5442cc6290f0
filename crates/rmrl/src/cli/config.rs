//! `rmrl config`

use std::io::IsTerminal;

use anyhow::anyhow;
use clap::Args;
use rmrl_cell::TaskKind;
use rmrl_core::ConfigKeys;
use rmrl_learn::MethodName;

use super::args::{Configuration, method_parser, task_parser};
use super::failure::Failure;
use super::output::print;
use crate::cell::terminal::say;
use crate::config::{RunConfig, documented, take_secrets};

/// Print a configuration as TOML, with the meaning and the range of every key.
///
/// The command and the web hook of `[notify]` are not printed, because they are secrets.
///
/// Without any option these are the defaults: a file to copy from. `--config` and `--set` are laid over them, as
/// for a run, and checked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl config > my-cell.toml                    a complete configuration to edit
  rmrl config policy.encoder                    the keys of one section
  rmrl config --task shelf --method hindsight   the defaults of a task and a method
  rmrl config --config my-cell.toml             what a run would use")]
pub struct Config {
    /// Only this key, or the keys of this section
    key: Option<String>,

    /// The task whose defaults are printed [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// The method whose defaults are printed [default: self-calibration-residual]
    #[arg(long, value_name = "METHOD", value_parser = method_parser())]
    method: Option<MethodName>,

    #[command(flatten)]
    configuration: Configuration,
}

/// Prints.
pub fn run(arguments: &Config) -> Result<(), Failure> {
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    if let Some(method) = arguments.method {
        layers = layers.with_value("--method", "method", method.as_str());
    }
    let config = layers.resolve()?;
    let within = arguments.key.as_deref().unwrap_or_default();
    let mut shown = config.to_table();
    let left_out = take_secrets(&mut shown);
    if !left_out.is_empty() {
        tracing::warn!("{} not shown: nobody else may read it", left_out.join(" and "));
    }
    let text = documented(&shown, &RunConfig::keys(), within);
    if text.is_empty() {
        let message = format!("there is no key {within}; `rmrl config` prints all of them");
        return Err(Failure::Usage(anyhow!(message)));
    }
    print(&text)?;
    // Standard output is the file itself.
    if std::io::stderr().is_terminal() {
        say(
            "next: write this to my-cell.toml, change what differs, then rmrl cell doctor --config my-cell.toml",
        );
    }
    Ok(())
}
