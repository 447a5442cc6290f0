//! Journals and snapshots, written.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::disk::Disk;
use crate::error::{StorageError, io_error};
use crate::event::{Entry, SCHEMA};
use crate::line;
use crate::replay::{LastJournal, Replay, SNAPSHOT, Snapshot, Tail, journal_path};
use crate::world::World;

/// What the operator should know, though nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A crash tore the last line of a journal. It was removed; the motion that it would have announced never began.
    TornLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was left of it.
        text: String,
    },
    /// A crash came before the newline of the last line. The line is whole, and was kept.
    MissingNewline {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// No snapshot could be made. Every event is in the journals; the next one tries again.
    NoSnapshot {
        /// The reason.
        reason: String,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TornLine { path, line, text } => write!(
                f,
                "{}: line {line}, the last, was cut off in mid-write and is removed; its motion never began: {text}",
                path.display()
            ),
            Self::MissingNewline { path, line } => write!(
                f,
                "{}: line {line}, the last, lacked its newline, and is whole otherwise; it is kept",
                path.display()
            ),
            Self::NoSnapshot { reason } => {
                write!(f, "no snapshot was made, and the journal is kept: {reason}")
            }
        }
    }
}

/// The files of an inventory, open to write.
pub(crate) struct Store {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    /// The digest of all lines.
    chain: u32,
    /// The last event of the last snapshot.
    snapshot: u64,
    /// The first event of the journal.
    start: u64,
    /// The length of the journal's whole lines, in bytes.
    length: u64,
    /// Whether part of a line may follow them.
    is_torn: bool,
    /// A journal that was not completely created, and has to go before the next event.
    unfinished: Option<PathBuf>,
}

impl Store {
    /// Opens the files that were read, and repairs their end.
    ///
    /// # Errors
    /// The file system refused.
    pub(crate) fn open(
        dir: &Path,
        mut disk: Box<dyn Disk>,
        replay: &Replay,
    ) -> Result<(Self, Vec<Notice>), StorageError> {
        let first = LastJournal { start: 1, lines: 0, length: 0, tail: Tail::Whole };
        let journal = replay.journal.as_ref().unwrap_or(&first);
        let path = journal_path(dir, journal.start);
        if replay.journal.is_none() {
            disk.create(&path).map_err(io_error("create", &path))?;
        }
        let (chain, snapshot, dir) = (replay.chain, replay.snapshot, dir.to_path_buf());
        let (start, length) = (journal.start, journal.length);
        let mut store =
            Self { dir, disk, chain, snapshot, start, length, is_torn: false, unfinished: None };
        let mut notices = Vec::new();
        match &journal.tail {
            Tail::Whole => {}
            Tail::LacksNewline => {
                store.write(b"\n")?;
                notices.push(Notice::MissingNewline { path, line: journal.lines });
            }
            Tail::Torn(bytes) => {
                store.cut()?;
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
                notices.push(Notice::TornLine { path, line: journal.lines + 1, text });
            }
        }
        store.remove_leftovers();
        Ok((store, notices))
    }

    /// Appends an event, and waits until it is on disk.
    ///
    /// # Errors
    /// The file system refused. What is on disk is as before; if even that cannot be made sure, nothing is appended until
    /// it can.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        if let Some(path) = self.unfinished.clone() {
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
            self.unfinished = None;
        }
        if self.is_torn {
            self.cut()?;
        }
        let (mut line, chain) = line::seal(json(entry, &self.path())?, self.chain);
        line.push(b'\n');
        self.write(&line)?;
        self.chain = chain;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let path = self.path();
        if let Err(error) = self.disk.append(&path, bytes) {
            self.is_torn = true;
            // If this fails, too, it is tried again before the next event.
            let _ = self.cut();
            return Err(io_error("write to", &path)(error));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Removes what follows the whole lines.
    fn cut(&mut self) -> Result<(), StorageError> {
        let path = self.path();
        self.disk.truncate(&path, self.length).map_err(io_error("shorten", &path))?;
        self.is_torn = false;
        Ok(())
    }

    /// How many events have come since the last snapshot.
    pub(crate) fn since_snapshot(&self, world: &World) -> u64 {
        world.sequence() - self.snapshot
    }

    /// Begins a new journal, and makes a snapshot that leads to it. The journal so far becomes part of the archive.
    ///
    /// # Errors
    /// The file system refused. Every event stays readable.
    pub(crate) fn rotate(&mut self, world: &World, now: Timestamp) -> Result<(), StorageError> {
        let start = world.sequence() + 1;
        if start != self.start {
            let path = journal_path(&self.dir, start);
            if let Err(error) = self.disk.create(&path) {
                self.unfinished = Some(path.clone());
                return Err(io_error("create", &path)(error));
            }
            (self.start, self.length) = (start, 0);
        }
        let path = self.dir.join(SNAPSHOT);
        let chain = format!("{:08x}", self.chain);
        let snapshot = Snapshot { schema: SCHEMA, time: now, chain, world: world.clone() };
        let (mut text, _) = line::seal(json(&snapshot, &path)?, line::FIRST);
        text.push(b'\n');
        self.disk.replace(&path, &text).map_err(io_error("write", &path))?;
        self.snapshot = world.sequence();
        Ok(())
    }

    fn path(&self) -> PathBuf {
        journal_path(&self.dir, self.start)
    }

    /// Removes snapshots that a crash left unfinished. They only take room: if they stay, nothing is wrong.
    fn remove_leftovers(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_leftover = name.starts_with(SNAPSHOT) && name.ends_with(".tmp");
            if is_leftover && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn json<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, StorageError> {
    serde_json::to_vec(value).map_err(|error| io_error("write", path)(error.into()))
}
