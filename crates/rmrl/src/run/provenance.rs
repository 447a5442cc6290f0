//! What a run was made by: `run.json`.

use std::fmt;
use std::path::Path;

use anyhow::{Context, bail};
use rmrl_data::{RunDir, TimeStamp};
use rmrl_files::{read_regular_file, read_utf8_file};
use rmrl_learn::MethodName;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::{MOST_CONFIG_BYTES, RunConfig, first_difference, take, value};

pub(crate) const ABOUT: &str = "run.json";
/// It is never larger, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Writes down what makes this run; or, where it was begun earlier, checks that it is still made by the same
/// configuration, and warns if it was begun by another program.
///
/// # Errors
/// A file cannot be read or written, or the configuration was changed.
pub(crate) fn note(dir: &RunDir, config: &RunConfig) -> anyhow::Result<()> {
    let origin = Origin::of_this_program();
    let path = dir.path(ABOUT);
    let written = written_config(&dir.path(RunDir::CONFIG))?;
    if !path.exists() {
        let about = About {
            time: Some(TimeStamp::now()),
            method: config.method,
            seed: config.seed,
            cell_seed: config.cell_seed(),
            origin,
            commit: env!("RMRL_COMMIT").to_string(),
            config: Some(written),
        };
        return Ok(dir.write(ABOUT, &serde_json::to_vec_pretty(&about)?)?);
    }
    let bytes = read_regular_file(&path, MOST_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let begun: About = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; the run can resume without it", path.display()))?;
    match &begun.config {
        Some(begun) => check_unchanged(&dir.path(RunDir::CONFIG), begun, &written)?,
        None => tracing::warn!(
            "{} was written by an earlier version, without the configuration: changes of {} are not noticed",
            path.display(),
            RunDir::CONFIG,
        ),
    }
    if begun.origin != origin {
        tracing::warn!(
            "{} was begun by {} and is resumed by {origin}: its numbers may differ",
            dir.root().display(),
            begun.origin,
        );
    }
    Ok(())
}

/// The keys that a resumed run may have otherwise, because they change nothing that a trial does: how many trials,
/// and how the run is limited, shown and reported.
const FREE: [&str; 7] = [
    "trials",
    "unattended.max_hours",
    "unattended.max_faults",
    "unattended.confirm_trials",
    "unattended.confirm_minutes",
    "page",
    "notify",
];

/// The configuration in a run directory, as it is written there.
fn written_config(path: &Path) -> anyhow::Result<Table> {
    let text = read_utf8_file(path, MOST_CONFIG_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut table: Table =
        text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    for key in FREE {
        take(&mut table, key);
    }
    Ok(table)
}

/// Checks that the configuration of a run is the one that it was begun with.
///
/// # Errors
/// The first key that is not.
fn check_unchanged(path: &Path, begun: &Table, found: &Table) -> anyhow::Result<()> {
    let Some(key) = first_difference(begun, found) else {
        return Ok(());
    };
    let shown = |table: &Table| {
        value(table, &key).map_or_else(|| "not given".to_string(), Value::to_string)
    };
    bail!(
        "{}: {key} is {}, and was {} when the run was begun; a run is made by one configuration: restore the value, or \
         start a new run ({} may be changed)",
        path.display(),
        shown(found),
        shown(begun),
        FREE.join(", "),
    )
}

/// What `run.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    /// When the run was begun; `None` for earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<TimeStamp>,
    /// The method.
    method: MethodName,
    /// The run's seed.
    seed: u32,
    /// The cell's seed.
    cell_seed: u32,
    /// What the run was begun by.
    origin: Origin,
    /// The commit that this was built from.
    commit: String,
    /// The configuration as it was written then, but for what may be changed; `None` for earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<Table>,
}

/// What decides the bits of a run, besides its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// The version of this program.
    rmrl: String,
    /// The version of the crate that computes networks.
    burn: String,
    /// The version of the crate that computes contact.
    rapier3d: String,
    /// The operating system and processor.
    platform: String,
}

impl Origin {
    fn of_this_program() -> Self {
        Self {
            rmrl: env!("CARGO_PKG_VERSION").to_string(),
            burn: env!("RMRL_BURN").to_string(),
            rapier3d: env!("RMRL_RAPIER").to_string(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rmrl, burn, rapier3d, platform } = self;
        write!(f, "rmrl {rmrl} with burn {burn} and rapier3d {rapier3d} on {platform}")
    }
}
