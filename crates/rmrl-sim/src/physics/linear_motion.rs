//! Straight motions of the hand: its pose over time, and how near it passes a place.

use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};

/// Acceleration of the tool, in meters per second squared.
const ACCELERATION_M_S2: f64 = 2.0;
/// Angular speed of the tool, in radians per second.
const TURN_SPEED_RAD_S: f64 = 1.5;

/// A straight motion of the hand.
pub(crate) struct LinearMotion {
    from: ToolPose,
    to: ToolPose,
    profile: SpeedProfile,
}

impl LinearMotion {
    pub(crate) fn new(from: ToolPose, to: ToolPose, speed_m_s: f64) -> Self {
        let dx = to.planar.x_m - from.planar.x_m;
        let dy = to.planar.y_m - from.planar.y_m;
        let dz = to.z_m - from.z_m;
        let turn_rad = wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad);
        let length_m = (dx * dx + dy * dy + dz * dz).sqrt();
        Self { from, to, profile: SpeedProfile::new(length_m, turn_rad, speed_m_s) }
    }

    pub(crate) fn duration_secs(&self) -> f64 {
        self.profile.duration_secs()
    }

    /// The pose of the tool after `time_secs`.
    pub(crate) fn at_secs(&self, time_secs: f64) -> ToolPose {
        interpolate(self.from, self.to, self.profile.share_at(time_secs))
    }

    pub(crate) fn descends(&self) -> bool {
        self.to.z_m < self.from.z_m
    }

    /// How near the motion passes a place, seen from above, in meters.
    pub(crate) fn distance_m(&self, place: PlanarPose) -> f64 {
        distance_to_segment_m(self.from.planar, self.to.planar, place)
    }
}

/// The pose after a share of the straight path from one pose to another, 0 to 1.
pub(crate) fn interpolate(from: ToolPose, to: ToolPose, share: f64) -> ToolPose {
    ToolPose::new(
        PlanarPose::new(
            from.planar.x_m + share * (to.planar.x_m - from.planar.x_m),
            from.planar.y_m + share * (to.planar.y_m - from.planar.y_m),
            from.planar.yaw_rad + share * wrap_angle(to.planar.yaw_rad - from.planar.yaw_rad),
        ),
        from.z_m + share * (to.z_m - from.z_m),
    )
}

/// How near the straight path between two poses passes a place, seen from above, in meters.
pub(crate) fn distance_to_segment_m(from: PlanarPose, to: PlanarPose, place: PlanarPose) -> f64 {
    let [dx, dy] = [to.x_m - from.x_m, to.y_m - from.y_m];
    let to_place = [place.x_m - from.x_m, place.y_m - from.y_m];
    let length_squared = dx * dx + dy * dy;
    let share = if length_squared > 0.0 {
        ((to_place[0] * dx + to_place[1] * dy) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (to_place[0] - share * dx).hypot(to_place[1] - share * dy)
}

/// A trapezoidal speed profile over a straight motion: accelerate, cruise, brake.
struct SpeedProfile {
    /// Distance along the motion's slower part, in units of its own speed: seconds of cruising.
    cruise_secs: f64,
    ramp_secs: f64,
}

impl SpeedProfile {
    fn new(distance_m: f64, turn_rad: f64, speed_m_s: f64) -> Self {
        let cruise_secs = (distance_m / speed_m_s).max(turn_rad.abs() / TURN_SPEED_RAD_S);
        Self {
            cruise_secs,
            // Short motions never reach their speed: they accelerate along half the path and brake.
            ramp_secs: (speed_m_s / ACCELERATION_M_S2).min(cruise_secs),
        }
    }

    fn duration_secs(&self) -> f64 {
        self.cruise_secs + self.ramp_secs
    }

    /// The share of the path covered after `time_secs`, 0 to 1.
    fn share_at(&self, time_secs: f64) -> f64 {
        if self.cruise_secs == 0.0 {
            return 1.0;
        }
        let ramped = |secs: f64| 0.5 * secs * secs / (self.ramp_secs * self.cruise_secs);
        let remaining_secs = self.duration_secs() - time_secs;
        if remaining_secs <= 0.0 {
            1.0
        } else if time_secs < self.ramp_secs {
            ramped(time_secs)
        } else if remaining_secs < self.ramp_secs {
            1.0 - ramped(remaining_secs)
        } else {
            (time_secs - 0.5 * self.ramp_secs) / self.cruise_secs
        }
    }
}
