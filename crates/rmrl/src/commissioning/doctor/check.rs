//! One check of the doctor, and the options of an examination.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Why a device of a program is not examined.
pub(super) const BY_PROGRAM: &str = "the program that brings it checks it: python -m rmrl_robot.conformance (docs/python/your-robot.md)";

/// The status of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Everything is as it should be.
    Ok,
    /// A run would start, but somebody should look at this first.
    Warn,
    /// A run would not start, or would not end well.
    Fail,
    /// Not checked, because a check that it depends on failed, or because the cell has no such thing.
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

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked, in a word or two; the same in every cell.
    pub name: &'static str,
    /// The status.
    pub status: CheckStatus,
    /// What was found, in a sentence.
    pub found: String,
    /// How to fix it; `None` where nothing needs a fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl fmt::Display for Check {
    /// A row of the table, and a line below it with the fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}{:<9}{}", self.name, self.status, self.found)?;
        match &self.fix {
            Some(fix) => write!(f, "\n{:25}-> {fix}", ""),
            None => Ok(()),
        }
    }
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Ok, found: found.into(), fix: None }
    }

    pub(super) fn skipped(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Skipped, found: found.into(), fix: None }
    }

    pub(super) fn warn(
        name: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (status, fix) = (CheckStatus::Warn, Some(fix.into()));
        Self { name, status, found: found.into(), fix }
    }

    pub(super) fn fail(
        name: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (status, fix) = (CheckStatus::Fail, Some(fix.into()));
        Self { name, status, found: found.into(), fix }
    }
}

/// The options of an examination: where to look, and what may be changed.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The configuration file, if there is one. Its age checks the clock.
    pub config_file: Option<PathBuf>,
    /// The folder for runs; it need not exist.
    pub runs: PathBuf,
    /// Whether to clear the controller's error and warning. The arm stays without power.
    pub clear: bool,
    /// Whether to switch the gripper's power on. Its jaws move, and what they hold falls.
    pub power_gripper: bool,
    /// Whether to reset the gripper's control mode to millimeters.
    pub reset_gripper_mode: bool,
}

impl Examination {
    /// The same examination without changes.
    pub(super) fn without_changes(&self) -> Self {
        Self { clear: false, power_gripper: false, reset_gripper_mode: false, ..self.clone() }
    }
}
