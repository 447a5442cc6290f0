//! A simulated cell's devices, one by one.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyArray3};
use pyo3::prelude::*;
use rmrl::rmrl_cell::{Arm, Camera, DeviceError, Gripper, Operator, StopSwitch, ToolPose};
use rmrl::rmrl_sim::{self, WorldState};
use rmrl::rmrl_vision::{CameraFile, CameraModel, RgbdFrame};
use rmrl::{ExternalCamera, ExternalDevices, ExternalParts, RunConfig, emulated_calibration};

use super::device_set::{CAMERA_FILE, DeviceSet, parse_camera};
use super::exceptions::{device_exception, planar_pose, value_error};
use crate::arrays::image_array;
use crate::configuration::resolve;

/// The simulated cell of a configuration. Its methods are those of its devices; they raise the exceptions of
/// `rmrl_robot.devices`.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct SimulatedCell {
    cell: rmrl_sim::SimulatedCell,
    config: RunConfig,
}

impl SimulatedCell {
    /// The camera file, with a calibration that says by how much the simulated one is off.
    fn file(&self) -> CameraFile {
        let calibration = Some(emulated_calibration(&self.config, &self.cell));
        CameraFile { calibration, ..CameraFile::from(self.cell.model()) }
    }

    /// What a device does, without the interpreter's lock.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut rmrl_sim::SimulatedCell) -> Result<T, DeviceError> + Send,
    ) -> PyResult<T> {
        let mut cell = self.cell.clone();
        py.detach(|| work(&mut cell)).map_err(|error| device_exception(py, &error))
    }
}

#[pymethods]
impl SimulatedCell {
    /// The cell of `cell.seed`; `seed` is that of its devices' noise.
    #[new]
    #[pyo3(signature = (file=None, assignments=Vec::new()))]
    fn new(py: Python<'_>, file: Option<PathBuf>, assignments: Vec<String>) -> PyResult<Self> {
        let config = resolve(py, file, assignments)?;
        let made = py.detach(|| rmrl::simulated_cell(&config, u64::from(config.seed)));
        let cell = made.map_err(|error| value_error(&error))?;
        Ok(Self { cell, config })
    }

    fn move_to(
        &self,
        py: Python<'_>,
        pose: (f64, f64, f64, f64),
        speed_m_s: f64,
    ) -> PyResult<(f64, f64, f64, f64)> {
        let (x_m, y_m, z_m, yaw_rad) = pose;
        let target = ToolPose::new(planar_pose(x_m, y_m, yaw_rad), z_m);
        self.with(py, |cell| cell.move_to(target, speed_m_s)).map(numbers_of)
    }

    fn pose(&self, py: Python<'_>) -> PyResult<(f64, f64, f64, f64)> {
        self.with(py, Arm::pose).map(numbers_of)
    }

    fn recover(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Arm::recover)
    }

    fn open(&self, py: Python<'_>, width_m: f64) -> PyResult<()> {
        self.with(py, |cell| Gripper::open(cell, width_m))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Gripper::close)
    }

    fn holds_object(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, Gripper::holds_object)
    }

    fn measured_width_m(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.with(py, Gripper::measured_width_m)
    }

    /// Color, uint8 `[height, width, 3]`, and depth, uint16 `[height, width]` in millimeters.
    #[expect(clippy::type_complexity, reason = "two arrays")]
    fn capture<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyArray3<u8>>, Bound<'py, PyArray2<u16>>)> {
        let frame = self.with(py, Camera::capture)?;
        let shape = (frame.depth.height() as usize, frame.depth.width() as usize);
        let depth = Array2::from_shape_vec(shape, frame.depth.into_raw());
        let depth = depth.expect("a depth image has one value a pixel").into_pyarray(py);
        Ok((image_array(py, &frame.color), depth))
    }

    /// The camera file, as JSON.
    fn camera_file(&self) -> PyResult<String> {
        serde_json::to_string(&self.file()).map_err(|error| value_error(&error))
    }

    fn exchange_plate(&self, py: Python<'_>, scene: u32) -> PyResult<()> {
        self.with(py, |cell| cell.exchange_plate(scene))
    }

    fn put_plate_at_target(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Operator::put_plate_at_target)
    }

    fn put_plate_near(&self, py: Python<'_>, x_m: f64, y_m: f64, yaw_rad: f64) -> PyResult<()> {
        self.with(py, |cell| cell.put_plate_near(planar_pose(x_m, y_m, yaw_rad)))
    }

    /// The state of the world, to be restored later.
    fn remember(&self) -> PyResult<String> {
        serde_json::to_string(&self.cell.remember()).map_err(|error| value_error(&error))
    }

    /// Puts the world into a state that was remembered.
    fn restore(&self, state: &str) -> PyResult<()> {
        let state: WorldState = serde_json::from_str(state).map_err(|error| value_error(&error))?;
        self.cell.restore(state);
        Ok(())
    }

    /// All of its devices, without Python between them and a run.
    fn device_set(&self) -> DeviceSet {
        let devices = Simulated { cell: self.cell.clone(), file: self.file() };
        DeviceSet { devices: Arc::new(devices) }
    }
}

fn numbers_of(pose: ToolPose) -> (f64, f64, f64, f64) {
    (pose.planar.x_m, pose.planar.y_m, pose.z_m, pose.planar.yaw_rad)
}

/// A camera with the model of its file.
struct Filed {
    camera: Box<dyn Camera>,
    model: CameraModel,
}

impl Camera for Filed {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.camera.capture()
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

fn refused(error: &dyn Display) -> DeviceError {
    DeviceError::Refused { device: "camera", reason: error.to_string() }
}

/// Simulated devices as those of a program.
struct Simulated {
    cell: rmrl_sim::SimulatedCell,
    file: CameraFile,
}

impl ExternalDevices for Simulated {
    fn open(&self, _: &StopSwitch) -> Result<ExternalParts, DeviceError> {
        let rmrl::rmrl_cell::Devices { camera, arm, gripper, operator } = self.cell.devices();
        // As a driver in Python has it, to the last bit: from the text of its file.
        let text = serde_json::to_string(&self.file).map_err(|error| refused(&error))?;
        let file = parse_camera(text, true).map_err(|reason| refused(&reason))?;
        let model = file.overhead(Path::new(CAMERA_FILE)).map_err(|error| refused(&error))?;
        let camera = ExternalCamera { camera: Box::new(Filed { camera, model }), file };
        Ok(ExternalParts {
            robot: Some((arm, gripper)),
            camera: Some(camera),
            operator: Some(operator),
        })
    }

    fn stop_with(&self, switch: &StopSwitch) {
        // A simulated motion has ended when the call that makes it returns.
        switch.on_press("the simulated arm", |_| Ok(()));
    }
}
