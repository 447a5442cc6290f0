//! Where a held plate meets nothing on its way, so that it need not be simulated.

use nalgebra::{Isometry3, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

use crate::physics::block::Block;
use crate::physics::linear_motion::LinearMotion;
use crate::physics::load::half_extents_m;
use crate::scene::cuboid::{Cuboid, pose_in_frame};

/// A held plate that is this far from everything meets nothing, in meters: ten times what physics looks ahead.
const CLEARANCE_M: f64 = 0.002;
/// Farther than this from the tool's middle, nothing can meet a held plate, in meters.
const PLATE_REACH_M: f64 = 0.1;

/// How large a fixture counts, seen from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FixtureOutline {
    /// Its rectangle.
    Rectangle,
    /// The circle around it, anywhere along a motion.
    Circle,
}

/// Where on a motion the plate in the jaws meets nothing.
pub(super) struct FreeAir {
    /// How high the tool has to be anywhere, in meters.
    above_m: f64,
    /// The fixtures that the plate may meet below a height of the tool, in meters.
    near: Vec<(Cuboid, f64)>,
    plate_in_hand: PlanarPose,
    geometry: PlateGeometry,
}

impl FreeAir {
    /// A motion with the plate in the jaws of a tool that is at `tool`.
    pub(super) fn new(
        outline: FixtureOutline,
        fixtures: &[Cuboid],
        motion: &LinearMotion,
        tool: ToolPose,
        plate: &Isometry3<f64>,
        geometry: PlateGeometry,
    ) -> Self {
        let near = fixtures.iter().filter(|cuboid| {
            let [x, y, _] = cuboid.half_extents_m;
            motion.distance_m(cuboid.pose) < x.hypot(y) + PLATE_REACH_M
        });
        let block = Block { world_from_block: *plate, half_extents_m: half_extents_m(geometry) };
        let lowest_m = block.bottom_m();
        let above_m = |top_m: f64| top_m + CLEARANCE_M + tool.z_m - lowest_m;
        let (above_m, near) = match outline {
            FixtureOutline::Circle => {
                (above_m(near.map(Cuboid::top_m).fold(0.0, f64::max)), Vec::new())
            }
            FixtureOutline::Rectangle => {
                (above_m(0.0), near.map(|cuboid| (*cuboid, above_m(cuboid.top_m()))).collect())
            }
        };
        Self { above_m, near, plate_in_hand: in_hand(tool.planar, plate), geometry }
    }

    /// Whether the plate meets nothing while the tool is at `tool`.
    pub(super) fn at(&self, tool: ToolPose) -> bool {
        tool.z_m > self.above_m
            && self
                .near
                .iter()
                .all(|(fixture, above_m)| tool.z_m > *above_m || !self.is_beside(tool, fixture))
    }

    /// Whether the plate is closer to a fixture than the clearance, seen from above.
    fn is_beside(&self, tool: ToolPose, fixture: &Cuboid) -> bool {
        let PlanarPose { x_m, y_m, yaw_rad } = self.plate_in_hand;
        let at = pose_in_frame(tool.planar, x_m, y_m);
        let [half_x, half_y] = [self.geometry.length_m, self.geometry.width_m]
            .map(|extent| 0.5 * extent + CLEARANCE_M);
        let plate = Cuboid {
            pose: PlanarPose::new(at.x_m, at.y_m, at.yaw_rad + yaw_rad),
            half_extents_m: [half_x, half_y, fixture.half_extents_m[2]],
            ..*fixture
        };
        plate.overlaps(fixture)
    }
}

/// A plate's planar pose in the frame of the hand.
fn in_hand(hand: PlanarPose, plate: &Isometry3<f64>) -> PlanarPose {
    let [x, y] = [plate.translation.x - hand.x_m, plate.translation.y - hand.y_m];
    let (sin, cos) = hand.yaw_rad.sin_cos();
    let long_side = plate.rotation * Vector3::x();
    PlanarPose::new(
        cos * x + sin * y,
        cos * y - sin * x,
        long_side.y.atan2(long_side.x) - hand.yaw_rad,
    )
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};

    use super::*;
    use crate::scene::cuboid::Material;

    /// A plate that is carried down between walls that it does not touch is free down to the surface, and one that comes
    /// down on a wall only above it. For circles the wall is as wide as it is long.
    #[test]
    fn walls_beside_the_plate_count_as_far_as_they_reach() {
        let geometry = PlateGeometry::default();
        let wall = |y_m: f64| Cuboid {
            pose: PlanarPose::new(0.4, y_m, 0.0),
            center_z_m: 0.04,
            half_extents_m: [0.1, 0.002, 0.04],
            material: Material::Shelf,
        };
        let tool = |z_m: f64| ToolPose::new(PlanarPose::new(0.4, 0.1, 0.3), z_m);
        let motion = LinearMotion::new(tool(0.12), tool(0.003), 0.1);
        // Held 5 mm off, 2 mm below the plate's bottom, and turned by half a turn against the tool's yaw of 0.3.
        let at = pose_in_frame(tool(0.12).planar, 0.005, 0.0);
        let plate = Isometry3::from_parts(
            Translation3::new(at.x_m, at.y_m, 0.12 - 0.002 + 0.5 * geometry.height_m),
            UnitQuaternion::from_euler_angles(0.0, 0.0, 0.3 + std::f64::consts::PI),
        );
        let lowest_free_mm = |outline, y_m: f64| {
            let air = FreeAir::new(outline, &[wall(y_m)], &motion, tool(0.12), &plate, geometry);
            (0..120).rev().find(|mm| !air.at(tool(f64::from(*mm) / 1000.0))).unwrap() + 1
        };
        // How far the turned plate reaches across; a wall's inner face is 2 mm before its middle.
        let across_m = 0.06388 * 0.3f64.sin() + 0.04274 * 0.3f64.cos() + 0.005 * 0.3f64.sin();
        assert!((across_m - 0.0612).abs() < 0.000_5, "{across_m}");
        assert_eq!(lowest_free_mm(FixtureOutline::Rectangle, 0.1 + across_m + 0.006), 5);
        assert_eq!(lowest_free_mm(FixtureOutline::Rectangle, 0.1 + across_m + 0.001), 85);
        assert_eq!(lowest_free_mm(FixtureOutline::Circle, 0.1 + across_m + 0.006), 85);
    }
}
