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
pub struct SiteResidual {
    /// The slot.
    pub site: SlotAddress,
    /// The place of an item in the slot, in the world.
    pub place: PlanarPose,
    /// The yaw of the tool where it releases there, in the world, in radians.
    pub tool_yaw_rad: f64,
    /// The difference of the means, in the world frame.
    pub residual: PoseAdjustment,
    /// The standard deviations of that difference along the x and y axes of the slot, in meters, and of its rotation, in
    /// radians. They are finite.
    pub deviations: [f64; 3],
}

impl SiteResidual {
    /// The residual of the errors `recent` compared with those of `reference`; `None` if one of them has fewer than 5.
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
        let residual = SiteError { dx_m, dy_m, dyaw_rad }.in_world(place.yaw_rad);
        Some(Self { site, place, tool_yaw_rad, residual, deviations })
    }
}

/// The variance of a mean of `n` values with an estimated standard deviation: that of Student's t with `n - 1` degrees
/// of freedom, `s²/n (n - 1) / (n - 3)`.
fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    standard_deviation(values).powi(2) / n * (n - 1.0) / (n - 3.0)
}
