//! What the arm is never asked to do, and the guard that sees to it.
//!
//! - `config`: the limits of every motion
//! - `envelope`: checks motions against them
//! - `violation`: why it refuses one
//! - `contact`: what follows on contact, expected or not
//! - `guarded_arm`: the only path to the arm
//! - `motion_error`: why a motion was not made
//! - `tilt_envelope`, `guarded_flange`: the same for an arm that tilts a calibration board, which no trial has

mod config;
mod contact;
mod envelope;
mod guarded_arm;
mod guarded_flange;
mod motion_error;
mod tilt_envelope;
mod violation;

pub use config::SafetyConfig;
pub use contact::{AfterContact, Descent, UnexpectedContact};
pub use envelope::SafetyEnvelope;
pub use guarded_arm::GuardedArm;
pub use guarded_flange::GuardedFlange;
pub use motion_error::MotionError;
pub use tilt_envelope::{MAX_FLANGE_SPEED_M_S, MAX_FLANGE_TILT_DEG, TiltEnvelope};
pub use violation::{Axis, SafetyViolation, UnsafeActions};
