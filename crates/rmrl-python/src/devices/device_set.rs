//! The devices that a Python program brings.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rmrl::rmrl_cell::{Arm, DeviceError, Gripper, Operator, StopSwitch};
use rmrl::rmrl_vision::CameraFile;
use rmrl::{ExternalCamera, ExternalDevices, ExternalParts};

use super::adapters::{PythonArm, PythonCamera, PythonGripper, PythonOperator};
use super::driver::{Call, Driver, OPERATOR, Switches, timeout};
use super::exceptions::Called;
use super::worker::{Waits, Worker};

/// The devices of a program, each on a thread of its own. Objects that are the same have the same thread.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct DeviceSet {
    pub(super) devices: Arc<dyn ExternalDevices>,
}

#[pymethods]
impl DeviceSet {
    /// The devices, of the classes of `rmrl_robot.devices`; `None` for those that the configuration does not call external.
    #[new]
    #[pyo3(signature = (arm=None, gripper=None, camera=None, operator=None))]
    fn new(
        arm: Option<Bound<'_, PyAny>>,
        gripper: Option<Bound<'_, PyAny>>,
        camera: Option<Bound<'_, PyAny>>,
        operator: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut workers = Workers::default();
        let required = |object: &Bound<'_, PyAny>, name: &str| {
            timeout(object, name, false).map(Option::unwrap_or_default)
        };
        let arm = arm.map(|arm| {
            Ok::<_, PyErr>(PythonArmDriver {
                driver: workers.driver(&arm, "arm")?,
                stopper: stopper(&arm)?,
                move_timeout: required(&arm, "move_timeout_s")?,
                answer_timeout: required(&arm, "answer_timeout_s")?,
                stop_timeout: required(&arm, "stop_timeout_s")?,
            })
        });
        let gripper = gripper.map(|gripper| {
            let driver = workers.driver(&gripper, "gripper")?;
            let jaws_timeout = required(&gripper, "jaws_timeout_s")?;
            Ok::<_, PyErr>((driver, jaws_timeout, required(&gripper, "answer_timeout_s")?))
        });
        let camera = camera.map(|camera| {
            let driver = workers.driver(&camera, "camera")?;
            Ok::<_, PyErr>((driver, required(&camera, "capture_timeout_s")?))
        });
        let operator = operator.map(|operator| {
            let driver = workers.driver(&operator, OPERATOR)?;
            Ok::<_, PyErr>((driver, timeout(&operator, "operator_timeout_s", true)?))
        });
        let devices = PythonDevices {
            arm: arm.transpose()?,
            gripper: gripper.transpose()?,
            camera: camera.transpose()?,
            operator: operator.transpose()?,
            waiting: Mutex::default(),
        };
        Ok(Self { devices: Arc::new(devices) })
    }
}

/// The workers of objects, one for each.
#[derive(Default)]
struct Workers<'py> {
    made: Vec<(Bound<'py, PyAny>, Arc<Worker>)>,
}

impl<'py> Workers<'py> {
    fn driver(&mut self, object: &Bound<'py, PyAny>, device: &'static str) -> PyResult<Driver> {
        let class = object.get_type().name()?.to_string();
        let known = self.made.iter().find(|(known, _)| known.is(object));
        let worker = match known {
            Some((_, worker)) => Arc::clone(worker),
            None => {
                let worker = worker(object, device)?;
                self.made.push((object.clone(), Arc::clone(&worker)));
                worker
            }
        };
        Ok(Driver::new(worker, device, class))
    }
}

fn worker(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Arc<Worker>> {
    let worker = Worker::new(object.clone().unbind(), name);
    let failed = |error| PyRuntimeError::new_err(format!("no thread for the {name}: {error}"));
    worker.map(Arc::new).map_err(failed)
}

/// The driver of the arm once more, on a thread that is never busy with a motion.
fn stopper(arm: &Bound<'_, PyAny>) -> PyResult<Driver> {
    let class = arm.get_type().name()?.to_string();
    Ok(Driver::new(worker(arm, "stop of the arm")?, "arm", class))
}

struct PythonArmDriver {
    driver: Driver,
    stopper: Driver,
    move_timeout: Duration,
    answer_timeout: Duration,
    stop_timeout: Duration,
}

/// Python drivers.
struct PythonDevices {
    arm: Option<PythonArmDriver>,
    gripper: Option<(Driver, Duration, Duration)>,
    camera: Option<(Driver, Duration)>,
    operator: Option<(Driver, Option<Duration>)>,
    /// Ends the waits of the cell that is open.
    waiting: Mutex<StopSwitch>,
}

impl PythonDevices {
    fn waiting(&self) -> MutexGuard<'_, StopSwitch> {
        // It is replaced as a whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn robot(&self, switches: &Switches) -> Option<(Box<dyn Arm>, Box<dyn Gripper>)> {
        let (arm, (gripper, jaws_timeout, answer_timeout)) =
            self.arm.as_ref().zip(self.gripper.as_ref())?;
        let python_arm = PythonArm {
            driver: arm.driver.clone(),
            switches: switches.clone(),
            move_timeout: arm.move_timeout,
            answer_timeout: arm.answer_timeout,
        };
        let python_gripper = PythonGripper {
            driver: gripper.clone(),
            switches: switches.clone(),
            jaws_timeout: *jaws_timeout,
            answer_timeout: *answer_timeout,
        };
        Some((Box::new(python_arm), Box::new(python_gripper)))
    }
}

