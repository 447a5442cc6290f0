//! The xArm 6: from joint angles to where its flange is, and back.
//!
//! Frames: *base* stands on the table with z up and x ahead, *flange* is the face that tools are
//! screwed to, with z out of it. With all joints at zero the flange is at `[0.207, 0, 0.112]` and
//! points straight down, roll pi, as the vendor's manual has it.

mod inverse;
mod reach;

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use nalgebra::{Isometry3, Matrix6, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;

pub use reach::{Line, ReachError, ReachMargins, ReachProof};

/// Angles of the six joints in radians, from the base to the flange.
pub type Joints = [f64; 6];

/// Where a tool is that points straight down, in the base's frame.
///
/// The tool's z axis leaves the flange, so it points down; at `yaw_rad = 0` its x axis is the base's,
/// which is roll 180, pitch 0, yaw 0 degrees in the vendor's words.
pub fn pointing_down(pose: ToolPose) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(pose.planar.x_m, pose.planar.y_m, pose.z_m),
        UnitQuaternion::from_euler_angles(PI, 0.0, pose.planar.yaw_rad),
    )
}

/// Why there is no way of standing where one should.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum KinematicsError {
    /// A pose or an angle is not a number.
    #[error("a pose or joint angle is not a number")]
    NotANumber,
    /// The arm is too short, or too long, for the pose.
    #[error("the flange cannot be at x = {:.1}, y = {:.1}, z = {:.1} mm in that orientation: the arm does not reach",
        position_m[0] * 1000.0, position_m[1] * 1000.0, position_m[2] * 1000.0)]
    OutOfReach {
        /// Where the flange should be, in metres, in the base's frame.
        position_m: [f64; 3],
    },
    /// Every way of standing there turns a joint too far; this is the least bad.
    #[error("joint {joint} would be at {:.1} degrees, allowed are {:.1} to {:.1}",
        angle_rad.to_degrees(), lower_rad.to_degrees(), upper_rad.to_degrees())]
    JointLimit {
        /// Which joint, from 1 to 6.
        joint: usize,
        /// The angle it would need, in radians.
        angle_rad: f64,
        /// Its lower limit, in radians.
        lower_rad: f64,
        /// Its upper limit, in radians.
        upper_rad: f64,
    },
    /// There is no continuous way there from the given joint angles.
    #[error("no continuous motion of the joints leads there")]
    NotContinuous,
}

/// How far each joint turns, in radians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointLimits {
    /// The smallest angles.
    pub lower_rad: Joints,
    /// The largest angles.
    pub upper_rad: Joints,
}

impl JointLimits {
    /// Those of the xArm 6 as sold since 2019, from the vendor's SDK.
    pub const XARM6: Self = Self {
        lower_rad: [-TAU, -2.059488, -3.92699, -TAU, -1.692969, -TAU],
        upper_rad: [TAU, 2.094395, 0.191986, TAU, PI, TAU],
    };
    /// Those of serial numbers that begin with XI1305 or later, from the vendor's SDK: a little
    /// narrower at the shoulder and the elbow.
    pub const XARM6_1305: Self = Self {
        lower_rad: [-TAU, -2.042035, -3.822271, -TAU, -1.692969, -TAU],
        upper_rad: [TAU, 2.024581, 0.174532, TAU, PI, TAU],
    };
    /// What both kinds of xArm 6 can do.
    pub const ANY_XARM6: Self = Self::XARM6_1305;

    /// The same limits, each by `margin_rad` nearer to the other.
    #[must_use]
    pub fn narrowed(self, margin_rad: f64) -> Self {
        Self {
            lower_rad: self.lower_rad.map(|lower| lower + margin_rad),
            upper_rad: self.upper_rad.map(|upper| upper - margin_rad),
        }
    }

    /// Checks every joint.
    ///
    /// # Errors
    /// The first joint that is beyond its limits by more than rounding.
    pub fn check(&self, joints: &Joints) -> Result<(), KinematicsError> {
        for (index, &angle_rad) in joints.iter().enumerate() {
            let (lower_rad, upper_rad) = (self.lower_rad[index], self.upper_rad[index]);
            if !angle_rad.is_finite() {
                return Err(KinematicsError::NotANumber);
            }
            if angle_rad < lower_rad - ROUNDING_RAD || angle_rad > upper_rad + ROUNDING_RAD {
                let joint = index + 1;
                return Err(KinematicsError::JointLimit { joint, angle_rad, lower_rad, upper_rad });
            }
        }
        Ok(())
    }
}

