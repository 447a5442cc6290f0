//! Motions: where the arm is at any time between their beginning and their end.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use super::circle::Circle;
use crate::kinematics::Joints;

/// A trapezoidal speed profile: speed rises, stays and falls.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpeedProfile {
    length: f64,
    acceleration: f64,
    rise_secs: f64,
    pub duration_secs: f64,
}

impl SpeedProfile {
    /// The profile over a length, with the highest speed and acceleration in the same unit.
    pub fn new(length: f64, speed: f64, acceleration: f64) -> Self {
        // Less than any length that counts, to avoid a division by zero below.
        let length = length.max(1e-9);
        let rise_secs = (speed / acceleration).min((length / acceleration).sqrt());
        let reached = acceleration * rise_secs;
        let duration_secs = length / reached + rise_secs;
        Self { length, acceleration, rise_secs, duration_secs }
    }

    /// The share of the length that is done after a time, 0 to 1.
    pub fn share(&self, secs: f64) -> f64 {
        if secs >= self.duration_secs {
            return 1.0;
        }
        let rising = |secs: f64| 0.5 * self.acceleration * secs * secs;
        let done = if secs < self.rise_secs {
            rising(secs)
        } else if secs > self.duration_secs - self.rise_secs {
            self.length - rising(self.duration_secs - secs)
        } else {
            rising(self.rise_secs) + self.acceleration * self.rise_secs * (secs - self.rise_secs)
        };
        (done / self.length).clamp(0.0, 1.0)
    }
}

/// The path of a motion.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path {
    /// The tool's point in a straight line while it turns evenly, in meters.
    Line {
        /// The tool at the beginning, in the base's frame.
        from: Isometry3<f64>,
        /// The tool at the end.
        to: Isometry3<f64>,
    },
    /// The tool's point on a circle.
    Circle(Circle),
    /// Every joint evenly, in radians.
    Joints {
        /// The joints at the beginning.
        from: Joints,
        /// The joints at the end.
        to: Joints,
    },
    /// The arm stands.
    Rest,
}

impl Path {
    /// The length in meters and radians. For joints, that of the joint that turns farthest.
    pub fn lengths(&self) -> (f64, f64) {
        match self {
            Self::Line { from, to } => {
                let length_m = (to.translation.vector - from.translation.vector).norm();
                (length_m, from.rotation.angle_to(&to.rotation))
            }
            Self::Joints { from, to } => {
                let turn = from.iter().zip(to).map(|(from, to)| (to - from).abs());
                (0.0, turn.fold(0.0, f64::max))
            }
            Self::Circle(circle) => (circle.length_m(), 0.0),
            Self::Rest => (0.0, 0.0),
        }
    }

    /// The tool at a share of the way; none where joints turn or nothing moves.
    pub fn tool_at(&self, share: f64) -> Option<Isometry3<f64>> {
        match self {
            Self::Line { from, to } => Some(on_line(from, to, share)),
            Self::Circle(circle) => Some(circle.at(share)),
            Self::Joints { .. } | Self::Rest => None,
        }
    }
}

/// The tool at a share of a straight line.
pub(super) fn on_line(from: &Isometry3<f64>, to: &Isometry3<f64>, share: f64) -> Isometry3<f64> {
    let position = from.translation.vector.lerp(&to.translation.vector, share);
    // Half a turn has no shortest way; any is correct.
    let rotation = from.rotation.try_slerp(&to.rotation, share, 1e-9).unwrap_or(if share < 1.0 {
        from.rotation
    } else {
        to.rotation
    });
    Isometry3::from_parts(Translation3::from(position), rotation)
}

/// The joint angles at a share of their path.
pub(super) fn between_joints(from: &Joints, to: &Joints, share: f64) -> Joints {
    std::array::from_fn(|index| from[index] + share * (to[index] - from[index]))
}

/// The pose of the vendor's six numbers: millimeters, then roll, pitch and yaw in radians.
pub(super) fn pose_of(numbers: &[f64; 6]) -> Isometry3<f64> {
    let [x, y, z, roll, pitch, yaw] = *numbers;
    Isometry3::from_parts(
        Translation3::new(x / 1000.0, y / 1000.0, z / 1000.0),
        UnitQuaternion::from_euler_angles(roll, pitch, yaw),
    )
}

/// The vendor's six numbers of a pose.
pub(super) fn numbers_of(pose: &Isometry3<f64>) -> [f64; 6] {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    let at = pose.translation.vector * 1000.0;
    [at.x, at.y, at.z, roll, pitch, yaw]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_rises_stays_and_falls() {
        let profile = SpeedProfile::new(0.2, 0.1, 1.0);
        assert!((profile.duration_secs - 2.1).abs() < 1e-12);
        for (secs, share) in
            [(0.0, 0.0), (0.1, 0.025), (1.05, 0.5), (2.0, 0.975), (2.1, 1.0), (9.0, 1.0)]
        {
            assert!((profile.share(secs) - share).abs() < 1e-12, "{secs}: {}", profile.share(secs));
        }
        // Too short to reach full speed.
        let short = SpeedProfile::new(0.01, 10.0, 1.0);
        assert!((short.duration_secs - 0.2).abs() < 1e-12);
        assert!((short.share(0.1) - 0.5).abs() < 1e-12);
        assert_eq!(SpeedProfile::new(0.0, 0.1, 1.0).share(1.0), 1.0);
    }

    #[test]
    fn six_numbers_round_trip() {
        let numbers = [300.0, -100.0, 50.0, 3.0, 0.2, -1.0];
        for (a, b) in numbers.iter().zip(numbers_of(&pose_of(&numbers))) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}
