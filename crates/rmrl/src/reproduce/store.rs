//! Stores finished units: one file each, which is complete or absent.

use std::path::{Path, PathBuf};

use rmrl_cell::TaskKind;
use rmrl_data::{FileError, write_atomically};
use rmrl_files::read_utf8_file;
use toml::{Table, Value};

use super::plan::{Unit, Variant};
use super::unit::UnitResult;
use crate::config::{Layers, RunConfig, first_difference, rename, take, take_start_sections};

/// The folder of a reproduction.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why units cannot be stored, read or collected.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is not a unit. Units are written at once, so somebody changed the file.
    #[error("{} is no finished unit: {reason}; run the unit again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A finished unit has another configuration than the plan.
    #[error(
        "{} was made with another {key}; choose another folder with --out, or remove the file to run the unit again",
        path.display()
    )]
    OtherConfig {
        /// The file.
        path: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// Two units whose configurations differ, so that no table may contain both.
    #[error(
        "{} and {} were made with different {key}: they cannot be collected together; remove one of them",
        first.display(),
        second.display()
    )]
    Mixed {
        /// The file of the first unit.
        first: PathBuf,
        /// The file of the second unit.
        second: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// There is no finished unit.
    #[error("{} has no finished unit yet", root.display())]
    Empty {
        /// The reproduction's folder.
        root: PathBuf,
    },
}

impl Store {
    /// The folder of units within a reproduction's folder.
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

    /// Whether a unit is finished. `config` is its resolved configuration. A unit whose file is damaged
    /// is not finished: it will be run again.
    ///
    /// # Errors
    /// The file cannot be read, or the unit was made with another configuration.
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
        match first_difference(&made_with, &config.to_run_table()) {
            None => Ok(true),
            Some(key) => Err(StoreError::OtherConfig { path, key }),
        }
    }

    /// Stores a finished unit. The complete file appears at once.
    ///
    /// # Errors
    /// The file cannot be written.
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

    /// Every finished unit, ordered by variant, method and seed.
    ///
    /// Checks that their configurations agree: within a variant they may differ in method and seed
    /// only, and between variants also in the keys that the variants change.
    ///
    /// # Errors
    /// There is no finished unit, one is damaged, or two configurations do not agree.
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
                            reason: format!("it contains the unit {}", result.unit),
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

/// The keys that only self-calibration reads: other methods had them not at first, and do the same with any value.
const OF_SELF_CALIBRATION: [&str; 6] = [
    "schedule.chosen_starts",
    "schedule.residual_field_m",
    "schedule.abstain_interval_m",
    "schedule.known_interval_m",
    "task.careful_opening_m",
    "task.careful_speed_m_s",
];

/// Compares every configuration with the first, without the keys that may differ; and those of self-calibration with each other,
/// by the keys that only it reads, too.
fn check_together(found: &[(PathBuf, UnitResult)], variants: &[Variant]) -> Result<(), StoreError> {
    let changed = variants.iter().flat_map(|variant| &variant.assignments);
    let keys =
        changed.filter_map(|assignment| assignment.split_once('=')).map(|(key, _)| key.trim());
    let may_differ: Vec<&str> = keys.chain(["method", "seed", "cell.seed"]).collect();
    let of_self_calibration =
        found.iter().filter(|(_, result)| result.unit.method.is_self_calibration());
    check_agreement(of_self_calibration, &may_differ)?;
    check_agreement(found.iter(), &[&may_differ[..], &OF_SELF_CALIBRATION].concat())
}

fn check_agreement<'a>(
    found: impl Iterator<Item = &'a (PathBuf, UnitResult)>,
    may_differ: &[&str],
) -> Result<(), StoreError> {
    let mut first: Option<(&PathBuf, Table)> = None;
    for (path, result) in found {
        let mut config = table_of(path, result)?;
        let kind = task_of(&config);
        let own_defaults = RunConfig::of(kind, result.unit.method).to_table();
        forget_defaults(&mut config, &own_defaults, &RunConfig::for_task(kind).to_table());
        for key in may_differ {
            take(&mut config, key);
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

/// Replaces each value that is its method's own default by the default of all methods.
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

/// The task that a configuration trains on; the default task if it gives none.
fn task_of(config: &Table) -> TaskKind {
    let kind = config.get("task").and_then(|task| task.get("kind")).and_then(Value::as_str);
    TaskKind::ALL.into_iter().find(|task| Some(task.as_str()) == kind).unwrap_or_default()
}

/// No result of a unit is larger, in bytes: 150 trials have 200 kB.
const MOST_RESULT_BYTES: u64 = 1 << 30;

fn read(path: &Path) -> Result<UnitResult, StoreError> {
    let text = read_utf8_file(path, MOST_RESULT_BYTES).map_err(|source| FileError {
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
    // Results of earlier versions contain earlier names, which deserve no warning.
    rename("its configuration", &mut table).map_err(|error| damaged(error.to_string()))?;
    take_start_sections(&mut table);
    // And they lack later keys, which mean what was done before there were any.
    let config = Layers::of_earlier_versions().with_text("its configuration", &table.to_string());
    let config = config.and_then(Layers::merge).map_err(|error| damaged(error.to_string()))?;
    Ok(config.to_run_table())
}

/// The entries of a folder, by name; none if there is no folder.
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
