//! What was checked before transfers were made.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// Nobody checked.
    NotMade,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotMade => "not made",
        })
    }
}

/// One check of the operational qualification: of doctor, of the survey of the sites, of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationalCheck {
    /// What was checked.
    pub name: String,
    /// How it ended.
    pub result: CheckResult,
    /// What was found, or why it was not made, in words.
    pub words: String,
}
