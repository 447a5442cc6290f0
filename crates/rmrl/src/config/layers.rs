//! Defaults, then a file, then single values, each over those before it.

use std::fs::File;
use std::path::Path;

use rmrl_cell::TaskKind;
use rmrl_files::{open_regular_file, read_utf8};
use rmrl_learn::MethodName;
use rmrl_xarm::ReportPort;
use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::key_path::{put, value};
use crate::config::places::{Places, from_folder_of, inventory_beside, take_places};
use crate::config::renamed_keys::rename;
use crate::config::run_config::RunConfig;
use crate::config::secrets::{check_private, secret_key, without_value};
use crate::config::start_sections::{is_of_start, keys_of_start, take_start_sections};

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
    /// The file cannot be read or is not TOML, or it holds a secret and others can read it.
    pub fn with_file(self, path: &Path) -> Result<Self, ConfigError> {
        let (file, text) = open(path)?;
        let layers = self.with_text(&path.display().to_string(), &text)?;
        if let Some(key) = layers.layers.last().and_then(|layer| secret_key(&layer.values)) {
            check_private(&file, path, || key)?;
        }
        Ok(layers)
    }

    /// Adds the configuration of a run directory, which executes, sends and serves nothing: sections of a start, which
    /// earlier versions kept, are left out. Returns the keys that were left out, too.
    ///
    /// # Errors
    /// The file cannot be read or is not TOML.
    pub(crate) fn with_run(self, path: &Path) -> Result<(Self, Vec<String>), ConfigError> {
        let (_, text) = open(path)?;
        let mut layers = self.with_text(&path.display().to_string(), &text)?;
        let left_out = layers.layers.last_mut().map(|layer| take_start_sections(&mut layer.values));
        Ok((layers, keys_of_start(&left_out.unwrap_or_default())))
    }

    /// Adds the text of a configuration file, which came from `origin`.
    ///
    /// # Errors
    /// It is not TOML.
    pub fn with_text(mut self, origin: &str, text: &str) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error| ConfigError::Syntax {
            origin: origin.to_string(),
            reason: shortened(&syntax_reason(text, &error)),
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
        let (key, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        let key = key.trim();
        let origin = match is_of_start(key) {
            // It may be a secret.
            true => format!("--set {key}=..."),
            false => format!("--set {}", shortened(assignment)),
        };
        let syntax = |reason: &str| ConfigError::Syntax {
            origin: origin.clone(),
            reason: reason.to_string(),
        };
        if !assignment.contains('=') {
            return Err(syntax("expected key=value, such as policy.learning_rate=0.001"));
        }
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

    /// Adds several values.
    pub(super) fn with_table(mut self, origin: &str, values: Table) -> Self {
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
        self.check_contradictions()?;
        let kinds = self.layers.iter().map(Layer::task_kind).collect::<Result<Vec<_>, _>>()?;
        let kind = kinds.iter().rev().find_map(|kind| *kind).unwrap_or_default();
        let method =
            self.layers.iter().rev().find_map(Layer::method).unwrap_or(MethodName::RECOMMENDED);
        let mut merged = RunConfig::of(kind, method).to_table();
        let mut config = None;
        for (mut layer, its_kind) in self.layers.into_iter().zip(kinds) {
            if layer.is_file && its_kind.is_some_and(|its_kind| its_kind != kind) {
                layer.values.remove("task");
            }
            config = Some(layer.over(&mut merged)?);
        }
        Ok(config.unwrap_or_else(|| RunConfig::of(kind, method)))
    }

    /// Refuses options that contradict each other, such as `--task shelf` and `--set task.kind=table`.
    fn check_contradictions(&self) -> Result<(), ConfigError> {
        for option in self.layers.iter().filter(|layer| layer.is_option()) {
            let Some((key, given)) = only_key(&option.values) else { continue };
            for assignment in self.layers.iter().filter(|layer| layer.is_assignment()) {
                let mut values = assignment.values.clone();
                rename(&assignment.origin, &mut values)?;
                let Some(other) = value(&values, &key).filter(|other| !is_same(other, given))
                else {
                    continue;
                };
                let reason =
                    format!("is {other}, and {} says {given}; remove one of them", option.origin);
                return Err(ConfigError::Key { origin: assignment.origin.clone(), key, reason });
            }
        }
        Ok(())
    }

    /// The places of a laboratory: sites, labware, and where is remembered what lies where. The inventory's folder in a
    /// configuration file is seen from the folder of that file.
    ///
    /// # Errors
    /// The first key that is unknown, missing or invalid.
    pub fn places(&self) -> Result<Places, ConfigError> {
        let file = self.layers.iter().find(|layer| layer.is_file);
        let mut sections = inventory_beside(file.map(|layer| layer.origin.as_str()));
        for layer in &self.layers {
            let mut values = take_places(&mut layer.values.clone());
            if layer.is_file {
                from_folder_of(&layer.origin, &mut values);
            }
            merge(&mut sections, values);
        }
        let origin = file.map_or("the configuration", |layer| layer.origin.as_str());
        Places::of(sections, origin)
    }

    /// A configuration with these layers over it, unchecked.
    ///
    /// # Errors
    /// As [`Layers::merge`].
    pub(super) fn over(self, mut config: RunConfig) -> Result<RunConfig, ConfigError> {
        let mut merged = config.to_table();
        for layer in self.layers {
            config = layer.over(&mut merged)?;
        }
        Ok(config)
    }

    /// Where the value of a key comes from.
    pub(super) fn origin_of(&self, key: &str) -> Option<&str> {
        let gives = |layer: &&Layer| {
            let mut values = layer.values.clone();
            rename(&layer.origin, &mut values).is_ok() && value(&values, key).is_some()
        };
        self.layers.iter().rev().find(gives).map(|layer| layer.origin.as_str())
    }
}

impl RunConfig {
    /// Reads the configuration that a run was made with. Its `[notify]` and `[page]` are the defaults: they belong to a
    /// start of the command, and what a run directory says of them is ignored.
    ///
    /// # Errors
    /// It cannot be read, or is no longer valid.
    pub fn of_run(path: &Path) -> Result<Self, ConfigError> {
        let (layers, left_out) = Layers::of_earlier_versions().with_run(path)?;
        if !left_out.is_empty() {
            tracing::warn!(
                "{}: {} ignored: the configuration of a run executes, sends and serves nothing; to have it again, give \
                 it to this start: --config FILE with [notify] and [page], --set, or --serve",
                path.display(),
                left_out.join(", ")
            );
        }
        let mut config = layers.resolve()?;
        // The reports of earlier versions' port leave out what is checked before motions by now.
        if config.xarm.report_port == Some(ReportPort::Normal.number()) {
            config.xarm.report_port = Some(ReportPort::Rich.number());
        }
        Ok(config.beside(path))
    }
}

impl Layer {
    fn is_assignment(&self) -> bool {
        self.origin.starts_with("--set ")
    }

    /// Whether this is an option of its own, such as `--task`.
    fn is_option(&self) -> bool {
        !self.is_file && self.origin.starts_with("--") && !self.is_assignment()
    }

    /// Lays this over what lies below. Returns the configuration so far.
    fn over(mut self, merged: &mut Table) -> Result<RunConfig, ConfigError> {
        let origin = self.origin;
        take_places(&mut self.values);
        let renamed = rename(&origin, &mut self.values)?;
        if !renamed.is_empty() {
            tracing::warn!(
                "{origin} has earlier names, which are still read: {}",
                renamed.join(", ")
            );
        }
        merge(merged, self.values);
        serde_path_to_error::deserialize(Value::Table(merged.clone())).map_err(|error| {
            let key = error.path().to_string();
            let reason = shortened(error.inner().to_string().trim_end());
            let is_secret = is_of_start(&key) && key != "page.serve";
            let reason = if is_secret { without_value(&reason) } else { reason };
            ConfigError::Key { origin, key, reason }
        })
    }

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

/// The key that a table of one value gives, and the value.
fn only_key(table: &Table) -> Option<(String, &Value)> {
    let (key, value) = table.iter().next()?;
    match value {
        Value::Table(within) => {
            only_key(within).map(|(rest, value)| (format!("{key}.{rest}"), value))
        }
        value => Some((key.clone(), value)),
    }
}

/// Whether two values mean the same: 8 hours are 8.0 hours.
fn is_same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    a == b || matches!((number(a), number(b)), (Some(a), Some(b)) if a == b)
}

/// Opens and reads a file.
fn open(path: &Path) -> Result<(File, String), ConfigError> {
    let read = || {
        let file = open_regular_file(path, MOST_CONFIG_BYTES)?;
        let text = read_utf8(&file, MOST_CONFIG_BYTES)?;
        Ok((file, text))
    };
    read().map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })
}

/// What is wrong with a text, and where. The line itself is not quoted: it may hold a secret.
pub(crate) fn syntax_reason(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let (line, column) =
        (before.matches('\n').count() + 1, before.rfind('\n').map_or(at, |end| at - end - 1) + 1);
    format!("line {line}, column {column}: {}", error.message())
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
