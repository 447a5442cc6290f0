//! Python drivers as the devices of a cell.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBool;
use rmrl::rmrl_cell::{Arm, Camera, DeviceError, FirstMotion, Gripper, Operator, ToolPose};
use rmrl::rmrl_core::{PlanarPose, wrap_angle};
use rmrl::rmrl_vision::{CameraModel, RgbdFrame};

use super::driver::{Call, Driver, Switches, nothing};
use super::exceptions::{Called, tool_pose};
use super::frame::frame;
use super::worker::Waits;

/// How far the pose that an arm says it was commanded may lie from the one that it was asked for, in meters and radians: a
/// driver rounds, and does not choose.
const ROUNDING_M: f64 = 0.002;
const ROUNDING_RAD: f64 = 0.01;

/// An arm.
pub struct PythonArm {
    pub driver: Driver,
    pub switches: Switches,
    pub move_timeout: Duration,
    pub answer_timeout: Duration,
}

impl PythonArm {
    fn motion(&self, method: &'static str) -> Call {
        Call { method, timeout: Some(self.move_timeout), waits: Waits::ALittle }
    }
}

impl Arm for PythonArm {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        let PlanarPose { x_m, y_m, yaw_rad } = target.planar;
        let arguments = (x_m, y_m, target.z_m, yaw_rad, speed_m_s);
        let convert = move |answer: &Bound<'_, PyAny>, called: &Called| {
            let commanded = tool_pose_of(answer, called)?;
            check_commanded(target, commanded, called)?;
            Ok(commanded)
        };
        self.driver.call(self.motion("move_to"), &self.switches, arguments, convert)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        let timeout = Some(self.answer_timeout);
        let call = Call { method: "pose", timeout, waits: Waits::ALittle };
        self.driver.call(call, &self.switches, (), tool_pose_of)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.driver.call(self.motion("recover"), &self.switches, (), nothing)
    }
}

fn tool_pose_of(answer: &Bound<'_, PyAny>, called: &Called) -> Result<ToolPose, DeviceError> {
    tool_pose(answer, "its answer").map_err(|error| called.invalid(answer.py(), &error))
}

fn check_commanded(
    target: ToolPose,
    commanded: ToolPose,
    called: &Called,
) -> Result<(), DeviceError> {
    let (asked, said) = (target.planar, commanded.planar);
    let off_m = asked.distance_m(said).hypot(target.z_m - commanded.z_m);
    let off_rad = wrap_angle(asked.yaw_rad - said.yaw_rad).abs();
    if off_m <= ROUNDING_M && off_rad <= ROUNDING_RAD {
        return Ok(());
    }
    Err(called.refused(format!(
        "returned a pose {:.1} mm and {:.1} degrees from the one that it was asked for; expected the pose that was \
         commanded, in meters and radians: a driver rounds, and does not choose",
        1000.0 * off_m,
        off_rad.to_degrees()
    )))
}

/// A gripper.
pub struct PythonGripper {
    pub driver: Driver,
    pub switches: Switches,
    pub jaws_timeout: Duration,
    pub answer_timeout: Duration,
}

impl PythonGripper {
    fn order<A>(&self, method: &'static str, arguments: A) -> Result<(), DeviceError>
    where
        A: for<'py> IntoPyObject<'py> + Send + 'static,
        A: for<'py> pyo3::call::PyCallArgs<'py>,
    {
        let timeout = Some(self.jaws_timeout);
        let call = Call { method, timeout, waits: Waits::ALittle };
        self.driver.call(call, &self.switches, arguments, nothing)
    }

    fn question(&self, method: &'static str) -> Call {
        Call { method, timeout: Some(self.answer_timeout), waits: Waits::ALittle }
    }
}

impl Gripper for PythonGripper {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.order("open", (width_m,))
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.order("close", ())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.driver.call(self.question("holds_object"), &self.switches, (), truth)
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        let convert = |answer: &Bound<'_, PyAny>, called: &Called| {
            if answer.is_none() {
                return Ok(None);
            }
            match answer.extract::<f64>() {
                Ok(width_m) if (-0.01..=1.0).contains(&width_m) => Ok(Some(width_m)),
                _ => Err(called.unexpected(answer, "a width in meters, or None")),
            }
        };
        self.driver.call(self.question("measured_width_m"), &self.switches, (), convert)
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.order("recover", ())
    }

    fn power_on(&mut self) -> Result<(), DeviceError> {
        self.order("power_on", ())
    }
}

/// A bool of Python or NumPy, and nothing that merely counts as one.
fn truth(answer: &Bound<'_, PyAny>, called: &Called) -> Result<bool, DeviceError> {
    let plain = match answer.hasattr("dtype") {
        Ok(true) => answer.call_method0("item").ok(),
        _ => None,
    };
    let plain = plain.as_ref().unwrap_or(answer);
    match plain.cast::<PyBool>() {
        Ok(truth) => Ok(truth.is_true()),
        Err(_) => Err(called.unexpected(answer, "True or False")),
    }
}

/// A camera.
pub struct PythonCamera {
    pub driver: Driver,
    pub switches: Switches,
    pub capture_timeout: Duration,
    pub model: CameraModel,
}

impl Camera for PythonCamera {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let timeout = Some(self.capture_timeout);
        let call = Call { method: "capture", timeout, waits: Waits::ALittle };
        let size = (self.model.intrinsics.width, self.model.intrinsics.height);
        let convert = move |answer: &Bound<'_, PyAny>, called: &Called| {
            frame(answer, size).map_err(|error| called.invalid(answer.py(), &error))
        };
        self.driver.call(call, &self.switches, (), convert)
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

/// An operator.
pub struct PythonOperator {
    pub driver: Driver,
    pub switches: Switches,
    /// How long an answer may take.
    pub operator_timeout: Option<Duration>,
}

impl PythonOperator {
    fn call(&self, method: &'static str) -> Call {
        Call { method, timeout: self.operator_timeout, waits: Waits::NoMore }
    }
}

impl Operator for PythonOperator {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        let arguments = (motion.to_string(),);
        let call = self.call("permit_motion");
        match self.driver.call(call, &self.switches, arguments, truth)? {
            true => Ok(()),
            false => Err(DeviceError::Declined),
        }
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.driver.call(self.call("exchange_plate"), &self.switches, (scene,), nothing)
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.driver.call(self.call("put_plate_at_target"), &self.switches, (), nothing)
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        let arguments = (pose.x_m, pose.y_m, pose.yaw_rad);
        self.driver.call(self.call("put_plate_near"), &self.switches, arguments, nothing)
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        let arguments = (item.to_string(), slot.to_string());
        self.driver.call(self.call("seat_item"), &self.switches, arguments, nothing)
    }
}
