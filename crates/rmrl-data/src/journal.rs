//! An append-only file of JSON lines, each on disk before the call that wrote it returns.
//!
//! The last key of a line is its `digest`: the CRC-32C of this line and all lines before it, without their digests. A
//! line that was changed later is recognized, though not one whose digests were computed again. Files of earlier versions
//! have lines without a digest; they end with the first line that has one.

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
    lines: Vec<LineDigest>,
    kind: PhantomData<fn(&T)>,
}

/// The digests of a line.
#[derive(Debug, Clone, Copy)]
struct LineDigest {
    /// Of its text.
    own: u32,
    /// Of this line and those before it, without their digests.
    chain: u32,
}

/// The last key of a line, as text; eight hexadecimal digits and the line's end follow.
const DIGEST: &str = ",\"digest\":\"";
const DIGEST_LENGTH: usize = DIGEST.len() + 8 + "\"}".len();

impl LineDigest {
    /// The digests of a line of this text, after the line with the chain `before`. Returns the line without its
    /// digest, too.
    ///
    /// # Errors
    /// It is not what was written there.
    fn of(
        text: &[u8],
        before: Option<Self>,
        is_required: bool,
    ) -> Result<(Self, Vec<u8>), &'static str> {
        let (body, found) = match split(text) {
            Some((body, found)) => (body, Some(found)),
            None if is_required => return Err("it lacks its digest"),
            None => (text.to_vec(), None),
        };
        let chain = chain_after(before, &body);
        if found.is_some_and(|found| found != chain) {
            return Err("it, or a line before it, is not what was written there");
        }
        Ok((Self { own: crc32c::crc32c(text), chain }, body))
    }
}

/// The digest of a line without its digest and of those before it.
fn chain_after(before: Option<LineDigest>, body: &[u8]) -> u32 {
    crc32c::crc32c_append(before.map_or(0, |line| line.chain), body)
}

/// A line without its digest, and the digest; `None` if it has none.
fn split(text: &[u8]) -> Option<(Vec<u8>, u32)> {
    let (body, digest) = text.split_at_checked(text.len().checked_sub(DIGEST_LENGTH)?)?;
    let digits = digest.strip_prefix(DIGEST.as_bytes())?.strip_suffix(b"\"}")?;
    let found = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(([body, b"}"].concat(), found))
}

/// The entries of a journal's file, read without changing it: to look at them, or to resume the journal.
pub struct Written<T> {
    path: PathBuf,
    entries: Vec<T>,
    lines: Vec<LineDigest>,
    /// Whether a line has a digest.
    has_digests: bool,
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
            lines: Vec::new(),
            has_digests: false,
            length: 0,
            is_torn: false,
            lacks_newline: false,
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line is written at once, its newline last. Without a newline it may be torn.
            let whole = line.strip_suffix(b"\n");
            match written.add(whole.unwrap_or(line)) {
                Ok(()) => {
                    written.length += line.len();
                    written.lacks_newline = whole.is_none();
                }
                Err(_) if whole.is_none() => written.is_torn = true,
                Err(reason) => {
                    let line = written.entries.len() + 1;
                    return Err(JournalError::Damaged { path: path.to_path_buf(), line, reason });
                }
            }
        }
        Ok(written)
    }

    /// Adds the text of a line.
    fn add(&mut self, text: &[u8]) -> Result<(), String> {
        let before = self.lines.last().copied();
        let (digest, body) =
            LineDigest::of(text, before, self.has_digests).map_err(str::to_string)?;
        let entry = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        self.has_digests |= body.len() < text.len();
        self.entries.push(entry);
        self.lines.push(digest);
        Ok(())
    }

    /// Whether an earlier version wrote it, without digests: changes cannot be recognized.
    pub fn lacks_digests(&self) -> bool {
        !self.entries.is_empty() && !self.has_digests
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
    pub fn digests(&self) -> Vec<u32> {
        self.lines.iter().map(|line| line.own).collect()
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
        Ok(Self { path: path.to_path_buf(), file, lines: Vec::new(), kind: PhantomData })
    }

    /// Resumes a journal after what was written, and returns the entries so far.
    ///
    /// A last line that a crash cut off is removed from the file, with a warning.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn resume(written: Written<T>) -> Result<(Self, Vec<T>), JournalError> {
        let Written { path, entries, lines, length, is_torn, lacks_newline, .. } = written;
        let file = open_to_append(&path).map_err(io("open", &path))?;
        let mut journal = Self { path, file, lines, kind: PhantomData };
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
        let chain = chain_after(self.lines.last().copied(), &line);
        assert_eq!(line.pop(), Some(b'}'), "entries are JSON objects");
        line.extend(format!("{DIGEST}{chain:08x}\"}}").bytes());
        self.lines.push(LineDigest { own: crc32c::crc32c(&line), chain });
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
        self.lines.truncate(entries);
        Ok(self.cut(length)?)
    }

    /// A digest of each line, by which a checkpoint recognizes the log that it was made from.
    pub fn digests(&self) -> Vec<u32> {
        self.lines.iter().map(|line| line.own).collect()
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

    /// A changed value is found at once, not only once a checkpoint covers its line.
    #[test]
    fn a_line_that_was_changed_is_recognized_by_its_digest() {
        let (_folder, path) = written(5);
        let whole = std::fs::read_to_string(&path).unwrap();
        for (from, to, line) in [
            ("\"number\":0,", "\"number\":7,", 1),
            ("\"number\":4,", "\"number\":5,", 5),
            ("\"number\":2,", "\"number\": 2,", 3),
        ] {
            std::fs::write(&path, whole.replace(from, to)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line} is damaged")), "{error}");
            assert!(error.contains("not what was written"), "{error}");
        }
        // A line that was taken out, or whose digest was.
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        std::fs::write(&path, [lines[0], lines[2]].concat()).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2 is damaged"));
        let at = lines[1].find(DIGEST).unwrap();
        std::fs::write(&path, format!("{}{}}}\n", lines[0], &lines[1][..at])).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("lacks its digest"));
    }

    /// Lines of earlier versions have no digest of their own, but those that follow cover them.
    #[test]
    fn a_journal_without_digests_is_read_and_continued_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        let line = |number| serde_json::to_string(&entry(number)).unwrap() + "\n";
        std::fs::write(&path, line(0) + &line(1)).unwrap();
        let old = Written::<Entry>::read(&path).unwrap();
        assert!(old.lacks_digests());
        let (mut journal, _) = Journal::resume(old).unwrap();
        journal.append(&entry(2)).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        let continued = Written::<Entry>::read(&path).unwrap();
        assert!(!continued.lacks_digests());
        assert_eq!(continued.into_entries(), [entry(0), entry(1), entry(2)]);
        std::fs::write(&path, whole.replace("\"number\":1,", "\"number\":9,")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 3 is damaged"));
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
