//! The hand: its pose, its opening and its shape.

use rmrl_cell::ToolPose;
use serde::{Deserialize, Serialize};

use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};

/// Half the width of the finger pads along the plate's long side, in meters.
pub(crate) const PAD_HALF_WIDTH_M: f64 = 0.025;
/// Half the thickness of the fingers, in meters.
pub(crate) const FINGER_HALF_THICKNESS_M: f64 = 0.005;
/// Half the height of the fingers, in meters.
pub(crate) const FINGER_HALF_HEIGHT_M: f64 = 0.02;
/// Half the extent of the hand above the fingers, in meters.
pub(crate) const PALM_HALF_EXTENTS_M: [f64; 3] = [0.035, 0.075, 0.03];
/// The smallest half opening of the jaws: the BIO gripper closes to 71 mm.
pub(crate) const CLOSED_HALF_OPENING_M: f64 = 0.0355;
/// The largest half opening: the longer of the BIO gripper's two strokes ends at 150 mm.
pub(crate) const OPEN_HALF_OPENING_M: f64 = 0.075;

/// The hand: where the tool is, and how far each jaw is from its middle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hand {
    /// The true pose of the tool, world frame.
    pub tool: ToolPose,
    /// Distance of each jaw's inner face from the middle, in meters.
    pub half_opening_m: f64,
}

impl Hand {
    /// The hand as cuboids: two fingers and the palm above them.
    pub(crate) fn cuboids(&self) -> [Cuboid; 3] {
        let finger = |side: f64| Cuboid {
            pose: pose_in_frame(
                self.tool.planar,
                0.0,
                side * (self.half_opening_m + FINGER_HALF_THICKNESS_M),
            ),
            center_z_m: self.tool.z_m + FINGER_HALF_HEIGHT_M,
            half_extents_m: [PAD_HALF_WIDTH_M, FINGER_HALF_THICKNESS_M, FINGER_HALF_HEIGHT_M],
            material: Material::Gripper,
        };
        let palm = Cuboid {
            pose: self.tool.planar,
            center_z_m: self.tool.z_m + 2.0 * FINGER_HALF_HEIGHT_M + PALM_HALF_EXTENTS_M[2],
            half_extents_m: PALM_HALF_EXTENTS_M,
            material: Material::Gripper,
        };
        [finger(1.0), finger(-1.0), palm]
    }
}
