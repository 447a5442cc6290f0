//! A cell assembled from a configuration: real devices or simulated ones, and what is proven before
//! anything moves.

pub(crate) mod assembly;
pub(crate) mod calibration_gate;
pub(crate) mod emulated_calibration;
pub(crate) mod first_motion;
pub(crate) mod page_operator;
pub(crate) mod reachability;
pub(crate) mod remote;
pub(crate) mod terminal;
pub(crate) mod terminal_operator;
