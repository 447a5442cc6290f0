//! Localization: from an RGB-D frame to a plate's pose in the world (Sec. 3.4, Eq. 12-14).

use std::f64::consts::FRAC_1_SQRT_2;
use std::sync::Arc;

use image::RgbImage;
use nalgebra::Point2;
use rmrl_core::InvalidKey;

use crate::near_fit::NearFit;
use crate::plate_fit::PlateFit;
use crate::{
    BoundingBox, CameraModel, Detection, Detections, Detector, ExpectedPlate, Intrinsics,
    Localization, LocalizeError, LocalizerConfig, Mask, PlateInView, RgbdFrame, Segmenter,
};

/// Detects, segments and localizes plates: the one in view, or one of several.
pub struct Localizer {
    config: LocalizerConfig,
    detector: Box<dyn Detector>,
    segmenter: Box<dyn Segmenter>,
    /// What the detector found in the image that it was last asked about for [`Self::localize_near`].
    last: Option<(Arc<RgbImage>, Detections)>,
}

impl Localizer {
    /// A localizer with any detector and segmenter.
    ///
    /// # Errors
    /// A configuration value is invalid.
    pub fn new(
        config: LocalizerConfig,
        detector: Box<dyn Detector>,
        segmenter: Box<dyn Segmenter>,
    ) -> Result<Self, InvalidKey> {
        config.validate()?;
        Ok(Self { config, detector, segmenter, last: None })
    }

    /// The localizer's configuration.
    pub fn config(&self) -> &LocalizerConfig {
        &self.config
    }

    /// Localizes the plate in `frame`, as seen by `camera`.
    ///
    /// # Errors
    /// The frame does not show exactly one whole plate with a depth; see [`LocalizeError`].
    pub fn localize(
        &mut self,
        frame: &RgbdFrame,
        camera: &CameraModel,
    ) -> Result<Localization, LocalizeError> {
        check_frame(frame, camera)?;
        let detection = self.detect_one(frame)?;
        let mask = self.segment(frame, detection.bounding_box)?;
        PlateFit { config: self.config, frame, camera }.localize(detection, mask)
    }

    /// Localizes the plate at an expected place in `frame`, as seen by `camera`; others may be in view.
    ///
    /// The configuration's plate, surface depth and reference yaw do not count, only the expected ones. The depth is measured over the plate's top
    /// alone. Where another plate touches the plate in the image, its visible edges tell them apart. Frames that share their color image
    /// are one frame to the detector, and it is asked once.
    ///
    /// # Errors
    /// No plate or several plates at the place, a plate at another height, or one that cannot be localized; see [`LocalizeError`].
    pub fn localize_near(
        &mut self,
        frame: &RgbdFrame,
        camera: &CameraModel,
        expected: &ExpectedPlate,
    ) -> Result<Localization, LocalizeError> {
        expected.validate().map_err(LocalizeError::InvalidExpectation)?;
        check_frame(frame, camera)?;
        let detections = self.detect(frame)?;
        let near = NearFit::new(self.config, frame, camera, expected);
        let there: Vec<&Detection> =
            detections.found.iter().filter(|found| near.is_there(found)).collect();
        match there[..] {
            [] => {
                let detection = near.unseparated(&detections)?;
                let mask = self.segment(frame, detection.bounding_box)?;
                near.separated(detection, &mask).unwrap_or_else(|| Err(near.not_there(&detections)))
            }
            [detection] => {
                let mask = self.segment(frame, detection.bounding_box)?;
                near.localize(detection.clone(), mask)
            }
            _ => Err(LocalizeError::SeveralPlates {
                scores: there.iter().map(|detection| detection.score).collect(),
            }),
        }
    }

    /// All plates that the detector finds in `frame`, in any order, and where they lie if their centers are at
    /// `height_m`, world frame, in meters. Plates that touch in the image may be one or none of them, so this alone does
    /// not show that a place is free. Plates where the distortion has no inverse are left out.
    ///
    /// # Errors
    /// The frame or the camera is invalid, or the detector failed.
    pub fn plates_in_view(
        &mut self,
        frame: &RgbdFrame,
        camera: &CameraModel,
        height_m: f64,
    ) -> Result<Vec<PlateInView>, LocalizeError> {
        check_frame(frame, camera)?;
        let found = self.detect(frame)?.found;
        let in_view = |Detection { bounding_box, score }: Detection| {
            let at = camera.intersect_plane(bounding_box.center(), height_m)?;
            Some(PlateInView { at_m: [at.x, at.y], bounding_box, score })
        };
        Ok(found.into_iter().filter_map(in_view).collect())
    }

    /// What the detector finds in a frame; it is asked once.
    fn detect(&mut self, frame: &RgbdFrame) -> Result<Detections, LocalizeError> {
        // The image of `last` is kept, so no other image can be at its address, and nobody can have changed it.
        if let Some((image, detections)) = &self.last
            && Arc::ptr_eq(image, &frame.color)
        {
            return Ok(detections.clone());
        }
        let detections = self.detector.detect(&frame.color).map_err(LocalizeError::Detector)?;
        self.last = Some((Arc::clone(&frame.color), detections.clone()));
        Ok(detections)
    }

    fn segment(
        &mut self,
        frame: &RgbdFrame,
        bounding_box: BoundingBox,
    ) -> Result<Mask, LocalizeError> {
        self.segmenter.segment(&frame.color, bounding_box).map_err(LocalizeError::Segmenter)
    }

    fn detect_one(&mut self, frame: &RgbdFrame) -> Result<Detection, LocalizeError> {
        let Detections { mut found, best_rejected } =
            self.detector.detect(&frame.color).map_err(LocalizeError::Detector)?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(LocalizeError::NoPlate { best_rejected }),
            _ => Err(LocalizeError::SeveralPlates {
                scores: found.iter().map(|detection| detection.score).collect(),
            }),
        }
    }
}

/// Checks that the images have the camera's size, and that it looks down.
fn check_frame(frame: &RgbdFrame, camera: &CameraModel) -> Result<(), LocalizeError> {
    let expected = (camera.intrinsics.width, camera.intrinsics.height);
    let (color, depth) = (frame.color.dimensions(), frame.depth.dimensions());
    if color != expected || depth != expected {
        return Err(LocalizeError::SizeMismatch { expected, color, depth });
    }
    check_overhead(camera)
}

/// Checks that the image's middle looks down, within 45 degrees.
fn check_overhead(camera: &CameraModel) -> Result<(), LocalizeError> {
    let Intrinsics { width, height, .. } = camera.intrinsics;
    let middle = Point2::new(0.5 * f64::from(width), 0.5 * f64::from(height));
    let looks_down =
        camera.viewing_direction(middle).is_some_and(|direction| direction.z < -FRAC_1_SQRT_2);
    if looks_down { Ok(()) } else { Err(LocalizeError::NotOverhead) }
}

#[cfg(test)]
mod tests;
