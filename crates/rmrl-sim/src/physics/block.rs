//! Cuboids of any attitude: what physics may tilt, and what stands tilted.

use nalgebra::{Isometry3, Vector3};
use rmrl_core::PlanarPose;

use crate::scene::cuboid::{Cuboid, Material};

/// A cuboid of any attitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// The pose of its center.
    pub world_from_block: Isometry3<f64>,
    /// Half its extent along its own x, y and z, in meters.
    pub half_extents_m: [f64; 3],
}

impl Block {
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
