//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use rmrl_files::{open_to_append, read_utf8_file};

use crate::error::{StorageError, io_error};

/// The file that the writer locks. It names the writer, and stays when that ends.
const FILE: &str = "lock";

/// The lock of the one process that may write. It ends with the process, however that ends.
#[derive(Debug)]
pub(crate) struct WriterLock(File);

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing alone unlocks too late where another thread is just starting a program, which has a copy of the file until
        // it runs. If this fails, closing unlocks.
        let _ = self.0.unlock();
    }
}

impl WriterLock {
    /// Locks the inventory in `dir`.
    ///
    /// # Errors
    /// Another process has locked it, or the file system refused.
    pub(crate) fn take(dir: &Path, now: Timestamp) -> Result<Self, StorageError> {
        let path = dir.join(FILE);
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_error("create", &path)(error));
            }
            _ => {}
        }
        let mut file = open_to_append(&path).map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&path);
                return Err(StorageError::InUse { path: dir.to_path_buf(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        // Only for the message to others: on a full disk the lock holds without it.
        let text = format!("process {} since {now}\n", std::process::id());
        let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        Ok(Self(file))
    }
}

/// Who holds the lock, as far as its file says.
fn holder(path: &Path) -> String {
    let text = read_utf8_file(path, 1000).unwrap_or_default();
    match text.trim() {
        "" => "another process".to_string(),
        named => named.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_and_the_first_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let first = WriterLock::take(dir.path(), Timestamp::UNIX_EPOCH).unwrap();
        let message = WriterLock::take(dir.path(), Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        let named = format!("in use by process {} since 1970-01-01", std::process::id());
        assert!(message.contains(&named) && message.contains("only read"), "{message}");
        drop(first);
        WriterLock::take(dir.path(), Timestamp::UNIX_EPOCH).unwrap();
    }
}
