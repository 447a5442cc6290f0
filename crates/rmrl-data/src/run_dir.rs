//! The directory of one run: safe at every instant, and used by one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rmrl_files::{create_file, parent};

use crate::durable::{sync_folder, write_atomically};
use crate::file_error::io;
use crate::{ImageWriter, RunDirError};

/// A run's directory. It is locked as long as this value exists.
#[derive(Debug)]
pub struct RunDir {
    root: PathBuf,
    _lock: File,
}

impl RunDir {
    /// The resolved configuration; every run has it.
    pub const CONFIG: &str = "config.toml";
    /// The trial log.
    pub const TRIALS: &str = "trials.jsonl";
    /// The folder of images.
    pub const IMAGES: &str = "images";
    const LOCK: &str = ".lock";

    /// Creates the directory of a new run, with its resolved configuration in it.
    ///
    /// A new directory appears together with its configuration or not at all, so each directory that
    /// exists can be resumed.
    ///
    /// # Errors
    /// It exists and is not empty, or cannot be created.
    pub fn create(root: &Path, config: &str) -> Result<Self, RunDirError> {
        // Without a trailing slash, which would put a file beside it into it.
        let root: &Path = &root.components().collect::<PathBuf>();
        if fs::symlink_metadata(root).is_ok() {
            let occupied =
                !root.is_dir() || fs::read_dir(root).map_err(io("read", root))?.next().is_some();
            if occupied {
                return Err(RunDirError::Exists { path: root.to_path_buf() });
            }
            write_atomically(&root.join(Self::CONFIG), config.as_bytes())?;
            return Self::locked(root);
        }
        let mut partial = root.as_os_str().to_owned();
        partial.push(format!(".new-{}", std::process::id()));
        let partial = PathBuf::from(partial);
        fs::create_dir_all(parent(root)).map_err(io("create", parent(root)))?;
        // Fails where anything has this name, so that no link is followed.
        fs::create_dir(&partial).map_err(io("create", &partial))?;
        let made = write_atomically(&partial.join(Self::CONFIG), config.as_bytes())
            .and_then(|()| fs::rename(&partial, root).map_err(io("create", root)));
        if let Err(error) = made {
            let _ = fs::remove_dir_all(&partial);
            return Err(error.into());
        }
        sync_folder(parent(root))?;
        Self::locked(root)
    }

    /// Opens an existing run to resume it.
    ///
    /// # Errors
    /// It is not a run, or another process works in it.
    pub fn open(root: &Path) -> Result<Self, RunDirError> {
        Self::check(root)?;
        Self::locked(root)
    }

    /// Checks that `root` is a run, without locking it, to read from it only.
    ///
    /// # Errors
    /// It is not a run.
    pub fn check(root: &Path) -> Result<(), RunDirError> {
        if root.join(Self::CONFIG).is_file() {
            Ok(())
        } else {
            Err(RunDirError::NotARun { path: root.to_path_buf(), missing: Self::CONFIG })
        }
    }

    /// Whether a process works in the run `root` now. Changes nothing.
    ///
    /// # Errors
    /// The lock cannot be read.
    pub fn is_in_use(root: &Path) -> Result<bool, RunDirError> {
        let path = root.join(Self::LOCK);
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io("open", &path)(error).into()),
        };
        // Shared, so that readers do not see each other. It is let go at once, when the file is closed.
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(io("lock", &path)(source).into()),
        }
    }

    fn locked(root: &Path) -> Result<Self, RunDirError> {
        let path = root.join(Self::LOCK);
        let lock = create_file(&path).map_err(io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {
                let images = root.join(Self::IMAGES);
                fs::create_dir_all(&images).map_err(io("create", &images))?;
                Ok(Self { root: root.to_path_buf(), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => Err(RunDirError::InUse { path: root.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(io("lock", &path)(source).into()),
        }
    }

    /// The path of the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of the run's file `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a whole file so that it is either the old one or the new one at every instant.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        Ok(write_atomically(&self.path(name), bytes)?)
    }

    /// A writer of the run's images. It may outlive this borrow, so that another thread can use it.
    pub fn image_writer(&self) -> ImageWriter {
        ImageWriter::new(&self.root, Self::IMAGES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_directory_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        drop(RunDir::create(&root, "").unwrap());
        let error = RunDir::create(&root, "").unwrap_err().to_string();
        assert!(error.contains("never overwritten") && error.contains("--resume"), "{error}");
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(matches!(RunDir::create(&file, ""), Err(RunDirError::Exists { .. })));
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        let run = RunDir::create(&empty, "seed = 1").unwrap();
        assert_eq!(fs::read(run.path(RunDir::CONFIG)).unwrap(), b"seed = 1");
    }

    /// Shells complete names with a slash at the end, whether the directory exists or not.
    #[cfg(unix)]
    #[test]
    fn a_directory_may_be_named_with_a_slash_or_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let slashed =
            |name: &str| PathBuf::from(format!("{}/", folder.path().join(name).display()));
        fs::create_dir(folder.path().join("empty")).unwrap();
        for name in ["new", "empty"] {
            let run = RunDir::create(&slashed(name), "").unwrap();
            assert!(run.path(RunDir::CONFIG).is_file() && run.path(RunDir::IMAGES).is_dir());
        }
        fs::create_dir(folder.path().join("elsewhere")).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
        drop(RunDir::create(&link, "").unwrap());
        assert!(folder.path().join("elsewhere/config.toml").is_file());
    }

    #[test]
    fn an_error_names_a_directory_that_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunDir::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no run") && error.contains("config.toml"), "{error}");
    }

    #[test]
    fn one_process_works_in_a_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("run");
        let first = RunDir::create(&root, "").unwrap();
        assert!(matches!(RunDir::open(&root), Err(RunDirError::InUse { .. })));
        assert!(RunDir::is_in_use(&root).unwrap());
        drop(first);
        assert!(!RunDir::is_in_use(&root).unwrap());
        assert!(RunDir::open(&root).is_ok());
    }

    #[test]
    fn files_are_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(&folder.path().join("run"), "").unwrap();
        run.write("notes.txt", b"first").unwrap();
        run.write("notes.txt", b"second").unwrap();
        assert_eq!(fs::read(run.path("notes.txt")).unwrap(), b"second");
        assert!(!run.path("notes.txt.tmp").exists());
    }
}
