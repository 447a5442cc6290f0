//! How far the placements at a site lie off, compared with earlier ones.

use rmrl_core::{PlanarPose, PoseAdjustment, mean, standard_deviation};
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use super::site_error::SiteError;

/// The fewest errors of which a mean says how uncertain it is.
const FEWEST: usize = 5;

/// By how much the mean error at a site differs from what it was, in the world frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteChange {
    /// The slot.
    pub site: SlotAddress,
    /// The place of an item in the slot, in the world.
    pub place: PlanarPose,
    /// The yaw of the tool where it releases there, in the world, in radians.
    pub tool_yaw_rad: f64,
    /// The difference of the means, in the world frame.
    pub change: PoseAdjustment,
    /// The standard deviations of that difference along the x and y axes of the slot, in meters, and of its rotation, in
    /// radians. They are finite.
    pub deviations: [f64; 3],
}

impl SiteChange {
    /// The change of the errors `recent` compared with those of `reference`; `None` if one of them has fewer than 5.
    pub fn between(
        site: SlotAddress,
        place: PlanarPose,
        tool_yaw_rad: f64,
        reference: &[SiteError],
        recent: &[SiteError],
    ) -> Option<Self> {
        if reference.len().min(recent.len()) < FEWEST {
            return None;
        }
        let components = |errors: &[SiteError], index: usize| -> Vec<f64> {
            errors.iter().map(|error| [error.dx_m, error.dy_m, error.dyaw_rad][index]).collect()
        };
        let mut difference = [0.0; 3];
        let mut deviations = [0.0; 3];
        for index in 0..3 {
            let (before, now) = (components(reference, index), components(recent, index));
            difference[index] = mean(&now) - mean(&before);
            deviations[index] = (variance_of_mean(&now) + variance_of_mean(&before)).sqrt();
        }
        let [dx_m, dy_m, dyaw_rad] = difference;
        let change = SiteError { dx_m, dy_m, dyaw_rad }.in_world(place.yaw_rad);
        Some(Self { site, place, tool_yaw_rad, change, deviations })
    }
}

/// The variance of a mean of `n` values with an estimated standard deviation: that of Student's t with `n - 1` degrees
/// of freedom, `s²/n (n - 1) / (n - 3)`.
fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    standard_deviation(values).powi(2) / n * (n - 1.0) / (n - 3.0)
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Rng, random_stream, standard_normal};

    use super::*;

    fn errors(rng: &mut Rng, count: usize, shift: [f64; 3]) -> Vec<SiteError> {
        let mut component = |scale: f64, shift: f64| shift + scale * standard_normal(rng);
        (0..count)
            .map(|_| SiteError {
                dx_m: component(2e-4, shift[0]),
                dy_m: component(1e-4, shift[1]),
                dyaw_rad: component(3e-3, shift[2]),
            })
            .collect()
    }

    fn between(reference: &[SiteError], recent: &[SiteError]) -> Option<SiteChange> {
        let place = PlanarPose::new(0.3, 0.1, std::f64::consts::FRAC_PI_2);
        SiteChange::between("reader".parse().unwrap(), place, 0.0, reference, recent)
    }

    #[test]
    fn the_change_is_in_the_world_and_its_deviations_in_the_slot() {
        let mut rng = random_stream(1, "change", [0, 0]);
        let reference = errors(&mut rng, 4000, [1e-3, 0.0, 0.0]);
        let recent = errors(&mut rng, 1000, [3e-3, 5e-4, 0.02]);
        let found = between(&reference, &recent).unwrap();
        // The slot's x is the world's y.
        let PoseAdjustment { dx_m, dy_m, dyaw_rad } = found.change;
        assert!((dx_m + 5e-4).abs() < 3e-5 && (dy_m - 2e-3).abs() < 3e-5, "{found:?}");
        assert!((dyaw_rad - 0.02).abs() < 5e-4);
        for (deviation, scale) in found.deviations.into_iter().zip([2e-4, 1e-4, 3e-3]) {
            let expected = scale * (1.0f64 / 4000.0 + 1.0 / 1000.0).sqrt();
            assert!((deviation / expected - 1.0).abs() < 0.1, "{deviation} {expected}");
        }
    }

    /// Few errors say little about their own spread: the deviations still cover the truth.
    #[test]
    fn deviations_of_few_errors_are_not_too_small() {
        let mut squares = [0.0; 3];
        for seed in 0..2000 {
            let mut rng = random_stream(seed, "few", [0, 0]);
            let (reference, recent) =
                (errors(&mut rng, 30, [0.0; 3]), errors(&mut rng, 6, [0.0; 3]));
            let found = between(&reference, &recent).unwrap();
            let PoseAdjustment { dx_m, dy_m, dyaw_rad } =
                found.change.rotated(-std::f64::consts::FRAC_PI_2);
            for (index, component) in [dx_m, dy_m, dyaw_rad].into_iter().enumerate() {
                let within = component.abs() <= 1.96 * found.deviations[index];
                squares[index] += f64::from(u8::from(within)) / 2000.0;
            }
        }
        assert!(squares.iter().all(|covered| *covered > 0.93), "{squares:?}");
    }

    #[test]
    fn fewer_than_five_errors_say_nothing() {
        let mut rng = random_stream(2, "change", [0, 0]);
        let many = errors(&mut rng, 5, [0.0; 3]);
        assert!(between(&many, &many).is_some());
        assert!(between(&many[..4], &many).is_none() && between(&many, &many[..4]).is_none());
    }
}
