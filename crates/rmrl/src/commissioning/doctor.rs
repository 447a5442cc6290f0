//! Looks at each device and file that a run needs, in turn, and says how to mend what is wrong. It moves
//! nothing and sets nothing.

mod arm;
mod camera;
mod files;
mod limits;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{CellKind, ConfigError, Layers, RunConfig};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// A run would begin, and somebody should look at this before.
    Warn,
    /// A run would not begin, or not end well.
    Fail,
    /// Not looked at: something that it depends on has failed, or the cell has no such thing.
    Skipped,
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, a word or two; the same on every cell.
    pub name: &'static str,
    /// How it came out.
    pub status: CheckStatus,
    /// What was found, a sentence.
    pub found: String,
    /// How to mend it; none where nothing has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl fmt::Display for Check {
    /// A row of the table, and a line below it that says how to mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}{:<9}{}", self.name, self.status, self.found)?;
        match &self.mend {
            Some(mend) => write!(f, "\n{:25}-> {mend}", ""),
            None => Ok(()),
        }
    }
}

/// How to mend what a look at the configuration finds.
const MEND_CONFIGURATION: &str =
    "correct that key; configs/table.toml shows every key with its meaning";

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Ok, found: found.into(), mend: None }
    }

    fn skipped(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Skipped, found: found.into(), mend: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let (status, mend) = (CheckStatus::Warn, Some(mend.into()));
        Self { name, status, found: found.into(), mend }
    }

    fn fail(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let (status, mend) = (CheckStatus::Fail, Some(mend.into()));
        Self { name, status, found: found.into(), mend }
    }
}

/// What is looked at, and whether anything may be changed over it.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The configuration file, where there is one: it cannot be of tomorrow.
    pub config_file: Option<PathBuf>,
    /// Where runs are kept; it need not exist.
    pub runs: PathBuf,
    /// Whether the controller's error and warning are cleared. The arm stays without power.
    pub clear: bool,
    /// Whether the gripper is given power. Its jaws move, and what they hold falls.
    pub power_gripper: bool,
    /// Whether the gripper's control mode is set back to millimetres.
    pub reset_gripper_mode: bool,
}

impl Examination {
    /// The same, and nothing is changed.
    fn without_changes(&self) -> Self {
        Self { clear: false, power_gripper: false, reset_gripper_mode: false, ..self.clone() }
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether nothing has failed.
    pub healthy: bool,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// How many checks came out like this.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

impl fmt::Display for Diagnosis {
    /// A line with the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ok, warn, fail, skipped] =
            [CheckStatus::Ok, CheckStatus::Warn, CheckStatus::Fail, CheckStatus::Skipped]
                .map(|status| self.count(status));
        writeln!(f, "{ok} ok, {warn} to look at, {fail} failed, {skipped} skipped")
    }
}

/// Looks at everything; `tell` hears of each check as it is made. Layers that could not be read are a check
/// that failed, and the only one.
///
/// What does not depend on a check that failed is looked at all the same.
pub fn examine(
    layers: Result<Layers, ConfigError>,
    examination: &Examination,
    tell: &mut dyn FnMut(&Check),
) -> Diagnosis {
    let mut checks = Vec::new();
    let mut note = |check: Check| {
        tell(&check);
        checks.push(check);
    };
    match layers.and_then(Layers::merge) {
        Err(error) => note(unreadable(&error)),
        Ok(config) => look_at_all(&config, examination, &mut note),
    }
    let healthy = checks.iter().all(|check| check.status != CheckStatus::Fail);
    Diagnosis { healthy, checks }
}

fn unreadable(error: &ConfigError) -> Check {
    let mend = format!("{MEND_CONFIGURATION}; nothing else can be looked at");
    Check::fail("configuration", whole(error), mend)
}

/// An error with all that lies behind it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}

fn look_at_all(config: &RunConfig, examination: &Examination, note: &mut dyn FnMut(Check)) {
    let valid = config.validate();
    let is_valid = valid.is_ok();
    note(match valid {
        Ok(()) => Check::ok("configuration", format!("valid: {}", config.cell_name())),
        Err(error) => Check::fail("configuration", error.to_string(), MEND_CONFIGURATION),
    });
    note(files::reach(config, is_valid));
    note(limits::limits(config));
    let calibration = files::calibration(config);
    let camera_file = calibration.status;
    note(calibration);
    let (localizer, models) = files::models(config);
    note(models);
    note(files::disk(config, &examination.runs));
    note(files::clock(examination.config_file.as_deref()));
    note(files::person(config));
    match config.cell.kind {
        CellKind::Simulated => {
            for name in arm::NAMES {
                note(Check::skipped(name, "the cell is simulated"));
            }
        }
        CellKind::XArm => arm::look(config, examination, note),
    }
    camera::look(config, camera_file, localizer, note);
}

/// The nearest folder of a path that exists.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = absolute.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf);
    found.unwrap_or_else(|| PathBuf::from("/"))
}
