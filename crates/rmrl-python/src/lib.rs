//! The Python module `rmrl_robot._native`: what the package `rmrl_robot` is built on.
//!
//! Rust does the work, without the interpreter's lock; Python has the interfaces that its users know. Each file here has one
//! part, and `python/rmrl_robot/_native.pyi` describes all of them to type checkers.
//!
//! - `cell`: a cell that transfers
//! - `command`: the command `rmrl`
//! - `environment`: episodes of one step in a simulated cell, for Gymnasium
//! - `configuration`: a run's configuration, from a file and single values
//! - `runs`: what a run recorded
//! - `policy`: what a run deploys
//! - `perception`: cameras, and the localizer
//! - `training`: runs that a program makes and follows
//! - `devices`: Python classes as the devices of a cell
//! - `method`: the trainer of role-model reinforcement learning, on an environment that is written in Python
//!
//! They share:
//!
//! - `arrays`: NumPy arrays in and out, with their shapes and types checked
//! - `errors`: errors as Python's exceptions

mod arrays;
mod cell;
mod command;
mod configuration;
mod devices;
mod environment;
mod errors;
mod method;
mod perception;
mod policy;
mod runs;
mod training;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// As in the command: a step of training asks for the same large pieces of memory again and again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What the package `rmrl_robot` is built on.
#[pymodule]
mod _native {
    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::cell::{
        Cell, inventory_of, parse_pylabrobot_plate, set_items_of, settle_of, verify_inventory,
    };
    #[pymodule_export]
    use crate::command::run_command;
    #[pymodule_export]
    use crate::configuration::resolve_configuration;
    #[pymodule_export]
    use crate::devices::{DeviceSet, SimulatedCell, checked_camera, create_run, run_with_devices};
    #[pymodule_export]
    use crate::environment::Environment;
    #[pymodule_export]
    use crate::method::RoleModelTrainer;
    #[pymodule_export]
    use crate::perception::{LoadedCamera, LoadedLocalizer};
    #[pymodule_export]
    use crate::policy::{LoadedBelief, LoadedPolicy};
    #[pymodule_export]
    use crate::runs::{is_in_use, read_color, read_depth_mm, read_run, run_report, task_path};
    #[pymodule_export]
    use crate::training::{evaluate, resume_run, train_run};
}
