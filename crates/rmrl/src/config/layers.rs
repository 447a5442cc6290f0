//! Defaults, then a file, then single values, each over those before it.

use rmrl_cell::TaskKind;
use rmrl_files::read_utf8_file;
use rmrl_learn::MethodName;
use rmrl_xarm::ReportPort;
use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::key_path::put;
use crate::config::renamed_keys::rename;
use crate::config::run_config::RunConfig;

/// No configuration is larger, in bytes: all keys with their comments have 30 kB.
pub(crate) const MOST_CONFIG_BYTES: u64 = 1 << 20;

/// Values that override the defaults, in order: each layer over those before it.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    /// The file or option that it comes from.
    origin: String,
    is_file: bool,
    values: Table,
}

impl Layers {
    /// Adds a configuration file.
    ///
    /// # Errors
    /// The file cannot be read or is not TOML.
    pub fn with_file(self, path: &std::path::Path) -> Result<Self, ConfigError> {
        let text = read_utf8_file(path, MOST_CONFIG_BYTES)
            .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        self.with_text(&path.display().to_string(), &text)
    }

    /// Adds the text of a configuration file, which came from `origin`.
    ///
    /// # Errors
    /// It is not TOML.
    pub fn with_text(mut self, origin: &str, text: &str) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            origin: origin.to_string(),
            reason: shortened(&error.to_string()),
        })?;
        self.layers.push(Layer { origin: origin.to_string(), is_file: true, values: table });
        Ok(self)
    }

    /// Adds one value, given as `section.key=value` with a TOML value; what is no TOML value is
    /// taken for a string.
    ///
    /// # Errors
    /// There is no `=`, or the key is no key.
    pub fn with_assignment(mut self, assignment: &str) -> Result<Self, ConfigError> {
        let origin = format!("--set {}", shortened(assignment));
        let syntax = |reason: &str| ConfigError::Syntax {
            origin: origin.clone(),
            reason: reason.to_string(),
        };
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| syntax("expected key=value, such as policy.learning_rate=0.001"))?;
        let key = key.trim();
        let is_word = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        if !key.split('.').all(is_word) {
            return Err(syntax("expected a key of words and dots, such as task.kind"));
        }
        let table = format!("{key} = {value}")
            .parse::<Table>()
            .or_else(|_| format!("{key} = {}", Value::String(value.trim().to_string())).parse())
            .map_err(|error: toml::de::Error| syntax(&shortened(error.message())))?;
        self.layers.push(Layer { origin, is_file: false, values: table });
        Ok(self)
    }

    /// Adds one value under its key.
    #[must_use]
    pub fn with_value(mut self, origin: &str, key: &str, value: impl Into<Value>) -> Self {
        let mut values = Table::new();
        put(&mut values, key, value.into());
        self.layers.push(Layer { origin: origin.to_string(), is_file: false, values });
        self
    }

    /// Lays other layers over these.
    #[must_use]
    pub fn then(mut self, over: Self) -> Self {
        self.layers.extend(over.layers);
        self
    }

    /// Takes a key of the top level out of all layers so far.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        for layer in &mut self.layers {
            layer.values.remove(key);
        }
        self
    }

    /// The whole configuration: defaults of the chosen task and method under all layers, checked.
    ///
    /// What a file says of one task is left out where another is chosen over it: its places and
    /// heights are not the other's.
    ///
    /// # Errors
    /// The first layer with an unknown key, or the first invalid value.
    pub fn resolve(self) -> Result<RunConfig, ConfigError> {
        let config = self.merge()?;
        config.validate()?;
        Ok(config)
    }

    /// The whole configuration, unchecked: every key exists, but values may be invalid. For callers that look for
    /// all faults, not for the first.
    ///
    /// # Errors
    /// The first layer with an unknown key, a key under two names, or a value of the wrong type.
    pub fn merge(self) -> Result<RunConfig, ConfigError> {
        let kinds = self.layers.iter().map(Layer::task_kind).collect::<Result<Vec<_>, _>>()?;
        let kind = kinds.iter().rev().find_map(|kind| *kind).unwrap_or_default();
        let method = self.layers.iter().rev().find_map(Layer::method).unwrap_or_default();
        let mut config = RunConfig::of(kind, method);
        let mut merged = config.to_table();
        for (Layer { origin, is_file, mut values }, its_kind) in self.layers.into_iter().zip(kinds)
        {
            let renamed = rename(&origin, &mut values)?;
            if !renamed.is_empty() {
                tracing::warn!(
                    "{origin} has earlier names, which are still read: {}",
                    renamed.join(", ")
                );
            }
            if is_file && its_kind.is_some_and(|its_kind| its_kind != kind) {
                values.remove("task");
            }
            merge(&mut merged, values);
            config = serde_path_to_error::deserialize(Value::Table(merged.clone())).map_err(
                |error| ConfigError::Key {
                    origin,
                    key: error.path().to_string(),
                    reason: shortened(error.inner().to_string().trim_end()),
                },
            )?;
        }
        Ok(config)
    }
}

impl RunConfig {
    /// Reads the configuration that a run was made with.
    ///
    /// # Errors
    /// It cannot be read, or is no longer valid.
    pub fn of_run(path: &std::path::Path) -> Result<Self, ConfigError> {
        // Runs keep all keys but those that came later, which mean what was done before them.
        let mut config = Layers::default()
            .with_value("an earlier version", "policy.encoder.weights", "random")
            .with_value("an earlier version", "schedule.refinements", 0)
            .with_file(path)?
            .resolve()?;
        // The reports of earlier versions' port leave out what is checked before motions by now.
        if config.xarm.report_port == Some(ReportPort::Normal.number()) {
            config.xarm.report_port = Some(ReportPort::Rich.number());
        }
        Ok(config.beside(path))
    }
}

impl Layer {
    /// The method that this layer chooses, if it does; a name that is none is found out later.
    fn method(&self) -> Option<MethodName> {
        self.values.get("method")?.as_str()?.parse().ok()
    }

    /// The task that this layer chooses, if it does.
    fn task_kind(&self) -> Result<Option<TaskKind>, ConfigError> {
        let chosen = self.values.get("task").and_then(|task| task.get("kind"));
        let read = |value: &Value| {
            value.clone().try_into().map_err(|_| ConfigError::Key {
                origin: self.origin.clone(),
                key: "task.kind".to_string(),
                reason: format!(
                    "{} is no task, expected \"table\" or \"shelf\"",
                    shortened(&value.to_string())
                ),
            })
        };
        chosen.map(read).transpose()
    }
}

/// A text as errors show it. TOML's own errors repeat whole lines, which may have megabytes.
fn shortened(text: &str) -> String {
    const MOST_CHARACTERS: usize = 500;
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_string(),
    }
}

/// Lays `over` on `base`, table by table.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
