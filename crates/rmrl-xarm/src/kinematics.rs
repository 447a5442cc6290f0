//! The arms: from joint angles to where the flange is, and back.
//!
//! Frames: *base* stands on the table with z up and x ahead, *flange* is the face that tools are
//! screwed to, with z out of it. With all joints at zero the flange points straight down, roll pi; that
//! of an xArm 5 or 6 is at `[0.207, 0, 0.112]` then, as the vendor's manual has it.

mod geometry;
mod inverse;
mod limits;
mod planar;
mod reach;

use std::f64::consts::PI;

use nalgebra::{Isometry3, Matrix6xX, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;

use crate::ArmModel;
use geometry::{Geometry, from_chain, places, to_chain};
pub use limits::JointLimits;
pub use reach::{Line, ReachError, ReachMargins, ReachProof};

/// Angles of the joints in radians, from the base to the flange, as the controller counts and tells them.
/// The last one of an xArm 5, which has five, is 0.
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
        /// Which joint, from 1 on, as the arm counts them.
        joint: usize,
        /// The angle it would need, in radians.
        angle_rad: f64,
        /// Its lower limit, in radians.
        lower_rad: f64,
        /// Its upper limit, in radians.
        upper_rad: f64,
    },
    /// An xArm 5 tilts its flange in the vertical plane of its upper arm and forearm only.
    #[error(
        "not reachable with five joints: the flange would tilt sideways by {:.1} degrees; point it straight down",
        angle_rad.to_degrees()
    )]
    FiveJoints {
        /// How far the flange's axis leaves the plane, in radians.
        angle_rad: f64,
    },
    /// There is no continuous way there from the given joint angles.
    #[error("no continuous motion of the joints leads there")]
    NotContinuous,
}

/// An arm's geometry with limits of its joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmKinematics {
    /// Which arm it is.
    pub model: ArmModel,
    /// How far its joints turn.
    pub limits: JointLimits,
}

impl Default for ArmKinematics {
    /// An xArm 6.
    fn default() -> Self {
        Self::new(ArmModel::default())
    }
}

/// What a single-precision number of the controller may lose, in radians.
const ROUNDING_RAD: f64 = 1e-6;

/// A length that makes metres comparable to radians: about what the arm reaches.
const REACH_M: f64 = 0.7;

impl ArmKinematics {
    /// An arm with limits that every robot of its model has.
    pub const fn new(model: ArmModel) -> Self {
        Self { model, limits: JointLimits::of(model) }
    }

    /// The arm's joints of the seven that the controller tells; those that it has not are 0.
    pub fn from_controller(&self, joints: [f64; 7]) -> Joints {
        let axes = usize::from(self.model.axes());
        std::array::from_fn(|index| if index < axes { joints[index] } else { 0.0 })
    }

    /// The seven joints that the controller tells; those that the arm has not are 0.
    pub fn to_controller(&self, joints: &Joints) -> [f64; 7] {
        let axes = usize::from(self.model.axes());
        std::array::from_fn(|index| if index < axes { joints[index] } else { 0.0 })
    }

    /// How the joints stand where the arm is ready to work on a table: ahead, the elbow up, the flange
    /// straight down.
    pub fn ready(&self) -> Joints {
        from_chain(self.model, &[0.0, -0.3, -0.9, 0.0, 1.2, 0.0])
    }

    /// Where the flange is, in the base's frame. Limits play no part.
    pub fn forward(&self, joints: &Joints) -> Isometry3<f64> {
        self.geometry().frames(&to_chain(self.model, joints))[6]
    }

    /// What velocities of the joints do to the flange: three rows of metres per second, three of
    /// radians per second, both in the base's frame, and a column for each joint's radian per second.
    pub fn jacobian(&self, joints: &Joints) -> Matrix6xX<f64> {
        let chain = self.geometry().jacobian(&to_chain(self.model, joints));
        let columns: Vec<_> =
            places(self.model).iter().map(|&(place, sense)| chain.column(place) * sense).collect();
        Matrix6xX::from_columns(&columns)
    }

