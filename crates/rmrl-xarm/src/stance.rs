//! Where the arm stands: by its joints, by the pose that the controller reports, and where it was left.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use crate::kinematics::ArmKinematics;
use crate::{XArmConfig, XArmError};

/// A joint that stands farther from where it was left was moved, in radians: half a degree, many times what
/// an arm sags when its brakes close.
const MOVED_RAD: f32 = 0.01;

/// The controller's kinematics are calibrated for each arm, ours are nominal: a few millimetres apart, and a
/// fraction of a degree. More than this comes from another offset or another arm.
const APART_M: f64 = 0.008;
const APART_RAD: f64 = 0.026;

/// Whether the joints stand where they were left.
///
/// # Errors
/// [`XArmError::NotWhereItWasLeft`].
pub(crate) fn check_left(left_at: &[f32; 7], joints: &[f32; 7]) -> Result<(), XArmError> {
    let apart = |index: usize| (left_at[index] - joints[index]).abs();
    // What is no number was moved.
    let was_moved = |index: &usize| !(0.0..=MOVED_RAD).contains(&apart(*index));
    match (0..7).find(was_moved) {
        None => Ok(()),
        Some(index) => {
            let apart_deg = f64::from(apart(index).to_degrees());
            Err(XArmError::NotWhereItWasLeft { joint: index + 1, apart_deg })
        }
    }
}

/// Whether the controller's pose is where its joints put the configured tool: the plainest check of model,
/// tool offset and base offset together.
///
/// # Errors
/// [`XArmError::PoseDisagrees`].
pub(crate) fn check_pose(
    config: &XArmConfig,
    joints: &[f32; 7],
    pose: [f32; 6],
) -> Result<(), XArmError> {
    let computed = tool_by_joints(config, joints);
    let told = isometry(pose);
    let distance_m = (computed.translation.vector - told.translation.vector).norm();
    let angle_rad = computed.rotation.angle_to(&told.rotation);
    // Not `>`: what is no number disagrees.
    if distance_m <= APART_M && angle_rad <= APART_RAD {
        return Ok(());
    }
    Err(XArmError::PoseDisagrees {
        distance_mm: 1000.0 * distance_m,
        angle_deg: angle_rad.to_degrees(),
    })
}

/// The configured tool's pose by the forward kinematics of the joints, in metres, in the base's frame.
fn tool_by_joints(config: &XArmConfig, joints: &[f32; 7]) -> Isometry3<f64> {
    let arm = ArmKinematics::new(config.model);
    let flange = arm.forward(&arm.from_controller(joints.map(f64::from)));
    let [x, y, z, roll, pitch, yaw] = config.grasp_point_mm_deg();
    flange
        * Isometry3::from_parts(
            Translation3::new(0.001 * x, 0.001 * y, 0.001 * z),
            UnitQuaternion::from_euler_angles(
                roll.to_radians(),
                pitch.to_radians(),
                yaw.to_radians(),
            ),
        )
}

/// The controller's pose, mm and radians, in metres.
fn isometry(pose: [f32; 6]) -> Isometry3<f64> {
    let [x, y, z, roll, pitch, yaw] = pose.map(f64::from);
    let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
    Isometry3::from_parts(Translation3::new(0.001 * x, 0.001 * y, 0.001 * z), rotation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibrated_arm_agrees_and_a_shifted_base_does_not() {
        let config = XArmConfig::default();
        let joints = [0.3, -0.4, -1.0, 0.2, 1.1, -0.3, 0.0];
        let tool = tool_by_joints(&config, &joints);
        let told = |dx_mm: f64, dyaw: f64| {
            let (roll, pitch, yaw) = tool.rotation.euler_angles();
            let at = tool.translation.vector * 1000.0;
            [at.x + dx_mm, at.y, at.z, roll, pitch, yaw + dyaw].map(|number| number as f32)
        };
        for (dx_mm, dyaw) in [(0.0, 0.0), (4.0, 0.0), (-3.0, 0.01)] {
            check_pose(&config, &joints, told(dx_mm, dyaw)).unwrap();
        }
        for (dx_mm, dyaw) in [(20.0, 0.0), (-10.0, 0.0), (0.0, 0.05), (f64::NAN, 0.0)] {
            let error = check_pose(&config, &joints, told(dx_mm, dyaw)).unwrap_err();
            assert!(matches!(error, XArmError::PoseDisagrees { .. }), "{dx_mm} {dyaw}: {error}");
        }
    }

    #[test]
    fn a_joint_that_was_moved_is_named() {
        let left = [0.1, -0.2, 0.3, 0.0, 0.5, 0.6, 0.0];
        check_left(&left, &left).unwrap();
        let mut moved = left;
        moved[4] += 0.02;
        let told = check_left(&left, &moved).unwrap_err().to_string();
        assert!(told.contains("joint 5 stands 1.1°"), "{told}");
        moved[4] = f32::NAN;
        assert!(check_left(&left, &moved).is_err());
    }
}
