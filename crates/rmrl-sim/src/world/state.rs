//! All of the world that outlasts a trial.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;
use serde::{Deserialize, Serialize};

use crate::physics::hand::Hand;

/// All of the world that outlasts a trial: what a real cell keeps by being there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorldState {
    /// The center of the plate, world frame, in meters.
    plate_m: [f64; 3],
    /// Its rotation as a unit quaternion, `[x, y, z, w]`.
    plate_rotation: [f64; 4],
    /// The pose that the arm was last commanded to.
    pub(crate) commanded: ToolPose,
    /// Where the hand truly is.
    pub(crate) hand: Hand,
    /// Whether the jaws hold the plate.
    pub(crate) holds_plate: bool,
    /// How many random streams the devices have used up.
    pub(crate) draws: u64,
    /// The scene whose plate lies in the cell; 0 before the first one, with the plain plate.
    pub(crate) scene: u32,
}

impl WorldState {
    /// A cell before its first scene: the plate lies level with its center at `plate_m`.
    pub(crate) fn initial(plate_m: [f64; 3], commanded: ToolPose, hand: Hand) -> Self {
        Self {
            plate_m,
            plate_rotation: [0.0, 0.0, 0.0, 1.0],
            commanded,
            hand,
            holds_plate: false,
            draws: 0,
            scene: 0,
        }
    }

    /// The pose of the plate's center.
    pub(crate) fn world_from_plate(&self) -> Isometry3<f64> {
        let [x, y, z] = self.plate_m;
        let [i, j, k, w] = self.plate_rotation;
        Isometry3::from_parts(
            Translation3::new(x, y, z),
            UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k)),
        )
    }

    /// The plate's pose in the plane.
    pub(crate) fn planar_plate(&self) -> PlanarPose {
        let world_from_plate = self.world_from_plate();
        let long_side = world_from_plate.rotation * Vector3::x();
        PlanarPose::new(
            world_from_plate.translation.x,
            world_from_plate.translation.y,
            long_side.y.atan2(long_side.x),
        )
    }

    pub(crate) fn set_plate(&mut self, world_from_plate: &Isometry3<f64>) {
        self.plate_m = world_from_plate.translation.vector.into();
        self.plate_rotation = world_from_plate.rotation.coords.into();
    }
}
