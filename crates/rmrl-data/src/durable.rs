//! Changes to files that survive a crash, with errors that name the file.

use std::path::Path;

use crate::file_error::{FileError, io};

/// Writes a whole file so that it is either the old one or the new one at every instant, and follows no link. A file
/// that is replaced keeps its permissions: one that only its owner may read stays so.
///
/// # Errors
/// It cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    rmrl_files::write_atomically(path, bytes).map_err(io("write", path))
}

/// Waits until the names in a directory are on disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    rmrl_files::sync_folder(folder).map_err(io("sync", folder))
}