impl ExternalDevices for PythonDevices {
    fn open(&self, stop: &StopSwitch) -> Result<ExternalParts, DeviceError> {
        let waiting = StopSwitch::default();
        stop.pass_on_to(&waiting);
        *self.waiting() = waiting.clone();
        let switches = Switches { stop: stop.clone(), waiting };
        let camera = self.camera.as_ref().map(|(driver, timeout)| {
            let file = camera_file(driver, *timeout, &switches)?;
            let model = file.overhead(Path::new(CAMERA_FILE)).expect("it was checked to have one");
            let camera = PythonCamera {
                driver: driver.clone(),
                switches: switches.clone(),
                capture_timeout: *timeout,
                model,
            };
            Ok(ExternalCamera { camera: Box::new(camera), file })
        });
        let operator = self.operator.as_ref().map(|(driver, operator_timeout)| {
            let operator = PythonOperator {
                driver: driver.clone(),
                switches: switches.clone(),
                operator_timeout: *operator_timeout,
            };
            Box::new(operator) as Box<dyn Operator>
        });
        Ok(ExternalParts { robot: self.robot(&switches), camera: camera.transpose()?, operator })
    }

    fn stop_with(&self, switch: &StopSwitch) {
        switch.pass_on_to(&self.waiting());
        if let Some(arm) = &self.arm {
            let (stopper, timeout) = (arm.stopper.clone(), arm.stop_timeout);
            switch.on_press("the arm", move |_| stopper.stop(timeout));
        }
    }
}

/// What errors call the camera file of a driver.
pub(super) const CAMERA_FILE: &str = "the camera's model()";

/// Asks a camera for its model, and reads that as a camera file.
fn camera_file(
    driver: &Driver,
    timeout: Duration,
    switches: &Switches,
) -> Result<CameraFile, DeviceError> {
    let call = Call { method: "model", timeout: Some(timeout), waits: Waits::ALittle };
    let convert = |answer: &Bound<'_, PyAny>, called: &Called| {
        let devices = answer.py().import("rmrl_robot.devices");
        let text = devices.and_then(|devices| devices.call_method1("_camera_file", (answer,)));
        let text = text.and_then(|text| text.extract::<(String, bool)>());
        text.map_err(|error| called.invalid(answer.py(), &error))
    };
    let (text, is_mapping) = driver.call(call, switches, (), convert)?;
    let refused = |reason| DeviceError::Refused { device: "camera", reason };
    parse_camera(text, is_mapping).map_err(refused)
}

/// The camera file of a text, or of a mapping as JSON; or what is wrong.
pub(super) fn parse_camera(text: String, is_mapping: bool) -> Result<CameraFile, String> {
    let text = match is_mapping {
        true => serde_json::from_str::<CameraFile>(&text)
            .map_err(|error| format!("{CAMERA_FILE} is no camera file: {error}"))?
            .to_toml(),
        false => text,
    };
    let file = CameraFile::parse(&text, Path::new(CAMERA_FILE));
    let file = file.and_then(|file| file.overhead(Path::new(CAMERA_FILE)).map(|_| file));
    file.map_err(|error| crate::errors::with_sources(&error))
}

/// The camera file of a text, or of a mapping as JSON, checked, as JSON.
///
/// # Errors
/// `ValueError` says what is wrong.
#[pyfunction]
pub fn checked_camera(text: String, is_mapping: bool) -> PyResult<String> {
    let file = parse_camera(text, is_mapping).map_err(PyValueError::new_err)?;
    serde_json::to_string(&file).map_err(|error| PyValueError::new_err(error.to_string()))
}
