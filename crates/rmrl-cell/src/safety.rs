//! What the arm is never asked to do, and the guard that sees to it.
//!
//! - `config`: the limits of every motion
//! - `envelope`: checks motions against them
//! - `violation`: why it refuses one
//! - `contact`: what follows on contact, expected or not
//! - `guarded_arm`: the only path to the arm
//! - `motion_error`: why a motion was not made

mod config;
mod contact;
mod envelope;
mod guarded_arm;
mod motion_error;
mod violation;

pub use config::SafetyConfig;
pub use contact::{AfterContact, Descent, UnexpectedContact};
pub use envelope::SafetyEnvelope;
pub use guarded_arm::GuardedArm;
pub use motion_error::MotionError;
pub use violation::{Axis, SafetyViolation, UnsafeActions};
