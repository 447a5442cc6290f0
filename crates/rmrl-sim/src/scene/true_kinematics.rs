//! What an arm truly is beside its nominal Denavit-Hartenberg parameters.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, random_stream, standard_normal};
use rmrl_kinematics::{ArmKinematics, Joints, link_frame};

use crate::scene::cell_distribution::CellDistribution;
use crate::scene::layout::WORKSPACE_CENTER_M;

/// What an xArm 6 truly is beside its nominal Denavit-Hartenberg parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TrueKinematics {
    /// For each joint what is to be added to the offset of its angle, to `d`, `alpha` and `a`, in radians and meters.
    added: [[f64; 4]; 6],
    /// The joints of an exact arm whose tool is in the middle of the workspace.
    middle: Joints,
    /// How much higher than commanded the tool would be in the middle of the workspace on the table, had nobody set up
    /// heights there, in meters.
    set_up_m: f64,
}

impl TrueKinematics {
    /// The kinematics of a seed's arm; `None` for an exact one.
    pub(super) fn draw(cells: &CellDistribution, seed: u64) -> Option<Self> {
        let [zero_deg, length_m, twist_deg] =
            [cells.joint_zero_deg, cells.link_length_m, cells.link_twist_deg];
        if zero_deg == 0.0 && length_m == 0.0 && twist_deg == 0.0 {
            return None;
        }
        let mut rng = random_stream(seed, "arm kinematics", [0, 0]);
        let mut normal = |deviation: f64| deviation * standard_normal(&mut rng);
        let added = std::array::from_fn(|_| {
            [
                normal(zero_deg.to_radians()),
                normal(length_m),
                normal(twist_deg.to_radians()),
                normal(length_m),
            ]
        });
        let touching = middle_of_workspace();
        let arm = ArmKinematics::default();
        let middle = inverse(&arm, touching).expect("the middle of the workspace is in reach");
        let as_built = Self { added, middle, set_up_m: 0.0 };
        Some(Self { set_up_m: as_built.reached(touching).z_m, ..as_built })
    }

    /// Where an arm without an error of its tool arrives, in the frame of its base. Its heights are right in the middle
    /// of the workspace. Out of reach of an xArm 6 it arrives as commanded.
    pub(super) fn reached(&self, commanded: ToolPose) -> ToolPose {
        let arm = ArmKinematics::default();
        let Some(joints) =
            self.joints_near_middle(&arm, commanded).or_else(|| inverse(&arm, commanded))
        else {
            return commanded;
        };
        let mut frame = Isometry3::identity();
        for ((nominal, added), angle_rad) in
            arm.denavit_hartenberg().into_iter().zip(self.added).zip(joints)
        {
            let parameters = std::array::from_fn(|index| nominal[index] + added[index]);
            frame *= link_frame(parameters, angle_rad);
        }
        let tool = frame * flange_from_jaws();
        let ahead = tool.rotation * Vector3::x();
        let at = tool.translation.vector;
        ToolPose::new(PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x)), at.z - self.set_up_m)
    }

    /// The joints of an exact arm, followed from the middle of the workspace in one step or in some: a hundred times as
    /// fast as finding all solutions. `None` where the arm cannot follow.
    fn joints_near_middle(&self, arm: &ArmKinematics, tool: ToolPose) -> Option<Joints> {
        STEPS.into_iter().find_map(|steps| self.followed(arm, tool, steps))
    }

    fn followed(&self, arm: &ArmKinematics, tool: ToolPose, steps: u32) -> Option<Joints> {
        let mut joints = self.middle;
        let mut at = flange(middle_of_workspace());
        let mut yaw_rad = 0.0;
        for step in 1..=steps {
            let next = towards(tool, f64::from(step) / f64::from(steps));
            let base_from_flange = flange(next);
            // Joint 1 turns the whole arm, and joint 6 turns the tool back: it points down.
            let around = |of: &Isometry3<f64>| of.translation.y.atan2(of.translation.x);
            let turn_rad = around(&base_from_flange) - around(&at);
            joints[0] += turn_rad;
            joints[5] += turn_rad - (next.planar.yaw_rad - yaw_rad);
            joints = arm.follow(&base_from_flange, &joints).ok()?;
            (at, yaw_rad) = (base_from_flange, next.planar.yaw_rad);
        }
        Some(joints)
    }
}

/// How many steps to try.
const STEPS: [u32; 2] = [1, 4];

/// A tool that touches the table in the middle of the workspace.
fn middle_of_workspace() -> ToolPose {
    let [x_m, y_m] = WORKSPACE_CENTER_M;
    ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), 0.0)
}

/// The pose after a share of the way from the middle of the workspace to `tool`.
fn towards(tool: ToolPose, share: f64) -> ToolPose {
    let from = middle_of_workspace();
    let between = |from: f64, to: f64| from + share * (to - from);
    ToolPose::new(
        PlanarPose::new(
            between(from.planar.x_m, tool.planar.x_m),
            between(from.planar.y_m, tool.planar.y_m),
            between(from.planar.yaw_rad, tool.planar.yaw_rad),
        ),
        between(from.z_m, tool.z_m),
    )
}

/// The pose of the flange with the tool at a pose.
fn flange(tool: ToolPose) -> Isometry3<f64> {
    downwards(tool) * flange_from_jaws().inverse()
}

/// The joints of an exact arm, from all of its solutions. The arm reaches ahead, with the elbow up. Its gripper is screwed
/// on the other way round.
fn inverse(arm: &ArmKinematics, tool: ToolPose) -> Option<Joints> {
    let mut ahead = arm.ready();
    ahead[5] = PI;
    arm.inverse_nearest(&flange(tool), &ahead).ok()
}

/// Where the vendor's drawing has the jaws of the BIO gripper, seen from the flange.
fn flange_from_jaws() -> Isometry3<f64> {
    let around = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), PI);
    Isometry3::from_parts(Translation3::new(0.1595, 0.0, 0.0595), around)
}

/// The frame of a tool that points straight down.
fn downwards(tool: ToolPose) -> Isometry3<f64> {
    let PlanarPose { x_m, y_m, yaw_rad } = tool.planar;
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
    let over = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), PI);
    Isometry3::from_parts(Translation3::new(x_m, y_m, tool.z_m), turn * over)
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskConfig;
    use rmrl_core::wrap_angle;

    use super::*;

    #[test]
    fn following_from_the_middle_finds_the_same_arm() {
        let cells = CellDistribution { joint_zero_deg: 0.1, ..CellDistribution::EXACT_ARM };
        let truth = TrueKinematics::draw(&cells, 0).unwrap();
        let arm = ArmKinematics::default();
        let mut poses = vec![TaskConfig::table().home.tool_pose()];
        for (x_m, y_m) in [(0.26, -0.22), (0.42, -0.04), (0.34, -0.13), (0.46, 0.18), (0.26, 0.19)]
        {
            for yaw_rad in [-0.5, 0.0, 0.5] {
                for z_m in [0.002, 0.03, 0.12, 0.16] {
                    poses.push(ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), z_m));
                }
            }
        }
        for tool in poses {
            let near = truth.joints_near_middle(&arm, tool).expect("no pose of a trial is too far");
            let found = inverse(&arm, tool).unwrap();
            for (one, other) in near.into_iter().zip(found) {
                assert!(wrap_angle(one - other).abs() < 1e-9, "{tool:?}: {near:?} {found:?}");
            }
        }
    }
}
