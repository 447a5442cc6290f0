//! The start of devices that a program brings: the calibration of the camera is judged, and the first motion of the arm
//! permitted, as those of any other.

use jiff::Timestamp;
use rmrl_cell::{
    Arm, Camera, DeviceError, FirstMotion, Operator, SafetyEnvelope, StopSwitch, ToolPose,
};
use rmrl_core::wrap_angle;
use rmrl_vision::{CameraFile, CameraModel, RgbdFrame};

use super::calibration_gate::admit_program;
use super::external::{ExternalCamera, ExternalDevices, ExternalParts, check_brought};
use super::first_motion::{FirstMotionError, MOVED_M, MOVED_RAD, Start, ask_for};
use super::laboratory_error::LaboratoryError;
use super::reachability::StartPoseError;
use crate::config::{CameraSource, CellKind, OperatorKind, RunConfig};

/// Opens the devices of a program that a configuration needs; the others are left alone.
///
/// # Errors
/// One is missing or does not answer, or the calibration of the camera is not known to be good enough.
pub(super) fn open_parts(
    config: &RunConfig,
    devices: Option<&dyn ExternalDevices>,
    stop: &StopSwitch,
    is_calibration: bool,
) -> Result<ExternalParts, LaboratoryError> {
    let opened = devices.map(|devices| devices.open(stop)).transpose();
    let ExternalParts { robot, camera, operator } =
        opened.map_err(LaboratoryError::External)?.unwrap_or_default();
    check_brought(config, [robot.is_some(), camera.is_some(), operator.is_some()])?;
    let camera = camera.filter(|_| config.camera.source == CameraSource::External);
    Ok(ExternalParts {
        robot: robot.filter(|_| config.cell.kind == CellKind::External),
        camera: camera.map(|camera| calibrated(config, camera, is_calibration)).transpose()?,
        operator: operator.filter(|_| config.cell.operator == OperatorKind::External),
    })
}

/// The camera as `camera.calibration` or its own file calibrates it.
fn calibrated(
    config: &RunConfig,
    ExternalCamera { camera, file }: ExternalCamera,
    is_calibration: bool,
) -> Result<ExternalCamera, LaboratoryError> {
    let Some(path) = &config.camera.calibration else {
        if !is_calibration {
            admit_program(&file, &config.camera, Timestamp::now())?;
        }
        return Ok(ExternalCamera { camera, file });
    };
    // The gate has admitted this file already.
    let file = CameraFile::read(path)?;
    let model = file.overhead(path)?;
    Ok(ExternalCamera { camera: Box::new(Recalibrated { camera, model }), file })
}

/// Reads where the arm stands, checks its path home against the envelope, and asks the operator. Moves nothing. Whether the
/// joints of the arm get there cannot be proven, because its kinematics are not known here.
///
/// # Errors
/// The arm does not answer, stands outside of the workspace, or is not allowed to move.
pub(super) fn permit(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    (arm, operator): (&mut dyn Arm, &mut dyn Operator),
    start: &Start,
) -> Result<(), LaboratoryError> {
    let here = pose(arm)?;
    envelope
        .check_start(here)
        .map_err(|outside| FirstMotionError::from(StartPoseError::from(outside)))?;
    let task = &config.task;
    let (height_m, home) = (task.travel_height_m, task.home.tool_pose());
    let mut motion = FirstMotion::new(here, height_m, home, task.travel_speed_m_s);
    motion.notes.extend(config.unattended.contact_note(task));
    motion.notes.extend(start.notes.iter().cloned());
    ask_for(&motion, operator, start)?;
    match has_moved(here, pose(arm)?) {
        true => Err(FirstMotionError::Elsewhere.into()),
        false => Ok(()),
    }
}

/// Whether a tool that was at one pose is at another now.
fn has_moved(from: ToolPose, to: ToolPose) -> bool {
    let turned_rad = wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad).abs();
    let moved_m = from.planar.distance_m(to.planar).hypot(from.z_m - to.z_m);
    moved_m.is_nan() || moved_m > MOVED_M || turned_rad > MOVED_RAD
}

fn pose(arm: &mut dyn Arm) -> Result<ToolPose, LaboratoryError> {
    arm.pose().map_err(LaboratoryError::External)
}

/// A camera with another calibration than its own.
struct Recalibrated {
    camera: Box<dyn Camera>,
    model: CameraModel,
}

impl Camera for Recalibrated {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let frame = self.camera.capture()?;
        let size = frame.color.dimensions();
        let calibrated = (self.model.intrinsics.width, self.model.intrinsics.height);
        if size != calibrated {
            let reason = format!(
                "its frames have {size:?} pixels, and camera.calibration is for {calibrated:?}"
            );
            return Err(DeviceError::Refused { device: "camera", reason });
        }
        Ok(frame)
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}
