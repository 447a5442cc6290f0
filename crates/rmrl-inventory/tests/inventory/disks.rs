//! Disks that keep every state of the folder, or fail when a test says so.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rmrl_inventory::Disk;

/// A folder in memory where there is one: thousands of copies would take a disk minutes.
pub fn quick_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = memory.is_dir().then(|| tempfile::tempdir_in(memory).ok()).flatten();
    made.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// The files of a folder, without the lock.
pub type Folder = BTreeMap<String, Arc<Vec<u8>>>;

pub fn folder(dir: &Path) -> Folder {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| !path.ends_with("lock"));
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, Arc::new(fs::read(path).unwrap()))
        })
        .collect()
}

pub fn write_folder(dir: &Path, folder: &Folder) {
    for (name, bytes) in folder {
        fs::write(dir.join(name), bytes.as_slice()).unwrap();
    }
}

/// The real file system without waiting for the disk.
pub struct FastDisk;

impl Disk for FastDisk {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::OpenOptions::new().append(true).open(path)?.write_all(bytes)
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        fs::OpenOptions::new().write(true).open(path)?.set_len(length)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }
}

/// A state of the folder at which a crash may come.
#[derive(Debug, Clone)]
pub struct Instant {
    pub folder: Folder,
    /// What the disk was doing.
    pub step: String,
    /// Whether the event that is being written is whole in it; `None` between events.
    pub has_event: Option<bool>,
    /// How many events had returned before: the test's count.
    pub events: usize,
}

#[derive(Default)]
pub struct Film {
    pub instants: Vec<Instant>,
    pub events: usize,
}

/// Keeps every state of the folder, byte by byte.
#[derive(Clone, Default)]
pub struct RecordingDisk(pub Arc<Mutex<Film>>);

impl RecordingDisk {
    fn keep(&self, folder: &Folder, step: String, has_event: Option<bool>) {
        let mut film = self.0.lock().unwrap();
        let events = film.events;
        film.instants.push(Instant { folder: folder.clone(), step, has_event, events });
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

impl Disk for RecordingDisk {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = folder(path.parent().unwrap());
        let old = state[&name(path)].clone();
        for length in 0..=bytes.len() {
            let cut = [old.as_slice(), &bytes[..length]].concat();
            state.insert(name(path), Arc::new(cut));
            // All but the newline is there.
            let has_event = Some(length + 1 >= bytes.len());
            self.keep(&state, format!("byte {length} of {}", bytes.len()), has_event);
        }
        FastDisk.append(path, bytes)
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        FastDisk.truncate(path, length)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        let mut state = folder(path.parent().unwrap());
        self.keep(&state, format!("before creating {}", name(path)), None);
        state.insert(name(path), Arc::default());
        self.keep(&state, format!("after creating {}", name(path)), None);
        FastDisk.create(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        FastDisk.remove(path)
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let state = folder(path.parent().unwrap());
        for length in 0..=bytes.len() {
            let mut state = state.clone();
            let cut = Arc::new(bytes[..length].to_vec());
            state.insert(format!("{}.x7Yz.tmp", name(path)), cut);
            self.keep(&state, format!("byte {length} beside {}", name(path)), None);
        }
        FastDisk.replace(path, bytes)?;
        let state = folder(path.parent().unwrap());
        self.keep(&state, format!("after renaming {}", name(path)), None);
        Ok(())
    }
}

/// What fails next, until a test frees the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Full {
    /// How many bytes of an append are still written; `None` if appending works. All bytes: the sync fails.
    pub append_after: Option<usize>,
    pub truncate: bool,
    pub create: bool,
    pub remove: bool,
    pub replace: bool,
}

#[derive(Clone, Default)]
pub struct FullDisk(pub Arc<Mutex<Full>>);

impl FullDisk {
    pub fn is(&self, full: Full) {
        *self.0.lock().unwrap() = full;
    }

    fn check(&self, fails: impl Fn(Full) -> bool) -> io::Result<()> {
        match fails(*self.0.lock().unwrap()) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl Disk for FullDisk {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let after = self.0.lock().unwrap().append_after;
        let written = after.map_or(bytes.len(), |after| after.min(bytes.len()));
        FastDisk.append(path, &bytes[..written])?;
        self.check(|full| full.append_after.is_some())
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        self.check(|full| full.truncate)?;
        FastDisk.truncate(path, length)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        // The file is there, and only its name may not be on disk.
        FastDisk.create(path)?;
        self.check(|full| full.create)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.check(|full| full.remove)?;
        FastDisk.remove(path)
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.check(|full| full.replace)?;
        FastDisk.replace(path, bytes)
    }
}
