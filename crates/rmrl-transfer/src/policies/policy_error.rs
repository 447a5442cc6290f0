//! Why the policies of a cell were not changed.

use rmrl_core::InvalidKey;

use crate::watch::GateError;

/// Why the policies of a cell were not changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file of the gates says nothing that this program understands. It is not written over.
    #[error(
        "{file} cannot be used: {reason}; restore it, or move it away to begin again with the belief"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the gates cannot be written. Nothing has changed.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file.
        file: String,
        /// What failed.
        reason: String,
    },
    /// No policy was ever offered for these sites and this labware.
    #[error("no policy was offered for {pair}; `rmrl policy use` offers one")]
    NoGate {
        /// Sites and labware.
        pair: String,
    },
    /// No new policy is compared.
    #[error("no new policy is compared for {pair}, so there is none to withdraw")]
    NothingNew {
        /// Sites and labware.
        pair: String,
    },
    /// The gate refuses it.
    #[error("{pair}: {reason}")]
    Gate {
        /// Sites and labware.
        pair: String,
        /// Why.
        reason: GateError,
    },
    /// A key of the gate's configuration is invalid.
    #[error(transparent)]
    Config(#[from] InvalidKey),
}
