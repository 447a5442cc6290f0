//! A folder that is a whole dataset at every instant.
//!
//! The next version is made beside the folder: files that stay are hard links to those of the last version, others are
//! written. When all is on disk, the two folders change places in one step.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rmrl_files::{create_file, open_to_append, parent, sync_folder};

use crate::error::{LeRobotError, io_error};

/// The folder of a dataset that is ours alone. LeRobot does not look into it.
pub(crate) const OWN: &str = "rmrl";
/// What was exported. It tells a dataset of ours from others.
pub(crate) const STATE: &str = "rmrl/export.json";
/// The file that the writing process locks. All versions of a dataset have the same one.
const LOCK: &str = "rmrl/.lock";

/// The folder of a dataset. It is locked as long as this value exists.
#[derive(Debug)]
pub(crate) struct Publisher {
    root: PathBuf,
    /// The next version, or the last one after they changed places.
    next: PathBuf,
    /// The last version, where folders cannot change places in one step.
    last: PathBuf,
    lock: Option<File>,
}

impl Publisher {
    /// Opens the folder of a dataset, or the place for a new one.
    ///
    /// # Errors
    /// Something else is there, or another process writes it.
    pub(crate) fn open(root: &Path) -> Result<Self, LeRobotError> {
        // A link to a folder stays a link: what it names is replaced.
        let root = match fs::canonicalize(root) {
            Ok(root) => root,
            Err(_) => std::path::absolute(root).map_err(io_error("find", root))?,
        };
        let root: PathBuf = root.components().collect();
        let beside = |suffix: &str| {
            let name = root.file_name().unwrap_or_default().to_string_lossy();
            root.with_file_name(format!(".{name}.{suffix}"))
        };
        let mut folder = Self { next: beside("next"), last: beside("last"), root, lock: None };
        folder.recover()?;
        if folder.exists() {
            folder.lock = Some(locked(&folder.root, &folder.root)?);
        } else if folder.next.join(LOCK).is_file() {
            // Of a process that works on the first version, or that was killed there.
            drop(locked(&folder.next, &folder.root)?);
        }
        folder.clear(&folder.next)?;
        Ok(folder)
    }

