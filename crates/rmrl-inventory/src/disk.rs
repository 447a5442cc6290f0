//! What the inventory asks of a disk: a test puts one in its place that fails at any step.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rmrl_files::{open_to_append, parent, sync_folder, write_atomically};

use crate::error::{StorageError, io_error};

/// The changes that an inventory makes to its files.
pub trait Disk: Send {
    /// Appends to a file that exists, and waits until it is on disk.
    ///
    /// # Errors
    /// The file system refused. Part of the bytes may be in the file.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file, and waits until that is on disk.
    ///
    /// # Errors
    /// The file system refused.
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()>;

    /// Creates an empty file, and waits until its name is on disk. An empty one may be there already.
    ///
    /// # Errors
    /// The file system refused, or a file that is not empty is there.
    fn create(&mut self, path: &Path) -> io::Result<()>;

    /// Removes a file if it is there, and waits until that is on disk.
    ///
    /// # Errors
    /// The file system refused.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Replaces a whole file, or creates it, so that it is the old one or the new one at every instant, and waits until the
    /// new one is on disk.
    ///
    /// # Errors
    /// The file system refused. The file is the old one, or the new one.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = open_to_append(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let file = open_to_append(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if open_to_append(path)?.metadata()?.len() > 0 {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        sync_folder(parent(path))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_folder(parent(path)),
        }
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        write_atomically(path, bytes)
    }
}

/// Creates the folder and those that it is in, and waits until their names are on disk.
pub(crate) fn create_folder(dir: &Path) -> Result<(), StorageError> {
    let missing: Vec<&Path> =
        dir.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    for path in missing {
        sync_folder(parent(path)).map_err(io_error("sync", parent(path)))?;
    }
    Ok(())
}
