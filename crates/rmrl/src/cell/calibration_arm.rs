//! The arm of a real cell with a calibration board on its flange.

use std::sync::Arc;

use nalgebra::Isometry3;
use rmrl_cell::{
    FirstMotion, GuardedArm, GuardedFlange, SafetyEnvelope, SafetyViolation, TiltEnvelope, Waypoint,
};
use rmrl_xarm::{Inspector, XArm, XArmError, XArmFlange};

use super::first_motion::{FirstMotionError, Permitted, Start, operator, permission, stop_with};
use super::perception::camera;
use crate::calibration::capture::{Capture, CaptureDevices};
use crate::calibration::pose_plan::Showing;
use crate::config::RunConfig;

/// Why an arm cannot show a board.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationArmError {
    /// The arm stands where the board would leave the workspace.
    #[error(
        "before anything moves: {0}. Lead the arm by hand to the middle of [safety], upright, with the board inside"
    )]
    Stance(SafetyViolation),
    /// The board fits nowhere.
    #[error(
        "the board fits nowhere into [safety] above {floor_mm:.0} mm with the arm: take a smaller board, or widen [safety] \
         if nothing else is there"
    )]
    NoRoom {
        /// The lowest place, in millimeters.
        floor_mm: f64,
    },
}

/// The slowest joints of a calibration, in degrees per second: a tilt of 25 degrees takes a second.
const JOINT_SPEED_DEG_S: f64 = 30.0;

/// The configuration of a cell during a calibration: the tool is the flange, home is the first pose, and all limits of
/// speed are low. The controller gets them like those of a run, and the next run gives its own ones again.
fn while_calibrating(config: &RunConfig, first: &Showing, speed_m_s: f64) -> RunConfig {
    let mut config = config.clone();
    config.xarm.tcp_offset_mm_deg = [0.0; 6];
    config.xarm.grasp_offset_mm = 0.0;
    config.xarm.jaw_yaw_deg = 0.0;
    config.xarm.reduced_speed_m_s = config.xarm.reduced_speed_m_s.min(speed_m_s);
    config.xarm.reduced_joint_speed_deg_s =
        config.xarm.reduced_joint_speed_deg_s.min(JOINT_SPEED_DEG_S);
    let at = first.stance.translation.vector;
    let ahead = first.stance.rotation * nalgebra::Vector3::x();
    let yaw_deg = ahead.y.atan2(ahead.x).to_degrees();
    config.task.home = Waypoint { x_m: at.x, y_m: at.y, z_m: at.z, yaw_deg };
    config.task.travel_height_m = at.z;
    config.task.travel_speed_m_s = config.task.travel_speed_m_s.min(speed_m_s);
    // The camera is what is calibrated.
    config.camera.calibration = None;
    config
}

/// The arm and the camera of a real cell, for a capture. Afterwards the flange stands at the first pose: the operator has
/// permitted that motion, which was the arm's first.
///
/// # Errors
/// A device does not answer, the arm cannot get to a first pose with the board inside the workspace, or is not allowed to
/// move.
pub fn calibration_devices(
    config: &RunConfig,
    capture: &Capture,
    start: &Start,
) -> anyhow::Result<CaptureDevices> {
    config.check_live()?;
    let envelope = capture.first_envelope().map_err(|error| error.within("safety"))?;
    let stances = capture.first_stances(&envelope);
    let floor_mm = 1000.0 * capture.floor_m;
    let first = stances.first().ok_or(CalibrationArmError::NoRoom { floor_mm })?;
    let safety = SafetyEnvelope::new(config.safety).map_err(|error| error.within("safety"))?;
    // The camera comes first: without it the arm has nothing to do.
    let camera = camera(&while_calibrating(config, first, capture.speed_m_s))?;
    let start = &Start { notes: vec![note(capture)], ..start.clone() };
    let (mut operator, waiting) = operator(config, start)?;
    let here = standing_flange(config)?;
    let mut last: Option<anyhow::Error> = None;
    for stance in &stances {
        let config = while_calibrating(config, stance, capture.speed_m_s);
        if let Err(error) = check_first_lines(capture, &here, stance) {
            last = Some(error.into());
            continue;
        }
        match permission(&config, &safety, operator.as_mut(), start) {
            Ok(permitted) => {
                let arm = connect(&config, permitted, safety, envelope, start)?;
                arm.stop_switch().pass_on_to(&waiting);
                return Ok(CaptureDevices { arm, camera });
            }
            // From here, the arm may get to another one.
            Err(error @ FirstMotionError::Stance(_)) => last = Some(error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.unwrap_or_else(|| CalibrationArmError::NoRoom { floor_mm }.into()))
}

/// What the operator should know of the motions after the first.
fn note(capture: &Capture) -> String {
    format!(
        "here the tool is the flange. Then the arm shows the board in some {} places all over [safety], above z = {:.0} mm, \
         tilts it there by up to 25 degrees, and moves at {} m/s",
        capture.views,
        1000.0 * capture.floor_m,
        capture.speed_m_s
    )
}

/// Where the flange stands. Only reads.
fn standing_flange(config: &RunConfig) -> Result<Isometry3<f64>, XArmError> {
    let mut arm = Inspector::connect(config.xarm.clone())?;
    arm.check_model()?;
    let report = arm.report()?;
    arm.flange(report.as_ref())
}

/// Checks that the board stays inside the workspace when the arm rises from where it stands and goes to its first pose.
/// Where it stands, it may be lower than later, as far as [safety] allows.
fn check_first_lines(
    capture: &Capture,
    here: &Isometry3<f64>,
    first: &Showing,
) -> Result<(), CalibrationArmError> {
    let Ok(envelope) = capture.envelope_above(capture.safety.z_m[0]) else {
        // The limits were valid before.
        return Ok(());
    };
    let ahead = here.rotation * nalgebra::Vector3::x();
    let mut above = Showing::upright(here.translation.vector, ahead.y.atan2(ahead.x));
    above.translation.z = above.translation.z.max(first.stance.translation.z);
    for (from, to) in [(here, &above), (&above, &first.stance)] {
        envelope.check_line(from, to, capture.speed_m_s).map_err(CalibrationArmError::Stance)?;
    }
    Ok(())
}

/// Connects, makes the first motion as any program does, and gives the flange its own guard.
fn connect(
    config: &RunConfig,
    permitted: Permitted,
    safety: SafetyEnvelope,
    envelope: TiltEnvelope,
    start: &Start,
) -> anyhow::Result<GuardedFlange> {
    let motion: FirstMotion = permitted.motion.clone();
    let robot = Arc::new(permitted.connect(config)?);
    let mut arm = GuardedArm::new(Box::new(XArm::new(Arc::clone(&robot))), safety);
    stop_with(arm.stop_switch(), &robot);
    start.stop.pass_on_to(arm.stop_switch());
    arm.make_first_motion(&motion).map_err(FirstMotionError::from)?;
    let flange = GuardedFlange::new(Box::new(XArmFlange::new(Arc::clone(&robot))), envelope);
    stop_with(flange.stop_switch(), &robot);
    start.stop.pass_on_to(flange.stop_switch());
    Ok(flange)
}
