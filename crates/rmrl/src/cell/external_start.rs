//! The start of an arm that a program brings: its first motion is permitted as that of any other.

use rmrl_cell::{Arm, FirstMotion, Operator, SafetyEnvelope, ToolPose};
use rmrl_core::wrap_angle;

use super::first_motion::{FirstMotionError, MOVED_M, MOVED_RAD, Start, ask_for};
use super::laboratory_error::LaboratoryError;
use super::reachability::StartPoseError;
use crate::config::RunConfig;

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
