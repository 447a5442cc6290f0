//! Arguments that several commands share, and checks of them.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rmrl_cell::TaskKind;
use rmrl_learn::MethodName;

use super::failure::Failure;
use crate::config::{ConfigError, Layers, is_of_start};

/// Parses a task. The help lists all tasks.
pub(super) fn task_parser() -> impl TypedValueParser<Value = TaskKind> {
    let names = TaskKind::ALL.map(|task| PossibleValue::new(task.as_str()).help(task.about()));
    PossibleValuesParser::new(names).map(|name| {
        let named = TaskKind::ALL.into_iter().find(|task| task.as_str() == name);
        named.expect("only the tasks' names are possible values")
    })
}

/// Parses a method. The help lists all methods.
pub(super) fn method_parser() -> impl TypedValueParser<Value = MethodName> {
    let names = MethodName::ALL.map(|name| PossibleValue::new(name.as_str()).help(name.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<MethodName>())
}

/// The options that make a command's configuration.
#[derive(Debug, Args)]
pub struct Configuration {
    /// Configuration file (TOML); overrides the defaults
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// A single value, such as policy.learning_rate=0.001; overrides the file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) assignments: Vec<String>,

    /// Device that the networks compute on, the same as --set policy.device=DEVICE; a GPU needs a build with the
    /// feature of its name [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = ["cpu", "cuda", "wgpu"])]
    pub(super) device: Option<String>,
}

/// What commands have in common that print what they find or change in a configuration's cell.
#[derive(Debug, Args)]
pub struct Shared {
    /// Print JSON on a terminal, too
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) configuration: Configuration,
}

impl Configuration {
    /// The defaults, the file, the single values and the device, in this order.
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = Layers::default();
        if let Some(path) = &self.config {
            layers = layers.with_file(path)?;
        }
        for assignment in &self.assignments {
            layers = layers.with_assignment(assignment)?;
        }
        if let Some(device) = &self.device {
            layers = layers.with_value("--device", "policy.device", device.as_str());
        }
        Ok(layers)
    }

    /// The options as the words of another command line, without what belongs to this start: it may be a secret.
    pub(super) fn words(&self) -> Vec<String> {
        let file = self
            .config
            .iter()
            .flat_map(|path| ["--config".to_string(), path.display().to_string()]);
        let values = self.assignments.iter().filter(|value| !is_of_start(value));
        let values = values.flat_map(|value| ["--set".to_string(), value.clone()]);
        let device = self.device.iter().flat_map(|name| ["--device".to_string(), name.clone()]);
        file.chain(values).chain(device).collect()
    }
}

/// Checks that a new `.safetensors` file can be written to `out`, before the work that makes it starts.
///
/// # Errors
/// The extension is another one, the file exists, or its folder does not.
pub(super) fn check_new_weights(out: &Path) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::Usage(anyhow!(message)));
    if out.extension().is_none_or(|extension| extension != "safetensors") {
        return usage(format!("--out is {}, expected a .safetensors file", out.display()));
    }
    if out.exists() {
        return usage(format!("{} exists already and is never overwritten", out.display()));
    }
    check_folder_of(out)
}

/// Checks that the folder of a file to be written exists, before the work that makes it starts.
///
/// # Errors
/// There is no such folder.
pub(super) fn check_folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::Usage(anyhow!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}
