//! Exceptions of a driver as errors of a device.

use std::error::Error;
use std::f64::consts::PI;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PySystemExit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTraceback, PyType};
use rmrl::rmrl_cell::{DeviceError, ToolPose};
use rmrl::rmrl_core::PlanarPose;

use crate::arrays::numbers;

/// The call of a driver, for messages.
#[derive(Debug, Clone)]
pub struct Called {
    /// `camera`, `arm`, `gripper` or `operator`.
    pub device: &'static str,
    /// The class and the method, as in `MyArm.move_to`.
    pub name: String,
}

impl Called {
    /// An answer that is none: what came, and what was expected.
    pub fn unexpected(&self, came: &Bound<'_, PyAny>, expected: &str) -> DeviceError {
        self.refused(format!("returned {}; expected {expected}", shown(came)))
    }

    /// An answer that conversion refused.
    pub fn invalid(&self, py: Python<'_>, error: &PyErr) -> DeviceError {
        self.refused(format!("returned something else than it should: {}", error.value(py)))
    }

    /// A refusal; `what` follows the call's name.
    pub fn refused(&self, what: impl AsRef<str>) -> DeviceError {
        let reason = format!("{} {}", self.name, what.as_ref());
        DeviceError::Refused { device: self.device, reason }
    }

    /// What the driver raised, as an error of the device.
    pub fn raised(&self, py: Python<'_>, raised: &PyErr) -> DeviceError {
        self.of_own_class(py, raised).unwrap_or_else(|| self.of_any_class(py, raised))
    }

    /// The error of an exception of `rmrl_robot.devices`.
    fn of_own_class(&self, py: Python<'_>, raised: &PyErr) -> Option<DeviceError> {
        let value = raised.value(py);
        let device = self.device;
        let is = |class: Class| {
            class.get(py).is_ok_and(|class| value.is_instance(class).unwrap_or(false))
        };
        let reason = || message(value);
        Some(if is(Class::Collision) {
            match value.getattr("pose").and_then(|pose| tool_pose(&pose, "the pose of Collision")) {
                Ok(at) => DeviceError::Collision { at },
                Err(error) => DeviceError::NeedsOperator {
                    device,
                    reason: format!(
                        "it met something, and nobody knows where: {}",
                        error.value(py)
                    ),
                },
            }
        } else if is(Class::Disconnected) {
            DeviceError::Disconnected { device, reason: reason() }
        } else if is(Class::NeedsOperator) {
            DeviceError::NeedsOperator { device, reason: reason() }
        } else if is(Class::TimedOut) {
            let seconds = value.getattr("timeout_s").and_then(|seconds| seconds.extract());
            DeviceError::TimedOut { device, timeout_secs: seconds.unwrap_or(f64::NAN) }
        } else if is(Class::Declined) {
            DeviceError::Declined
        } else if is(Class::Refused) {
            DeviceError::Refused { device, reason: reason() }
        } else {
            return None;
        })
    }

    /// The error of any other exception: of the system, the device is lost and tried again; of the code, it is a refusal.
    /// What ends programs needs an operator.
    fn of_any_class(&self, py: Python<'_>, raised: &PyErr) -> DeviceError {
        let value = raised.value(py);
        let class = raised.get_type(py).name().map_or_else(|_| "?".to_string(), |n| n.to_string());
        let place = raised.traceback(py).and_then(|traceback| last_place(&traceback).ok());
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        let reason = format!("{} raised {class}: {}{place}", self.name, message(value));
        let device = self.device;
        if raised.is_instance_of::<PyOSError>(py) {
            DeviceError::Disconnected { device, reason }
        } else if raised.is_instance_of::<PyKeyboardInterrupt>(py)
            || raised.is_instance_of::<PySystemExit>(py)
        {
            DeviceError::NeedsOperator { device, reason }
        } else {
            DeviceError::Refused { device, reason }
        }
    }
}

