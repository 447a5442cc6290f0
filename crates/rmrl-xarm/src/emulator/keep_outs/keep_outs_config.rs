//! What the emulated arm has to stay away from.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

/// The name of the table in [`KeepOutViolation`](super::KeepOutViolation).
pub(super) const TABLE: &str = "table";

/// What no part of arm, gripper and held plate may come near. Lengths are in meters, in the base's frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct KeepOuts {
    /// The boxes. Default none.
    #[key(nested)]
    pub boxes: Vec<KeepOutBox>,
    /// The table. Default none. The arm's base stands on it and is not checked.
    #[key(nested)]
    pub table: Option<KeepOutTable>,
    /// The plate in the jaws whenever they hold something. Default none: what is held is not checked.
    #[key(nested)]
    pub held_plate: Option<HeldPlate>,
    /// Whether the arm stops before it violates a margin, as on a collision, with error 31. Default false: it
    /// moves on, and the violation is recorded.
    pub stop_on_violation: bool,
}

/// A box that nothing may come near; its vertical edges stay vertical.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct KeepOutBox {
    /// Its name in reports. Boxes of one name are one obstacle, such as the walls of a slot.
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
    /// The least distance of every part, in meters.
    #[key(at_least = -0.05, at_most = 0.5)]
    pub margin_m: f64,
    /// Where the tool's point is when the arm enters the slot that the box belongs to. Default nowhere.
    #[key(nested)]
    #[serde(default)]
    pub entered_within: Vec<EntryRegion>,
    /// The least distance of gripper and held plate while the tool's point is in one of these regions, in meters; links
    /// keep `margin_m`. A negative margin allows a plate to stand on the box in spite of rounding. Default 0.
    #[key(at_least = -0.05, at_most = 0.5)]
    #[serde(default)]
    pub entry_margin_m: f64,
}

fn is_name(name: &String) -> bool {
    !name.trim().is_empty() && name != TABLE
}

/// A table without an end. The arm's base stands on it and is not checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct KeepOutTable {
    /// The height of its face, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub height_m: f64,
    /// The least distance of every part, in meters.
    #[key(at_least = -0.05, at_most = 0.5)]
    pub margin_m: f64,
    /// Where the tool's point is when the arm picks or places on the table. Default nowhere.
    #[key(nested)]
    #[serde(default)]
    pub entered_within: Vec<EntryRegion>,
    /// The least distance of gripper and held plate while the tool's point is in one of these regions, in meters. Default
    /// 0.
    #[key(at_least = -0.05, at_most = 0.5)]
    #[serde(default)]
    pub entry_margin_m: f64,
}

/// An upright cylinder or an upright box, such as the column above a slot or the passage in front of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(deny_unknown_fields)]
pub struct EntryRegion {
    /// The middle: x and y in meters.
    #[key(at_least = -10, at_most = 10)]
    pub center_m: [f64; 2],
    /// The lower and the upper end, in meters.
    #[key(interval(strict), at_least = -10, at_most = 10)]
    pub z_m: [f64; 2],
    /// The radius of a cylinder, in meters. Either this or `size_m`.
    #[key(above = 0, limit = 10)]
    #[serde(default)]
    pub radius_m: Option<f64>,
    /// The whole extents of a box along its own x and y, in meters. Either this or `radius_m`.
    #[key(above = 0, limit = 10)]
    #[serde(default)]
    pub size_m: Option<[f64; 2]>,
    /// The rotation of a box about the vertical, in degrees. Default 0.
    #[key(at_least = -360, at_most = 360)]
    #[serde(default)]
    pub yaw_deg: f64,
    /// The least distance of gripper and held plate in this region, in meters. Default that of what is entered,
    /// `entry_margin_m`. Where regions overlap the smallest margin holds.
    #[key(at_least = -0.05, at_most = 0.5)]
    #[serde(default)]
    pub margin_m: Option<f64>,
}

impl EntryRegion {
    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        let given = format!("{:?} and {:?}", self.radius_m, self.size_m);
        let is_one = self.radius_m.is_some() != self.size_m.is_some();
        check.require("radius_m", given, is_one, "either radius_m or size_m")
    }
}

/// A plate in the jaws: a box whose long or short side lies along the fingers. Lengths are in meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct HeldPlate {
    /// Its length along the fingers, in meters.
    #[key(above = 0, limit = 1)]
    pub along_fingers_m: f64,
    /// Its length from pad to pad, in meters.
    #[key(above = 0, limit = 1)]
    pub across_fingers_m: f64,
    /// Its height with lid, in meters.
    #[key(above = 0, limit = 1)]
    pub height_m: f64,
    /// How far its middle is beyond the finger tips, in meters; negative towards the flange. Default 0.
    #[key(at_least = -1, at_most = 1)]
    #[serde(default)]
    pub beyond_tips_m: f64,
    /// How far the lower ends of the fingers are above its underside, in meters.
    #[key(at_least = 0, limit = 1)]
    pub grip_height_m: f64,
}
