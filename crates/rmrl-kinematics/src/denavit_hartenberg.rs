//! An arm's Denavit-Hartenberg parameters, as its controller reports them.

use std::f64::consts::PI;

use rmrl_core::wrap_angle;

use super::arm_kinematics::ArmKinematics;
use super::geometry::places;
use crate::ArmModel;

impl ArmKinematics {
    /// The standard Denavit-Hartenberg parameters of each joint from the base to the flange: the offset of
    /// its angle in radians, `d` in meters, `alpha` in radians, `a` in meters.
    pub fn denavit_hartenberg(&self) -> Vec<[f64; 4]> {
        let geometry = self.geometry();
        let mut table = geometry.table().to_vec();
        if self.model == ArmModel::XArm5 {
            // Joint 4 of the chain does not turn: the forearm is one rod from the elbow to the wrist.
            let (forearm_m, below_rad) = geometry.forearm();
            table.remove(3);
            table[2] = [table[2][0] + below_rad, 0.0, 0.0, forearm_m];
            table[3][0] -= below_rad;
        }
        for (index, (_, sense)) in places(self.model).iter().enumerate() {
            // A turn about the reversed axis: half a turn about x before it, and half a turn after it.
            if *sense < 0.0 && index > 0 {
                table[index - 1][2] = wrap_angle(table[index - 1][2] + PI);
                let [offset_rad, d_m, alpha_rad, a_m] = table[index];
                table[index] = [-offset_rad, -d_m, wrap_angle(alpha_rad + PI), a_m];
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

    use super::*;

    #[test]
    fn the_parameters_put_the_flange_where_the_kinematics_do() {
        for model in ArmModel::ALL {
            let arm = ArmKinematics::new(model);
            let joints = [0.3, -0.5, -0.7, 0.4, 1.1, -0.2];
            let table = arm.denavit_hartenberg();
            assert_eq!(table.len(), usize::from(model.axes()));
            let mut frame = Isometry3::identity();
            for ([offset_rad, d_m, alpha_rad, a_m], angle_rad) in table.into_iter().zip(joints) {
                let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, angle_rad + offset_rad);
                let along = Translation3::from(turn * Vector3::new(a_m, 0.0, d_m));
                let twist = UnitQuaternion::from_euler_angles(alpha_rad, 0.0, 0.0);
                frame *= Isometry3::from_parts(along, turn * twist);
            }
            let apart = frame.inverse() * arm.forward(&joints);
            assert!(apart.translation.vector.norm() < 1e-12, "{model}: {apart}");
            assert!(apart.rotation.angle() < 1e-7, "{model}: {apart}");
        }
    }
}
