//! Changes to files that survive a crash.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::file_error::{FileError, io};

/// Writes a whole file so that it is either the old one or the new one at every instant. A file that is replaced keeps
/// its permissions: one that only its owner may read stays so.
///
/// # Errors
/// It cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".tmp");
    let partial = PathBuf::from(partial);
    let mut file = File::create(&partial).map_err(io("create", &partial))?;
    if let Ok(replaced) = fs::metadata(path) {
        let kept = file.set_permissions(replaced.permissions());
        kept.map_err(io("set the permissions of", &partial))?;
    }
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io("write", &partial))?;
    fs::rename(&partial, path).map_err(io("replace", path))?;
    sync_folder(parent(path))
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Waits until the names in a directory are on disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}
