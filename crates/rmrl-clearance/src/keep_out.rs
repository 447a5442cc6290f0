//! What parts have to stay away from, as a configuration states it.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use crate::shape::{Shape, Solid};

/// The name of the table among obstacles.
pub const TABLE: &str = "table";

/// A box that nothing may enter, in the base's frame; its vertical edges stay vertical.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct KeepOut {
    /// Its name in errors and exemptions. Boxes of the same name are one obstacle, such as the walls of a slot.
    #[key(valid = is_name, expected = "a name that is not empty and not \"table\"")]
    pub name: String,
    /// The middle of the box: x, y, z in meters.
    #[key(at_least = -10, at_most = 10)]
    pub center_m: [f64; 3],
    /// Its whole extents along its own x, y and z, in meters.
    #[key(above = 0, limit = 10)]
    pub size_m: [f64; 3],
    /// Its rotation about the vertical, in degrees. Default 0.
    #[key(at_least = -360, at_most = 360)]
    #[serde(default)]
    pub yaw_deg: f64,
}

fn is_name(name: &String) -> bool {
    !name.trim().is_empty() && name != TABLE
}

impl KeepOut {
    /// The box where it stands.
    pub(crate) fn solid(&self) -> Solid {
        let half = self.size_m.map(|size| 0.5 * size);
        let shape = Shape::Box { least_m: half.map(|half| -half), most_m: half };
        let [x, y, z] = self.center_m;
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, self.yaw_deg * PI / 180.0);
        shape.core().placed(&Isometry3::from_parts(Translation3::new(x, y, z), turn))
    }
}

/// What has to stay clear, and by how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct ClearanceConfig {
    /// The least distance of every part from every box and the table, in meters. Default 0.02: a few millimeters each
    /// of the arm's own error, of measured boxes and of cables. Untuned.
    #[key(at_least = 0.001, at_most = 0.5)]
    pub margin_m: f64,
    /// The least distance of the hand from the arm's own links, in meters. Default 0.01, because the kinematics place both and
    /// nobody measured either. Untuned.
    #[key(at_least = 0.001, at_most = 0.5)]
    pub self_margin_m: f64,
    /// The height of the table, in meters in the base's frame; without it there is no table. The arm's base stands on it and is not
    /// checked. Default 0: the face that the base stands on.
    #[key(at_least = -10, at_most = 10)]
    pub table_m: Option<f64>,
    /// The boxes.
    #[key(nested)]
    pub keep_outs: Vec<KeepOut>,
}

impl Default for ClearanceConfig {
    fn default() -> Self {
        Self { margin_m: 0.02, self_margin_m: 0.01, table_m: Some(0.0), keep_outs: Vec::new() }
    }
}

impl ClearanceConfig {
    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        let is_less = self.self_margin_m <= self.margin_m;
        check.require("self_margin_m", self.self_margin_m, is_less, "margin_m or less")
    }
}
