//! Which images of a trial a run keeps, and how much of them exactly.

use image::RgbImage;
use rmrl_cell::Capture;
use rmrl_learn::ViewName;
use rmrl_vision::{ColorThreshold, DepthImage, NearPlate};

use crate::config::{DetectorName, RunConfig, SegmenterName};

/// The images that a run keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeptImages {
    /// Whether depth images are kept.
    pub depth: bool,
    rounded: Option<Rounded>,
}

/// How images are rounded.
#[derive(Debug, Clone, Copy)]
struct Rounded {
    /// The side of the square around the plate that the policy sees, in the plate's diagonals.
    seen: f64,
    threshold: ColorThreshold,
}

/// How one image is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    near_plate: NearPlate,
    threshold: ColorThreshold,
}

impl Default for KeptImages {
    /// All, exactly.
    fn default() -> Self {
        Self { depth: true, rounded: None }
    }
}

impl KeptImages {
    /// Those of a run with this configuration.
    pub(crate) fn of(config: &RunConfig) -> Self {
        let vision = &config.vision;
        let is_by_color =
            vision.detector == DetectorName::Color && vision.segmenter == SegmenterName::Color;
        let seen = match config.policy.view {
            ViewName::Global => None,
            ViewName::Crop => Some(config.policy.crop_scale),
            ViewName::None => Some(0.0),
        };
        let rounded = seen
            .filter(|_| is_by_color && !config.record.exact)
            .map(|seen| Rounded { seen, threshold: vision.color });
        Self { depth: config.record.depth, rounded }
    }

    /// How the images of a capture are rounded; `None` where they are kept exactly.
    pub(crate) fn rounding_of(&self, capture: &Capture) -> Option<Rounding> {
        let Rounded { seen, threshold } = self.rounded?;
        let plate = capture.localization.as_ref().ok()?.in_image;
        Some(Rounding { near_plate: NearPlate::new(plate, seen), threshold })
    }
}

impl Rounding {
    /// The rounded color image.
    pub(crate) fn of_color(&self, image: &RgbImage) -> RgbImage {
        let mut rounded = image.clone();
        self.near_plate.round_color(&mut rounded, &self.threshold);
        rounded
    }

    /// The rounded depth image.
    pub(crate) fn of_depth(&self, image: &DepthImage) -> DepthImage {
        let mut rounded = image.clone();
        self.near_plate.round_depth(&mut rounded);
        rounded
    }
}
