//! The subcommands of `rmrl`.

pub mod eval;
pub mod pretrain;
pub mod report;
pub mod snapshot;
pub mod train;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rmrl::cell::TaskKind;
use rmrl::config::{ConfigError, Layers};
use rmrl::learn::MethodName;
use serde::Serialize;

/// Why a command failed, and with which exit status.
pub enum Failure {
    /// The command or its configuration is wrong; nothing was written. Exit status 2.
    Usage(anyhow::Error),
    /// Something went wrong while doing it. Exit status 1.
    Runtime(anyhow::Error),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

/// Reads a task, and lists the tasks in the help.
fn task_parser() -> impl TypedValueParser<Value = TaskKind> {
    let names = TaskKind::ALL.map(|task| PossibleValue::new(task.as_str()).help(task.about()));
    PossibleValuesParser::new(names).map(|name| {
        let named = TaskKind::ALL.into_iter().find(|task| task.as_str() == name);
        named.expect("only the tasks' names are possible values")
    })
}

/// Reads a method, and lists the methods in the help.
fn method_parser() -> impl TypedValueParser<Value = MethodName> {
    let names = MethodName::ALL.map(|name| PossibleValue::new(name.as_str()).help(name.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<MethodName>())
}

/// Where a command's configuration comes from.
#[derive(Debug, Args)]
pub struct Configuration {
    /// A configuration file (TOML); it overrides the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A single value, such as policy.learning_rate=0.001; overrides the file. May be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
}

impl Configuration {
    /// The defaults, the file and the single values, in this order.
    fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = Layers::default();
        if let Some(path) = &self.config {
            layers = layers.with_file(path)?;
        }
        for assignment in &self.assignments {
            layers = layers.with_assignment(assignment)?;
        }
        Ok(layers)
    }
}

/// Prints a result: for people on a terminal, else as one line of JSON for programs.
fn print_result<T: Serialize + std::fmt::Display>(result: &T, as_json: bool) -> anyhow::Result<()> {
    if as_json || !std::io::stdout().is_terminal() {
        println!("{}", serde_json::to_string(result)?);
    } else {
        print!("{result}");
    }
    Ok(())
}
