//! The target, and what lies at it.

use rmrl_core::{Look, PlanarPose};
use serde::{Deserialize, Serialize};

/// A plate within this height of its target, in meters, lies in its place or on the walls of it, which are 12 mm
/// high; one that is lower fell off. Larger than a plate's height on purpose: the seating judges the height, and a
/// plate that rides on a wall is an outcome. Nobody stacks plates in a place.
const IN_PLACE_M: f64 = 0.02;
/// Farther from its target than this, no plate was carried there, in meters: correction, calibration and
/// tool together make up a third of it.
pub(crate) const CARRIED_WITHIN_M: f64 = 0.08;

/// The target as the camera saw it before training (Sec. 3.2); fixed from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `P_target`, world frame.
    pub pose: PlanarPose,
    /// The height of the plate's center, in meters, by which a seated plate is known.
    pub height_m: f64,
    /// By how much the picture says that `pose` is off, as in [`Look::error_m`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_error_m: Option<[f64; 2]>,
}

impl Target {
    /// The look at the plate on the target.
    pub fn look(&self) -> Look {
        Look { pose: self.pose, error_m: self.look_error_m }
    }

    /// Whether a plate that is seen at `height_m` lies in its place, or on the walls of it.
    pub(crate) fn is_level_with(&self, height_m: f64) -> bool {
        (height_m - self.height_m).abs() <= IN_PLACE_M
    }

    /// Whether a plate that is seen at `height_m` fell off its place.
    pub(crate) fn is_above(&self, height_m: f64) -> bool {
        height_m < self.height_m - IN_PLACE_M
    }

    /// Whether a plate that is seen at `pose` may have been carried to its place.
    pub(crate) fn is_reached_by(&self, pose: PlanarPose) -> bool {
        pose.distance_m(self.pose) <= CARRIED_WITHIN_M
    }
}
