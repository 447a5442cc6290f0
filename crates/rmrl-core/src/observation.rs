//! The state the policy sees.

use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::PlanarPose;

/// A state `s = (I, P_e)` of the one-step MDP (Sec. 3.1).
#[derive(Debug, Clone)]
pub struct Observation {
    /// The overhead camera's colour image, shared because replay keeps it for the whole run.
    pub image: Arc<RgbImage>,
    /// The plate's pose as localised in that image, world frame.
    pub estimated_pose: PlanarPose,
    /// Where the image shows a plate at that pose.
    pub plate_in_image: PlateInImage,
}

/// Where an image shows a plate, in pixels. Whole numbers are the centres of pixels; (0, 0) is the
/// top left one's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateInImage {
    /// The plate's centre, rightwards.
    pub u_px: f64,
    /// The plate's centre, downwards.
    pub v_px: f64,
    /// The length of the plate's diagonal, whichever way the plate is turned.
    pub diagonal_px: f64,
}
