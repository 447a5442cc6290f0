//! Errors of the inventory.

use std::io;
use std::path::{Path, PathBuf};

use crate::refusal::Refusal;

/// Why a change was not made. What is on disk and in memory is as before.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The request is not possible in this world.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The files could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why the files of an inventory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file system refused.
    #[error("cannot {action} {}; {fix}", path.display())]
    Io {
        /// The operation: a verb, such as `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// How to fix it.
        fix: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A file is damaged in a way that no crash causes.
    #[error("{}, line {line} is damaged: {reason}; {fix}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
        /// How to fix it.
        fix: String,
    },
    /// Another process writes this inventory.
    #[error("{} is in use by {holder}; stop that first, or only read", path.display())]
    InUse {
        /// The inventory's folder.
        path: PathBuf,
        /// The other process, as far as it is known.
        holder: String,
    },
    /// There is nothing to read.
    #[error("{} has no inventory, expected a folder with {expected}; say what lies where: `rmrl cell inventory set`", path.display())]
    NoInventory {
        /// The folder.
        path: PathBuf,
        /// The file that is missing.
        expected: String,
    },
}

/// Adds the operation and the file to an error, with how to fix it.
pub(crate) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> StorageError + 'a {
    move |source| {
        let fix = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full: free some space and try again"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "this user may not: correct the permissions and try again"
            }
            _ => "check the disk and the file, and try again",
        };
        StorageError::Io { action, path: path.to_path_buf(), fix, source }
    }
}
