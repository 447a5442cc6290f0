//! The sides of a footprint.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// Which dimension of the footprint lies between the jaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The jaws are the length apart: they hold the two short faces.
    Length,
    /// The jaws are the width apart: they hold the two long faces.
    Width,
}

impl Side {
    /// The other dimension.
    pub fn other(self) -> Self {
        match self {
            Self::Length => Self::Width,
            Self::Width => Self::Length,
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "length",
            Self::Width => "width",
        })
    }
}
