//! The proof that a flange, which may be tilted, can follow straight lines from where the arm stands.

use nalgebra::Isometry3;
use rmrl_cell::FlangeLine;

use super::arm_kinematics::ArmKinematics;
use super::joints::{Joints, largest_difference};
use super::kinematics_error::KinematicsError;
use super::reach::ReachMargins;

/// Why a flange cannot follow a path.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FlangePathError {
    /// A pose on a line cannot be reached with the margins.
    #[error("line {line} cannot be followed at x = {:.1}, y = {:.1}, z = {:.1} mm: {reason}",
        1000.0 * at_m[0], 1000.0 * at_m[1], 1000.0 * at_m[2])]
    Line {
        /// The number of the line, from 1 on.
        line: usize,
        /// Where the flange would be, in meters.
        at_m: [f64; 3],
        /// The reason.
        reason: KinematicsError,
    },
    /// A pose is too close to a singularity, where joints become too fast.
    #[error(
        "on line {line} at x = {:.1}, y = {:.1}, z = {:.1} mm the arm is nearly singular, {distance:.4} where {least} is \
         the least allowed", 1000.0 * at_m[0], 1000.0 * at_m[1], 1000.0 * at_m[2]
    )]
    Singular {
        /// The number of the line, from 1 on.
        line: usize,
        /// Where the flange would be, in meters.
        at_m: [f64; 3],
        /// The [`ArmKinematics::distance_from_singularity`] there.
        distance: f64,
        /// The least allowed distance.
        least: f64,
    },
}

/// Steps along a line: fine enough that joints hardly move.
const STEP_M: f64 = 0.005;
const STEP_RAD: f64 = 0.02;
/// A step in which a joint moves farther than this is halved.
const LARGEST_MOVE_RAD: f64 = 0.02;
/// Steps are not halved more often than this.
const MAX_HALVINGS: u32 = 10;

impl ArmKinematics {
    /// Proves that the flange can follow the straight lines from `start` to each pose of `path` in turn, turning evenly
    /// on each, with the joints as they stand at `start`. Returns the joints at the end of each line.
    ///
    /// The poses may be tilted. The controller's kinematics differ from these by some millimeters, so `start` need not
    /// be exactly where `joints` put the flange. Collisions of the arm's body are not checked.
    ///
    /// # Errors
    /// The first line that cannot be followed, and why.
    pub fn prove_flange_path(
        &self,
        start: &Isometry3<f64>,
        joints: &Joints,
        path: &[Isometry3<f64>],
        margins: ReachMargins,
    ) -> Result<Vec<Joints>, FlangePathError> {
        let narrowed = Self { limits: self.limits.narrowed(margins.joint_rad), ..*self };
        let (mut from, mut joints) = (*start, *joints);
        let mut ends = Vec::with_capacity(path.len());
        for (index, to) in path.iter().enumerate() {
            let line = LineProof { arm: self, narrowed: &narrowed, margins, line: index + 1 };
            joints = line.follow(&from, joints, to)?;
            from = *to;
            ends.push(joints);
        }
        Ok(ends)
    }
}

/// The proof of one line of a path.
struct LineProof<'a> {
    arm: &'a ArmKinematics,
    narrowed: &'a ArmKinematics,
    margins: ReachMargins,
    line: usize,
}

