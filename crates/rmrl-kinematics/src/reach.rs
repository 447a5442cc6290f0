//! The proof that an arm reaches a set of poses on every line between them.

use nalgebra::Isometry3;
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};

use super::arm_kinematics::ArmKinematics;
use super::joints::{Joints, largest_difference};
use super::kinematics_error::KinematicsError;
use super::pointing_down::pointing_down;

/// The least distances from joint limits and singularities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReachMargins {
    /// The least distance from every joint's limits, in radians.
    pub joint_rad: f64,
    /// The least [`ArmKinematics::distance_from_singularity`].
    pub singularity: f64,
}

impl Default for ReachMargins {
    /// 3 degrees, because within them the vendor's own checks slow down or refuse. At a distance of 0.02
    /// from singularities, 0.1 m/s of the tool is at most 7 rad/s of a joint. Both untuned.
    fn default() -> Self {
        Self { joint_rad: 3f64.to_radians(), singularity: 0.02 }
    }
}

/// A straight line between two of the given poses, by their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The pose at its beginning.
    pub from: usize,
    /// The pose at its end.
    pub to: usize,
}

/// The result of a proof for a set of poses.
#[derive(Debug, Clone, PartialEq)]
pub struct ReachProof {
    /// The joint angles at each pose. They are the same on every path to the pose.
    pub joints: Vec<Joints>,
    /// The least distance of a joint to one of its limits on any pose or line, in radians.
    pub least_limit_distance_rad: f64,
    /// The least [`ArmKinematics::distance_from_singularity`] on any pose or line.
    pub least_singularity_distance: f64,
    /// The number of checked poses, on lines and at their ends.
    pub samples: usize,
}

/// Why an arm does not reach a set of poses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ReachError {
    /// The set is empty.
    #[error("no poses to reach")]
    NoPoses,
    /// A pose cannot be reached with the margins.
    #[error("pose {index}, {}, cannot be reached: {reason}", place(at))]
    Pose {
        /// The index of the pose.
        index: usize,
        /// The pose.
        at: ToolPose,
        /// The reason.
        reason: KinematicsError,
    },
    /// A line leads through a pose that cannot be reached with the margins.
    #[error("the line from pose {} to pose {} cannot be followed at {}: {reason}", line.from, line.to, place(at))]
    Line {
        /// The line.
        line: Line,
        /// The pose on the line.
        at: ToolPose,
        /// The reason.
        reason: KinematicsError,
    },
    /// A pose is too close to a singularity, where joints become too fast.
    #[error(
        "at {} the arm is nearly singular, {distance:.4} where {least} is the least allowed",
        place(at)
    )]
    Singular {
        /// The pose.
        at: ToolPose,
        /// The [`ArmKinematics::distance_from_singularity`] there.
        distance: f64,
        /// The least allowed distance.
        least: f64,
    },
    /// A line ends at the right pose, but with other joint angles than the other paths to it: what is reachable
    /// afterwards would depend on the path.
    #[error("after the line from pose {} to pose {} joint {joint} stands {:.1} degrees from where it stands on other ways",
        line.from, line.to, apart_rad.to_degrees())]
    OtherConfiguration {
        /// The line.
        line: Line,
        /// The joint that differs most, from 1 on.
        joint: usize,
        /// The difference, in radians.
        apart_rad: f64,
    },
}

fn place(at: &ToolPose) -> String {
    let [x, y, z] = [at.planar.x_m, at.planar.y_m, at.z_m].map(|m| m * 1000.0);
    format!(
        "x = {x:.1}, y = {y:.1}, z = {z:.1} mm, yaw = {:.1} degrees",
        at.planar.yaw_rad.to_degrees()
    )
}

/// Steps along a line: fine enough that joints hardly move.
const STEP_M: f64 = 0.005;
const STEP_RAD: f64 = 0.02;
/// A step in which a joint moves farther than this is halved.
const LARGEST_MOVE_RAD: f64 = 0.02;
/// Steps are not halved more often than this.
const MAX_HALVINGS: u32 = 12;
/// Configurations closer than this are the same.
const SAME_RAD: f64 = 1e-4;

