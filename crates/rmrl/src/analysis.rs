//! What a run achieved, in numbers.
//!
//! - `evaluate` deploys the result of a run on new placements.
//! - `summary` gives the columns of Table 1 for a run.
//! - `proof_summary` says how far the proof of a run's claim is.
//! - `error_budget` splits the true error of placements into its causes.
//! - `camera_error` says where a calibrated camera sees what truly lies elsewhere.
//! - `noise_floor` says how well a resting plate can be measured.

pub(crate) mod camera_error;
pub(crate) mod error_budget;
pub(crate) mod evaluate;
pub(crate) mod geometry;
pub(crate) mod noise_floor;
pub(crate) mod proof_summary;
pub(crate) mod summary;
