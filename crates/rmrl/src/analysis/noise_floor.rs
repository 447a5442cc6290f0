//! How well a resting plate can be measured at all.

use rmrl_core::PlanarPose;
use serde::Serialize;

/// The average difference between two localizations of the same resting plate. Errors of about this
/// size are noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoiseFloor {
    /// The distance, in millimeters.
    pub distance_mm: f64,
    /// The difference in yaw, in degrees.
    pub turn_deg: f64,
}

impl NoiseFloor {
    /// The mean over all pairs of localizations; zero with fewer than two.
    pub fn of(resting: &[PlanarPose]) -> Self {
        let (mut distance_mm, mut turn_deg, mut pairs) = (0.0, 0.0, 0.0f64);
        for (index, pose) in resting.iter().enumerate() {
            for other in &resting[..index] {
                let between = pose.relative_to(*other);
                distance_mm += 1000.0 * between.translation_m();
                turn_deg += between.dyaw_rad.to_degrees().abs();
                pairs += 1.0;
            }
        }
        Self { distance_mm: distance_mm / pairs.max(1.0), turn_deg: turn_deg / pairs.max(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_over_pairs() {
        let resting = [0.0, 0.001, 0.003].map(|x_m| PlanarPose::new(x_m, 0.0, 10.0 * x_m));
        let floor = NoiseFloor::of(&resting);
        assert!((floor.distance_mm - 2.0).abs() < 1e-12, "{floor:?}");
        assert!((floor.turn_deg - 0.02f64.to_degrees()).abs() < 1e-12, "{floor:?}");
        assert_eq!(NoiseFloor::of(&resting[..1]).distance_mm, 0.0);
    }
}
