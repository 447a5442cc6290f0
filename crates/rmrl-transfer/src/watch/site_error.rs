//! An error in the frame of a slot.

use rmrl_core::PoseAdjustment;
use serde::{Deserialize, Serialize};

/// How far an item lies from its place in a slot, in the frame of the slot: its origin is the place, x the place's yaw.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteError {
    /// Along the slot's x axis, in meters.
    pub dx_m: f64,
    /// Along the slot's y axis, in meters.
    pub dy_m: f64,
    /// Rotation, counterclockwise, in radians.
    pub dyaw_rad: f64,
}

impl SiteError {
    /// The length of the translation, in meters.
    pub fn translation_m(self) -> f64 {
        self.dx_m.hypot(self.dy_m)
    }

    /// Whether every component is finite.
    pub fn is_finite(self) -> bool {
        self.dx_m.is_finite() && self.dy_m.is_finite() && self.dyaw_rad.is_finite()
    }

    /// The same error in the world frame, of a slot whose place has the yaw `site_yaw_rad` in the world.
    #[must_use]
    pub fn in_world(self, site_yaw_rad: f64) -> PoseAdjustment {
        let Self { dx_m, dy_m, dyaw_rad } = self;
        PoseAdjustment { dx_m, dy_m, dyaw_rad }.rotated(site_yaw_rad)
    }
}
