//! The log of transfers: a line of JSON for each one whose error was measured.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use rmrl_files::{create_file, open_to_append, parent, read_regular_file, sync_folder};

use crate::error::TransferError;
use crate::watch::SiteRecord;

/// The largest log, in bytes: millions of transfers.
const MOST_BYTES: u64 = 1 << 30;

/// An append-only file of [`SiteRecord`]s.
#[derive(Debug, Clone)]
pub struct TransferLog {
    path: PathBuf,
}

impl TransferLog {
    /// The log at `path`, which need not exist. A last line that was torn by a crash is cut off.
    ///
    /// # Errors
    /// The file system refused.
    pub fn open(path: &Path) -> Result<Self, TransferError> {
        let log = Self { path: path.to_path_buf() };
        match read_regular_file(path, MOST_BYTES) {
            Ok(bytes) => log.cut_to(whole_lines(&bytes), bytes.len())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(log.failed("read", &error)),
        }
        Ok(log)
    }

    /// The log at `path`, which need not exist, to read it while another program may write it.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    fn cut_to(&self, whole: usize, found: usize) -> Result<(), TransferError> {
        if whole == found {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(&self.path);
        let cut = file.and_then(|file| {
            file.set_len(whole as u64)?;
            file.sync_all()
        });
        cut.map_err(|error| self.failed("repair", &error))
    }

    /// Appends a line, and waits until it is on disk.
    ///
    /// # Errors
    /// The file system refused.
    pub fn append(&self, record: &SiteRecord) -> Result<(), TransferError> {
        let line = serde_json::to_string(record).map_err(std::io::Error::other);
        let written = line.and_then(|line| {
            let mut file = match open_to_append(&self.path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let file = create_file(&self.path)?;
                    sync_folder(parent(&self.path))?;
                    file
                }
                opened => opened?,
            };
            let before = file.metadata()?.len();
            let written = file.write_all(format!("{line}\n").as_bytes());
            written.and_then(|()| file.sync_data()).inspect_err(|_| {
                // No half a line stays for the next one to follow.
                file.set_len(before).unwrap_or_else(|error| tracing::error!("{error}"));
            })
        });
        written.map_err(|error| self.failed("write", &error))
    }

    /// Its whole lines as text; empty where there is no file yet.
    ///
    /// # Errors
    /// The file system refused.
    pub fn text(&self) -> Result<String, TransferError> {
        match read_regular_file(&self.path, MOST_BYTES) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes[..whole_lines(&bytes)]).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> TransferError {
        TransferError::Knowledge {
            file: self.path.display().to_string(),
            reason: format!("cannot {what} it: {error}"),
        }
    }
}

/// How many bytes of a file are whole lines.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::watch::{Acknowledged, parse_records};

    #[test]
    fn a_torn_last_line_is_cut_off_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transfers.jsonl");
        let record = |note: &str| {
            SiteRecord::Acknowledged(Acknowledged {
                time: Timestamp::UNIX_EPOCH,
                site: "reader".parse().unwrap(),
                note: note.to_string(),
            })
        };
        let log = TransferLog::open(&path).unwrap();
        log.append(&record("one")).unwrap();
        log.append(&record("two")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let first = whole_lines(&whole[..whole.len() - 1]);
        for cut in first..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let log = TransferLog::open(&path).unwrap();
            let read = parse_records(&log.text().unwrap()).unwrap();
            assert_eq!(read.len(), if cut == whole.len() { 2 } else { 1 }, "{cut}");
            log.append(&record("three")).unwrap();
            let read = parse_records(&log.text().unwrap()).unwrap();
            assert_eq!(*read.last().unwrap(), record("three"));
        }
    }
}
