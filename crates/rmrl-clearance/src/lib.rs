//! Proofs that a motion is clear: along straight lines of the tool, every part of the arm, its gripper and the held plate
//! stays a margin away from keep-out boxes and the table, and the hand stays away from the arm's own links.
//!
//! Frames: *base* is on the table with z up and x ahead. *flange* is the face that the gripper is screwed to, with z out
//! of it; the fingers of a BIO gripper point along its x. *tool* is midway between the finger tips at their lower ends,
//! with the flange's axes. All lengths are in meters, all angles in radians.
//!
//! - `shape`, `separation`: capsules and boxes, and the proof of a distance between two of them
//! - `arm_body`, `gripper_body`, `held_plate`: the parts, from the vendor's meshes; `part`: where they are fixed
//! - `keep_out`: the configuration: margins, table, boxes
//! - `pair`: which parts have to stay away from what, and how far
//! - `joint_bound`: how far joints move on a piece of a line; `line_proof`: a line in pieces, each of them proven
//! - `clearance`: the checks of a line; `via`: a way above where the line itself is not clear; `clearance_error`
//!
//! What is proven holds for the shapes and the kinematics of this workspace. How a real arm differs from them belongs into the
//! margin; `docs/clearance.md` lists what is known of it.

mod arm_body;
mod clearance;
mod clearance_error;
mod gripper_body;
mod held_plate;
mod joint_bound;
mod keep_out;
mod line_proof;
mod pair;
mod part;
mod separation;
mod shape;
mod via;

pub use arm_body::{ArmBody, LinkShape};
pub use clearance::{Clearance, LineClearance};
pub use clearance_error::{ClearanceError, Nearness};
pub use gripper_body::GripperBody;
pub use held_plate::{Hand, HeldPlate};
pub use keep_out::{ClearanceConfig, KeepOut, TABLE};
pub use pair::{Allowed, Entering};
pub use shape::Shape;
pub use via::{Via, ViaError};
