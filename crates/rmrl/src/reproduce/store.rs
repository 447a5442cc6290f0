//! Where finished units are kept: one file each, whole or not there.

use std::path::{Path, PathBuf};

use rmrl_cell::TaskKind;
use rmrl_data::{FileError, write_atomically};
use toml::{Table, Value};

use super::plan::{Unit, Variant};
use super::unit::UnitResult;
use crate::config::{RunConfig, first_difference, rename};

/// The folder of a reproduction.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why units cannot be kept or read, or do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is no unit. They are written whole or not at all, so somebody changed it.
    #[error("{} is no finished unit: {reason}; it has to be made again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A finished unit was made with another configuration than the one asked for.
    #[error(
        "{} was made with another {key}; give --out another folder, or remove the file to have the unit made again",
        path.display()
    )]
    OtherConfig {
        /// The file.
        path: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// Two units that no table may hold together.
    #[error(
        "{} and {} were made with different {key}: they cannot be collected together; remove one of them",
        first.display(),
        second.display()
    )]
    Mixed {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// Nothing to collect.
    #[error("{} has no finished unit yet", root.display())]
    Empty {
        /// The reproduction's folder.
        root: PathBuf,
    },
}

impl Store {
    /// The folder of units within a reproduction's.
    const UNITS: &'static str = "units";

    /// The store in `root`, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The reproduction's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a unit.
    pub fn path_of(&self, unit: &Unit) -> PathBuf {
        let Unit { variant, method, seed } = unit;
        self.root.join(Self::UNITS).join(variant).join(format!("{method}-{seed}.json"))
    }

    /// Whether a unit is finished. `config` is its resolved configuration. A file that is damaged
    /// or half-written is no finished unit: it will be made again.
    ///
    /// # Errors
    /// It cannot be read, or was made with another configuration.
    pub fn is_finished(&self, unit: &Unit, config: &RunConfig) -> Result<bool, StoreError> {
        let path = self.path_of(unit);
        if !path.exists() {
            return Ok(false);
        }
        let made_with = match read(&path).and_then(|result| table_of(&path, &result)) {
            Err(damaged @ StoreError::Damaged { .. }) => {
                tracing::warn!("{damaged}");
                return Ok(false);
            }
            read => read?,
        };
        match first_difference(&made_with, &config.to_table()) {
            None => Ok(true),
            Some(key) => Err(StoreError::OtherConfig { path, key }),
        }
    }

    /// Keeps a finished unit: the whole file appears at once.
    ///
    /// # Errors
    /// The file system refused.
    pub fn keep(&self, result: &UnitResult) -> anyhow::Result<()> {
        let path = self.path_of(&result.unit);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| FileError {
                action: "create",
                path: folder.to_path_buf(),
                source,
            })?;
        }
        Ok(write_atomically(&path, &serde_json::to_vec(result)?)?)
    }

    /// Every finished unit, ordered by variant, method and seed, after a check that they belong
    /// together: within a variant the configurations may differ by method and seed alone, and
    /// between two by what these change, too.
    ///
    /// # Errors
    /// There is none, one is damaged, or two do not belong together.
    pub fn collect(&self, variants: &[Variant]) -> Result<Vec<UnitResult>, StoreError> {
        let mut found = Vec::new();
        let units = self.root.join(Self::UNITS);
        for folder in list(&units)?.into_iter().filter(|path| path.is_dir()) {
            for path in list(&folder)? {
                if path.extension().is_some_and(|extension| extension == "json") {
                    let result = read(&path)?;
                    if path != self.path_of(&result.unit) {
                        return Err(StoreError::Damaged {
                            path,
                            reason: format!("it holds the unit {}", result.unit),
                        });
                    }
                    found.push((path, result));
                }
            }
        }
        found.sort_by(|(_, a), (_, b)| a.unit.cmp(&b.unit));
        check_together(&found, variants)?;
        if found.is_empty() {
            return Err(StoreError::Empty { root: self.root.clone() });
        }
        Ok(found.into_iter().map(|(_, result)| result).collect())
    }
}

/// Compares every configuration with the first, without what may differ.
fn check_together(found: &[(PathBuf, UnitResult)], variants: &[Variant]) -> Result<(), StoreError> {
    let changed = variants.iter().flat_map(|variant| &variant.assignments);
    let keys =
        changed.filter_map(|assignment| assignment.split_once('=')).map(|(key, _)| key.trim());
    let may_differ: Vec<&str> = keys.chain(["method", "seed", "cell.seed"]).collect();
    let mut first: Option<(&PathBuf, Table)> = None;
    for (path, result) in found {
        let mut config = table_of(path, result)?;
        let kind = task_of(&config);
        let own_defaults = RunConfig::of(kind, result.unit.method).to_table();
        forget_defaults(&mut config, &own_defaults, &RunConfig::for_task(kind).to_table());
        for key in &may_differ {
            remove(&mut config, key);
        }
        match &first {
            None => first = Some((path, config)),
            Some((first, expected)) => {
                if let Some(key) = first_difference(expected, &config) {
                    return Err(StoreError::Mixed {
                        first: first.to_path_buf(),
                        second: path.clone(),
                        key,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Gives every key that has its method's own default the default of all methods.
fn forget_defaults(config: &mut Table, own: &Table, common: &Table) {
    for (key, value) in config.iter_mut() {
        match (value, own.get(key), common.get(key)) {
            (Value::Table(value), Some(Value::Table(own)), Some(Value::Table(common))) => {
                forget_defaults(value, own, common);
            }
            (value, Some(own), Some(common)) if value == own => *value = common.clone(),
            _ => {}
        }
    }
}

/// The task that a configuration trains on; the default one if it does not say.
fn task_of(config: &Table) -> TaskKind {
    let kind = config.get("task").and_then(|task| task.get("kind")).and_then(Value::as_str);
    TaskKind::ALL.into_iter().find(|task| Some(task.as_str()) == kind).unwrap_or_default()
}

/// Takes a key like `schedule.batch_size` out.
fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((section, rest)) => {
            if let Some(Value::Table(section)) = table.get_mut(section) {
                remove(section, rest);
            }
        }
    }
}

fn read(path: &Path) -> Result<UnitResult, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| FileError {
        action: "read",
        path: path.to_path_buf(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| StoreError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })
}

fn table_of(path: &Path, result: &UnitResult) -> Result<Table, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { path: path.to_path_buf(), reason };
    let mut table = result.config.parse().map_err(|error: toml::de::Error| {
        damaged(format!("its configuration is not valid TOML: {error}"))
    })?;
    // Results of earlier versions have earlier names, which is no reason for a warning.
    rename("its configuration", &mut table).map_err(|error| damaged(error.to_string()))?;
    Ok(table)
}

/// What a folder holds, by name; nothing if it is not there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let failed = |source| FileError { action: "list", path: folder.to_path_buf(), source };
    let mut paths = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
