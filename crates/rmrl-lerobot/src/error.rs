//! Why a dataset could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a dataset could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LeRobotError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation: a verb, such as `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// There is something else.
    #[error("{} is not empty and no dataset that rmrl exported: it lacks {missing}; choose another folder", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What a dataset of ours has.
        missing: &'static str,
    },
    /// Another process exports to the same folder.
    #[error("{} is being written by another process; wait for it, or choose another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A dataset does not continue with these runs.
    #[error("{} was exported from other runs: {reason}; export to another folder", path.display())]
    OtherRuns {
        /// The dataset.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Runs do not fit into one dataset.
    #[error("{} and {} do not fit into one dataset: {what} is {one} in the first and {other} in the second; export each to a folder of its own", first.display(), second.display())]
    Mixed {
        /// A run.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
        /// What differs.
        what: &'static str,
        /// Its value in the first.
        one: String,
        /// Its value in the second.
        other: String,
    },
    /// A run has nothing to export, or not all of it.
    #[error("{}: {reason}", run.display())]
    Run {
        /// The run.
        run: PathBuf,
        /// What is missing, and how to fix it.
        reason: String,
    },
    /// The log of a run cannot be read.
    #[error(transparent)]
    Log(#[from] rmrl_data::JournalError),
    /// The run that is made from a dataset cannot be written.
    #[error(transparent)]
    RunDir(#[from] rmrl_data::RunDirError),
    /// A file of a dataset is damaged.
    #[error("{} is damaged: {reason}; restore it, or export the run again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A dataset of somebody else.
    #[error("{} cannot become a run: it lacks {missing}; only a dataset of `rmrl export lerobot` has them", path.display())]
    Foreign {
        /// The dataset.
        path: PathBuf,
        /// The files and features that it lacks.
        missing: String,
    },
    /// A dataset of several runs, of which one has to be chosen.
    #[error("{} holds {}: {}; choose one with --run 1 to --run {}", path.display(), count(names), names.join(", "), names.len())]
    SeveralRuns {
        /// The dataset.
        path: PathBuf,
        /// The names of its runs.
        names: Vec<String>,
    },
    /// A table could not be written.
    #[error("a table could not be written as Parquet")]
    Table(#[from] parquet::errors::ParquetError),
}

fn count(names: &[String]) -> String {
    match names.len() {
        1 => "1 run".to_string(),
        count => format!("{count} runs"),
    }
}

/// Adds the operation and the file to an error.
pub(crate) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> LeRobotError + 'a {
    move |source| LeRobotError::Io { action, path: path.to_path_buf(), source }
}
