//! Where a held load, whatever its shape, meets nothing on its way above, below, beside or between what stands around it.

use nalgebra::Isometry3;
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;

use crate::physics::block::Block;
use crate::physics::fixed_bodies::FixedBodies;
use crate::physics::linear_motion::LinearMotion;
use crate::physics::load::Load;
use crate::scene::cuboid::{Cuboid, pose_in_frame};

/// A held load that is this far from everything meets nothing, in meters: ten times what physics looks ahead.
const CLEARANCE_M: f64 = 0.002;

/// Where on a motion a load in the jaws meets nothing.
pub(super) struct LoadAir {
    near: Vec<Cuboid>,
    /// The load's parts with the clearance around them, in the frame of the tool.
    parts: Vec<Cuboid>,
}

impl LoadAir {
    /// A motion with the load in the jaws of a tool that is at `tool`.
    pub(super) fn new(
        fixed: &FixedBodies,
        motion: &LinearMotion,
        tool: ToolPose,
        load: &Load,
        world_from_load: &Isometry3<f64>,
    ) -> Self {
        let in_tool = |block: Block| with_clearance(&block, tool);
        let parts: Vec<Cuboid> = load.blocks(world_from_load).map(in_tool).collect();
        let reach_m = |part: &Cuboid| part.pose.x_m.hypot(part.pose.y_m) + half_diagonal_m(part);
        let load_reach_m = parts.iter().map(reach_m).fold(0.0, f64::max);
        let is_near = |cuboid: &Cuboid| {
            motion.distance_m(cuboid.pose) < half_diagonal_m(cuboid) + load_reach_m
        };
        Self { near: fixed.cuboids().filter(is_near).collect(), parts }
    }

    /// Whether the load meets nothing while the tool is at `tool`.
    pub(super) fn at(&self, tool: ToolPose) -> bool {
        self.parts.iter().all(|part| {
            let part = Cuboid {
                pose: PlanarPose {
                    yaw_rad: tool.planar.yaw_rad,
                    ..pose_in_frame(tool.planar, part.pose.x_m, part.pose.y_m)
                },
                center_z_m: tool.z_m + part.center_z_m,
                ..*part
            };
            part.bottom_m() > 0.0 && !self.near.iter().any(|fixture| part.overlaps(fixture))
        })
    }
}

/// The cuboid around a block with the clearance, upright in the frame of the tool.
fn with_clearance(block: &Block, tool: ToolPose) -> Cuboid {
    let around = block.enclosing(tool.planar.yaw_rad);
    let [dx, dy] = [around.pose.x_m - tool.planar.x_m, around.pose.y_m - tool.planar.y_m];
    let (sin, cos) = tool.planar.yaw_rad.sin_cos();
    Cuboid {
        pose: PlanarPose::new(cos * dx + sin * dy, cos * dy - sin * dx, 0.0),
        center_z_m: around.center_z_m - tool.z_m,
        half_extents_m: around.half_extents_m.map(|half| half + CLEARANCE_M),
        ..around
    }
}

fn half_diagonal_m(cuboid: &Cuboid) -> f64 {
    cuboid.half_extents_m[0].hypot(cuboid.half_extents_m[1])
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};
    use rmrl_vision::PlateGeometry;

    use super::*;
    use crate::scene::cuboid::Material;

    /// A plate that moves level between two boards and two walls is free exactly where it is 2 mm or more from all of them.
    #[test]
    fn a_plate_between_boards_is_free_two_millimeters_from_them() {
        let geometry = PlateGeometry::default();
        let half_m = 0.5 * geometry.height_m;
        let cuboid = |y_m: f64, center_z_m: f64, half_extents_m: [f64; 3]| Cuboid {
            pose: PlanarPose::new(0.4, y_m, 0.0),
            center_z_m,
            half_extents_m,
            material: Material::Shelf,
        };
        // The boards' faces are at heights of 60 and 100 mm, and the walls' 50 mm to each side.
        let fixed = FixedBodies {
            fixtures: vec![
                cuboid(0.0, 0.059, [0.08, 0.06, 0.001]),
                cuboid(0.0, 0.101, [0.08, 0.06, 0.001]),
                cuboid(0.052, 0.08, [0.08, 0.002, 0.02]),
                cuboid(-0.052, 0.08, [0.08, 0.002, 0.02]),
            ],
            ..FixedBodies::default()
        };
        let is_free = |y_m: f64, bottom_m: f64, lean_rad: f64| {
            let tool = |x_m: f64| ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), bottom_m + 0.002);
            let motion = LinearMotion::new(tool(0.1), tool(0.4), 0.05);
            let plate = Isometry3::from_parts(
                Translation3::new(0.1, y_m, bottom_m + half_m),
                UnitQuaternion::from_euler_angles(lean_rad, 0.0, 0.0),
            );
            let air = LoadAir::new(&fixed, &motion, tool(0.1), &Load::plate(geometry), &plate);
            assert!(air.at(tool(0.1)), "before the boards");
            air.at(tool(0.4))
        };
        let beside_m = 0.05 - 0.5 * geometry.width_m;
        for (y_m, bottom_m, lean_rad, expected) in [
            (0.0, 0.0625, 0.0, true),
            (0.0, 0.0615, 0.0, false),
            (0.0, 0.1 - geometry.height_m - 0.0025, 0.0, true),
            (0.0, 0.1 - geometry.height_m - 0.0015, 0.0, false),
            (beside_m - 0.0025, 0.07, 0.0, true),
            (beside_m - 0.0015, 0.07, 0.0, false),
            (0.0025 - beside_m, 0.07, 0.0, true),
            (0.0015 - beside_m, 0.07, 0.0, false),
            // Its lower edge hangs down by 43 mm * 0.05.
            (0.0, 0.0625, 0.05, false),
            (0.0, 0.065, 0.05, true),
        ] {
            assert_eq!(is_free(y_m, bottom_m, lean_rad), expected, "{y_m} {bottom_m} {lean_rad}");
        }
    }
}
