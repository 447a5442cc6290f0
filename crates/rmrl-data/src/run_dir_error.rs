//! Why a run directory cannot be used.

use std::path::PathBuf;

use crate::FileError;

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// It exists already.
    #[error(
        "{} exists already and is never overwritten; choose another directory, or resume it with `--resume {}`",
        path.display(), path.display()
    )]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// It is not a run.
    #[error("{} is no run: it has no {missing}", path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// The file that every run has.
        missing: &'static str,
    },
    /// Another process works in it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] FileError),
    /// An image cannot be encoded.
    #[error("the image {} cannot be encoded: {reason}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
