//! The devices of a cell, over one controller that they share.
//!
//! - `robot`: the controller, connected again and kept alive; `arm`, `gripper`: its devices;
//!   `flange`: its arm with a calibration board
//! - `gripper_bus`: requests to the gripper
//! - `inspector`: a look at a controller without a session

pub(crate) mod arm;
pub(crate) mod flange;
pub(crate) mod gripper;
mod gripper_bus;
pub(crate) mod inspector;
pub(crate) mod robot;
