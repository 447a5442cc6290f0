//! The limits of every motion, as configured.

use serde::{Deserialize, Serialize};

use super::violation::Refusal;

/// The limits of every motion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SafetyConfig {
    /// The tool's point stays within these x, in metres.
    pub x_m: [f64; 2],
    /// The tool's point stays within these y, in metres.
    pub y_m: [f64; 2],
    /// The finger tips stay within these heights, in metres. The lower one keeps them off the table.
    pub z_m: [f64; 2],
    /// The largest translation of an action, in metres.
    pub max_adjustment_m: f64,
    /// The largest rotation of an action, in degrees.
    pub max_adjustment_deg: f64,
    /// The highest speed of the tool, in metres per second.
    pub max_speed_m_s: f64,
}

impl Default for SafetyConfig {
    /// The table in front of an xArm 6, which reaches 0.7 m; 0.25 m/s is the limit that ISO 10218
    /// sets for an arm beside people.
    fn default() -> Self {
        Self {
            x_m: [0.15, 0.60],
            y_m: [-0.35, 0.35],
            z_m: [0.001, 0.40],
            max_adjustment_m: 0.015,
            max_adjustment_deg: 10.0,
            max_speed_m_s: 0.25,
        }
    }
}

/// An invalid limit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SafetyConfigError {
    /// The ends of a range are swapped, or not finite.
    #[error("{key} is [{min}, {max}], expected two rising numbers")]
    Range {
        /// The configuration's key.
        key: &'static str,
        /// The first number.
        min: f64,
        /// The second number.
        max: f64,
    },
    /// A limit that must be positive is not.
    #[error("{key} is {value}, expected a positive number")]
    NotPositive {
        /// The configuration's key.
        key: &'static str,
        /// What was given.
        value: f64,
    },
    /// The candidate actions exceed the envelope, which would refuse trials.
    #[error(
        "the candidate values of the action space can exceed the safety envelope: {refusal}; allow more or choose smaller candidates"
    )]
    Candidates {
        /// Why the envelope refuses the largest action.
        refusal: Refusal,
    },
}
