//! What an arm truly is beside its nominal Denavit-Hartenberg parameters.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, random_stream, standard_normal};
use rmrl_kinematics::{ArmKinematics, link_frame};

use crate::scene::cell_distribution::CellDistribution;
use crate::scene::layout::WORKSPACE_CENTER_M;

/// What an xArm 6 truly is beside its nominal Denavit-Hartenberg parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TrueKinematics {
    /// For each joint what is to be added to the offset of its angle, to `d`, `alpha` and `a`, in radians and meters.
    added: [[f64; 4]; 6],
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
        let [x_m, y_m] = WORKSPACE_CENTER_M;
        let touching = ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), 0.0);
        let as_built = Self { added, set_up_m: 0.0 };
        Some(Self { set_up_m: as_built.reached(touching).z_m, ..as_built })
    }

    /// Where an arm without an error of its tool arrives, in the frame of its base. Its heights are right in the middle
    /// of the workspace. Out of reach of an xArm 6 it arrives as commanded.
    pub(super) fn reached(&self, commanded: ToolPose) -> ToolPose {
        let arm = ArmKinematics::default();
        let flange_from_jaws = flange_from_jaws();
        let base_from_tool = downwards(commanded);
        let base_from_flange = base_from_tool * flange_from_jaws.inverse();
        // The arm reaches ahead, with the elbow up. Its gripper is screwed on the other way round.
        let mut ahead = arm.ready();
        ahead[5] = PI;
        let Ok(joints) = arm.inverse_nearest(&base_from_flange, &ahead) else {
            return commanded;
        };
        let mut frame = Isometry3::identity();
        for ((nominal, added), angle_rad) in
            arm.denavit_hartenberg().into_iter().zip(self.added).zip(joints)
        {
            let parameters = std::array::from_fn(|index| nominal[index] + added[index]);
            frame *= link_frame(parameters, angle_rad);
        }
        let tool = frame * flange_from_jaws;
        let ahead = tool.rotation * Vector3::x();
        let at = tool.translation.vector;
        ToolPose::new(PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x)), at.z - self.set_up_m)
    }
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
