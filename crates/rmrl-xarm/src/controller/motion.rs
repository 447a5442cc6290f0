//! Motions: where the arm is at a time between their beginning and their end.

use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use crate::kinematics::Joints;

/// Speed that rises, stays and falls, along a way from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    way: f64,
    acceleration: f64,
    rise_secs: f64,
    pub duration_secs: f64,
}

impl Profile {
    /// For a way of a length, with the highest speed and acceleration in the same unit.
    pub fn new(way: f64, speed: f64, acceleration: f64) -> Self {
        // Less than any way that counts; keeps the division below from being one by zero.
        let way = way.max(1e-9);
        let rise_secs = (speed / acceleration).min((way / acceleration).sqrt());
        let reached = acceleration * rise_secs;
        let duration_secs = way / reached + rise_secs;
        Self { way, acceleration, rise_secs, duration_secs }
    }

    /// The share of the way that is done after a time.
    pub fn share(&self, secs: f64) -> f64 {
        if secs >= self.duration_secs {
            return 1.0;
        }
        let rising = |secs: f64| 0.5 * self.acceleration * secs * secs;
        let done = if secs < self.rise_secs {
            rising(secs)
        } else if secs > self.duration_secs - self.rise_secs {
            self.way - rising(self.duration_secs - secs)
        } else {
            rising(self.rise_secs) + self.acceleration * self.rise_secs * (secs - self.rise_secs)
        };
        (done / self.way).clamp(0.0, 1.0)
    }
}

/// The way of a motion.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// The tool's point in a straight line while it turns evenly, in metres.
    Line {
        /// The tool at the beginning, in the base's frame.
        from: Isometry3<f64>,
        /// At the end.
        to: Isometry3<f64>,
    },
    /// Every joint evenly.
    Joints {
        /// At the beginning.
        from: Joints,
        /// At the end.
        to: Joints,
    },
    /// Nowhere.
    Rest,
}

impl Way {
    /// How far, in metres and radians; of joints, the one that turns farthest.
    pub fn lengths(&self) -> (f64, f64) {
        match self {
            Self::Line { from, to } => {
                let way_m = (to.translation.vector - from.translation.vector).norm();
                (way_m, from.rotation.angle_to(&to.rotation))
            }
            Self::Joints { from, to } => {
                let turn = from.iter().zip(to).map(|(from, to)| (to - from).abs());
                (0.0, turn.fold(0.0, f64::max))
            }
            Self::Rest => (0.0, 0.0),
        }
    }
}

/// The tool at a share of a straight line.
pub(super) fn on_line(from: &Isometry3<f64>, to: &Isometry3<f64>, share: f64) -> Isometry3<f64> {
    let position = from.translation.vector.lerp(&to.translation.vector, share);
    // Half a turn has no short way; any will do.
    let rotation = from.rotation.try_slerp(&to.rotation, share, 1e-9).unwrap_or(if share < 1.0 {
        from.rotation
    } else {
        to.rotation
    });
    Isometry3::from_parts(Translation3::from(position), rotation)
}

/// Joint angles at a share of their way.
pub(super) fn between_joints(from: &Joints, to: &Joints, share: f64) -> Joints {
    std::array::from_fn(|index| from[index] + share * (to[index] - from[index]))
}

/// A pose from the vendor's six numbers: millimetres, then roll, pitch and yaw in radians.
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
        let profile = Profile::new(0.2, 0.1, 1.0);
        assert!((profile.duration_secs - 2.1).abs() < 1e-12);
        for (secs, share) in
            [(0.0, 0.0), (0.1, 0.025), (1.05, 0.5), (2.0, 0.975), (2.1, 1.0), (9.0, 1.0)]
        {
            assert!((profile.share(secs) - share).abs() < 1e-12, "{secs}: {}", profile.share(secs));
        }
        // Too short to get to the full speed.
        let short = Profile::new(0.01, 10.0, 1.0);
        assert!((short.duration_secs - 0.2).abs() < 1e-12);
        assert!((short.share(0.1) - 0.5).abs() < 1e-12);
        assert_eq!(Profile::new(0.0, 0.1, 1.0).share(1.0), 1.0);
    }

    #[test]
    fn six_numbers_round_trip() {
        let numbers = [300.0, -100.0, 50.0, 3.0, 0.2, -1.0];
        for (a, b) in numbers.iter().zip(numbers_of(&pose_of(&numbers))) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}
