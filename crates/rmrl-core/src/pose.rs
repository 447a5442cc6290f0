//! Poses in the plane and the adjustments between them.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

/// Wraps an angle into `(-π, π]`.
///
/// ```
/// use std::f64::consts::PI;
/// assert_eq!(rmrl_core::wrap_angle(-PI), PI);
/// assert!((rmrl_core::wrap_angle(2.5 * PI) - 0.5 * PI).abs() < 1e-12);
/// ```
pub fn wrap_angle(angle_rad: f64) -> f64 {
    let wrapped = angle_rad.rem_euclid(TAU);
    if wrapped > PI { wrapped - TAU } else { wrapped }
}

/// A pose on a horizontal plane, `P = [x, y, ψ]` (Sec. 3.1).
///
/// In the world frame; `yaw_rad` is counterclockwise about the vertical axis. Poses made by
/// [`PlanarPose::new`] and by this crate's arithmetic have a yaw in `(-π, π]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanarPose {
    /// Position along the world's x axis, in meters.
    pub x_m: f64,
    /// Position along the world's y axis, in meters.
    pub y_m: f64,
    /// Rotation about the vertical axis, in radians.
    pub yaw_rad: f64,
}

impl PlanarPose {
    /// A pose with its yaw wrapped into `(-π, π]`.
    pub fn new(x_m: f64, y_m: f64, yaw_rad: f64) -> Self {
        Self { x_m, y_m, yaw_rad: wrap_angle(yaw_rad) }
    }

    /// The picking pose, Eq. 1: `P_pick = P_e + a`, component by component in the world frame.
    #[must_use]
    pub fn adjusted(self, adjustment: PoseAdjustment) -> Self {
        Self::new(
            self.x_m + adjustment.dx_m,
            self.y_m + adjustment.dy_m,
            self.yaw_rad + adjustment.dyaw_rad,
        )
    }

    /// The adjustment that leads from `reference` to this pose; the inverse of [`Self::adjusted`].
    #[must_use]
    pub fn relative_to(self, reference: Self) -> PoseAdjustment {
        PoseAdjustment {
            dx_m: self.x_m - reference.x_m,
            dy_m: self.y_m - reference.y_m,
            dyaw_rad: wrap_angle(self.yaw_rad - reference.yaw_rad),
        }
    }

    /// The distance between the two positions, in meters.
    pub fn distance_m(self, other: Self) -> f64 {
        (self.x_m - other.x_m).hypot(self.y_m - other.y_m)
    }

    /// Whether every component is finite.
    pub fn is_finite(self) -> bool {
        self.x_m.is_finite() && self.y_m.is_finite() && self.yaw_rad.is_finite()
    }
}

/// A pose adjustment, the action `a = [Δx, Δy, Δψ]` (Sec. 3.1), in the world frame.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoseAdjustment {
    /// Translation along the world's x axis, in meters.
    pub dx_m: f64,
    /// Translation along the world's y axis, in meters.
    pub dy_m: f64,
    /// Rotation about the vertical axis, in radians.
    pub dyaw_rad: f64,
}

impl PoseAdjustment {
    /// No correction: pick where the camera sees the plate.
    pub const NONE: Self = Self { dx_m: 0.0, dy_m: 0.0, dyaw_rad: 0.0 };

    /// This adjustment seen from a frame rotated by `-angle_rad`: its translation is rotated by `angle_rad`,
    /// its rotation is unchanged.
    #[must_use]
    pub fn rotated(self, angle_rad: f64) -> Self {
        let (sin, cos) = angle_rad.sin_cos();
        Self {
            dx_m: cos * self.dx_m - sin * self.dy_m,
            dy_m: sin * self.dx_m + cos * self.dy_m,
            dyaw_rad: self.dyaw_rad,
        }
    }

    /// The length of the translation, in meters.
    pub fn translation_m(self) -> f64 {
        self.dx_m.hypot(self.dy_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn angles_wrap_into_the_half_open_interval() {
        for (angle, expected) in [
            (0.0, 0.0),
            (PI, PI),
            (-PI, PI),
            (1.5 * PI, -0.5 * PI),
            (-1.5 * PI, 0.5 * PI),
            (7.0 * PI, PI),
        ] {
            assert!((wrap_angle(angle) - expected).abs() < 1e-12, "{angle}");
        }
    }

    #[test]
    fn a_quarter_turn_rotates_x_onto_y() {
        let turned = PoseAdjustment { dx_m: 1.0, dy_m: 0.0, dyaw_rad: 0.2 }.rotated(PI / 2.0);
        assert!(turned.dx_m.abs() < 1e-15);
        assert!((turned.dy_m - 1.0).abs() < 1e-15);
        assert_eq!(turned.dyaw_rad, 0.2);
    }

    proptest! {
        #[test]
        fn adjusting_and_relating_are_inverse(
            x in -1.0..1.0f64, y in -1.0..1.0f64, yaw in -10.0..10.0f64,
            dx in -0.1..0.1f64, dy in -0.1..0.1f64, dyaw in -3.0..3.0f64,
        ) {
            let pose = PlanarPose::new(x, y, yaw);
            let adjustment = PoseAdjustment { dx_m: dx, dy_m: dy, dyaw_rad: dyaw };
            let back = pose.adjusted(adjustment).relative_to(pose);
            prop_assert!((back.dx_m - dx).abs() < 1e-12);
            prop_assert!((back.dy_m - dy).abs() < 1e-12);
            prop_assert!((back.dyaw_rad - dyaw).abs() < 1e-12);
        }

        #[test]
        fn wrapped_angles_stay_in_range_and_keep_their_direction(angle in -1e3..1e3f64) {
            let wrapped = wrap_angle(angle);
            prop_assert!(wrapped > -PI && wrapped <= PI);
            prop_assert!((wrapped.sin() - angle.sin()).abs() < 1e-9);
            prop_assert!((wrapped.cos() - angle.cos()).abs() < 1e-9);
        }
    }
}
