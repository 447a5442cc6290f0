//! The limits of every motion, as configured. No arm reaches 10 m, so a larger number is a slip of the unit.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The limits of every motion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct SafetyConfig {
    /// The tool's point stays within these x, in meters.
    #[key(interval(strict), at_least = -10, at_most = 10)]
    pub x_m: [f64; 2],
    /// The tool's point stays within these y, in meters.
    #[key(interval(strict), at_least = -10, at_most = 10)]
    pub y_m: [f64; 2],
    /// The finger tips stay within these heights, in meters. The lower one keeps them off the table.
    #[key(interval(strict), at_least = -10, at_most = 10)]
    pub z_m: [f64; 2],
    /// The largest translation of an action, in meters.
    #[key(above = 0, limit = 1)]
    pub max_adjustment_m: f64,
    /// The largest rotation of an action, in degrees.
    #[key(above = 0, limit = 360)]
    pub max_adjustment_deg: f64,
    /// The highest speed of the tool, in meters per second.
    #[key(at_least = 0.001, limit = 10)]
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