impl LineProof<'_> {
    /// Follows the line and returns the joints at its end.
    fn follow(
        &self,
        from: &Isometry3<f64>,
        mut joints: Joints,
        to: &Isometry3<f64>,
    ) -> Result<Joints, FlangePathError> {
        let line = FlangeLine { from: *from, to: *to };
        let step = 1.0 / line.steps(STEP_M, STEP_RAD);
        let smallest = step / f64::from(1u32 << MAX_HALVINGS);
        // The first step leads from the joints to where the controller has the flange.
        joints =
            self.reached(from, &joints, f64::INFINITY).map_err(|reason| self.at(from, reason))?;
        let (mut done, mut ahead) = (0.0, step);
        while done < 1.0 {
            let share = f64::min(done + ahead, 1.0);
            let at = line.at(share);
            match self.reached(&at, &joints, LARGEST_MOVE_RAD) {
                Ok(next) => {
                    self.check(&at, &next)?;
                    (joints, done, ahead) = (next, share, step);
                }
                Err(_) if ahead > smallest => ahead *= 0.5,
                Err(reason) => return Err(self.at(&at, reason)),
            }
        }
        Ok(joints)
    }

    fn reached(
        &self,
        at: &Isometry3<f64>,
        joints: &Joints,
        most_rad: f64,
    ) -> Result<Joints, KinematicsError> {
        let next = self.arm.follow(at, joints)?;
        match largest_difference(&next, joints) > most_rad {
            true => Err(KinematicsError::NotContinuous),
            false => Ok(next),
        }
    }

    fn check(&self, at: &Isometry3<f64>, joints: &Joints) -> Result<(), FlangePathError> {
        self.narrowed.limits.check(joints).map_err(|reason| self.at(at, reason))?;
        let distance = self.arm.distance_from_singularity(joints);
        let least = self.margins.singularity;
        if distance < least {
            let (line, at_m) = (self.line, at.translation.vector.into());
            return Err(FlangePathError::Singular { line, at_m, distance, least });
        }
        Ok(())
    }

    fn at(&self, at: &Isometry3<f64>, reason: KinematicsError) -> FlangePathError {
        FlangePathError::Line { line: self.line, at_m: at.translation.vector.into(), reason }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use nalgebra::{Translation3, UnitQuaternion, Vector3};

    use super::*;
    use crate::ArmModel;

    fn flange(x_m: f64, y_m: f64, z_m: f64, tilt: Vector3<f64>, yaw_deg: f64) -> Isometry3<f64> {
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, yaw_deg.to_radians());
        let rotation = UnitQuaternion::from_scaled_axis(tilt) * down;
        Isometry3::from_parts(Translation3::new(x_m, y_m, z_m), rotation)
    }

    /// Nearer, the forearm of the 850 points straight down, where it is singular.
    fn middle_m(model: ArmModel) -> f64 {
        if model == ArmModel::Uf850 { 0.6 } else { 0.45 }
    }

    fn prove(model: ArmModel, path: &[Isometry3<f64>]) -> Result<Vec<Joints>, FlangePathError> {
        let arm = ArmKinematics::new(model);
        let start = flange(middle_m(model) - 0.05, 0.0, 0.3, Vector3::zeros(), 90.0);
        let joints = arm.inverse_nearest(&start, &arm.ready()).unwrap();
        arm.prove_flange_path(&start, &joints, path, ReachMargins::default())
    }

    #[test]
    fn arms_with_six_joints_tilt_to_all_sides_and_one_with_five_in_its_plane() {
        for model in ArmModel::ALL {
            let x_m = middle_m(model);
            let upright = flange(x_m, 0.1, 0.3, Vector3::zeros(), 60.0);
            let direction = f64::atan2(0.1, x_m);
            let across = Vector3::new(-direction.sin(), direction.cos(), 0.0);
            let ahead = Vector3::new(direction.cos(), direction.sin(), 0.0);
            for (axis, in_plane) in
                [(across, true), (-across, true), (ahead, false), (-ahead, false)]
            {
                let tilted = flange(x_m, 0.1, 0.3, 0.4 * axis, 60.0);
                let proof = prove(model, &[upright, tilted, upright]);
                let is_possible = in_plane || model != ArmModel::XArm5;
                assert_eq!(proof.is_ok(), is_possible, "{model}: {axis:?}: {proof:?}");
                let Ok(joints) = proof else { continue };
                // The joints really put the flange there, and lead back the same way.
                let arm = ArmKinematics::new(model);
                let off = arm.forward(&joints[1]).inverse() * tilted;
                assert!(off.translation.vector.norm() < 1e-8 && off.rotation.angle() < 1e-7);
                assert!(largest_difference(&joints[0], &joints[2]) < 1e-6);
            }
        }
    }

    #[test]
    fn the_error_names_the_line() {
        let near = flange(0.4, 0.1, 0.3, Vector3::zeros(), 90.0);
        let far = flange(0.9, 0.0, 0.3, Vector3::zeros(), 90.0);
        let error = prove(ArmModel::XArm6, &[near, far]).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        // Through the arm's own column.
        let behind = flange(-0.4, 0.02, 0.3, Vector3::zeros(), 90.0);
        let error = prove(ArmModel::XArm6, &[near, behind]).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
