//! What moves before the camera, or is moved by hands: plates, lids, the gripper.

use nalgebra::Isometry3;
use rmrl_vision::PlateGeometry;

use crate::scene::appearance::PlateLook;
use crate::scene::cuboid::Cuboid;

/// A plate before the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SeenPlate {
    /// Pose of its center, without its lid.
    pub world_from_plate: Isometry3<f64>,
    pub geometry: PlateGeometry,
    /// How it looks, and whether a lid lies on it.
    pub look: PlateLook,
}

/// Everything before the camera that is not in the empty cell.
///
/// Each hides the others and casts its shadow on them, in any order and at any height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MovingThings<'a> {
    pub plates: &'a [SeenPlate],
    /// Other bodies, such as a lid that lies alone.
    pub bodies: &'a [Cuboid],
    /// The gripper, and what of the arm is near it.
    pub hand: &'a [Cuboid],
}
