//! The kinematics of an arm: from joint angles to the pose of the flange.

use nalgebra::{Isometry3, Matrix6xX};

use super::geometry::{Geometry, REACH_M, from_chain, places, to_chain};
use super::joints::Joints;
use super::limits::JointLimits;
use crate::ArmModel;

/// An arm's geometry with limits of its joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmKinematics {
    /// The model of the arm.
    pub model: ArmModel,
    /// The limits of its joints.
    pub limits: JointLimits,
}

impl Default for ArmKinematics {
    /// An xArm 6.
    fn default() -> Self {
        Self::new(ArmModel::default())
    }
}

impl ArmKinematics {
    /// An arm with limits that every robot of its model has.
    pub const fn new(model: ArmModel) -> Self {
        Self { model, limits: JointLimits::of(model) }
    }

    /// The arm's joints from the seven that the controller reports. A joint that the arm does not have is 0.
    pub fn from_controller(&self, joints: [f64; 7]) -> Joints {
        let axes = usize::from(self.model.axes());
        std::array::from_fn(|index| if index < axes { joints[index] } else { 0.0 })
    }

    /// The seven joints that the controller reports. A joint that the arm does not have is 0.
    pub fn to_controller(&self, joints: &Joints) -> [f64; 7] {
        let axes = usize::from(self.model.axes());
        std::array::from_fn(|index| if index < axes { joints[index] } else { 0.0 })
    }

    /// Joint angles of an arm that is ready to work on a table: ahead, the elbow up, the flange straight
    /// down.
    pub fn ready(&self) -> Joints {
        from_chain(self.model, &[0.0, -0.3, -0.9, 0.0, 1.2, 0.0])
    }

    /// The pose of the flange, in the base's frame. Ignores the limits.
    pub fn forward(&self, joints: &Joints) -> Isometry3<f64> {
        self.geometry().frames(&to_chain(self.model, joints))[6]
    }

    /// The velocity of the flange for velocities of the joints: three rows of meters per second, three of
    /// radians per second, both in the base's frame, and a column for each joint's radian per second.
    pub fn jacobian(&self, joints: &Joints) -> Matrix6xX<f64> {
        let chain = self.geometry().jacobian(&to_chain(self.model, joints));
        let columns: Vec<_> =
            places(self.model).iter().map(|&(place, sense)| chain.column(place) * sense).collect();
        Matrix6xX::from_columns(&columns)
    }

    /// The distance of the joints from a singular configuration: the smallest singular value of the
    /// Jacobian with lengths in units of 0.7 m.
    ///
    /// It is zero where the arm loses a direction of motion that it has elsewhere. Its inverse bounds how
    /// fast joints turn: moving by `d` meters takes at most `d / 0.7 / distance` radians, to first order.
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

    pub(super) fn geometry(&self) -> Geometry {
        Geometry::of(self.model)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use nalgebra::{Translation3, UnitQuaternion};

    use super::*;

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
    fn reported_joints_are_read_by_the_model() {
        let reported = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
        let five = ArmKinematics::new(ArmModel::XArm5);
        assert_eq!(five.from_controller(reported), [0.1, 0.2, 0.3, 0.4, 0.5, 0.0]);
        assert_eq!(five.to_controller(&[0.1; 6]), [0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0]);
        let six = ArmKinematics::default();
        assert_eq!(six.from_controller(reported), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(six.to_controller(&[0.1; 6]), [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0]);
    }
}
