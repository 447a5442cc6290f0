//! The Python module `rmrl_robot._native`: what the package `rmrl_robot` is built on.
//!
//! Rust does the work, without the interpreter's lock; Python has the interfaces that its users know. Each file here has one
//! part, and `python/rmrl_robot/_native.pyi` describes all of them to type checkers.
//!
//! - `cell`: a cell that transfers
//! - `command`: the command `rmrl`
//! - `environment`: episodes of one step in a simulated cell, for Gymnasium
//! - `configuration`: a run's configuration, from a file and single values
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
mod environment;
mod errors;
mod method;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// As in the command: a step of training asks for the same large pieces of memory again and again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What the package `rmrl_robot` is built on.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::cell::{
        Cell, inventory_of, parse_pylabrobot_plate, set_items_of, settle_of, verify_inventory,
    };
    #[pymodule_export]
    use crate::command::run_command;
    #[pymodule_export]
    use crate::configuration::resolve_configuration;
    #[pymodule_export]
    use crate::environment::Environment;
    #[pymodule_export]
    use crate::method::RoleModelTrainer;
}
