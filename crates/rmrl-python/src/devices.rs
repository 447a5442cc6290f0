//! Python classes as the devices of a cell: `rmrl_robot.devices`.
//!
//! - `device_set`: the devices of a program, with their drivers
//! - `run`: a run with them, which Ctrl-C stops
//! - `simulated_cell`: a simulated cell's devices, one by one
//!
//! Below them:
//!
//! - `adapters`: drivers as arm, gripper, camera and operator of a cell; `frame`: what a camera captures
//! - `driver`: the calls of a driver, with their time-outs; `worker`: the thread that makes them
//! - `exceptions`: what drivers raise, as errors of devices, and back

mod adapters;
mod device_set;
mod driver;
mod exceptions;
mod frame;
mod run;
mod simulated_cell;
mod worker;

pub use device_set::{DeviceSet, checked_camera};
pub use run::{create_run, run_with_devices};
pub use simulated_cell::SimulatedCell;
