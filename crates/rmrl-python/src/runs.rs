//! What a run recorded.

use std::path::PathBuf;

use anyhow::Context;
use numpy::{PyArray2, PyArray3};
use pyo3::prelude::*;
use rmrl::rmrl_cell::ToolPose;
use rmrl::rmrl_data::{MetricsRow, RunDir};
use rmrl::rmrl_vision::{read_color_image, read_depth};
use rmrl::{RunConfig, RunReading, RunState, report};
use serde_json::{Value, json};

use crate::arrays::{depth_array, image_array};
use crate::errors::{run_error, runtime_error};

/// A run as its directory has it now, as JSON: state, configuration, records, target, metrics.
#[pyfunction]
pub fn read_run(py: Python<'_>, root: PathBuf) -> PyResult<String> {
    let read = || -> anyhow::Result<String> {
        let RunReading { config, records, target, metrics, state } = RunReading::of(&root)?;
        let rows: Vec<Value> = metrics.iter().map(row).collect();
        // Part by part: a `Value` would make a 64-bit number of a 32-bit one.
        Ok(format!(
            "{{\"state\":\"{}\",\"configuration\":{},\"records\":{},\"target\":{},\"metrics\":{}}}",
            state_name(state),
            serde_json::to_string(&config)?,
            serde_json::to_string(&records)?,
            serde_json::to_string(&target)?,
            serde_json::to_string(&rows)?,
        ))
    };
    py.detach(read).map_err(|error| run_error(py, &error))
}

/// Whether a process works in a run directory now.
#[pyfunction]
pub fn is_in_use(py: Python<'_>, root: PathBuf) -> PyResult<bool> {
    py.detach(|| RunDir::is_in_use(&root)).map_err(|error| runtime_error(&error))
}

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Incomplete => "incomplete",
    }
}

fn row(row: &MetricsRow) -> Value {
    json!({
        "trial": row.trial,
        "scene": row.scene,
        "reward": row.reward,
        "reward_average": row.reward_average,
        "e_trans_mm": row.e_trans_mm,
        "yaw_error_deg": row.yaw_error_deg,
        "true_e_trans_mm": row.true_e_trans_mm,
        "placed": row.placed,
        "faults": row.faults,
        "test": row.is_test,
    })
}

/// A color image file, uint8 `[height, width, 3]`.
#[pyfunction]
pub fn read_color(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let image = py.detach(|| read_color_image(&path)).map_err(|error| runtime_error(&error))?;
    Ok(image_array(py, &image))
}

/// A depth image file, uint16 `[height, width]` in millimeters.
#[pyfunction]
pub fn read_depth_mm(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyArray2<u16>>> {
    let image = py.detach(|| read_depth(&path, None)).map_err(|error| runtime_error(&error))?;
    Ok(depth_array(py, &image))
}

/// The report of a run as a page of HTML.
#[pyfunction]
pub fn run_report(py: Python<'_>, root: PathBuf) -> PyResult<String> {
    py.detach(|| report(&root)).map_err(|error| run_error(py, &error))
}

/// Where the tool goes in a trial of a run, as JSON: poses of the tool `[x_m, y_m, z_m, yaw_rad]`.
#[pyfunction]
pub fn task_path(py: Python<'_>, root: PathBuf) -> PyResult<String> {
    let path = || -> anyhow::Result<String> {
        RunDir::check(&root)?;
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))
            .with_context(|| format!("the configuration of {}", root.display()))?;
        let task = &config.task;
        let trajectory = task.trajectory();
        let to_place: Vec<Value> = trajectory.to_above_place().map(pose).collect();
        let plate = config.vision.localizer.plate;
        Ok(json!({
            "home": pose(task.home.tool_pose()),
            "grip_z_m": task.start_surface_m + task.grasp_height_m,
            "travel_z_m": task.travel_height_m,
            "to_above_place": to_place,
            "place": pose(trajectory.place),
            "start_surface_z_m": task.start_surface_m,
            "place_surface_z_m": task.place.surface_m,
            "plate_m": [plate.length_m, plate.width_m, plate.height_m],
        })
        .to_string())
    };
    py.detach(path).map_err(|error| run_error(py, &error))
}

fn pose(tool: ToolPose) -> Value {
    json!([tool.planar.x_m, tool.planar.y_m, tool.z_m, tool.planar.yaw_rad])
}