/// An error of a device as the exception of `rmrl_robot.devices` that [`Called::raised`] turns into it.
pub fn device_exception(py: Python<'_>, error: &DeviceError) -> PyErr {
    let made = match error {
        DeviceError::Collision { at } => {
            let pose = (at.planar.x_m, at.planar.y_m, at.z_m, at.planar.yaw_rad);
            Class::Collision.get(py).and_then(|class| class.call1((pose,)))
        }
        DeviceError::TimedOut { timeout_secs, .. } => {
            let class = Class::TimedOut.get(py);
            class.and_then(|class| class.call1((error.to_string(), *timeout_secs)))
        }
        DeviceError::Declined => Class::Declined.get(py).and_then(|class| class.call1(("no",))),
        DeviceError::Disconnected { reason, .. } => {
            Class::Disconnected.get(py).and_then(|class| class.call1((reason,)))
        }
        DeviceError::Refused { reason, .. } => {
            Class::Refused.get(py).and_then(|class| class.call1((reason,)))
        }
        DeviceError::Faulted { .. } => {
            Class::Refused.get(py).and_then(|class| class.call1((error.to_string(),)))
        }
        DeviceError::NeedsOperator { reason, .. } | DeviceError::NobodyToAsk { reason } => {
            Class::NeedsOperator.get(py).and_then(|class| class.call1((reason,)))
        }
    };
    made.map_or_else(|missing| missing, PyErr::from_value)
}

/// An exception of `rmrl_robot.devices`.
#[derive(Clone, Copy)]
enum Class {
    Collision,
    Disconnected,
    Refused,
    NeedsOperator,
    TimedOut,
    Declined,
}

impl Class {
    fn get(self, py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
        static CELLS: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
        let name = match self {
            Self::Collision => "Collision",
            Self::Disconnected => "Disconnected",
            Self::Refused => "Refused",
            Self::NeedsOperator => "NeedsOperator",
            Self::TimedOut => "TimedOut",
            Self::Declined => "Declined",
        };
        CELLS[self as usize].import(py, "rmrl_robot.devices", name)
    }
}

/// The pose of a tool: x, y, z in meters and the yaw in radians, of any sequence of four numbers.
///
/// # Errors
/// `TypeError` or `ValueError` says what was given and what was expected.
pub fn tool_pose(value: &Bound<'_, PyAny>, name: &str) -> PyResult<ToolPose> {
    let [x_m, y_m, z_m, yaw_rad] = numbers(value, name, "x_m, y_m, z_m, yaw_rad")?;
    Ok(ToolPose::new(planar_pose(x_m, y_m, yaw_rad), z_m))
}

/// A pose in the plane. A yaw that needs no wrapping keeps its bits.
pub fn planar_pose(x_m: f64, y_m: f64, yaw_rad: f64) -> PlanarPose {
    match yaw_rad > -PI && yaw_rad <= PI {
        true => PlanarPose { x_m, y_m, yaw_rad },
        false => PlanarPose::new(x_m, y_m, yaw_rad),
    }
}

/// No text of a driver is longer in a message, in characters.
const MOST_CHARACTERS: usize = 300;

/// A value as Python shows it, shortened.
pub fn shown(value: &Bound<'_, PyAny>) -> String {
    value
        .repr()
        .map_or_else(|_| "a value without a repr".to_string(), |text| cut(&text.to_string()))
}

/// The message of an exception, shortened.
fn message(value: &Bound<'_, impl Sized>) -> String {
    let text = value.as_any().str();
    text.map_or_else(|_| "its message cannot be read".to_string(), |text| cut(&text.to_string()))
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Where an exception was raised, as in `driver.py, line 12, in move_to`.
fn last_place(traceback: &Bound<'_, PyTraceback>) -> PyResult<String> {
    let mut last = traceback.as_any().clone();
    loop {
        let next = last.getattr("tb_next")?;
        if next.is_none() {
            break;
        }
        last = next;
    }
    let code = last.getattr("tb_frame")?.getattr("f_code")?;
    let (path, function): (String, String) =
        (code.getattr("co_filename")?.extract()?, code.getattr("co_name")?.extract()?);
    let file = std::path::Path::new(&path).file_name().map(|name| name.display().to_string());
    let line: u32 = last.getattr("tb_lineno")?.extract()?;
    Ok(format!("{}, line {line}, in {function}", file.unwrap_or(path)))
}

/// An error with those that it came from, for Python.
pub fn value_error(error: &dyn Error) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(crate::errors::with_sources(error))
}
