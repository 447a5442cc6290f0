//! What a run leaves behind.
//!
//! A [`RunDir`] holds a run's files and is one process's at a time. The trial log is a [`Journal`]
//! of [`TrialRecord`]s: one JSON line an attempt, on disk before the arm moves again. Everything
//! else (metrics, TensorBoard events, reports) can be made from it again.

mod file_error;
mod journal;
mod metrics;
mod pictures;
mod record;
mod run_dir;
mod tensorboard;

pub use file_error::FileError;
pub use journal::{Journal, JournalError, Written};
pub use metrics::{MetricsRow, metrics, to_csv};
pub use pictures::{Pictures, read_color};
pub use record::{
    DriftRecord, DurationsRecord, FailureRecord, ImagesRecord, IncompleteRecord, TrialRecord,
};
pub use run_dir::{RunDir, RunDirError, write_atomically};
pub use tensorboard::EventWriter;
