//! The directory of a new run, which a failed start does not leave behind.

use std::path::{Path, PathBuf};

use crate::config::RunConfig;
use crate::run::folder_store::EARLIER_RUN;
use crate::run::target_record::TARGET;

/// What a new run finds before its directory is made.
pub(crate) struct NewRun {
    root: PathBuf,
    /// Whether an empty directory is there already.
    existed: bool,
    /// The folders above it that are missing, the lowest first.
    missing: Vec<PathBuf>,
}

impl NewRun {
    /// Before anything is made in `root`.
    pub(crate) fn in_directory(root: &Path) -> Self {
        let above = root.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let missing = above.take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        Self { root: root.to_path_buf(), existed: root.exists(), missing }
    }

    /// Removes the directory if nothing was recorded in it. Returns whether it is gone. Nobody may work in it any more.
    pub(crate) fn discard_if_empty(&self) -> bool {
        if has_record(&self.root) || has_record(&self.root.join(EARLIER_RUN)) {
            return false;
        }
        let removed = match self.existed {
            true => remove_content(&self.root),
            false => std::fs::remove_dir_all(&self.root),
        };
        if let Err(error) = removed {
            tracing::warn!("{} cannot be removed: {error}", self.root.display());
        }
        for folder in &self.missing {
            // It stays where somebody has put something into it meanwhile.
            let _ = std::fs::remove_dir(folder);
        }
        true
    }
}

/// The directory of a new run that is given none: `runs/TASK-METHOD-seedN`, or the first of that with `-2`, `-3`, ... that does
/// not exist.
pub fn unused_root(config: &RunConfig) -> PathBuf {
    let path = format!("runs/{}-{}-seed{}", config.task.kind, config.method, config.seed);
    let mut candidate = PathBuf::from(&path);
    let mut number = 2;
    while candidate.exists() {
        candidate = PathBuf::from(format!("{path}-{number}"));
        number += 1;
    }
    candidate
}

/// Whether a run has begun: its first record is that of the target.
fn has_record(root: &Path) -> bool {
    root.join(TARGET).exists()
}

fn remove_content(root: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
    }
    Ok(())
}
