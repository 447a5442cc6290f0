//! Snapshot and journals, read without changing them.
//!
//! `journal-0000000065.jsonl` begins with event 65. `snapshot.json` is the world after event 64, if there is one; journals
//! before it are the archive, and are not read. A journal is created before the snapshot that leads to it, so that a
//! snapshot without its journal is a loss and no crash.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rmrl_files::read_regular_file;
use serde::{Deserialize, Serialize};

use crate::error::{StorageError, io_error};
use crate::event::{Entry, SCHEMA};
use crate::line;
use crate::world::World;

/// The name of the snapshot.
pub(crate) const SNAPSHOT: &str = "snapshot.json";

/// No file is larger, in bytes: a hundred thousand events, while a snapshot is due every few hundred.
const MOST_BYTES: u64 = 64 << 20;

/// The world at the end of a journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshot {
    /// The version of this file, [`SCHEMA`].
    pub(crate) schema: u32,
    /// When it was made, UTC.
    pub(crate) time: Timestamp,
    /// The digest of all lines up to its last event, in hexadecimal digits.
    pub(crate) chain: String,
    /// The world.
    pub(crate) world: World,
}

/// How the last journal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// With a whole line.
    Whole,
    /// With a line that lacks only its newline.
    LacksNewline,
    /// With a part of a line, which a crash tore.
    Torn(Vec<u8>),
}

/// What the files of an inventory say.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The world after the last event.
    pub(crate) world: World,
    /// The digest of all lines.
    pub(crate) chain: u32,
    /// The last event of the snapshot; 0 without one.
    pub(crate) snapshot: u64,
    /// The journal to append to; `None` in a folder without journals.
    pub(crate) journal: Option<LastJournal>,
}

/// The journal to append to.
#[derive(Debug)]
pub(crate) struct LastJournal {
    /// Its first event.
    pub(crate) start: u64,
    /// How many whole lines it has.
    pub(crate) lines: usize,
    /// The length of its whole lines, in bytes, and of a last one without its newline.
    pub(crate) length: u64,
    /// How it ends.
    pub(crate) tail: Tail,
}

/// The path of the journal that begins with the event `start`.
pub(crate) fn journal_path(dir: &Path, start: u64) -> PathBuf {
    dir.join(format!("journal-{start:010}.jsonl"))
}

impl World {
    /// Reads what an inventory says, without changing it, beside a process that writes it or without one.
    ///
    /// # Errors
    /// There is none, it cannot be read, or a line is damaged in a way that no crash causes.
    pub fn read(dir: &Path) -> Result<Self, StorageError> {
        written(dir, Replay::read(dir, true)?)
    }
}

/// Reads the archive, too, from the first event on, and compares it with the snapshot. Returns the world.
///
/// # Errors
/// As [`World::read`], or the snapshot is not what follows from the events.
pub fn verify(dir: &Path) -> Result<World, StorageError> {
    let world = written(dir, Replay::read(dir, false)?)?;
    // A writer may have added events in between: what is compared is the moment of the snapshot.
    let Some((snapshot, _)) = read_snapshot(dir)? else { return Ok(world) };
    let upto = Replay::up_to(dir, snapshot.world.sequence())?;
    if upto.world != snapshot.world {
        let reason = "it is not what follows from the events in the journals".to_string();
        return Err(damaged_snapshot(dir, reason));
    }
    Ok(world)
}

fn written(dir: &Path, replay: Replay) -> Result<World, StorageError> {
    match replay.journal {
        Some(_) => Ok(replay.world),
        None => {
            let expected = "journal-0000000001.jsonl".to_string();
            Err(StorageError::NoInventory { path: dir.to_path_buf(), expected })
        }
    }
}

impl Replay {
    /// Reads the files in `dir`: from the snapshot on, or all of them.
    ///
    /// # Errors
    /// They cannot be read, or a line is damaged in a way that no crash causes.
    pub(crate) fn read(dir: &Path, from_snapshot: bool) -> Result<Self, StorageError> {
        let mut replay = Self::empty();
        if from_snapshot && let Some((snapshot, chain)) = read_snapshot(dir)? {
            (replay.snapshot, replay.chain) = (snapshot.world.sequence(), chain);
            replay.world = snapshot.world;
        }
        // After the snapshot, because a writer may make the next one meanwhile: its journal is there before it. The journals
        // that are there now are whole up to the last.
        replay.add_journals(dir, &journals(dir)?, u64::MAX)?;
        Ok(replay)
    }

    /// Reads the journals up to an event, from the first on.
    fn up_to(dir: &Path, last: u64) -> Result<Self, StorageError> {
        let mut replay = Self::empty();
        replay.add_journals(dir, &journals(dir)?, last)?;
        Ok(replay)
    }

    fn empty() -> Self {
        Self { world: World::default(), chain: line::FIRST, snapshot: 0, journal: None }
    }

