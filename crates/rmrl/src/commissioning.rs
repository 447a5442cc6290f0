//! Commissioning a real cell.
//!
//! - `doctor` checks each device and file that a run needs.
//! - `teach` makes configuration values of poses that the arm or the camera shows.

pub(crate) mod doctor;
pub(crate) mod teach;