impl ArmKinematics {
    /// Proves that the tool can be at every one of `poses`, pointing straight down, and on every
    /// straight line between two of them, in any order.
    ///
    /// `flange_from_tool` is the pose of the tool's point on the flange: the controller's offset of the tool
    /// center point. At the first pose the joint angles nearest to `start` are taken. Then the line from
    /// each pose to each other one is followed in steps in which no joint moves by more than 0.02 rad, far
    /// less than the margin, so that nothing in between exceeds a limit. Yaw turns the short way, as in the
    /// controller. Every line must end in the one configuration of its last pose. Collisions of the arm's
    /// body, with the table or itself, are not checked.
    ///
    /// # Errors
    /// The first pose or line that fails, and why.
    pub fn prove_reach(
        &self,
        flange_from_tool: &Isometry3<f64>,
        poses: &[ToolPose],
        start: &Joints,
        margins: ReachMargins,
    ) -> Result<ReachProof, ReachError> {
        let narrowed = Self { limits: self.limits.narrowed(margins.joint_rad), ..*self };
        let mut walk = Walk {
            arm: self,
            narrowed,
            tool_from_flange: flange_from_tool.inverse(),
            margins,
            proof: ReachProof {
                joints: Vec::with_capacity(poses.len()),
                least_limit_distance_rad: f64::INFINITY,
                least_singularity_distance: f64::INFINITY,
                samples: 0,
            },
        };
        let Some(&first) = poses.first() else { return Err(ReachError::NoPoses) };
        // The joint angles at the other poses follow from the first pose, so that no line jumps.
        for (index, &at) in poses.iter().enumerate() {
            let failed = |reason| ReachError::Pose { index, at, reason };
            let flange = walk.flange(at);
            let near = walk.proof.joints.first().unwrap_or(start);
            let found = narrowed.inverse_nearest(&flange, near).map_err(failed)?;
            let joints = if index == 0 {
                found
            } else {
                let line = Line { from: 0, to: index };
                walk.line(line, first, walk.proof.joints[0], at)?
            };
            narrowed.limits.check(&joints).map_err(failed)?;
            walk.check(at, &joints)?;
            walk.proof.joints.push(joints);
        }
        for from in 1..poses.len() {
            for to in from + 1..poses.len() {
                let line = Line { from, to };
                let end = walk.line(line, poses[from], walk.proof.joints[from], poses[to])?;
                let other = walk.proof.joints[to];
                let apart_rad = largest_difference(&end, &other);
                if apart_rad > SAME_RAD {
                    let differs = |index: &usize| (end[*index] - other[*index]).abs() == apart_rad;
                    let joint = (0..6).find(differs).unwrap_or(0) + 1;
                    return Err(ReachError::OtherConfiguration { line, joint, apart_rad });
                }
            }
        }
        Ok(walk.proof)
    }
}

/// Follows lines and keeps the least distances.
struct Walk<'a> {
    arm: &'a ArmKinematics,
    narrowed: ArmKinematics,
    tool_from_flange: Isometry3<f64>,
    margins: ReachMargins,
    proof: ReachProof,
}

impl Walk<'_> {
    fn flange(&self, at: ToolPose) -> Isometry3<f64> {
        pointing_down(at) * self.tool_from_flange
    }

    /// Follows a line and returns the joint angles at its end.
    fn line(
        &mut self,
        line: Line,
        from: ToolPose,
        mut joints: Joints,
        to: ToolPose,
    ) -> Result<Joints, ReachError> {
        let length_m = from.planar.distance_m(to.planar).hypot(to.z_m - from.z_m);
        let turn_rad = wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad);
        let step = 1.0 / (length_m / STEP_M).max(turn_rad.abs() / STEP_RAD).ceil().max(1.0);
        let smallest = step / f64::from(1u32 << MAX_HALVINGS);
        let (mut done, mut ahead) = (0.0, step);
        while done < 1.0 {
            let share = f64::min(done + ahead, 1.0);
            let at = between(from, to, turn_rad, share);
            let followed = self.arm.follow(&self.flange(at), &joints).and_then(|next| {
                let far = largest_difference(&next, &joints) > LARGEST_MOVE_RAD;
                if far { Err(KinematicsError::NotContinuous) } else { Ok(next) }
            });
            match followed {
                Ok(next) => {
                    self.narrowed.limits.check(&next).map_err(|reason| ReachError::Line {
                        line,
                        at,
                        reason,
                    })?;
                    self.check(at, &next)?;
                    (joints, done, ahead) = (next, share, step);
                }
                Err(_) if ahead > smallest => ahead *= 0.5,
                Err(reason) => return Err(ReachError::Line { line, at, reason }),
            }
        }
        Ok(joints)
    }

    /// Checks one configuration.
    fn check(&mut self, at: ToolPose, joints: &Joints) -> Result<(), ReachError> {
        self.proof.samples += 1;
        let distance = self.arm.distance_from_singularity(joints);
        let least = self.margins.singularity;
        if distance < least {
            return Err(ReachError::Singular { at, distance, least });
        }
        let limits = &self.arm.limits;
        let to_limit_rad = (0..6)
            .map(|index| {
                (joints[index] - limits.lower_rad[index])
                    .min(limits.upper_rad[index] - joints[index])
            })
            .fold(f64::INFINITY, f64::min);
        let proof = &mut self.proof;
        proof.least_singularity_distance = proof.least_singularity_distance.min(distance);
        proof.least_limit_distance_rad = proof.least_limit_distance_rad.min(to_limit_rad);
        Ok(())
    }
}

