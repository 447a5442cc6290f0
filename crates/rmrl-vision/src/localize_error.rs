//! Why a frame gave no pose.

use rmrl_core::InvalidKey;

use crate::{BoundingBox, BoxError, ExpectedPlate, LensLimit, Rejected};

/// Why a frame gave no pose. In none of these cases does the localizer guess.
#[derive(Debug, thiserror::Error)]
pub enum LocalizeError {
    /// The color and depth images do not both have the camera's size.
    #[error(
        "the camera's images should be {expected:?}, but the color image is {color:?} and the depth image {depth:?}"
    )]
    SizeMismatch {
        /// Width and height according to the camera's intrinsics.
        expected: (u32, u32),
        /// Width and height of the color image.
        color: (u32, u32),
        /// Width and height of the depth image.
        depth: (u32, u32),
    },
    /// Nothing was detected.
    #[error("no plate in the image{}", likeliest(*.best_rejected))]
    NoPlate {
        /// The likeliest object that the detector rejected.
        best_rejected: Option<Rejected>,
    },
    /// More than one plate was detected in the image, or at the expected place.
    #[error("{} plates in the image where only one may be (scores {scores:.2?})", scores.len())]
    SeveralPlates {
        /// The scores of the detected plates.
        scores: Vec<f64>,
    },
    /// No plate lies at the expected place.
    #[error(
        "no plate within {:.0} mm of x {:.1} mm, y {:.1} mm, at a height of {:.1} mm{}",
        1000.0 * expected.within_m, 1000.0 * expected.pose.x_m, 1000.0 * expected.pose.y_m, 1000.0 * expected.height_m,
        elsewhere(*nearest_m, *seen, *best_rejected)
    )]
    NotThere {
        /// What was expected, and where.
        expected: Box<ExpectedPlate>,
        /// How far from the expected pose the nearest plate lies that was detected, if it is as high, in meters; `None`
        /// if none was.
        nearest_m: Option<f64>,
        /// How many plates were detected elsewhere.
        seen: usize,
        /// The likeliest object that the detector rejected.
        best_rejected: Option<Rejected>,
    },
    /// The image does not show all of the place where a plate is expected, and no plate there.
    #[error(
        "the image does not show all of a plate at x {:.1} mm, y {:.1} mm, at a height of {:.1} mm; expected a place in \
         the camera's view",
        1000.0 * expected.pose.x_m, 1000.0 * expected.pose.y_m, 1000.0 * expected.height_m
    )]
    OutOfView {
        /// What was expected, and where.
        expected: Box<ExpectedPlate>,
    },
    /// The plate at the expected place is higher or lower than expected.
    #[error(
        "the plate's center is at a height of {:.1} mm, expected {:.1} mm within {:.1} mm; is another plate under it, or \
         one missing, or is it another labware?",
        1000.0 * height_m, 1000.0 * expected_m, 1000.0 * tolerance_m
    )]
    WrongHeight {
        /// The height of the plate's center by its depth, world frame, in meters.
        height_m: f64,
        /// The expected height, in meters.
        expected_m: f64,
        /// The tolerance that was exceeded, in meters.
        tolerance_m: f64,
    },
    /// What was expected is no valid plate or place.
    #[error("the expected plate is invalid")]
    InvalidExpectation(#[source] InvalidKey),
    /// The box holds no pixel of a plate.
    #[error("the segmentation of the box {bounding_box:?} is empty")]
    EmptyMask {
        /// The detector's box.
        bounding_box: BoundingBox,
    },
    /// The plate extends beyond the image, so the center of its visible part is not the plate's.
    #[error("the plate extends beyond the image's border")]
    AtImageBorder,
    /// The plate lies, in part, where the distortion has no inverse.
    #[error(
        "the plate is not wholly where the camera's lens is known: {limit}. Move the plate towards the image's middle, or \
         calibrate the intrinsics again with views that reach into the image's corners"
    )]
    OutsideLens {
        /// Where the lens is known.
        limit: LensLimit,
    },
    /// Too few pixels of the mask have a depth.
    #[error(
        "only {valid} of the plate's {pixels} pixels have a depth, expected {expected:.0} or more"
    )]
    NoValidDepth {
        /// Pixels of the mask with a depth.
        valid: usize,
        /// Pixels of the mask.
        pixels: usize,
        /// The least number of pixels that must have a depth.
        expected: f64,
    },
    /// The depth image shows the plate elsewhere than the color image.
    #[error(
        "the depth image shows the plate {:.0} pixels to the right and {:.0} down from where the color image shows it; the depth must be aligned to the color (RealSense: align to color)",
        shift_px[0], shift_px[1]
    )]
    DepthNotAligned {
        /// How far to the right and down, in pixels.
        shift_px: [f64; 2],
    },
    /// The depth over the mask is not that of one surface.
    #[error(
        "only {:.0} % of the plate's depth lies in one plane, expected {:.0} % or more; is there a reflection on the plate, or is the depth not aligned to the color?",
        100.0 * agreeing, 100.0 * expected
    )]
    InconsistentDepth {
        /// The share of the mask's depth that agrees.
        agreeing: f64,
        /// The least share that must agree.
        expected: f64,
    },
    /// The plate's surface is steeper in the depth image than any plate lies.
    #[error(
        "the depth image shows the plate tilted by {tilt_deg:.0} degrees, expected {most_deg:.0} or less; check the depth image and the camera's extrinsics"
    )]
    Tilted {
        /// The angle between the plate's surface and a level one, in degrees.
        tilt_deg: f64,
        /// The largest angle of a plate.
        most_deg: f64,
    },
    /// The depth image shows no plate: what is seen where the plate should be is as low as what surrounds it.
    #[error(
        "the plate's surface is seen {:.1} mm above what surrounds it, expected {:.1} mm; is the depth aligned to the color, and is it of the same moment? For plates in a nest as high as they are, set vision.localizer.min_rise_ratio = 0",
        1000.0 * rise_m, 1000.0 * expected_m
    )]
    NotRaised {
        /// The median height of the surface above its surroundings, in meters.
        rise_m: f64,
        /// The expected height, in meters.
        expected_m: f64,
    },
    /// The plate appears larger or smaller than it would at its depth.
    #[error(
        "the depth of the plate is {:.1} mm, but its edges are as far apart as at {:.1} mm, expected the same within {:.1} mm; check the unit and scale of the depth, the camera's intrinsics and the plate's size",
        1000.0 * depth_m, 1000.0 * by_size_m, 1000.0 * tolerance_m
    )]
    WrongDepth {
        /// The depth over the mask, in meters.
        depth_m: f64,
        /// The depth at which the plate would appear as large as it does, in meters.
        by_size_m: f64,
        /// The tolerance that was exceeded, in meters.
        tolerance_m: f64,
    },
    /// The detected object is too large or too small, at its distance, to be the plate.
    #[error(
        "the detected object is {ratio:.2} times the size of the plate (at a depth of {depth_m:.3} m), expected 1 within {tolerance}"
    )]
    WrongSize {
        /// The detected area divided by the expected one.
        ratio: f64,
        /// The depth over the mask, in meters.
        depth_m: f64,
        /// The tolerance that was exceeded.
        tolerance: f64,
    },
    /// The detected object does not have the plate's shape: a part of the plate is hidden, or the mask covers
    /// something else, too.
    #[error(
        "the detected object is {length_ratio:.3} times as long and {width_ratio:.3} times as wide as the plate, expected 1 within {tolerance} and a pixel; is a part of the plate hidden, or something dark beside it?"
    )]
    WrongShape {
        /// The detected length divided by the expected one.
        length_ratio: f64,
        /// The detected width divided by the expected one.
        width_ratio: f64,
        /// The tolerance that was exceeded.
        tolerance: f64,
    },
    /// The optical axis does not look down on the table.
    #[error("the camera does not look down at the plate; check its extrinsics")]
    NotOverhead,
    /// The detector failed.
    #[error("the detector failed")]
    Detector(#[source] BoxError),
    /// The segmenter failed.
    #[error("the segmenter failed")]
    Segmenter(#[source] BoxError),
}

impl LocalizeError {
    /// The kind of error as one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SizeMismatch { .. } => "size_mismatch",
            Self::NoPlate { .. } => "no_plate",
            Self::SeveralPlates { .. } => "several_plates",
            Self::NotThere { .. } => "not_there",
            Self::OutOfView { .. } => "out_of_view",
            Self::WrongHeight { .. } => "wrong_height",
            Self::InvalidExpectation(_) => "invalid_expectation",
            Self::EmptyMask { .. } => "empty_mask",
            Self::AtImageBorder => "at_image_border",
            Self::OutsideLens { .. } => "outside_lens",
            Self::NoValidDepth { .. } => "no_valid_depth",
            Self::DepthNotAligned { .. } => "depth_not_aligned",
            Self::InconsistentDepth { .. } => "inconsistent_depth",
            Self::Tilted { .. } => "tilted",
            Self::NotRaised { .. } => "not_raised",
            Self::WrongDepth { .. } => "wrong_depth",
            Self::WrongSize { .. } => "wrong_size",
            Self::WrongShape { .. } => "wrong_shape",
            Self::NotOverhead => "not_overhead",
            Self::Detector(_) => "detector",
            Self::Segmenter(_) => "segmenter",
        }
    }

    /// The detector's scores, if it did not find exactly one plate.
    pub fn scores(&self) -> Vec<f64> {
        match self {
            Self::SeveralPlates { scores } => scores.clone(),
            Self::NoPlate { best_rejected } | Self::NotThere { best_rejected, .. } => {
                best_rejected.iter().map(|best| best.score).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn elsewhere(nearest_m: Option<f64>, seen: usize, rejected: Option<Rejected>) -> String {
    match (nearest_m, seen) {
        (Some(nearest_m), 1) => {
            format!("; the only plate in view is {:.1} mm away", 1000.0 * nearest_m)
        }
        (Some(nearest_m), _) => {
            format!("; the nearest of {seen} plates in view is {:.1} mm away", 1000.0 * nearest_m)
        }
        (None, _) => format!(", and none in the image{}", likeliest(rejected)),
    }
}

fn likeliest(rejected: Option<Rejected>) -> String {
    rejected.map_or_else(String::new, |Rejected { score, threshold }| {
        format!(": the likeliest object scores {score:.2}, the detector needs {threshold:.2}")
    })
}