/// The arm's geometry with limits of its joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct XArm6 {
    /// How far its joints turn.
    pub limits: JointLimits,
}

impl Default for XArm6 {
    /// Limits that any xArm 6 has.
    fn default() -> Self {
        Self { limits: JointLimits::ANY_XARM6 }
    }
}

/// Height of the shoulder above the base, in metres.
const D1_M: f64 = 0.267;
/// From the shoulder to the elbow, in metres, with all joints at zero: ahead, then up.
const SHOULDER_TO_ELBOW_M: [f64; 2] = [0.0535, 0.2845];
/// From the elbow to the forearm's axis, in metres.
const A3_M: f64 = 0.0775;
/// Length of the forearm, in metres.
const D4_M: f64 = 0.3425;
/// From the wrist's joint 5 to the axis of joint 6, in metres.
const A5_M: f64 = 0.076;
/// From there to the flange, in metres.
const D6_M: f64 = 0.097;

/// What a single-precision number of the controller may lose, in radians.
const ROUNDING_RAD: f64 = 1e-6;

/// A length that makes metres comparable to radians: about what the arm reaches.
const REACH_M: f64 = 0.7;

impl XArm6 {
    /// Where the flange is, in the base's frame. Limits play no part.
    pub fn forward(&self, joints: &Joints) -> Isometry3<f64> {
        self.frames(joints)[6]
    }

    /// What velocities of the joints do to the flange: three rows of metres per second, three of
    /// radians per second, both in the base's frame, for each joint's radian per second.
    pub fn jacobian(&self, joints: &Joints) -> Matrix6<f64> {
        let frames = self.frames(joints);
        let flange = frames[6].translation.vector;
        let mut jacobian = Matrix6::zeros();
        for (index, frame) in frames[..6].iter().enumerate() {
            let axis = frame.rotation * Vector3::z();
            let velocity = axis.cross(&(flange - frame.translation.vector));
            jacobian.fixed_view_mut::<3, 1>(0, index).copy_from(&velocity);
            jacobian.fixed_view_mut::<3, 1>(3, index).copy_from(&axis);
        }
        jacobian
    }

    /// How far from a singular configuration the joints are: the smallest singular value of the
    /// Jacobian with lengths counted in 0.7 m.
    ///
    /// Zero where a direction is lost. Its inverse bounds how fast joints turn: moving by `d` metres
    /// takes at most `d / 0.7 / measure` radians, to first order. Stretched arms have less than 0.03.
    pub fn distance_from_singularity(&self, joints: &Joints) -> f64 {
        let mut jacobian = self.jacobian(joints);
        for mut row in jacobian.row_iter_mut().take(3) {
            row /= REACH_M;
        }
        jacobian.singular_values().min()
    }

