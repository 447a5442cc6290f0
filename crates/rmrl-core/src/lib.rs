//! The vocabulary and the mathematics of Role-Model Reinforcement Learning (arXiv 2510.15189).
//!
//! The camera estimates the pose of a plate. The policy picks a small correction from fixed candidates. The
//! arm picks the plate there and places it. The camera measures where the plate came to lie, which gives the
//! reward. This crate holds the words for it and the formulas between them. It does no I/O, knows no device
//! and no network, and its functions cannot fail for valid values.
//!
//! Units are SI throughout: meters, radians, seconds. Poses are in the world frame, which is the
//! robot's base frame, unless a name says otherwise.
//!
//! - `pose`, `action`: poses, adjustments (Eq. 1) and the candidates of an action
//! - `look`, `carry`: a plate as a camera saw it, and how an arm brought it from one place to another
//! - `observation`, `trial`, `scene`: the state, a trial with its outcome or fault, the trials of a scene
//! - `env`: the one-step MDP as a trait, all that the trainer knows of a cell
//! - `reward`, `role_model`: Eq. 9-11 and Eq. 2-3
//! - `grasp`: how closing jaws move a plate
//! - `statistics`: metrics and intervals
//! - `sequential`: the test that may end a run
//! - `rng`, `normal`, `fnv`: random streams by name, normal numbers, a hash that stays the same
//! - `config/`: what each key of a configuration means and which values it takes

// Derived code names this crate, also within it.
extern crate self as rmrl_core;

mod action;
mod carry;
mod config;
mod env;
mod fnv;
mod grasp;
mod look;
mod normal;
mod observation;
mod pose;
mod reward;
mod rng;
mod role_model;
mod scene;
mod sequential;
mod statistics;
mod trial;

pub use action::{ActionIndex, ActionSpace, ActionSpaceError, DIMENSIONS};
pub use carry::Carry;
pub use config::{Check, ConfigKeys, InvalidKey, KeyDescription};
#[doc(hidden)]
pub use config::{KeyRange, check_length, key_path, with_reason};
pub use env::Env;
pub use fnv::fnv1a;
pub use grasp::closing_slide_m;
pub use look::Look;
pub use normal::{normal_pair, standard_normal};
pub use observation::{Features, Observation, PictureReader, PlateInImage};
pub use pose::{PlanarPose, PoseAdjustment, wrap_angle};
pub use reward::{PlacementError, RewardFunction, yaw_error_rad};
pub use rng::{Rng, random_stream};
pub use role_model::{Label, role_model, role_model_labels};
pub use scene::Scene;
pub use sequential::{Claim, ClaimError, FALSE_PROOF, Proof, Verdict};
pub use statistics::{
    Interval, MovingAverage, bootstrap_interval, exponential_moving_average, interquartile_mean,
    mean, quantile, standard_deviation, trials_to_threshold, wilson_interval,
};
pub use trial::{
    Decision, Fault, FaultKind, FaultedTrial, GraspFailure, Judgment, Outcome, Placement, Purpose,
    StepResult, Trial, TrialId, TrialReport,
};