/// The pose at a share of the line.
fn between(from: ToolPose, to: ToolPose, turn_rad: f64, share: f64) -> ToolPose {
    let part = |from: f64, to: f64| from + share * (to - from);
    let planar = PlanarPose::new(
        part(from.planar.x_m, to.planar.x_m),
        part(from.planar.y_m, to.planar.y_m),
        from.planar.yaw_rad + share * turn_rad,
    );
    ToolPose::new(planar, part(from.z_m, to.z_m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArmModel;
    use nalgebra::Translation3;

    fn tool(x_m: f64, y_m: f64, z_m: f64, yaw_deg: f64) -> ToolPose {
        ToolPose::new(PlanarPose::new(x_m, y_m, yaw_deg.to_radians()), z_m)
    }

    fn prove(poses: &[ToolPose]) -> Result<ReachProof, ReachError> {
        prove_of(&ArmKinematics::default(), poses)
    }

    fn prove_of(arm: &ArmKinematics, poses: &[ToolPose]) -> Result<ReachProof, ReachError> {
        let flange_from_tool = Isometry3::from(Translation3::new(0.0, 0.0, 0.15));
        arm.prove_reach(&flange_from_tool, poses, &[0.0; 6], ReachMargins::default())
    }

    #[test]
    fn a_table_before_the_arm_is_within_reach_on_every_line() {
        for (model, x_m) in [
            (ArmModel::XArm5, [0.25, 0.45]),
            (ArmModel::XArm6, [0.25, 0.45]),
            // Nearer its forearm points straight down, where joints 4 and 6 turn about one axis.
            (ArmModel::Uf850, [0.45, 0.65]),
        ] {
            let mut poses = Vec::new();
            for x_m in x_m {
                for y_m in [-0.25, 0.25] {
                    for z_m in [0.005, 0.2] {
                        for yaw_deg in [-40.0, 40.0] {
                            poses.push(tool(x_m, y_m, z_m, yaw_deg));
                        }
                    }
                }
            }
            let arm = ArmKinematics::new(model);
            let proof = prove_of(&arm, &poses).unwrap();
            assert_eq!(proof.joints.len(), 16);
            assert!(proof.samples > 5000, "{}", proof.samples);
            assert!(proof.least_limit_distance_rad > 3f64.to_radians());
            assert!(proof.least_singularity_distance > 0.02);
            // The joints really put the tool there.
            for (pose, joints) in poses.iter().zip(&proof.joints) {
                let flange = arm.forward(joints);
                let at = flange * nalgebra::Point3::new(0.0, 0.0, 0.15);
                let wanted = [pose.planar.x_m, pose.planar.y_m, pose.z_m];
                assert!((at.coords - nalgebra::Vector3::from(wanted)).norm() < 1e-9);
            }
        }
    }

    #[test]
    fn the_error_names_the_pose_or_line() {
        let near = tool(0.3, 0.0, 0.1, 0.0);
        assert_eq!(prove(&[]).unwrap_err(), ReachError::NoPoses);
        let far = prove(&[near, tool(0.75, 0.0, 0.1, 0.0)]).unwrap_err();
        let out = matches!(
            far,
            ReachError::Pose { index: 1, reason: KinematicsError::OutOfReach { .. }, .. }
        );
        assert!(out, "{far}");
        // Both ends are fine, but the straight line between them leads through the arm's own column.
        let through = prove(&[tool(0.3, -0.01, 0.1, 0.0), tool(-0.3, 0.01, 0.1, 0.0)]).unwrap_err();
        let on_line = matches!(through, ReachError::Line { .. } | ReachError::Singular { .. });
        assert!(on_line, "{through}");
        assert!(!through.to_string().is_empty());
    }

    #[test]
    fn the_short_way_around_leads_to_another_configuration() {
        // Three yaws a third of a turn apart: on short ways around, joint 6 makes a full turn, so the joint
        // angles depend on the path.
        let poses = [0.0, 120.0, -120.0].map(|yaw_deg| tool(0.35, 0.0, 0.1, yaw_deg));
        let around = prove(&poses).unwrap_err();
        let expected = matches!(
            around,
            ReachError::OtherConfiguration { line: Line { from: 1, to: 2 }, joint: 6, .. }
        );
        assert!(expected, "{around}");
    }
}
