//! What the gripper has in its jaws.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// A plate in the jaws, as a box in the tool's frame: x along the fingers, y across them, z down when the flange points
/// down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct HeldPlate {
    /// The plate's length along the fingers, in meters. 0.12776 is the long side of SBS labware.
    #[key(above = 0, limit = 1)]
    pub along_fingers_m: f64,
    /// Its length from pad to pad, in meters. 0.08548 is the short side of SBS labware.
    #[key(above = 0, limit = 1)]
    pub across_fingers_m: f64,
    /// Its height without a lid, in meters.
    #[key(above = 0, limit = 1)]
    pub height_m: f64,
    /// What a lid adds to the height, in meters. Default 0: no lid.
    #[key(at_least = 0, limit = 1)]
    #[serde(default)]
    pub lid_m: f64,
    /// How far the middle of the plate is beyond the finger tips, in meters; negative towards the flange. Default 0.
    #[key(at_least = -1, at_most = 1)]
    #[serde(default)]
    pub beyond_tips_m: f64,
    /// How far the lower ends of the fingers are above the plate's underside, in meters.
    #[key(at_least = 0, limit = 1)]
    pub grip_height_m: f64,
}

impl HeldPlate {
    /// The box in the tool's frame.
    pub fn shape(&self) -> Shape {
        let [x, y] = [0.5 * self.along_fingers_m, 0.5 * self.across_fingers_m];
        let top_m = self.grip_height_m - self.height_m - self.lid_m;
        Shape::Box {
            least_m: [self.beyond_tips_m - x, -y, top_m],
            most_m: [self.beyond_tips_m + x, y, self.grip_height_m],
        }
    }
}

/// The state of the gripper during a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hand {
    /// The plate in the jaws, if there is one.
    pub held: Option<HeldPlate>,
    /// The distance of the pads, in meters. It does not change along a line; check a line with both openings where jaws
    /// may move on it.
    pub jaw_opening_m: f64,
}
