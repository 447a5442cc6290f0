//! Errors as Python's exceptions, which `python/rmrl_robot/errors.py` defines.

use std::error::Error;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use rmrl::ConfigError;
use rmrl::rmrl_core::Fault;
use rmrl::rmrl_data::JournalError;

/// An exception of `rmrl_robot.errors`, imported once.
fn exception<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyType>> {
    cell.import(py, "rmrl_robot.errors", name)
}

/// An invalid configuration as `ConfigurationError`.
pub fn configuration_error(py: Python<'_>, error: &dyn Error) -> PyErr {
    static CELL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match exception(py, &CELL, "ConfigurationError") {
        Ok(class) => PyErr::from_type(class.clone(), with_sources(error)),
        Err(missing) => missing,
    }
}

/// A fault as `Fault`, with its `kind` and `reason`.
pub fn fault(py: Python<'_>, fault: &Fault) -> PyErr {
    static CELL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let kind = format!("{:?}", fault.kind);
    match exception(py, &CELL, "Fault") {
        Ok(class) => PyErr::from_type(class.clone(), (kind, fault.to_string())),
        Err(missing) => missing,
    }
}

/// An error of a run as `ConfigurationError`, `DamagedRun` or `RunError`, with the errors that it came from.
pub fn run_error(py: Python<'_>, error: &anyhow::Error) -> PyErr {
    static DAMAGED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static OTHER: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let is = |test: fn(&(dyn Error + 'static)) -> bool| error.chain().any(test);
    if is(|cause| cause.is::<ConfigError>()) {
        return configuration_error(py, error.as_ref());
    }
    let damaged = |cause: &(dyn Error + 'static)| {
        let journal = cause.downcast_ref::<JournalError>();
        matches!(journal, Some(JournalError::Damaged { .. })) || cause.is::<serde_json::Error>()
    };
    let class = match is(damaged) {
        true => exception(py, &DAMAGED, "DamagedRun"),
        false => exception(py, &OTHER, "RunError"),
    };
    match class {
        Ok(class) => PyErr::from_type(class.clone(), format!("{error:#}")),
        Err(missing) => missing,
    }
}

/// Any other error as `RuntimeError`, with the errors that it came from.
pub fn runtime_error(error: &dyn Error) -> PyErr {
    PyRuntimeError::new_err(with_sources(error))
}

/// An error with those that it came from, on one line.
pub fn with_sources(error: &dyn Error) -> String {
    rmrl::rmrl_cell::with_sources(error)
}
