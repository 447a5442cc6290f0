//! What is wrong with a protocol.

/// Why a text is no protocol of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The text is no TOML.
    #[error("{file}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        reason: String,
    },
    /// A key outside of the steps is missing, unknown or invalid.
    #[error("{file}: {reason}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A step is invalid.
    #[error("{file}, step {step}: {reason}")]
    Step {
        /// The file.
        file: String,
        /// The step: its number, counted from 1, and its name.
        step: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
}
