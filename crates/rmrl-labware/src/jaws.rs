//! The reach of a gripper's jaws.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

/// How far apart a gripper's jaws can be, in meters. Those of UFACTORY's BIO gripper of the second generation go from
/// 0.071 to 0.150.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct Jaws {
    /// The distance of the jaws when they are fully closed, in meters.
    #[key(at_least = 0, at_most = 1)]
    pub closed_m: f64,
    /// The distance of the jaws when they are fully open, in meters.
    #[key(above = 0, at_most = 1)]
    pub open_m: f64,
}

impl Jaws {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let is_valid = self.open_m > self.closed_m;
        let expected = format!("more than closed_m, {}", self.closed_m);
        check.require("open_m", self.open_m, is_valid, expected)
    }
}
