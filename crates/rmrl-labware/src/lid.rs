//! Lids.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

/// The lid of a plate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct Lid {
    /// The lid's outer size along the plate's long side, in meters.
    #[key(above = 0, at_most = 1)]
    pub length_m: f64,
    /// The lid's outer size along the plate's short side, in meters.
    #[key(above = 0, at_most = 1)]
    pub width_m: f64,
    /// The lid's own height, from its rim to its top, in meters.
    #[key(above = 0, at_most = 0.2)]
    pub height_m: f64,
    /// How far the rim of the lid is below the top of the plate that it covers, in meters.
    #[key(at_least = 0, at_most = 0.2)]
    pub nesting_m: f64,
    /// The height of the finger tips above the lid's rim when the jaws hold the lid, in meters.
    #[key(at_least = 0, at_most = 0.2)]
    pub grip_height_m: f64,
}

impl Lid {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let is_valid = self.width_m <= self.length_m;
        let expected = "at most length_m: x is along the long side";
        check.require("width_m", self.width_m, is_valid, expected)?;
        let is_valid = self.nesting_m < self.height_m;
        let expected = format!("less than the lid's height_m, {}", self.height_m);
        check.require("nesting_m", self.nesting_m, is_valid, expected)?;
        let is_valid = self.grip_height_m < self.height_m;
        let expected = format!("less than the lid's height_m, {}", self.height_m);
        check.require("grip_height_m", self.grip_height_m, is_valid, expected)
    }
}
