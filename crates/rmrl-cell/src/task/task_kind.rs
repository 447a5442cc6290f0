//! The paper's two tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The paper's two tasks (Sec. 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Into a box of similar size on the table; judged by the measured error.
    #[default]
    Table,
    /// Into a slot on a shelf; judged by whether the plate sits in it.
    Shelf,
}

impl TaskKind {
    /// Both tasks.
    pub const ALL: [Self; 2] = [Self::Table, Self::Shelf];

    /// The name as commands and configurations spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Shelf => "shelf",
        }
    }

    /// A few words on what the robot has to do.
    pub fn about(self) -> &'static str {
        match self {
            Self::Table => "into the box on the table",
            Self::Shelf => "into the slot on the shelf",
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
