//! One run, from its directory to its last trial.

mod attempt_writer;
pub(crate) mod checkpoints;
pub(crate) mod execute;
pub(crate) mod outcome;
mod provenance;
pub(crate) mod recorder;
mod resume;
