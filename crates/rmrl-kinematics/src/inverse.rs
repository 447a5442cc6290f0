//! Inverse kinematics: from the pose of the flange to joint angles.

use std::f64::consts::{PI, TAU};

use nalgebra::Isometry3;
use rmrl_core::wrap_angle;

use super::arm_kinematics::ArmKinematics;
use super::branch::BRANCHES;
use super::five_joints;
use super::geometry::{Chain, from_chain, to_chain};
use super::joints::{Joints, largest_difference};
use super::kinematics_error::KinematicsError;
use super::least_squares::refine;
use super::limits::ROUNDING_RAD;
use super::six_joints::{residual, roots};
use crate::ArmModel;

/// Angles of joints that count as the same solution, in radians.
const SAME_RAD: f64 = 1e-5;

impl ArmKinematics {
    /// All joint angles that put the flange at a pose. Each is within half a turn of zero but joint 3, whose
    /// range is `(-3/2 pi, pi/2]` as its limits are. Ignores the limits and further turns.
    ///
    /// Of 50 000 random configurations of an xArm 6 at least 0.001 from a singularity none was missing
    /// among the inverses of its pose. Closer ones may be missing, and at a singularity there may be
    /// infinitely many.
    pub fn all_inverses(&self, base_from_flange: &Isometry3<f64>) -> Vec<Joints> {
        let geometry = self.geometry();
        let mut found: Vec<Chain> = Vec::new();
        let mut find = |chain: Chain| {
            let chain = principal(chain);
            let same = |other: &Chain| {
                chain.iter().zip(other).all(|(a, b)| wrap_angle(a - b).abs() < SAME_RAD)
            };
            if !found.iter().any(same) {
                found.push(chain);
            }
        };
        match self.model {
            ArmModel::XArm5 => {
                five_joints::inverses(&geometry, base_from_flange).into_iter().for_each(find);
            }
            ArmModel::XArm6 | ArmModel::Uf850 => {
                for branch in BRANCHES {
                    for joint6_rad in roots(&geometry, base_from_flange, branch) {
                        let guess = residual(&geometry, base_from_flange, branch, joint6_rad);
                        let Some((_, guess)) = guess else { continue };
                        let Ok(chain) = refine(&geometry, base_from_flange, &guess) else {
                            continue;
                        };
                        find(chain);
                    }
                }
            }
        }
        found.iter().map(|chain| from_chain(self.model, chain)).collect()
    }

    /// The joint angles that put the flange at a pose within the limits, full turns of joints included,
    /// with the smallest largest difference to `near`.
    ///
    /// # Errors
    /// The pose is out of reach, only reachable beyond the limits, or not reachable with five joints.
    pub fn inverse_nearest(
        &self,
        base_from_flange: &Isometry3<f64>,
        near: &Joints,
    ) -> Result<Joints, KinematicsError> {
        let position = base_from_flange.translation.vector;
        let numbers = position.iter().chain(base_from_flange.rotation.coords.iter()).chain(near);
        if !numbers.into_iter().all(|number| number.is_finite()) {
            return Err(KinematicsError::NotANumber);
        }
        self.check_plane(base_from_flange)?;
        let mut best: Option<(f64, Joints)> = None;
        let mut refused: Option<(f64, KinematicsError)> = None;
        for mut joints in self.all_inverses(base_from_flange) {
            self.turn_towards(&mut joints, near);
            match self.limits.check(&joints) {
                Ok(()) => {
                    let apart = largest_difference(&joints, near);
                    if best.is_none_or(|(least, _)| apart < least) {
                        best = Some((apart, joints));
                    }
                }
                Err(refusal) => {
                    let beyond = self.beyond_limits(&joints);
                    if refused.is_none_or(|(least, _)| beyond < least) {
                        refused = Some((beyond, refusal));
                    }
                }
            }
        }
        match (best, refused) {
            (Some((_, joints)), _) => Ok(joints),
            (None, Some((_, refusal))) => Err(refusal),
            (None, None) => Err(KinematicsError::OutOfReach { position_m: position.into() }),
        }
    }

    /// The joint angles that put the flange at a pose and follow `from` without a jump. It is meant for poses
    /// close to each other, and ignores the limits.
    ///
    /// # Errors
    /// The pose cannot be reached from `from`.
    pub fn follow(
        &self,
        base_from_flange: &Isometry3<f64>,
        from: &Joints,
    ) -> Result<Joints, KinematicsError> {
        // A step of the joints that no close pose needs.
        const JUMP_RAD: f64 = 0.5;
        let joints = match self.model {
            ArmModel::XArm5 => {
                self.check_plane(base_from_flange)?;
                let mut every = self.all_inverses(base_from_flange);
                every.iter_mut().for_each(|joints| *joints = nearest_turns(joints, from));
                let apart = |joints: &Joints| largest_difference(joints, from);
                let nearest = every.into_iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
                nearest.ok_or(KinematicsError::NotContinuous)?
            }
            ArmModel::XArm6 | ArmModel::Uf850 => {
                let guess = to_chain(self.model, from);
                from_chain(self.model, &refine(&self.geometry(), base_from_flange, &guess)?)
            }
        };
        if largest_difference(&joints, from) > JUMP_RAD {
            return Err(KinematicsError::NotContinuous);
        }
        Ok(joints)
    }

    /// Whether the arm's joints allow this orientation of the flange.
    fn check_plane(&self, base_from_flange: &Isometry3<f64>) -> Result<(), KinematicsError> {
        match (self.model, five_joints::out_of_plane_rad(base_from_flange)) {
            (ArmModel::XArm5, Some(angle_rad)) => Err(KinematicsError::FiveJoints { angle_rad }),
            _ => Ok(()),
        }
    }

    /// Adds full turns to every joint, so that it is nearest to `near` within its limits.
    fn turn_towards(&self, joints: &mut Joints, near: &Joints) {
        for index in 0..usize::from(self.model.axes()) {
            joints[index] = self.nearest_turn(index, joints[index], near[index]);
        }
    }

    /// The angle plus or minus full turns that is nearest to `near_rad` within the joint's limits; unchanged
    /// where none is within them.
    fn nearest_turn(&self, index: usize, angle_rad: f64, near_rad: f64) -> f64 {
        let (lower, upper) = (self.limits.lower_rad[index], self.limits.upper_rad[index]);
        [-2.0, -1.0, 0.0, 1.0, 2.0]
            .map(|turns| angle_rad + turns * TAU)
            .into_iter()
            .filter(|turned| (lower - ROUNDING_RAD..=upper + ROUNDING_RAD).contains(turned))
            .min_by(|a, b| (a - near_rad).abs().total_cmp(&(b - near_rad).abs()))
            .unwrap_or(angle_rad)
    }

    /// How far a joint is beyond its limits at most, in radians.
    fn beyond_limits(&self, joints: &Joints) -> f64 {
        (0..6)
            .map(|index| {
                (joints[index] - self.limits.upper_rad[index])
                    .max(self.limits.lower_rad[index] - joints[index])
                    .max(0.0)
            })
            .fold(0.0, f64::max)
    }
}

/// The angles plus or minus full turns that are nearest to `near`. Ignores the limits.
fn nearest_turns(joints: &Joints, near: &Joints) -> Joints {
    std::array::from_fn(|index| near[index] + wrap_angle(joints[index] - near[index]))
}

/// Every angle within a turn, joint 3 within the turn that contains its limits.
fn principal(chain: Chain) -> Chain {
    let mut chain = chain.map(wrap_angle);
    if chain[2] > 0.5 * PI {
        chain[2] -= TAU;
    }
    chain
}

#[cfg(test)]
mod tests;
