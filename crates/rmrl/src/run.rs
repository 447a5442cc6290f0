//! One run, from its directory to its last trial.
//!
//! - `engine` makes the run; `store` says what keeps it: a run directory (`folder_store`) or memory (`memory_store`).
//! - `create` makes a run directory (`new_run`: which a failed start does not leave behind), `execute` runs what is left to do in one.
//! - `observer`: who follows a run from outside; `outcome`: how it ended
//! - `initial_policy`: new or pretrained; `baseline`: methods that learn none
//! - `transfer_training`: a policy from transfers that the camera saw
//! - `target_record`, `trial_record`, `world_record`: what is written; `run_log`: reading it again; `run_reading`: a whole run,
//!   also while it is made
//! - `deployed_policy`: what a run deploys, asked with a picture and a pose
//! - `recorder` writes a run directory, with `kept_images`, `attempt_writer` (images and logs), `metrics_files`
//!   (with `event_images`) and `checkpoints`; `overlay` draws poses into images of trials.
//! - `trained_policy`: the policy that a run trained, and its ONNX model
//! - `lerobot_source`: a run as a source of a LeRobot dataset
//! - `resume` validates and repairs what an interrupted run left; `provenance`: the program that made it

mod attempt_writer;
pub(crate) mod baseline;
mod checkpoints;
pub(crate) mod create;
pub(crate) mod deployed_policy;
pub(crate) mod engine;
mod event_images;
pub(crate) mod execute;
pub(crate) mod folder_store;
pub(crate) mod initial_policy;
mod kept_images;
pub(crate) mod lerobot_source;
pub(crate) mod memory_store;
pub(crate) mod metrics_files;
pub(crate) mod new_run;
pub(crate) mod observer;
pub(crate) mod outcome;
pub(crate) mod overlay;
mod provenance;
mod recorder;
mod resume;
pub(crate) mod run_log;
pub(crate) mod run_reading;
mod store;
pub(crate) mod target_record;
pub(crate) mod trained_policy;
pub(crate) mod transfer_training;
mod trial_record;
pub(crate) mod world_record;

pub use self::folder_store::{BELIEF, POLICY};
