//! What is true in a cell and no device knows: for evaluation, never for a policy.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Vector3};
use rmrl_core::{PlanarPose, wrap_angle};
use serde::{Deserialize, Serialize};

/// The plate as it truly lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroundTruth {
    /// The plate's pose in the plane.
    pub plate: PlanarPose,
    /// The pose of a plate exactly in its place.
    pub target: PlanarPose,
    /// How much higher the plate's center lies than that of a seated plate, in meters.
    pub rise_m: f64,
    /// How far the plate is tilted, in radians.
    pub tilt_rad: f64,
    /// Whether the plate sits in its place: inside its walls, level, on its surface, the right way
    /// round.
    pub seated: bool,
    /// The pick that has to be commanded for the jaws to close around the plate's middle.
    pub best_pick: PlanarPose,
}

impl GroundTruth {
    /// How far the plate is from its place, in meters.
    pub fn e_trans_m(&self) -> f64 {
        self.plate.distance_m(self.target)
    }

    /// How far the plate is turned from its place, in radians, counterclockwise.
    pub fn yaw_error_rad(&self) -> f64 {
        wrap_angle(self.plate.yaw_rad - self.target.yaw_rad)
    }
}

/// Hand and plate as they truly were at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HandTruth {
    /// The tool, between the jaws.
    pub tool: PlanarPose,
    /// The plate.
    pub plate: PlanarPose,
}

/// The last grasp as it truly was: what the jaws did to the plate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GraspTruth {
    /// Before the jaws closed.
    pub open: HandTruth,
    /// After they had closed.
    pub closed: HandTruth,
    /// Before they opened again; `None` if they did not, or no longer held the plate.
    pub released: Option<HandTruth>,
}

/// A plate higher than this above its place is not seated, in meters.
const SEATED_RISE_M: f64 = 0.001;
/// A plate tilted by more is not seated, in radians.
const SEATED_TILT_RAD: f64 = 0.02;

/// The place that a task puts plates in.
pub(crate) struct TargetPlace {
    /// The pose of a plate exactly in the place.
    pub pose: PlanarPose,
    pub surface_m: f64,
    pub clearance_m: f64,
}

impl TargetPlace {
    /// The truth about a plate: `world_from_plate` is the pose of its center, and `plate` that in the
    /// plane.
    pub(crate) fn truth(
        &self,
        world_from_plate: &Isometry3<f64>,
        plate: PlanarPose,
        plate_height_m: f64,
        best_pick: impl Fn(PlanarPose) -> PlanarPose,
    ) -> GroundTruth {
        let up = world_from_plate.rotation * Vector3::z();
        let seated_height_m = self.surface_m + 0.5 * plate_height_m;
        let rise_m = world_from_plate.translation.z - seated_height_m;
        let tilt_rad = up.z.clamp(-1.0, 1.0).acos();
        let deviation = plate.relative_to(self.pose).rotated(-self.pose.yaw_rad);
        let slack_m = self.clearance_m + SEATED_RISE_M;
        GroundTruth {
            plate,
            target: self.pose,
            rise_m,
            tilt_rad,
            seated: rise_m.abs() < SEATED_RISE_M
                && tilt_rad < SEATED_TILT_RAD
                && deviation.dyaw_rad.abs() < FRAC_PI_2
                && deviation.dx_m.abs() < slack_m
                && deviation.dy_m.abs() < slack_m,
            best_pick: best_pick(plate),
        }
    }
}