    /// Adds all journals after the snapshot, up to the event `last`.
    fn add_journals(&mut self, dir: &Path, starts: &[u64], last: u64) -> Result<(), StorageError> {
        let starts: Vec<u64> = starts
            .iter()
            .copied()
            .filter(|start| (self.snapshot + 1..=last).contains(start))
            .collect();
        if starts.is_empty() && self.snapshot > 0 {
            let path = journal_path(dir, self.snapshot + 1);
            let reason = format!("it is missing, and {SNAPSHOT} leads to it");
            return Err(damaged(dir, path, 1, reason));
        }
        for (index, start) in starts.iter().enumerate() {
            let path = journal_path(dir, *start);
            let expected = self.world.sequence() + 1;
            if *start != expected {
                let reason = format!(
                    "it begins with event {start}, expected {expected}: a part before it is missing"
                );
                return Err(damaged(dir, path, 1, reason));
            }
            let journal = self.add_journal(dir, *start, last)?;
            if index + 1 < starts.len() && matches!(journal.tail, Tail::Torn(_)) {
                let reason = "it is cut off, and other journals follow".to_string();
                return Err(damaged(dir, path, journal.lines + 1, reason));
            }
            self.journal = Some(journal);
        }
        Ok(())
    }

    fn add_journal(
        &mut self,
        dir: &Path,
        start: u64,
        last: u64,
    ) -> Result<LastJournal, StorageError> {
        let path = journal_path(dir, start);
        let bytes = read_regular_file(&path, MOST_BYTES).map_err(io_error("read", &path))?;
        let mut journal = LastJournal { start, lines: 0, length: 0, tail: Tail::Whole };
        for text in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.world.sequence() == last {
                break;
            }
            // A line is written at once, its newline last. Without a newline it may be torn.
            let whole = text.strip_suffix(b"\n");
            match self.add_line(whole.unwrap_or(text)) {
                Ok(()) => {
                    journal.lines += 1;
                    journal.length += text.len() as u64;
                    if whole.is_none() {
                        journal.tail = Tail::LacksNewline;
                    }
                }
                Err(_) if whole.is_none() && !line::begins_with_line(text, self.chain) => {
                    journal.tail = Tail::Torn(text.to_vec());
                }
                Err(reason) => return Err(damaged(dir, path, journal.lines + 1, reason)),
            }
        }
        Ok(journal)
    }

    fn add_line(&mut self, text: &[u8]) -> Result<(), String> {
        let (body, chain) = line::unseal(text, self.chain).map_err(str::to_string)?;
        let entry: Entry = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        check_schema(entry.schema)?;
        self.world = self.world.after(&entry).map_err(|refusal| refusal.to_string())?;
        self.chain = chain;
        Ok(())
    }
}

fn check_schema(found: u32) -> Result<(), String> {
    match found {
        SCHEMA => Ok(()),
        _ => Err(format!(
            "its version is {found}, expected {SCHEMA}: another version of this program wrote it"
        )),
    }
}

/// The snapshot, and the digest of all lines up to its last event.
fn read_snapshot(dir: &Path) -> Result<Option<(Snapshot, u32)>, StorageError> {
    let path = dir.join(SNAPSHOT);
    let bytes = match read_regular_file(&path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    parse_snapshot(&bytes).map(Some).map_err(|reason| damaged_snapshot(dir, reason))
}

fn parse_snapshot(bytes: &[u8]) -> Result<(Snapshot, u32), String> {
    let text = bytes.strip_suffix(b"\n").ok_or("it lacks its end")?;
    let (body, _) = line::unseal(text, line::FIRST).map_err(str::to_string)?;
    let snapshot: Snapshot = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    check_schema(snapshot.schema)?;
    snapshot.world.check()?;
    let chain = u32::from_str_radix(&snapshot.chain, 16).map_err(|error| error.to_string())?;
    Ok((snapshot, chain))
}

/// The first events of all journals, sorted.
fn journals(dir: &Path) -> Result<Vec<u64>, StorageError> {
    let mut starts = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(starts),
        other => other.map_err(io_error("list", dir))?,
    };
    for entry in entries {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        let name = name.to_string_lossy();
        let digits = name.strip_prefix("journal-").and_then(|rest| rest.strip_suffix(".jsonl"));
        let Some(start) = digits.and_then(|digits| digits.parse().ok()) else { continue };
        if journal_path(dir, start).file_name().is_some_and(|own| *own == *name) {
            starts.push(start);
        }
    }
    starts.sort_unstable();
    Ok(starts)
}

fn damaged(dir: &Path, path: PathBuf, line: usize, reason: String) -> StorageError {
    let fix = format!(
        "the lines above it and the journals before it are whole. Restore the file from a backup, or move {} away and \
         say again what lies where: `rmrl cell inventory set`",
        dir.display()
    );
    StorageError::Damaged { path, line, reason, fix }
}

fn damaged_snapshot(dir: &Path, reason: String) -> StorageError {
    let fix = "move it away: the journals beside it have every event since the first, and are read instead".to_string();
    StorageError::Damaged { path: dir.join(SNAPSHOT), line: 1, reason, fix }
}
