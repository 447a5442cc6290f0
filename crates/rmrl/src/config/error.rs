//! Why a configuration was refused.

use std::path::PathBuf;

use rmrl_cell::{SafetyViolation, UnsafeActions};
use rmrl_core::InvalidKey;

use crate::config::secrets::ExposedSecret;

/// Why a configuration was refused. Says where it comes from, which key, and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read a file with a secret.
    #[error(transparent)]
    Exposed(#[from] ExposedSecret),
    /// A path cannot be made absolute.
    #[error("cannot tell where {} is", path.display())]
    Nowhere {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another value than the run's, for a key that a run keeps.
    #[error(
        "{origin}: {key} is {asked}, and {of_run} in the run. A run resumes with its own configuration; only [notify] and \
         [page] may be given again. Remove {key}, or start a new run"
    )]
    OfTheRun {
        /// The file or option.
        origin: String,
        /// The key.
        key: String,
        /// Its value in the run.
        of_run: String,
        /// The value that was given.
        asked: String,
    },
    /// Not TOML.
    #[error("{origin} is not valid TOML: {reason}")]
    Syntax {
        /// The file or option.
        origin: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A key that does not exist, or a value of the wrong type.
    #[error("{origin}: {key}: {reason}")]
    Key {
        /// The file or option.
        origin: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An invalid value.
    #[error(transparent)]
    Invalid(#[from] InvalidKey),
    /// Actions that are larger than the safety envelope allows.
    #[error("actions: {0}")]
    Actions(#[source] UnsafeActions),
    /// A pose that the arm is never to be sent to.
    #[error("{key} asks for what safety forbids: {refusal}; change one of them")]
    Unsafe {
        /// The key that the pose comes from.
        key: String,
        /// What the envelope says to it.
        refusal: SafetyViolation,
    },
}
