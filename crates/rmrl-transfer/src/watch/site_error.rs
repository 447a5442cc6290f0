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

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    #[test]
    fn an_error_along_the_slot_is_along_y_of_the_world_where_the_slot_is_turned() {
        let error = SiteError { dx_m: 0.003, dy_m: -0.004, dyaw_rad: 0.01 };
        let in_world = error.in_world(FRAC_PI_2);
        assert!((in_world.dx_m - 0.004).abs() < 1e-15 && (in_world.dy_m - 0.003).abs() < 1e-15);
        assert_eq!((in_world.dyaw_rad, error.translation_m()), (0.01, 0.005));
    }
}
