//! A run's configuration.

use std::path::PathBuf;

use pyo3::prelude::*;
use rmrl::{Layers, RunConfig};

use crate::errors::configuration_error;

/// The layers of a configuration: the defaults, a file, and assignments such as `task.kind="shelf"` over both.
///
/// # Errors
/// `ConfigurationError` names the file or the assignment, and what was expected.
pub fn layers(py: Python<'_>, file: Option<PathBuf>, assignments: &[String]) -> PyResult<Layers> {
    let read = || {
        let layers = match &file {
            Some(path) => Layers::default().with_file(path)?,
            None => Layers::default(),
        };
        assignments.iter().try_fold(layers, |layers, assignment| layers.with_assignment(assignment))
    };
    read().map_err(|error| configuration_error(py, &error))
}

/// The configuration of a file over the defaults, and of assignments such as `task.kind="shelf"` over both.
///
/// # Errors
/// `ConfigurationError` names the key, its value, and what was expected.
pub fn resolve(
    py: Python<'_>,
    file: Option<PathBuf>,
    assignments: Vec<String>,
) -> PyResult<RunConfig> {
    let resolved = layers(py, file, &assignments)?.resolve();
    resolved.map_err(|error| configuration_error(py, &error))
}

/// The configuration of a file over the defaults, and of assignments such as `task.kind="shelf"` over both, as TOML with
/// every key.
#[pyfunction]
#[pyo3(signature = (file=None, assignments=Vec::new()))]
pub fn resolve_configuration(
    py: Python<'_>,
    file: Option<PathBuf>,
    assignments: Vec<String>,
) -> PyResult<String> {
    Ok(resolve(py, file, assignments)?.to_toml())
}
