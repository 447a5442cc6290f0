//! The files of a run.
//!
//! A [`RunDir`] holds a run's files; only one process uses it at a time. The trial log is a [`Journal`] of
//! [`TrialRecord`]s: one JSON line for each attempt, on disk before the arm moves again. Everything else
//! (metrics, TensorBoard events, reports) can be made from it again.
//!
//! - `run_dir`, `run_dir_error`: the directory and its lock
//! - `journal`: append-only files of JSON lines, repaired after a crash
//! - `record`: one line of the trial log
//! - `metrics`: the numbers of each completed trial, for `metrics.csv` and TensorBoard
//! - `tensorboard`: event files, with `hyperparameters` and, below both, `protobuf`
//! - `images`: color and depth images
//! - `time_stamp`: when something was recorded
//! - `durable`, `file_error`: writing files that survive a crash, and what the file system refused

mod durable;
mod file_error;
mod hyperparameters;
mod images;
mod journal;
mod metrics;
mod protobuf;
mod record;
mod run_dir;
mod run_dir_error;
mod tensorboard;
mod time_stamp;

pub use durable::write_atomically;
pub use file_error::FileError;
pub use hyperparameters::Hyperparameter;
pub use images::ImageWriter;
pub use journal::{Journal, JournalError, Written};
pub use metrics::{MetricsAccumulator, MetricsRow, metrics, to_csv};
pub use record::{
    DriftRecord, DurationsRecord, FailureRecord, ImagesRecord, IncompleteRecord, SCHEMA,
    TrialRecord,
};
pub use run_dir::RunDir;
pub use run_dir_error::RunDirError;
pub use tensorboard::EventWriter;
pub use time_stamp::{CLOCK_KEYS, TimeStamp};
