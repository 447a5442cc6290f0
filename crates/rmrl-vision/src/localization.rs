//! A localized plate.

use rmrl_core::{PlanarPose, PlateInImage};

use crate::{BoundingBox, Mask};

/// A localized plate, with the intermediate results.
#[derive(Debug, Clone)]
pub struct Localization {
    /// The plate's pose, world frame.
    pub pose: PlanarPose,
    /// The height of the plate, world frame, in meters: of its body's center, or of its surface
    /// where no outline was fitted. It distinguishes a seated plate from a jammed one.
    pub height_m: f64,
    /// Where the image shows a plate at `pose`.
    pub in_image: PlateInImage,
    /// The detector's box.
    pub bounding_box: BoundingBox,
    /// The detector's score, 0 to 1.
    pub score: f64,
    /// The probability that `pose` is within 1 mm of where the plate truly lies, if the camera's calibration is
    /// right: from how well edges, mask, depth and the plate's size agree.
    pub confidence: f64,
    /// The segmenter's mask.
    pub mask: Mask,
    /// The depth of the plate's surface, in meters: Eq. 12, the mean over the mask, unless a part of the depth lies.
    pub depth_m: f64,
}
