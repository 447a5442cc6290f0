//! Errors of the file system.

use std::path::{Path, PathBuf};

/// An operation on a file or directory that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// The operation: a verb, such as `create`.
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub source: std::io::Error,
}

/// Adds the operation and the file to an error.
pub(crate) fn io<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(std::io::Error) -> FileError + 'a {
    move |source| FileError { action, path: path.to_path_buf(), source }
}
