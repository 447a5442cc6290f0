//! An append-only file of JSON lines, each on disk before the call that wrote it returns.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A line in the middle of the file is damaged. Only a last line can be torn by a crash, so
    /// something else has changed the file, and going on would learn from the wrong trials.
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

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Creates an empty journal.
    ///
    /// # Errors
    /// The file exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(io("create", path))?;
        Ok(Self { path: path.to_path_buf(), file, digests: Vec::new(), kind: PhantomData })
    }

    /// Opens a journal to go on with it, and reads its entries.
    ///
    /// A last line that was cut off in mid-write is taken off the file, with a warning.
    ///
    /// # Errors
    /// The file cannot be read or mended, or another line is damaged.
    pub fn open(path: &Path) -> Result<(Self, Vec<T>), JournalError> {
        let content = Content::read(path)?;
        let file = OpenOptions::new().append(true).open(path).map_err(io("open", path))?;
        let mut journal =
            Self { path: path.to_path_buf(), file, digests: content.digests, kind: PhantomData };
        if content.is_torn {
            tracing::warn!(
                "{}: line {}, the last, was cut off in mid-write and is dropped",
                path.display(),
                content.entries.len() + 1,
            );
            journal.cut(content.length)?;
        } else if content.lacks_newline {
            journal.write(b"\n")?;
        }
        Ok((journal, content.entries))
    }

    /// Reads a journal's entries and leaves the file alone, which may be another process's.
    ///
    /// # Errors
    /// The file cannot be read, or a line other than the last is damaged.
    pub fn read(path: &Path) -> Result<Vec<T>, JournalError> {
        Ok(Content::read(path)?.entries)
    }

    /// Appends an entry and waits until it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, entry: &T) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(entry).expect("entries are made of JSON's types");
        self.digests.push(crc32c::crc32c(&line));
        line.push(b'\n');
        self.write(&line)
    }

    /// Keeps the first `entries` entries and drops the others.
    ///
    /// # Errors
    /// The file cannot be changed.
    pub fn truncate(&mut self, entries: usize) -> Result<(), JournalError> {
        let bytes = std::fs::read(&self.path).map_err(io("read", &self.path))?;
        let length =
            bytes.split_inclusive(|byte| *byte == b'\n').take(entries).map(<[u8]>::len).sum();
        self.digests.truncate(entries);
        self.cut(length)
    }

    /// A digest of each line, by which a checkpoint knows the log it was made from.
    pub fn digests(&self) -> &[u32] {
        &self.digests
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(io("write to", &self.path))
    }

    fn cut(&mut self, length: usize) -> Result<(), JournalError> {
        self.file
            .set_len(length as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(io("mend", &self.path))
    }
}

/// What a journal's file holds.
struct Content<T> {
    entries: Vec<T>,
    digests: Vec<u32>,
    /// The length of the whole lines, in bytes.
    length: usize,
    /// Whether part of another line follows them.
    is_torn: bool,
    /// Whether the last line is whole but for its newline: the crash came between the two.
    lacks_newline: bool,
}

impl<T: DeserializeOwned> Content<T> {
    fn read(path: &Path) -> Result<Self, JournalError> {
        let bytes = std::fs::read(path).map_err(io("read", path))?;
        let mut content = Self {
            entries: Vec::new(),
            digests: Vec::new(),
            length: 0,
            is_torn: false,
            lacks_newline: false,
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n");
            match serde_json::from_slice(text.unwrap_or(line)) {
                Ok(entry) => {
                    content.entries.push(entry);
                    content.digests.push(crc32c::crc32c(text.unwrap_or(line)));
                    content.length += line.len();
                    content.lacks_newline = text.is_none();
                }
                Err(_) if content.length + line.len() == bytes.len() => content.is_torn = true,
                Err(error) => {
                    return Err(JournalError::Damaged {
                        path: path.to_path_buf(),
                        line: content.entries.len() + 1,
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(content)
    }
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> JournalError + 'a {
    move |source| JournalError::Io { action, path: path.to_path_buf(), source }
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
        let (mut journal, entries) = Journal::open(&path).unwrap();
        assert_eq!(entries, [entry(0), entry(1), entry(2)]);
        journal.append(&entry(3)).unwrap();
        let (again, entries) = Journal::<Entry>::open(&path).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(again.digests(), journal.digests());
    }

    /// A crash may cut the last line anywhere. Whatever is left of it, the entries before it stay,
    /// and the file can be appended to.
    #[test]
    fn a_last_line_cut_anywhere_is_repaired() {
        let (_folder, path) = written(3);
        let whole = std::fs::read(&path).unwrap();
        let two =
            whole.len() - whole.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().len();
        for length in two..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let read = Journal::<Entry>::read(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..length], "reading changes nothing");
            let (mut journal, entries) = Journal::<Entry>::open(&path).unwrap();
            // A line that lacks nothing but its newline is complete.
            let expected = if length + 1 >= whole.len() { 3 } else { 2 };
            assert_eq!(read, entries);
            assert_eq!(entries.len(), expected, "cut at {length} of {}", whole.len());
            journal.append(&entry(9)).unwrap();
            let (_, entries) = Journal::<Entry>::open(&path).unwrap();
            assert_eq!(entries.len(), expected + 1);
            assert_eq!(entries[expected], entry(9));
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_it() {
        let (_folder, path) = written(5);
        let mut bytes = std::fs::read(&path).unwrap();
        let third =
            bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
        bytes[third] = b'#';
        std::fs::write(&path, &bytes).unwrap();
        let error = Journal::<Entry>::open(&path).err().unwrap().to_string();
        assert!(error.contains("trials.jsonl, line 3 is damaged"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was changed");
    }

    #[test]
    fn a_journal_can_be_cut_back() {
        let (_folder, path) = written(5);
        let (mut journal, _) = Journal::<Entry>::open(&path).unwrap();
        journal.truncate(2).unwrap();
        journal.append(&entry(7)).unwrap();
        let (_, entries) = Journal::<Entry>::open(&path).unwrap();
        assert_eq!(entries, [entry(0), entry(1), entry(7)]);
    }

    #[test]
    fn an_existing_journal_is_never_created_over() {
        let (_folder, path) = written(1);
        let error = Journal::<Entry>::create(&path).err().unwrap().to_string();
        assert!(error.contains("cannot create") && error.contains("trials.jsonl"), "{error}");
    }
}
