//! The command `rmrl`, in the process of an interpreter.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command `rmrl` with these words, the first of which is the name of the program. Returns its exit status.
#[pyfunction]
pub fn run_command(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| rmrl::cli::main_with(words))
}
