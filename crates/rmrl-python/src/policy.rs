//! What a run deploys: a policy network, or the belief of a self-calibration.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rmrl::rmrl_belief::SavedBelief;
use rmrl::rmrl_core::{DIMENSIONS, Decision, Look, PlanarPose, PlateInImage};
use rmrl::{Asked, DeployedPolicy};

use crate::arrays::{numbers, rgb_image};
use crate::errors::{run_error, runtime_error};

/// A loaded policy.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct LoadedPolicy {
    policy: Mutex<DeployedPolicy>,
    candidates: Option<[Vec<f64>; DIMENSIONS]>,
    is_belief: bool,
}

/// A pose of an array or a sequence: x and y in meters, yaw in radians.
pub fn pose_of(value: &Bound<'_, PyAny>, name: &str) -> PyResult<PlanarPose> {
    let [x_m, y_m, yaw_rad] = numbers::<3>(value, name, "x_m, y_m, yaw_rad")?;
    Ok(PlanarPose::new(x_m, y_m, yaw_rad))
}

#[pymethods]
impl LoadedPolicy {
    /// The policy of a run, or of a file of one.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let policy =
            py.detach(|| DeployedPolicy::open(&path)).map_err(|error| run_error(py, &error))?;
        let candidates = policy.network().map(|network| network.actions().candidates().clone());
        let is_belief = policy.belief().is_some();
        Ok(Self { policy: Mutex::new(policy), candidates, is_belief })
    }

    /// Whether it is the belief of a self-calibration.
    #[getter]
    fn is_belief(&self) -> bool {
        self.is_belief
    }

    /// The candidates of each component in meters, meters and radians; `None` for a belief.
    #[getter]
    fn candidates<'py>(&self, py: Python<'py>) -> Option<Vec<Bound<'py, PyArray1<f64>>>> {
        let all = self.candidates.as_ref()?;
        Some(all.iter().map(|values| PyArray1::from_slice(py, values)).collect())
    }

    /// What it does in a state.
    #[pyo3(signature = (image, pose, plate_in_image=None, look_error_m=None))]
    fn decide<'py>(
        &self,
        image: &Bound<'py, PyAny>,
        pose: &Bound<'py, PyAny>,
        plate_in_image: Option<&Bound<'py, PyAny>>,
        look_error_m: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = image.py();
        let plate = plate_in_image
            .map(|value| numbers::<3>(value, "plate_in_image", "u_px, v_px, diagonal_px"))
            .transpose()?;
        let asked = Asked {
            image: Arc::new(rgb_image(image, "image")?),
            pose: pose_of(pose, "pose")?,
            plate_in_image: plate.map(|[u_px, v_px, diagonal_px]| PlateInImage {
                u_px,
                v_px,
                diagonal_px,
            }),
            look_error_m: look_error_m
                .map(|value| numbers::<2>(value, "look_error_m", "x and y in meters"))
                .transpose()?,
        };
        let decided = py.detach(|| {
            let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
            policy.decide(&asked)
        });
        let decision = decided.map_err(|error| PyValueError::new_err(format!("{error:#}")))?;
        decision_dict(py, &decision)
    }

    /// Where a picture shows a plate at a pose, `u_px`, `v_px`, `diagonal_px`; `None` without a camera, or outside of it.
    fn plate_in_image(&self, pose: &Bound<'_, PyAny>) -> PyResult<Option<[f64; 3]>> {
        let pose = pose_of(pose, "pose")?;
        let policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = policy.projection().and_then(|projection| projection.in_image(pose));
        Ok(seen.map(|PlateInImage { u_px, v_px, diagonal_px }| [u_px, v_px, diagonal_px]))
    }
}

fn decision_dict<'py>(py: Python<'py>, decision: &Decision) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let change = decision.adjustment;
    dict.set_item("dx_m", change.dx_m)?;
    dict.set_item("dy_m", change.dy_m)?;
    dict.set_item("dyaw_rad", change.dyaw_rad)?;
    dict.set_item("index", decision.index.map(|index| index.0.to_vec()))?;
    let probabilities = decision.probabilities.as_ref();
    let probabilities = probabilities
        .map(|all| all.iter().map(|values| PyArray1::from_slice(py, values)).collect::<Vec<_>>());
    dict.set_item("probabilities", probabilities)?;
    dict.set_item("abstained", decision.abstained)?;
    dict.set_item("interval_m", decision.interval_m)?;
    Ok(dict)
}

/// The belief of a self-calibration.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct LoadedBelief(SavedBelief);

#[pymethods]
impl LoadedBelief {
    /// The belief in the text of a `belief.json`.
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The carries that it was learned from.
    #[getter]
    fn carries(&self) -> u32 {
        self.0.carries()
    }

    /// Where the tool picks a plate that the camera sees at a pose: its pose, and the two standard deviations and the interval
    /// in meters.
    #[pyo3(signature = (pose, look_error_m=None))]
    fn pick(
        &self,
        pose: &Bound<'_, PyAny>,
        look_error_m: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<([f64; 3], [f64; 3])> {
        let error_m = look_error_m
            .map(|value| numbers::<2>(value, "look_error_m", "x and y in meters"))
            .transpose()?;
        let pick = self.0.pick(Look { pose: pose_of(pose, "pose")?, error_m });
        let tool = [pick.tool.x_m, pick.tool.y_m, pick.tool.yaw_rad];
        Ok((tool, [pick.along_m, pick.across_m, pick.interval_m]))
    }

    /// The text of its file.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.0).map_err(|error| runtime_error(&error))
    }
}
