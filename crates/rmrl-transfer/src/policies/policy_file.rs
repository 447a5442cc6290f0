//! The gates of a cell as a file.

use std::path::Path;

use rmrl_files::{read_regular_file, write_atomically};
use serde::{Deserialize, Serialize};

use super::policy_pair::PolicyPair;
use crate::watch::PolicyGate;

/// The version of the file.
const VERSION: u32 = 1;
/// The largest file, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// The gate of two sites and a labware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairGate {
    /// Sites and labware.
    pub pair: PolicyPair,
    /// Which policy works, and the evidence about the next one.
    pub gate: PolicyGate,
    /// How often the belief corrected in the place of a policy, since the last change of policy.
    pub passed_over: u32,
    /// Why, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_passed_over: Option<String>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    version: u32,
    pub gates: Vec<PairGate>,
}

impl PolicyFile {
    pub fn empty() -> Self {
        Self { version: VERSION, gates: Vec::new() }
    }

    /// What a file says; nothing where there is none.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is of another version; in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = match read_regular_file(path, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::empty()),
            Err(error) => return Err(error.to_string()),
        };
        let VersionOnly { version } =
            serde_json::from_slice(&bytes).map_err(|error| format!("it is damaged: {error}"))?;
        if version != VERSION {
            return Err(format!("it is of version {version}, expected {VERSION}; update rmrl"));
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("it is damaged: {error}"))
    }

    /// Writes it: the file is the old one or this one at every instant.
    ///
    /// # Errors
    /// The file system refused; in words.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        write_atomically(path, &text).map_err(|error| error.to_string())
    }
}

/// What all versions of the file have in common.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}
