//! Errors of a placement and its reward (Sec. 3.3.2, "Reward Design").

use serde::{Deserialize, Serialize};

use crate::{ConfigKeys, PlanarPose};

/// The errors of a placement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlacementError {
    /// Translation error, Eq. 9, in meters.
    pub e_trans_m: f64,
    /// Rotation error, Eq. 10: `1 - cos Δψ`, in `[0, 2]`.
    pub e_rot: f64,
}

impl PlacementError {
    /// The errors of `final_pose` against `target_pose`.
    pub fn between(final_pose: PlanarPose, target_pose: PlanarPose) -> Self {
        let deviation = final_pose.relative_to(target_pose);
        Self {
            // Eq. 9: e_trans = ||t_final - t_target||_2
            e_trans_m: deviation.translation_m(),
            // Eq. 10: e_rot = 1 - cos(ψ_final - ψ_target)
            e_rot: 1.0 - deviation.dyaw_rad.cos(),
        }
    }

    /// The absolute yaw error that `e_rot` stands for, in radians.
    pub fn yaw_error_rad(self) -> f64 {
        yaw_error_rad(self.e_rot)
    }
}

/// The absolute yaw error that a rotation error of Eq. 10 stands for, in radians.
pub fn yaw_error_rad(e_rot: f64) -> f64 {
    (1.0 - e_rot).clamp(-1.0, 1.0).acos()
}

/// The reward `r = exp(-(e_trans + e_rot))` of Eq. 11, with explicit units.
///
/// The paper adds meters to a cosine. Its Table 2 fits only if the unit of `e_trans` is 0.1 m (3.6 mm gives
/// 0.965), so that unit is a parameter here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct RewardFunction {
    /// The translation that counts as 1 in the exponent, in meters. Default 0.1: fits Table 2.
    #[key(above = 0, at_most = 10, why = "a positive length in meters (the paper's is 0.1)")]
    pub translation_scale_m: f64,
    /// The weight of `e_rot`. Default 1, as in the paper. At that weight one degree costs 0.00015,
    /// and one millimeter 0.010.
    #[key(at_least = 0, at_most = 1000, why = "the paper's is 1")]
    pub rotation_weight: f64,
}

impl Default for RewardFunction {
    fn default() -> Self {
        Self { translation_scale_m: 0.1, rotation_weight: 1.0 }
    }
}

impl RewardFunction {
    /// The reward of a placement error, in `(0, 1]`.
    pub fn reward(&self, error: PlacementError) -> f64 {
        // Eq. 11: r = exp(-(e_trans + e_rot))
        (-(error.e_trans_m / self.translation_scale_m + self.rotation_weight * error.e_rot)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paper's Table 2: average reward, e_trans in mm, yaw error in degrees. The unit of
    /// `e_trans` was inferred from these rows, so they must keep fitting.
    #[test]
    fn table_2_fits_with_the_decimeter_as_unit() {
        for (reward, e_trans_mm, yaw_deg) in
            [(0.964, 3.6, 0.58), (0.944, 5.8, 1.01), (0.970, 3.0, 0.89), (0.978, 2.1, 0.60)]
        {
            let target = PlanarPose::default();
            let placed = PlanarPose::new(e_trans_mm / 1000.0, 0.0, f64::to_radians(yaw_deg));
            let error = PlacementError::between(placed, target);
            let ours = RewardFunction::default().reward(error);
            assert!((ours - reward).abs() < 0.0015, "{ours} against {reward}");
        }
    }

    #[test]
    fn a_perfect_placement_earns_one_and_errors_fall_with_distance() {
        let target = PlanarPose::new(0.3, -0.2, 3.1);
        let perfect = PlacementError::between(target, target);
        assert_eq!(RewardFunction::default().reward(perfect), 1.0);
        let mut last = 1.0;
        for step in 1..50 {
            let placed = PlanarPose::new(0.3, -0.2 + 0.001 * f64::from(step), 3.1);
            let reward = RewardFunction::default().reward(PlacementError::between(placed, target));
            assert!(reward < last && reward > 0.0);
            last = reward;
        }
    }

    #[test]
    fn yaw_errors_wrap_and_come_back_from_e_rot() {
        let error = PlacementError::between(
            PlanarPose::new(0.0, 0.0, 3.1),
            PlanarPose::new(0.0, 0.0, -3.1),
        );
        let expected = std::f64::consts::TAU - 6.2;
        assert!((error.yaw_error_rad() - expected).abs() < 1e-9);
    }

    #[test]
    fn errors_name_the_invalid_parameter() {
        for (scale, weight, key) in [
            (0.0, 1.0, "translation_scale_m"),
            (-0.1, 1.0, "translation_scale_m"),
            (f64::NAN, 1.0, "translation_scale_m"),
            (0.1, -1.0, "rotation_weight"),
            (0.1, f64::INFINITY, "rotation_weight"),
        ] {
            let function = RewardFunction { translation_scale_m: scale, rotation_weight: weight };
            assert_eq!(function.validate().unwrap_err().key, key, "{function:?}");
        }
        assert_eq!(RewardFunction::default().validate(), Ok(()));
    }
}
