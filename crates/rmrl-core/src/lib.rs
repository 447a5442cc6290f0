//! The vocabulary and the mathematics of Role-Model Reinforcement Learning (arXiv 2510.15189).
//!
//! A plate lies at a pose that a camera estimates; the policy picks a small correction from fixed
//! candidates; the arm picks there and places; the camera measures where the plate came to lie, and
//! that is the reward. This crate holds the words for it and the formulas between them. It does no
//! I/O, knows no device and no network, and its functions cannot fail for valid values.
//!
//! Units are SI throughout: metres, radians, seconds. Poses are in the world frame, which is the
//! robot's base frame, unless a name says otherwise.

// Derived code names this crate, also within it.
extern crate self as rmrl_core;

mod action;
mod config;
mod env;
mod fnv;
mod grasp;
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
pub use config::{Check, ConfigKeys, InvalidKey, KeyDescription};
#[doc(hidden)]
pub use config::{KeyRange, check_length, key_path, with_reason};
pub use env::Env;
pub use fnv::fnv1a;
pub use grasp::{PLATE_WIDTH_M, closing_slide_m};
pub use normal::{normal_pair, standard_normal};
pub use observation::{Observation, PlateInImage};
pub use pose::{PlanarPose, PoseAdjustment, wrap_angle};
pub use reward::{PlacementError, RewardFunction, yaw_error_rad};
pub use rng::{Rng, random_stream};
pub use role_model::{Label, role_model, role_model_labels};
pub use scene::Scene;
pub use sequential::{Claim, ClaimError, FALSE_PROOF, Proof};
pub use statistics::{
    Interval, MovingAverage, bootstrap_interval, exponential_moving_average, interquartile_mean,
    mean, quantile, standard_deviation, trials_to_threshold, wilson_interval,
};
pub use trial::{
    Decision, Ending, Fault, FaultKind, FaultedTrial, GraspFailure, Outcome, Placement, Trial,
    TrialId, TrialReport,
};
