//! Where the tool is.

use rmrl_core::PlanarPose;
use serde::{Deserialize, Serialize};

/// A pose of the tool, which always points straight down.
///
/// World frame. The tool's point is midway between the finger tips, at their lower ends; at
/// `yaw_rad = 0` the jaws close along the world's y axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ToolPose {
    /// Position and rotation in the plane.
    pub planar: PlanarPose,
    /// Height of the finger tips, in meters.
    pub z_m: f64,
}

impl ToolPose {
    /// A tool pose from its parts.
    pub fn new(planar: PlanarPose, z_m: f64) -> Self {
        Self { planar, z_m }
    }

    /// The same pose at another height.
    #[must_use]
    pub fn at_height(self, z_m: f64) -> Self {
        Self { z_m, ..self }
    }
}
