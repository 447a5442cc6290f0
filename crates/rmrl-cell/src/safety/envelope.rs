//! The safety envelope: motions that the arm is never asked to make.

use rmrl_core::{ActionSpace, InvalidKey, PoseAdjustment};

use super::config::SafetyConfig;
use super::violation::{Axis, SafetyViolation, UnsafeActions};
use crate::ToolPose;

/// Checks motions against the limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SafetyEnvelope {
    config: SafetyConfig,
}

impl SafetyEnvelope {
    /// An envelope with the given limits.
    ///
    /// # Errors
    /// An invalid limit.
    pub fn new(config: SafetyConfig) -> Result<Self, InvalidKey> {
        config.validate()?;
        Ok(Self { config })
    }

    /// Checks that the largest action of `actions` stays within the limits.
    ///
    /// # Errors
    /// The largest action exceeds the limits.
    pub fn check_actions(&self, actions: &ActionSpace) -> Result<(), UnsafeActions> {
        let (translation_m, rotation_rad) = actions.largest_adjustment();
        self.check_adjustment(PoseAdjustment {
            dx_m: translation_m,
            dy_m: 0.0,
            dyaw_rad: rotation_rad,
        })
        .map_err(|refusal| UnsafeActions { refusal })
    }

    /// Checks an action.
    ///
    /// # Errors
    /// It exceeds the limits.
    pub fn check_adjustment(&self, adjustment: PoseAdjustment) -> Result<(), SafetyViolation> {
        let translation_m = adjustment.translation_m();
        let rotation_deg = adjustment.dyaw_rad.to_degrees().abs();
        let allowed = translation_m <= self.config.max_adjustment_m
            && rotation_deg <= self.config.max_adjustment_deg;
        if allowed {
            Ok(())
        } else {
            Err(SafetyViolation::Adjustment {
                translation_m,
                rotation_deg,
                max_m: self.config.max_adjustment_m,
                max_deg: self.config.max_adjustment_deg,
            })
        }
    }

    /// Checks where a motion would end, and its speed.
    ///
    /// # Errors
    /// It would leave the workspace, or be too fast.
    pub fn check_motion(&self, target: ToolPose, speed_m_s: f64) -> Result<(), SafetyViolation> {
        if !(target.planar.is_finite() && target.z_m.is_finite()) {
            return Err(SafetyViolation::NotANumber { target });
        }
        if let Some((axis, value_m, [min_m, max_m])) = self.outside(target, 0.0) {
            return Err(SafetyViolation::OutsideWorkspace { axis, value_m, min_m, max_m });
        }
        let allowed = speed_m_s > 0.0 && speed_m_s <= self.config.max_speed_m_s;
        if allowed {
            Ok(())
        } else {
            Err(SafetyViolation::Speed { speed_m_s, max_m_s: self.config.max_speed_m_s })
        }
    }

    /// Checks where a motion would begin. The workspace is convex, so a straight line between two
    /// points inside it stays inside.
    ///
    /// # Errors
    /// The arm stands outside.
    pub fn check_start(&self, at: ToolPose) -> Result<(), SafetyViolation> {
        match self.outside(at, AT_LIMIT_M) {
            None => Ok(()),
            Some((axis, value_m, [min_m, max_m])) => {
                Err(SafetyViolation::StartsOutside { axis, value_m, min_m, max_m })
            }
        }
    }

    /// The first axis along which a pose lies outside of the workspace by more than `margin_m`.
    fn outside(&self, pose: ToolPose, margin_m: f64) -> Option<(Axis, f64, [f64; 2])> {
        [
            (Axis::X, pose.planar.x_m, self.config.x_m),
            (Axis::Y, pose.planar.y_m, self.config.y_m),
            (Axis::Z, pose.z_m, self.config.z_m),
        ]
        .into_iter()
        .find(|(_, value, [min, max])| !(min - margin_m..=max + margin_m).contains(value))
    }
}

/// An arm that was sent to a limit may stop this far beyond it, in meters.
const AT_LIMIT_M: f64 = 0.002;

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> SafetyEnvelope {
        SafetyEnvelope::new(SafetyConfig::default()).unwrap()
    }

    #[test]
    fn adjustments_are_checked_by_length_and_by_angle() {
        let adjustment = |dx_m, dy_m, degrees: f64| PoseAdjustment {
            dx_m,
            dy_m,
            dyaw_rad: degrees.to_radians(),
        };
        assert!(envelope().check_adjustment(adjustment(0.01, -0.01, -9.0)).is_ok());
        assert!(envelope().check_adjustment(adjustment(0.012, 0.012, 0.0)).is_err());
        assert!(envelope().check_adjustment(adjustment(0.0, 0.0, -11.0)).is_err());
        assert!(envelope().check_adjustment(adjustment(f64::NAN, 0.0, 0.0)).is_err());
    }

    #[test]
    fn action_spaces_beyond_the_envelope_are_refused_before_any_motion() {
        let degree = 1f64.to_radians();
        let fits = ActionSpace::symmetric([11, 11, 11], [0.002, 0.002, degree]).unwrap();
        assert_eq!(envelope().check_actions(&fits), Ok(()));
        let too_wide = ActionSpace::symmetric([13, 13, 11], [0.002, 0.002, degree]).unwrap();
        let message = envelope().check_actions(&too_wide).unwrap_err().to_string();
        assert!(message.contains("16.97 mm"), "{message}");
    }

    #[test]
    fn invalid_limits_are_refused_by_key() {
        let broken = SafetyConfig { z_m: [0.4, 0.0], ..SafetyConfig::default() };
        assert!(SafetyEnvelope::new(broken).unwrap_err().to_string().contains("z_m is [0.4, 0]"));
        let broken = SafetyConfig { max_speed_m_s: -1.0, ..SafetyConfig::default() };
        assert!(SafetyEnvelope::new(broken).unwrap_err().to_string().contains("max_speed_m_s"));
    }
}
