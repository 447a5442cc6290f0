//! Whether the arm is where this program left it, and where its joints put it.

use nalgebra::Isometry3;

use crate::kinematics::ArmKinematics;
use crate::protocol::pose::isometry;
use crate::{ArmModel, XArmError};

/// A joint farther from its last angle was moved, in radians. Half a degree is many times what an arm sags when
/// its brakes close.
const MOVED_RAD: f32 = 0.01;

/// The largest difference between the controller's pose and ours. The controller's kinematics are calibrated for
/// each arm and ours are nominal, so they differ by a few millimeters and a fraction of a degree. A larger
/// difference comes from another offset or another arm.
const APART_M: f64 = 0.008;
const APART_RAD: f64 = 0.026;

/// Checks that the joints are where this program left them.
///
/// # Errors
/// [`XArmError::NotWhereItWasLeft`].
pub(super) fn check_joints(left_at: &[f32; 7], joints: &[f32; 7]) -> Result<(), XArmError> {
    let apart = |index: usize| (left_at[index] - joints[index]).abs();
    // A joint at NaN was moved.
    let was_moved = |index: &usize| !(0.0..=MOVED_RAD).contains(&apart(*index));
    match (0..7).find(was_moved) {
        None => Ok(()),
        Some(index) => {
            let apart_deg = f64::from(apart(index).to_degrees());
            Err(XArmError::NotWhereItWasLeft { joint: index + 1, apart_deg })
        }
    }
}

/// Checks that the controller's pose is where its joints put the tool: the simplest check of model, tool offset
/// and base offset together. `pose` is in mm and radians.
///
/// # Errors
/// [`XArmError::PoseDisagrees`].
pub(crate) fn check_pose(
    model: ArmModel,
    flange_from_tool: &Isometry3<f64>,
    joints: &[f32; 7],
    pose: [f32; 6],
) -> Result<(), XArmError> {
    let computed = flange_by_joints(model, joints) * flange_from_tool;
    let reported = isometry(pose.map(f64::from));
    let distance_m = (computed.translation.vector - reported.translation.vector).norm();
    let angle_rad = computed.rotation.angle_to(&reported.rotation);
    // Not `>`: a pose of NaN disagrees.
    if distance_m <= APART_M && angle_rad <= APART_RAD {
        return Ok(());
    }
    Err(XArmError::PoseDisagrees {
        distance_mm: 1000.0 * distance_m,
        angle_deg: angle_rad.to_degrees(),
    })
}

/// The flange's pose by the forward kinematics of the joints, in meters, in the base's frame.
fn flange_by_joints(model: ArmModel, joints: &[f32; 7]) -> Isometry3<f64> {
    let arm = ArmKinematics::new(model);
    arm.forward(&arm.from_controller(joints.map(f64::from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::XArmConfig;

    #[test]
    fn a_calibrated_arm_agrees_and_a_shifted_base_does_not() {
        let config = XArmConfig::default();
        let joints = [0.3, -0.4, -1.0, 0.2, 1.1, -0.3, 0.0];
        let (model, flange_from_tool) = (config.model, config.flange_from_tool());
        let tool = flange_by_joints(model, &joints) * flange_from_tool;
        let reported = |dx_mm: f64, dyaw: f64| {
            let (roll, pitch, yaw) = tool.rotation.euler_angles();
            let at = tool.translation.vector * 1000.0;
            [at.x + dx_mm, at.y, at.z, roll, pitch, yaw + dyaw].map(|number| number as f32)
        };
        for (dx_mm, dyaw) in [(0.0, 0.0), (4.0, 0.0), (-3.0, 0.01)] {
            check_pose(model, &flange_from_tool, &joints, reported(dx_mm, dyaw)).unwrap();
        }
        for (dx_mm, dyaw) in [(20.0, 0.0), (-10.0, 0.0), (0.0, 0.05), (f64::NAN, 0.0)] {
            let pose = reported(dx_mm, dyaw);
            let error = check_pose(model, &flange_from_tool, &joints, pose).unwrap_err();
            assert!(matches!(error, XArmError::PoseDisagrees { .. }), "{dx_mm} {dyaw}: {error}");
        }
    }

    #[test]
    fn a_joint_that_was_moved_is_named() {
        let left = [0.1, -0.2, 0.3, 0.0, 0.5, 0.6, 0.0];
        check_joints(&left, &left).unwrap();
        let mut moved = left;
        moved[4] += 0.02;
        let error = check_joints(&left, &moved).unwrap_err().to_string();
        assert!(error.contains("joint 5 stands 1.1°"), "{error}");
        moved[4] = f32::NAN;
        assert!(check_joints(&left, &moved).is_err());
    }
}
