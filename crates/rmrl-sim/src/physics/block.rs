//! Cuboids of any attitude: what physics may tilt, and what stands tilted.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_core::PlanarPose;

use crate::scene::cuboid::{Cuboid, Material};

/// Edges whose cross product is shorter than the root of this are parallel.
const PARALLEL: f64 = 1e-12;

/// A cuboid of any attitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// The pose of its center.
    pub world_from_block: Isometry3<f64>,
    /// Half its extent along its own x, y and z, in meters.
    pub half_extents_m: [f64; 3],
}

impl Block {
    /// An upright cuboid as a block.
    pub(crate) fn upright(cuboid: &Cuboid) -> Self {
        let PlanarPose { x_m, y_m, yaw_rad } = cuboid.pose;
        Self {
            world_from_block: Isometry3::from_parts(
                Translation3::new(x_m, y_m, cuboid.center_z_m),
                UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_rad),
            ),
            half_extents_m: cuboid.half_extents_m,
        }
    }

    /// Whether two cuboids share any volume.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        // Separating axes: two cuboids are apart exactly if a normal of a face, or of an edge of one and one of the other,
        // separates them.
        let (ours, theirs) = (self.axes(), other.axes());
        let crossed = ours.iter().flat_map(|one| theirs.iter().map(move |two| one.cross(two)));
        let apart =
            other.world_from_block.translation.vector - self.world_from_block.translation.vector;
        let is_apart = |direction: Vector3<f64>| {
            let extents_m = self.half_extent_m(direction) + other.half_extent_m(direction);
            direction.norm_squared() > PARALLEL && direction.dot(&apart).abs() >= extents_m
        };
        !ours.iter().chain(&theirs).copied().chain(crossed).any(is_apart)
    }

    fn axes(&self) -> [Vector3<f64>; 3] {
        [Vector3::x(), Vector3::y(), Vector3::z()].map(|axis| self.world_from_block.rotation * axis)
    }

    /// How far it reaches from its center along a unit vector, in meters.
    pub(crate) fn half_extent_m(&self, direction: Vector3<f64>) -> f64 {
        let axes = self.world_from_block.rotation.to_rotation_matrix();
        (0..3)
            .map(|axis| {
                self.half_extents_m[axis] * direction.dot(&axes.matrix().column(axis)).abs()
            })
            .sum()
    }

    /// The height of its highest point, in meters.
    pub(crate) fn top_m(&self) -> f64 {
        self.world_from_block.translation.z + self.half_extent_m(Vector3::z())
    }

    /// The height of its lowest point, in meters.
    pub(crate) fn bottom_m(&self) -> f64 {
        self.world_from_block.translation.z - self.half_extent_m(Vector3::z())
    }

    /// Its pose in the plane: that of its center and its x axis.
    pub(crate) fn planar(&self) -> PlanarPose {
        let x_axis = self.world_from_block.rotation * Vector3::x();
        let center = self.world_from_block.translation;
        PlanarPose::new(center.x, center.y, x_axis.y.atan2(x_axis.x))
    }

    /// The upright cuboid around it, turned by `yaw_rad`.
    pub(crate) fn enclosing(&self, yaw_rad: f64) -> Cuboid {
        let (sin, cos) = yaw_rad.sin_cos();
        let center = self.world_from_block.translation;
        Cuboid {
            pose: PlanarPose::new(center.x, center.y, yaw_rad),
            center_z_m: center.z,
            half_extents_m: [
                self.half_extent_m(Vector3::new(cos, sin, 0.0)),
                self.half_extent_m(Vector3::new(-sin, cos, 0.0)),
                self.half_extent_m(Vector3::z()),
            ],
            material: Material::Box,
        }
    }

    /// The upright cuboid around it, turned as it is.
    pub(crate) fn footprint(&self) -> Cuboid {
        self.enclosing(self.planar().yaw_rad)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

    use super::*;

    fn block(center: [f64; 3], angles: [f64; 3]) -> Block {
        Block {
            world_from_block: Isometry3::from_parts(
                Translation3::new(center[0], center[1], center[2]),
                UnitQuaternion::from_euler_angles(angles[0], angles[1], angles[2]),
            ),
            half_extents_m: [0.02, 0.01, 0.005],
        }
    }

    #[test]
    fn tilted_cuboids_overlap_where_geometry_says() {
        let fixed = block([0.0; 3], [0.0; 3]);
        // On one edge at 45 degrees: a half diagonal of (0.02 + 0.005) / sqrt(2) high.
        let edge_m = 0.025 * FRAC_PI_4.sin();
        for (other, expected) in [
            (block([0.039, 0.0, 0.0], [0.0; 3]), true),
            (block([0.041, 0.0, 0.0], [0.0; 3]), false),
            // On its end.
            (block([0.0, 0.0, 0.024], [0.0, FRAC_PI_2, 0.0]), true),
            (block([0.0, 0.0, 0.026], [0.0, FRAC_PI_2, 0.0]), false),
            (block([0.0, 0.0, 0.005 + edge_m - 0.001], [0.0, FRAC_PI_4, 0.0]), true),
            (block([0.0, 0.0, 0.005 + edge_m + 0.001], [0.0, FRAC_PI_4, 0.0]), false),
            // Its lowest corner, turned about all axes, is beside the corner of the fixed one.
            (block([0.03, 0.02, 0.005], [0.6, 0.6, 0.8]), false),
        ] {
            assert_eq!(fixed.overlaps(&other), expected, "{other:?}");
            assert_eq!(other.overlaps(&fixed), expected, "{other:?}");
        }
    }

    #[test]
    fn the_enclosing_cuboid_of_an_upright_block_is_itself() {
        let cuboid = block([0.1, 0.2, 0.3], [0.0, 0.0, 0.7]).footprint();
        assert!((cuboid.pose.yaw_rad - 0.7).abs() < 1e-12);
        for (found, expected) in cuboid.half_extents_m.iter().zip([0.02, 0.01, 0.005]) {
            assert!((found - expected).abs() < 1e-12);
        }
        let leaning = block([0.0; 3], [0.0, FRAC_PI_4, 0.0]).footprint();
        assert!((leaning.half_extents_m[2] - 0.025 * FRAC_PI_4.sin()).abs() < 1e-12);
    }
}
