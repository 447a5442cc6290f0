//! How far a plate reaches from its middle.

use nalgebra::{Isometry3, Vector3};
use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

/// How far the plate reaches across the jaws from the middle of a hand at `hand`, in meters.
pub(crate) fn reach_across_jaws_m(
    world_from_plate: &Isometry3<f64>,
    geometry: PlateGeometry,
    hand: PlanarPose,
) -> f64 {
    let (sin, cos) = hand.yaw_rad.sin_cos();
    let across = Vector3::new(-sin, cos, 0.0);
    let offset = world_from_plate.translation.vector - Vector3::new(hand.x_m, hand.y_m, 0.0);
    across.dot(&offset).abs() + half_extent_m(world_from_plate, geometry, across)
}

/// How far the plate reaches from its own middle along a unit vector, in meters.
pub(crate) fn half_extent_m(
    world_from_plate: &Isometry3<f64>,
    geometry: PlateGeometry,
    direction: Vector3<f64>,
) -> f64 {
    let half = [geometry.length_m, geometry.width_m, geometry.height_m].map(|extent| 0.5 * extent);
    let axes = world_from_plate.rotation.to_rotation_matrix();
    (0..3).map(|axis| half[axis] * direction.dot(&axes.matrix().column(axis)).abs()).sum()
}