    /// Whether a version is there.
    pub(crate) fn exists(&self) -> bool {
        self.root.join(STATE).is_file()
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Puts back what a kill left between two renames, and refuses what is no dataset of ours.
    fn recover(&self) -> Result<(), LeRobotError> {
        if fs::symlink_metadata(&self.root).is_err() && self.last.join(STATE).is_file() {
            fs::rename(&self.last, &self.root).map_err(io_error("restore", &self.root))?;
        }
        if self.exists() {
            return self.clear(&self.last);
        }
        let Ok(found) = fs::symlink_metadata(&self.root) else { return Ok(()) };
        let is_empty = found.is_dir()
            && fs::read_dir(&self.root).map_err(io_error("read", &self.root))?.next().is_none();
        match is_empty {
            true => Ok(()),
            false => Err(LeRobotError::Occupied { path: self.root.clone(), missing: STATE }),
        }
    }

    /// Replaces the dataset with one that has these files, whose names are relative to it, beside all files that it has
    /// already. It is the old one or the new one at every instant.
    ///
    /// # Errors
    /// The file system refused. The old one is as it was.
    pub(crate) fn publish(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), LeRobotError> {
        fs::create_dir_all(parent(&self.root)).map_err(io_error("create", parent(&self.root)))?;
        fs::create_dir(&self.next).map_err(io_error("create", &self.next))?;
        let own = self.next.join(OWN);
        fs::create_dir(&own).map_err(io_error("create", &own))?;
        let lock = self.carry_lock()?;
        let mut folders = BTreeSet::from([self.next.clone(), own]);
        let written: BTreeSet<&Path> = files.iter().map(|(name, _)| Path::new(name)).collect();
        if self.exists() {
            self.carry(Path::new(""), &written, &mut folders)?;
        }
        for (name, bytes) in files {
            let path = self.next.join(name);
            fs::create_dir_all(parent(&path)).map_err(io_error("create", parent(&path)))?;
            let inside = path.ancestors().skip(1).take_while(|folder| *folder != self.next);
            folders.extend(inside.map(Path::to_path_buf));
            let mut file = create_file(&path).map_err(io_error("create", &path))?;
            let write = file.write_all(bytes).and_then(|()| file.sync_all());
            write.map_err(io_error("write", &path))?;
        }
        for folder in folders {
            sync_folder(&folder).map_err(io_error("sync", &folder))?;
        }
        self.change_places()?;
        if let Some(lock) = lock {
            self.lock = Some(lock);
        }
        let above = parent(&self.root);
        sync_folder(above).map_err(io_error("sync", above))?;
        self.clear(&self.next)?;
        self.clear(&self.last)
    }

    /// Gives the next version the lock of the last one. Returns a new lock if it had to be made.
    fn carry_lock(&self) -> Result<Option<File>, LeRobotError> {
        let path = self.next.join(LOCK);
        if self.lock.is_some() && fs::hard_link(self.root.join(LOCK), &path).is_ok() {
            return Ok(None);
        }
        create_file(&path).map_err(io_error("create", &path))?;
        locked(&self.next, &self.root).map(Some)
    }

    /// Links the files of the last version that are not written anew, in the folder `within`.
    fn carry(
        &self,
        within: &Path,
        written: &BTreeSet<&Path>,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<(), LeRobotError> {
        let old = self.root.join(within);
        for entry in fs::read_dir(&old).map_err(io_error("read", &old))? {
            let entry = entry.map_err(io_error("read", &old))?;
            let name = within.join(entry.file_name());
            let (from, to) = (self.root.join(&name), self.next.join(&name));
            let kind = entry.file_type().map_err(io_error("read", &from))?;
            if kind.is_dir() {
                fs::create_dir_all(&to).map_err(io_error("create", &to))?;
                folders.insert(to);
                self.carry(&name, written, folders)?;
            } else if !written.contains(name.as_path()) && name != Path::new(LOCK) {
                keep(&from, &to, kind.is_symlink()).map_err(io_error("keep", &from))?;
            }
        }
        Ok(())
    }

    /// Puts the next version where the last one is.
    fn change_places(&self) -> Result<(), LeRobotError> {
        if !self.exists() {
            return fs::rename(&self.next, &self.root).map_err(io_error("create", &self.root));
        }
        match exchange(&self.next, &self.root) {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::debug!(
                    "{}: folders cannot change places in one step here ({error}); they are renamed one after the other",
                    self.root.display()
                );
                self.rename_both()
            }
        }
    }

    /// Does the same in two steps. After a kill in between, the next export restores the last version.
    fn rename_both(&self) -> Result<(), LeRobotError> {
        fs::rename(&self.root, &self.last).map_err(io_error("rename", &self.root))?;
        let renamed = fs::rename(&self.next, &self.root).map_err(io_error("rename", &self.next));
        if renamed.is_err() {
            fs::rename(&self.last, &self.root).map_err(io_error("restore", &self.root))?;
        }
        renamed
    }

    fn clear(&self, folder: &Path) -> Result<(), LeRobotError> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", folder)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The lock of the version in `folder`, of the dataset `root`.
fn locked(folder: &Path, root: &Path) -> Result<File, LeRobotError> {
    let path = folder.join(LOCK);
    let file = match open_to_append(&path) {
        // A copy that somebody downloaded may lack it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_file(&path),
        opened => opened,
    };
    let file = file.map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LeRobotError::InUse { path: root.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

/// Makes `to` the same file as `from`, or a copy where the file system has no hard links.
fn keep(from: &Path, to: &Path, is_link: bool) -> io::Result<()> {
    #[cfg(unix)]
    if is_link {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    let _ = is_link;
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Two folders change places in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u8) -> Vec<(String, Vec<u8>)> {
        vec![
            (STATE.to_string(), vec![number]),
            (format!("data/{number}"), vec![number]),
            ("meta/info.json".to_string(), vec![number]),
        ]
    }

    fn read(root: &Path, name: &str) -> Vec<u8> {
        fs::read(root.join(name)).unwrap()
    }

    /// The names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_version_has_the_new_files_and_keeps_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        let mut folder = Publisher::open(&root).unwrap();
        folder.publish(&version(1)).unwrap();
        // What somebody put there stays, too.
        fs::create_dir_all(root.join("notes/empty")).unwrap();
        fs::write(root.join("notes/mine.txt"), "mine").unwrap();
        for number in 2..5 {
            folder.publish(&version(number)).unwrap();
        }
        assert_eq!(names(&root.join("data")), ["1", "2", "3", "4"]);
        assert_eq!((read(&root, "meta/info.json"), read(&root, "data/2")), (vec![4], vec![2]));
        assert_eq!(read(&root, "notes/mine.txt"), b"mine");
        assert!(root.join("notes/empty").is_dir());
        assert_eq!(names(dir.path()), ["set"]);
    }

    #[test]
    fn what_is_no_dataset_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "kept").unwrap();
        for occupied in [dir.path().to_path_buf(), dir.path().join("precious")] {
            let error = Publisher::open(&occupied).unwrap_err().to_string();
            assert!(error.contains("no dataset that rmrl exported"), "{error}");
        }
        assert_eq!(read(dir.path(), "precious"), b"kept");
        fs::create_dir(dir.path().join("empty")).unwrap();
        let mut folder = Publisher::open(&dir.path().join("empty")).unwrap();
        folder.publish(&version(1)).unwrap();
        assert!(folder.exists());
    }

    #[test]
    fn one_process_writes_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        let mut first = Publisher::open(&root).unwrap();
        first.publish(&version(1)).unwrap();
        assert!(matches!(Publisher::open(&root), Err(LeRobotError::InUse { .. })));
        first.publish(&version(2)).unwrap();
        assert!(matches!(Publisher::open(&root), Err(LeRobotError::InUse { .. })));
        drop(first);
        Publisher::open(&root).unwrap();
    }

    /// File systems that cannot exchange folders: the dataset is renamed away and comes back after a kill.
    #[test]
    fn two_renames_do_the_same_and_are_completed_after_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        let mut folder = Publisher::open(&root).unwrap();
        folder.publish(&version(1)).unwrap();
        fs::create_dir_all(folder.next.join(OWN)).unwrap();
        fs::write(folder.next.join(STATE), [2]).unwrap();
        folder.rename_both().unwrap();
        assert_eq!(read(&root, STATE), [2]);
        assert_eq!(read(&folder.last, STATE), [1]);
        // Killed after the first rename.
        fs::remove_dir_all(&folder.last).unwrap();
        fs::rename(&root, &folder.last).unwrap();
        drop(folder);
        let mut folder = Publisher::open(&root).unwrap();
        assert_eq!(read(&root, STATE), [2]);
        folder.publish(&version(3)).unwrap();
        assert_eq!((read(&root, STATE), names(dir.path())), (vec![3], vec!["set".to_string()]));
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        fs::create_dir_all(dir.path().join(".set.next/rmrl")).unwrap();
        fs::write(dir.path().join(".set.next/rmrl/.lock"), "").unwrap();
        fs::write(dir.path().join(".set.next/half"), "torn").unwrap();
        let mut folder = Publisher::open(&root).unwrap();
        folder.publish(&version(1)).unwrap();
        assert_eq!(names(&root), ["data", "meta", "rmrl"]);
    }
}
