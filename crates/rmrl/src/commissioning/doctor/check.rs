//! One thing that the doctor looks at, and what it may change over that.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

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

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Ok, found: found.into(), mend: None }
    }

    pub(super) fn skipped(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Skipped, found: found.into(), mend: None }
    }

    pub(super) fn warn(
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (status, mend) = (CheckStatus::Warn, Some(mend.into()));
        Self { name, status, found: found.into(), mend }
    }

    pub(super) fn fail(
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
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
    pub(super) fn without_changes(&self) -> Self {
        Self { clear: false, power_gripper: false, reset_gripper_mode: false, ..self.clone() }
    }
}

/// An error with all that lies behind it.
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}
