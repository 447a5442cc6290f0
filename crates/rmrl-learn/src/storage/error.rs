//! Why a file of weights, a policy or a checkpoint could not be read.

use std::path::{Path, PathBuf};

/// Why weights could not be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read the weights {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// The file has not the format that its name promises.
    #[error("{} is not a readable {expected} file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it should have.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the file's content nor its name is that of a known format.
    #[error("the weights {} should be a .safetensors, .pth or .pt file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The tensors are not those of the network.
    #[error("the weights {} do not fit {network}: {reason}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The network that they should fit.
        network: String,
        /// The first tensors that do not fit.
        reason: String,
    },
}

/// Why a policy or checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read, or its weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file lacks something, or has it in another form.
    #[error("{} is no {expected}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file belongs to another configuration.
    #[error("{} was made with another {what}: it has {found}, the configuration {expected}", path.display())]
    OtherConfiguration {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// The value in the configuration.
        expected: String,
        /// The value in the file.
        found: String,
    },
}

impl WeightsError {
    /// A file that has not the `expected` format.
    pub(super) fn format(path: &Path, expected: &'static str, reason: impl ToString) -> Self {
        Self::Format { path: path.to_path_buf(), expected, reason: reason.to_string() }
    }
}

impl CheckpointError {
    /// A file that is no `expected`: a policy or a checkpoint.
    pub(crate) fn malformed(path: &Path, expected: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { path: path.to_path_buf(), expected, reason: reason.to_string() }
    }
}
