//! A judge of motions: it knows what no part of arm, gripper and held plate may come near, and measures along every
//! motion whether one did.
//!
//! It uses the kinematics by which the emulator moves, and nothing of the crate that proves motions clear: its
//! shapes, its distances and its samples are its own, so that a mistake in one is found by the other. Every shape lies
//! inside the true body, so what it reports is certainly too near. The contrary does not hold: what it does not
//! report may still be too near by the few millimeters (at the ends of the links, centimeters) that its shapes leave out.
//!
//! - `keep_outs_config`: the boxes, the table and the held plate, as a configuration states them
//! - `held_plate_source`: who says which plate is in the jaws
//! - `obstacle`: where a box stands, and how far a point is from it
//! - `robot_shape`: what moves, as spheres and sampled points
//! - `judge`: the samples along a motion; `violation`: what it reports

mod held_plate_source;
mod judge;
mod keep_outs_config;
mod obstacle;
mod robot_shape;
mod violation;

pub use held_plate_source::HeldPlateSource;
pub(super) use judge::{HandState, Judge};
pub use keep_outs_config::{EntryRegion, HeldPlate, KeepOutBox, KeepOutTable, KeepOuts};
pub use violation::KeepOutViolation;
