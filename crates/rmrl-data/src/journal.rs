//! An append-only file of JSON lines, each on disk before the call that wrote it returns.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use rmrl_files::{open_to_append, read_regular_file};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::file_error::{FileError, io};

/// No journal is larger, in bytes: a million lines of a few kilobytes.
const MOST_BYTES: u64 = 4 << 30;

/// Why a journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A whole line is damaged. A crash can only tear the last line, before its newline. So something
    /// else has changed the file, and a resumed run would learn from the wrong trials.
    #[error("{}, line {line} is damaged: {reason}; restore the file or start a new run", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// An append-only file of JSON lines of one type.
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    digests: Vec<u32>,
    kind: PhantomData<fn(&T)>,
}

/// The entries of a journal's file, read without changing it: to look at them, or to resume the journal.
pub struct Written<T> {
    path: PathBuf,
    entries: Vec<T>,
    digests: Vec<u32>,
    /// The length of the whole lines, in bytes.
    length: usize,
    /// Whether part of another line follows them.
    is_torn: bool,
    /// Whether the last line lacks only its newline.
    lacks_newline: bool,
}

impl<T: DeserializeOwned> Written<T> {
    /// Reads a journal's file without changing it.
    ///
    /// # Errors
    /// The file cannot be read, or a line is damaged in a way that no crash causes.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let bytes = read_regular_file(path, MOST_BYTES).map_err(io("read", path))?;
        let mut written = Self {
            path: path.to_path_buf(),
            entries: Vec::new(),
            digests: Vec::new(),
            length: 0,
            is_torn: false,
            lacks_newline: false,
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line is written at once, its newline last. Without a newline it may be torn.
            let text = line.strip_suffix(b"\n");
            match serde_json::from_slice(text.unwrap_or(line)) {
                Ok(entry) => {
                    written.entries.push(entry);
                    written.digests.push(crc32c::crc32c(text.unwrap_or(line)));
                    written.length += line.len();
                    written.lacks_newline = text.is_none();
                }
                Err(_) if text.is_none() => written.is_torn = true,
                Err(error) => {
                    return Err(JournalError::Damaged {
                        path: path.to_path_buf(),
                        line: written.entries.len() + 1,
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(written)
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The entries of its whole lines.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Takes the entries of its whole lines.
    pub fn into_entries(self) -> Vec<T> {
        self.entries
    }

    /// A digest of each line, by which a checkpoint recognizes the log that it was made from.
    pub fn digests(&self) -> &[u32] {
        &self.digests
    }
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Creates an empty journal.
    ///
    /// # Errors
    /// The file exists or cannot be created.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(io("create", path))?;
        Ok(Self { path: path.to_path_buf(), file, digests: Vec::new(), kind: PhantomData })
    }

    /// Resumes a journal after what was written, and returns the entries so far.
    ///
    /// A last line that a crash cut off is removed from the file, with a warning.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn resume(written: Written<T>) -> Result<(Self, Vec<T>), JournalError> {
        let Written { path, entries, digests, length, is_torn, lacks_newline } = written;
        let file = open_to_append(&path).map_err(io("open", &path))?;
        let mut journal = Self { path, file, digests, kind: PhantomData };
        if is_torn {
            tracing::warn!(
                "{}: line {}, the last, was cut off in mid-write and is dropped",
                journal.path.display(),
                entries.len() + 1,
            );
            journal.cut(length)?;
        } else if lacks_newline {
            journal.write(b"\n")?;
        }
        Ok((journal, entries))
    }

    /// Appends an entry and waits until it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, entry: &T) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(entry).expect("entries are made of JSON's types");
        self.digests.push(crc32c::crc32c(&line));
        line.push(b'\n');
        Ok(self.write(&line)?)
    }

    /// Keeps the first `entries` entries and removes the others from the file.
    ///
    /// # Errors
    /// The file cannot be changed.
    pub fn truncate(&mut self, entries: usize) -> Result<(), JournalError> {
        let bytes = read_regular_file(&self.path, MOST_BYTES).map_err(io("read", &self.path))?;
        let length =
            bytes.split_inclusive(|byte| *byte == b'\n').take(entries).map(<[u8]>::len).sum();
        self.digests.truncate(entries);
        Ok(self.cut(length)?)
    }

    /// A digest of each line, by which a checkpoint recognizes the log that it was made from.
    pub fn digests(&self) -> &[u32] {
        &self.digests
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(io("write to", &self.path))
    }

    fn cut(&mut self, length: usize) -> Result<(), FileError> {
        self.file
            .set_len(length as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(io("repair", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Entry {
        number: u32,
        value: f64,
    }

    fn entry(number: u32) -> Entry {
        Entry { number, value: f64::from(number) / 3.0 }
    }

    fn read(path: &Path) -> Result<Vec<Entry>, JournalError> {
        Ok(Written::read(path)?.into_entries())
    }

    fn open(path: &Path) -> Result<(Journal<Entry>, Vec<Entry>), JournalError> {
        Journal::resume(Written::read(path)?)
    }

    fn written(entries: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for number in 0..entries {
            journal.append(&entry(number)).unwrap();
        }
        (folder, path)
    }

    #[test]
    fn entries_come_back_bit_for_bit_and_more_can_be_added() {
        let (_folder, path) = written(3);
        let (mut journal, entries) = open(&path).unwrap();
        assert_eq!(entries, [entry(0), entry(1), entry(2)]);
        journal.append(&entry(3)).unwrap();
        let (again, entries) = open(&path).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(again.digests(), journal.digests());
    }

    /// A crash may cut the last line anywhere. The entries before it stay in any case, and the file can
    /// be appended to.
    #[test]
    fn a_last_line_cut_anywhere_is_repaired() {
        let (_folder, path) = written(3);
        let whole = std::fs::read(&path).unwrap();
        let two =
            whole.len() - whole.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().len();
        for length in two..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let read = read(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..length], "reading changes nothing");
            let (mut journal, entries) = open(&path).unwrap();
            // A line that lacks only its newline is complete.
            let expected = if length + 1 >= whole.len() { 3 } else { 2 };
            assert_eq!(read, entries);
            assert_eq!(entries.len(), expected, "cut at {length} of {}", whole.len());
            journal.append(&entry(9)).unwrap();
            let (_, entries) = open(&path).unwrap();
            assert_eq!(entries.len(), expected + 1);
            assert_eq!(entries[expected], entry(9));
        }
    }

    /// This holds for the last line, too. With its newline it was written whole, so it was damaged later
    /// and is not thrown away.
    #[test]
    fn a_damaged_whole_line_is_an_error_that_names_it() {
        let (_folder, path) = written(5);
        let whole = std::fs::read(&path).unwrap();
        let starts: Vec<usize> = std::iter::once(0)
            .chain(whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1))
            .collect();
        for line in [1, 3, 5] {
            let mut bytes = whole.clone();
            bytes[starts[line - 1]] = b'#';
            std::fs::write(&path, &bytes).unwrap();
            let error = open(&path).err().unwrap().to_string();
            assert!(error.contains(&format!("trials.jsonl, line {line} is damaged")), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was changed");
        }
    }

    #[test]
    fn a_journal_can_be_cut_back() {
        let (_folder, path) = written(5);
        let (mut journal, _) = open(&path).unwrap();
        journal.truncate(2).unwrap();
        journal.append(&entry(7)).unwrap();
        let (_, entries) = open(&path).unwrap();
        assert_eq!(entries, [entry(0), entry(1), entry(7)]);
    }

    #[test]
    fn an_existing_journal_is_never_overwritten() {
        let (_folder, path) = written(1);
        let error = Journal::<Entry>::create(&path).err().unwrap().to_string();
        assert!(error.contains("cannot create") && error.contains("trials.jsonl"), "{error}");
    }
}