    /// How far from a singular configuration the joints are: the smallest singular value of the
    /// Jacobian with lengths counted in 0.7 m.
    ///
    /// Zero where a direction is lost that the arm's joints have elsewhere. Its inverse bounds how fast
    /// joints turn: moving by `d` metres takes at most `d / 0.7 / measure` radians, to first order.
    /// Stretched arms have less than 0.03.
    pub fn distance_from_singularity(&self, joints: &Joints) -> f64 {
        let mut jacobian = self.geometry().jacobian(&to_chain(self.model, joints));
        for mut row in jacobian.row_iter_mut().take(3) {
            row /= REACH_M;
        }
        match self.model {
            ArmModel::XArm5 => jacobian.remove_column(3).singular_values().min(),
            ArmModel::XArm6 | ArmModel::Uf850 => jacobian.singular_values().min(),
        }
    }

    fn geometry(&self) -> Geometry {
        Geometry::of(self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn the_flange_is_where_the_manual_says_with_all_joints_at_zero() {
        for (model, [x_m, z_m]) in [
            (ArmModel::XArm5, [0.207, 0.112]),
            (ArmModel::XArm6, [0.207, 0.112]),
            // 150 mm of the elbow; 364 + 390 - 426 - 90 mm.
            (ArmModel::Uf850, [0.15, 0.238]),
        ] {
            let zero = ArmKinematics::new(model).forward(&[0.0; 6]);
            let expected = Isometry3::from_parts(
                Translation3::new(x_m, 0.0, z_m),
                UnitQuaternion::from_euler_angles(PI, 0.0, 0.0),
            );
            assert!((zero.translation.vector - expected.translation.vector).norm() < 1e-12);
            assert!(zero.rotation.angle_to(&expected.rotation) < 1e-12);
        }
    }

    /// Origins of an arm's joints in the vendor's URDF, x, y, z, then roll, pitch, yaw.
    type Urdf = &'static [([f64; 3], [f64; 3])];

    /// `xarm_description/config/kinematics/default` of xArm-Developer/xarm_ros2, with right angles as they
    /// are meant.
    const URDF: [(ArmModel, Urdf); 3] = [
        (
            ArmModel::XArm5,
            &[
                ([0.0, 0.0, 0.267], [0.0, 0.0, 0.0]),
                ([0.0, 0.0, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
                ([0.0535, -0.2845, 0.0], [0.0, 0.0, 0.0]),
                ([0.0775, 0.3425, 0.0], [0.0, 0.0, 0.0]),
                ([0.076, 0.097, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
            ],
        ),
        (
            ArmModel::XArm6,
            &[
                ([0.0, 0.0, 0.267], [0.0, 0.0, 0.0]),
                ([0.0, 0.0, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
                ([0.0535, -0.2845, 0.0], [0.0, 0.0, 0.0]),
                ([0.0775, 0.3425, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
                ([0.0, 0.0, 0.0], [FRAC_PI_2, 0.0, 0.0]),
                ([0.076, 0.097, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
            ],
        ),
        (
            ArmModel::Uf850,
            &[
                ([0.0, 0.0, 0.364], [0.0, 0.0, 0.0]),
                ([0.0, 0.0, 0.0], [FRAC_PI_2, -FRAC_PI_2, 0.0]),
                ([0.39, 0.0, 0.0], [-PI, 0.0, -FRAC_PI_2]),
                ([0.15, 0.426, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
                ([0.0, 0.0, 0.0], [-FRAC_PI_2, 0.0, 0.0]),
                ([0.0, -0.09, 0.0], [FRAC_PI_2, 0.0, 0.0]),
            ],
        ),
    ];

    /// The vendor's URDF places each joint in the frame of the link before it: other numbers than
    /// the Denavit-Hartenberg table, for the same arm.
    #[test]
    fn the_urdf_agrees() {
        for (model, origins) in URDF {
            assert_eq!(origins.len(), usize::from(model.axes()));
            for joints in [
                [0.0; 6],
                [0.3, -0.5, -0.7, 0.4, 1.1, -0.2],
                [-2.0, 0.8, -2.1, 3.0, -1.0, 5.0],
                [6.0, -2.0, -0.1, -4.0, 2.5, 1.0],
            ] {
                let mut base_from_link = Isometry3::identity();
                for (angle_rad, ([x, y, z], [roll, pitch, yaw])) in joints.into_iter().zip(origins)
                {
                    base_from_link *= Isometry3::from_parts(
                        Translation3::new(*x, *y, *z),
                        UnitQuaternion::from_euler_angles(*roll, *pitch, *yaw)
                            * UnitQuaternion::from_euler_angles(0.0, 0.0, angle_rad),
                    );
                }
                let flange = ArmKinematics::new(model).forward(&joints);
                let apart = base_from_link.inverse() * flange;
                assert!(apart.translation.vector.norm() < 1e-12, "{model} {joints:?}: {apart}");
                assert!(apart.rotation.angle() < 1e-7, "{model} {joints:?}: {apart}");
            }
        }
    }

    #[test]
    fn the_jacobian_is_the_slope_of_the_forward_kinematics() {
        for model in ArmModel::ALL {
            let arm = ArmKinematics::new(model);
            let joints = [0.3, -0.5, -0.7, 0.4, 1.1, -0.2];
            let jacobian = arm.jacobian(&joints);
            assert_eq!(jacobian.ncols(), usize::from(model.axes()));
            let step_rad = 1e-6;
            for index in 0..jacobian.ncols() {
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
    }

    /// The angle of the chain's joint 3 at which shoulder, elbow and wrist are in a line.
    fn stretched(model: ArmModel) -> f64 {
        let geometry = Geometry::of(model);
        -(geometry.upper_arm().1 + geometry.forearm().1)
    }

    #[test]
    fn stretched_arms_are_singular() {
        for model in ArmModel::ALL {
            let arm = ArmKinematics::new(model);
            // With joint 4 of the chain at zero: the axes of its joints 2, 3 and 5 in one plane.
            let chain = [0.0, 0.3, stretched(model), 0.0, 1.0, 0.0];
            let distance = arm.distance_from_singularity(&from_chain(model, &chain));
            assert!(distance < 1e-9, "{model}: {distance}");
            assert!(arm.distance_from_singularity(&arm.ready()) > 0.05, "{model}");
        }
    }

    #[test]
    fn the_zero_pose_is_singular_where_the_forearm_rolls() {
        // Joints 1, 4 and 6 turn about three axes in one plane.
        for model in [ArmModel::XArm6, ArmModel::Uf850] {
            assert!(ArmKinematics::new(model).distance_from_singularity(&[0.0; 6]) < 1e-9);
        }
        let distance = ArmKinematics::new(ArmModel::XArm5).distance_from_singularity(&[0.0; 6]);
        assert!(distance > 0.05, "{distance}");
        let arm = ArmKinematics::default();
        assert!(arm.distance_from_singularity(&[0.0, 0.3, -1.0, 0.4, 0.7, 0.0]) > 0.05);
    }

    #[test]
    fn what_the_controller_tells_is_read_by_the_model() {
        let told = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
        let five = ArmKinematics::new(ArmModel::XArm5);
        assert_eq!(five.from_controller(told), [0.1, 0.2, 0.3, 0.4, 0.5, 0.0]);
        assert_eq!(five.to_controller(&[0.1; 6]), [0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0]);
        let six = ArmKinematics::default();
        assert_eq!(six.from_controller(told), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(six.to_controller(&[0.1; 6]), [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0]);
    }
}
