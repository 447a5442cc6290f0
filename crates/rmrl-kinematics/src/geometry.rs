//! The arms' lengths, and the one chain of six joints that describes all of them.
//!
//! The chain is an xArm 6's. An xArm 5 is the same without joint 4, which is zero here. A UFACTORY 850
//! has the same joints in the same order with other lengths; its joints 2 and 5 turn the other way.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Matrix6, Translation3, UnitQuaternion, Vector3};

use super::joints::Joints;
use crate::ArmModel;

/// A length that makes meters comparable to radians: about the reach of the arms.
pub(super) const REACH_M: f64 = 0.7;

/// Angles of the chain's six joints in radians.
pub(super) type Chain = [f64; 6];

/// The frame after a joint that stands at `angle_rad`, seen from the one before it. `parameters` are the joint's standard
/// Denavit-Hartenberg parameters: the offset of its angle in radians, `d` in meters, `alpha` in radians, `a` in meters.
pub fn link_frame(parameters: [f64; 4], angle_rad: f64) -> Isometry3<f64> {
    let [offset_rad, d_m, alpha_rad, a_m] = parameters;
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), angle_rad + offset_rad);
    let twist = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), alpha_rad);
    let along = Translation3::from(turn * Vector3::new(a_m, 0.0, d_m));
    Isometry3::from_parts(along, turn * twist)
}

/// Lengths of an arm, in meters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// Height of the shoulder above the base.
    pub d1_m: f64,
    /// From the shoulder to the elbow with all joints at zero: ahead, then up.
    pub shoulder_to_elbow_m: [f64; 2],
    /// From the elbow to the forearm's axis.
    pub a3_m: f64,
    /// Length of the forearm.
    pub d4_m: f64,
    /// From the wrist's joint 5 to the axis of joint 6.
    pub a5_m: f64,
    /// From the axis of joint 6 to the flange.
    pub d6_m: f64,
}

/// The joint of the chain for each joint of an arm, and its sense of rotation there.
type Places = &'static [(usize, f64)];

const XARM5: Places = &[(0, 1.0), (1, 1.0), (2, 1.0), (4, 1.0), (5, 1.0)];
const XARM6: Places = &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)];
const UF850: Places = &[(0, 1.0), (1, -1.0), (2, 1.0), (3, 1.0), (4, -1.0), (5, 1.0)];

/// The places of an arm's joints in the chain.
pub(super) fn places(model: ArmModel) -> Places {
    match model {
        ArmModel::XArm5 => XARM5,
        ArmModel::XArm6 => XARM6,
        ArmModel::Uf850 => UF850,
    }
}

/// An arm's joints as joints of the chain.
pub(super) fn to_chain(model: ArmModel, joints: &Joints) -> Chain {
    let mut chain = [0.0; 6];
    for (&(place, sense), angle_rad) in places(model).iter().zip(joints) {
        chain[place] = sense * angle_rad;
    }
    chain
}

/// The inverse of [`to_chain`]; leaves out a joint that the arm does not have.
pub(super) fn from_chain(model: ArmModel, chain: &Chain) -> Joints {
    let mut joints = [0.0; 6];
    for (&(place, sense), angle_rad) in places(model).iter().zip(&mut joints) {
        *angle_rad = sense * chain[place];
    }
    joints
}

impl Geometry {
    /// The lengths of the xArm 5 and 6, which have the same parts.
    const XARM: Self = Self {
        d1_m: 0.267,
        shoulder_to_elbow_m: [0.0535, 0.2845],
        a3_m: 0.0775,
        d4_m: 0.3425,
        a5_m: 0.076,
        d6_m: 0.097,
    };
    const UF850: Self = Self {
        d1_m: 0.364,
        shoulder_to_elbow_m: [0.0, 0.39],
        a3_m: 0.15,
        d4_m: 0.426,
        a5_m: 0.0,
        d6_m: 0.09,
    };

    pub fn of(model: ArmModel) -> Self {
        match model {
            ArmModel::XArm5 | ArmModel::XArm6 => Self::XARM,
            ArmModel::Uf850 => Self::UF850,
        }
    }

    /// The upper arm's length, and its angle above the horizontal with all joints at zero.
    pub fn upper_arm(&self) -> (f64, f64) {
        let [ahead_m, up_m] = self.shoulder_to_elbow_m;
        (ahead_m.hypot(up_m), up_m.atan2(ahead_m))
    }

    /// From the elbow to the wrist: the length, and the angle below the horizontal with all joints at
    /// zero.
    pub fn forearm(&self) -> (f64, f64) {
        (self.a3_m.hypot(self.d4_m), self.d4_m.atan2(self.a3_m))
    }

    /// The vendor's standard Denavit-Hartenberg parameters of the chain: for each joint the offset of its
    /// angle, `d`, `alpha` and `a`.
    pub fn table(&self) -> [[f64; 4]; 6] {
        let (upper_arm_m, offset_rad) = self.upper_arm();
        [
            [0.0, self.d1_m, -FRAC_PI_2, 0.0],
            [-offset_rad, 0.0, 0.0, upper_arm_m],
            [offset_rad, 0.0, -FRAC_PI_2, self.a3_m],
            [0.0, self.d4_m, FRAC_PI_2, 0.0],
            [0.0, 0.0, -FRAC_PI_2, self.a5_m],
            [0.0, self.d6_m, 0.0, 0.0],
        ]
    }

    /// The base's frame, then those after each joint, by the vendor's standard Denavit-Hartenberg
    /// parameters. Joint `i + 1` turns about the z axis of frame `i`.
    pub fn frames(&self, chain: &Chain) -> [Isometry3<f64>; 7] {
        let mut frames = [Isometry3::identity(); 7];
        for (index, parameters) in self.table().into_iter().enumerate() {
            frames[index + 1] = frames[index] * link_frame(parameters, chain[index]);
        }
        frames
    }

    /// The velocity of the flange for velocities of the chain's joints: three rows of meters per second,
    /// three of radians per second, both in the base's frame.
    pub fn jacobian(&self, chain: &Chain) -> Matrix6<f64> {
        let frames = self.frames(chain);
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
}
