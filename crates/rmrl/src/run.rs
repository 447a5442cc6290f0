//! One run, from its directory to its last trial: [`engine`] makes it, whatever [`store`] keeps it.

mod attempt_writer;
pub(crate) mod baseline;
mod checkpoints;
pub(crate) mod create;
pub(crate) mod engine;
pub(crate) mod execute;
mod folder_store;
pub(crate) mod initial_policy;
pub(crate) mod memory_store;
pub(crate) mod metrics_files;
pub(crate) mod observer;
pub(crate) mod outcome;
mod provenance;
mod recorder;
mod resume;
pub(crate) mod run_log;
mod store;
pub(crate) mod target_record;
mod trial_record;
pub(crate) mod world_record;

pub use self::folder_store::POLICY;