    /// The base's frame, then those after each joint, by the vendor's standard Denavit-Hartenberg
    /// parameters. Joint `i + 1` turns about the z axis of frame `i`.
    fn frames(&self, joints: &Joints) -> [Isometry3<f64>; 7] {
        let upper_arm_m = SHOULDER_TO_ELBOW_M[0].hypot(SHOULDER_TO_ELBOW_M[1]);
        let offset_rad = SHOULDER_TO_ELBOW_M[1].atan2(SHOULDER_TO_ELBOW_M[0]);
        let mut frames = [Isometry3::identity(); 7];
        // Offset of the angle, d, a, alpha.
        for (index, (offset_rad, d_m, a_m, alpha_rad)) in [
            (0.0, D1_M, 0.0, -FRAC_PI_2),
            (-offset_rad, 0.0, upper_arm_m, 0.0),
            (offset_rad, 0.0, A3_M, -FRAC_PI_2),
            (0.0, D4_M, 0.0, FRAC_PI_2),
            (0.0, 0.0, A5_M, -FRAC_PI_2),
            (0.0, D6_M, 0.0, 0.0),
        ]
        .into_iter()
        .enumerate()
        {
            let turn =
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), joints[index] + offset_rad);
            let twist = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), alpha_rad);
            let along = Translation3::from(turn * Vector3::new(a_m, 0.0, d_m));
            frames[index + 1] = frames[index] * Isometry3::from_parts(along, turn * twist);
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flange_is_where_the_manual_says_with_all_joints_at_zero() {
        let zero = XArm6::default().forward(&[0.0; 6]);
        let expected = Isometry3::from_parts(
            Translation3::new(0.207, 0.0, 0.112),
            UnitQuaternion::from_euler_angles(PI, 0.0, 0.0),
        );
        assert!((zero.translation.vector - expected.translation.vector).norm() < 1e-12);
        assert!(zero.rotation.angle_to(&expected.rotation) < 1e-12);
    }

    /// The vendor's URDF places each joint in the frame of the link before it: other numbers than
    /// the Denavit-Hartenberg table, for the same arm.
    #[test]
    fn the_urdf_agrees() {
        let origins = [
            ([0.0, 0.0, 0.267], 0.0),
            ([0.0, 0.0, 0.0], -FRAC_PI_2),
            ([0.0535, -0.2845, 0.0], 0.0),
            ([0.0775, 0.3425, 0.0], -FRAC_PI_2),
            ([0.0, 0.0, 0.0], FRAC_PI_2),
            ([0.076, 0.097, 0.0], -FRAC_PI_2),
        ];
        for joints in [
            [0.0; 6],
            [0.3, -0.5, -0.7, 0.4, 1.1, -0.2],
            [-2.0, 0.8, -2.1, 3.0, -1.0, 5.0],
            [6.0, -2.0, -0.1, -4.0, 2.5, 1.0],
        ] {
            let mut base_from_link = Isometry3::identity();
            for (angle_rad, ([x, y, z], roll_rad)) in joints.into_iter().zip(origins) {
                base_from_link *= Isometry3::from_parts(
                    Translation3::new(x, y, z),
                    UnitQuaternion::from_euler_angles(roll_rad, 0.0, 0.0)
                        * UnitQuaternion::from_euler_angles(0.0, 0.0, angle_rad),
                );
            }
            let flange = XArm6::default().forward(&joints);
            let apart = base_from_link.inverse() * flange;
            assert!(apart.translation.vector.norm() < 1e-12, "{joints:?}: {apart}");
            assert!(apart.rotation.angle() < 1e-7, "{joints:?}: {apart}");
        }
    }

    #[test]
    fn the_jacobian_is_the_slope_of_the_forward_kinematics() {
        let arm = XArm6::default();
        let joints = [0.3, -0.5, -0.7, 0.4, 1.1, -0.2];
        let jacobian = arm.jacobian(&joints);
        let step_rad = 1e-6;
        for index in 0..6 {
            let at = |sign: f64| {
                let mut moved = joints;
                moved[index] += sign * step_rad;
                arm.forward(&moved)
            };
            let (before, after) = (at(-1.0), at(1.0));
            let velocity =
                (after.translation.vector - before.translation.vector) / (2.0 * step_rad);
            let turn =
                (after.rotation * before.rotation.inverse()).scaled_axis() / (2.0 * step_rad);
            assert!((jacobian.fixed_view::<3, 1>(0, index) - velocity).norm() < 1e-8);
            assert!((jacobian.fixed_view::<3, 1>(3, index) - turn).norm() < 1e-8);
        }
    }

    #[test]
    fn stretched_arms_are_singular_and_so_is_the_zero_pose() {
        let arm = XArm6::default();
        // Elbow stretched, with joint 4 at zero: the axes of joints 2, 3 and 5 in one plane.
        let elbow = -(SHOULDER_TO_ELBOW_M[1].atan2(SHOULDER_TO_ELBOW_M[0]) + D4_M.atan2(A3_M));
        assert!(arm.distance_from_singularity(&[0.0, 0.3, elbow, 0.0, 1.0, 0.0]) < 1e-9);
        // The zero pose is singular too: joints 1, 4 and 6 turn about three axes in one plane.
        assert!(arm.distance_from_singularity(&[0.0; 6]) < 1e-9);
        assert!(arm.distance_from_singularity(&[0.0, 0.3, -1.0, 0.4, 0.7, 0.0]) > 0.05);
    }

    #[test]
    fn limits_name_the_joint() {
        let limits = JointLimits::XARM6;
        assert_eq!(limits.check(&[0.0; 6]), Ok(()));
        let message = limits.check(&[0.0, 0.0, 0.3, 0.0, 0.0, 0.0]).unwrap_err().to_string();
        assert!(message.contains("joint 3 would be at 17.2 degrees"), "{message}");
        let lost = limits.check(&[f64::NAN, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(lost, Err(KinematicsError::NotANumber));
    }
}
