//! The pose of one plate among several, about which place and labware are known.
//!
//! Others change what the fit of a single plate relies on. They hide what a plate stands on, their dark sides look like
//! its own, and from some directions they touch it in the image. A plate under it makes it seem higher than it is.

use image::Rgb;
use nalgebra::{Point2, Point3};
use rmrl_core::PlanarPose;

use crate::depth_checks::check_depth;
use crate::edges::{EdgeRule, Edges, is_as_dark, linear_brightness};
use crate::plate_depth::PlateDepth;
use crate::plate_fit::{Height, PlateFit};
use crate::silhouette::Silhouette;
use crate::surroundings::Surroundings;
use crate::touching::find_in;
use crate::{
    BoundingBox, CameraModel, Detection, Detections, ExpectedPlate, Localization, LocalizeError,
    LocalizerConfig, Mask, PlateGeometry, RgbdFrame,
};

/// A plate that rises higher above what surrounds it, in meters, lies on another one: half the thickness of the thinnest.
const ON_ANOTHER_M: f64 = 0.006;
/// A mask larger than the plate's outline by this share of it covers something else, too.
const LARGER_RATIO: f64 = 0.03;
/// The highest confidence in a pose in whose mask there is more than the plate: the edge between them is not seen, and a part of
/// the plate that is hidden, too, is not noticed.
const TOUCHED_CONFIDENCE: f64 = 0.8;
/// One pixel in so many is enough for the brightness of a plate.
const BRIGHTNESS_STEP: usize = 7;

/// Finds the pose of an expected plate.
pub(crate) struct NearFit<'a> {
    fit: PlateFit<'a>,
    expected: &'a ExpectedPlate,
}

impl<'a> NearFit<'a> {
    pub fn new(
        config: LocalizerConfig,
        frame: &'a RgbdFrame,
        camera: &'a CameraModel,
        expected: &'a ExpectedPlate,
    ) -> Self {
        let ExpectedPlate { pose, geometry, mean_surface_depth_m, .. } = *expected;
        let config = LocalizerConfig {
            plate: geometry,
            reference_yaw_rad: pose.yaw_rad,
            mean_surface_depth_m,
            ..config
        };
        Self { fit: PlateFit { config, frame, camera }, expected }
    }

    /// Whether a detected plate lies at the expected place.
    pub fn is_there(&self, detection: &Detection) -> bool {
        self.distance_m(detection).is_some_and(|distance_m| distance_m <= self.expected.within_m)
    }

    /// How far from the expected pose a detected plate lies if it is as high, in meters.
    fn distance_m(&self, detection: &Detection) -> Option<f64> {
        let ExpectedPlate { pose, height_m, .. } = self.expected;
        let at = self.fit.camera.intersect_plane(detection.bounding_box.center(), *height_m)?;
        Some((at.x - pose.x_m).hypot(at.y - pose.y_m))
    }

    /// That no plate lies at the expected place.
    pub fn not_there(&self, detections: &Detections) -> LocalizeError {
        let distances_m = detections.found.iter().filter_map(|found| self.distance_m(found));
        LocalizeError::NotThere {
            expected: Box::new(*self.expected),
            nearest_m: distances_m.min_by(f64::total_cmp),
            seen: detections.found.len(),
            best_rejected: detections.best_rejected,
        }
    }

    /// Where to look for the plate if none was detected at its place: in the box of a larger object that lies over it, or
    /// around the place.
    ///
    /// # Errors
    /// The image does not show the whole place.
    pub fn unseparated(&self, detections: &Detections) -> Result<Detection, LocalizeError> {
        let camera = self.fit.camera;
        let outline = self.outline(self.expected.pose);
        let (width, height) = (camera.intrinsics.width, camera.intrinsics.height);
        let is_in_view = |corner: &Point2<f64>| {
            (0.0..f64::from(width)).contains(&corner.x)
                && (0.0..f64::from(height)).contains(&corner.y)
        };
        let Some(outline) = outline.filter(|it| it.outline().iter().all(is_in_view)) else {
            return Err(LocalizeError::OutOfView { expected: Box::new(*self.expected) });
        };
        let place = outline.bounding_box();
        let is_over = |found: &&Detection| holds(found.bounding_box, place.center());
        if let Some(found) = detections.found.iter().find(is_over) {
            return Ok(found.clone());
        }
        let above_m = camera.position().z - self.expected.height_m;
        let reach_px = self.expected.within_m * camera.intrinsics.fx / above_m;
        Ok(Detection { bounding_box: grown(place, reach_px), score: 0.0 })
    }

    /// The pose of the plate that was detected at the expected place.
    pub fn localize(
        &self,
        detection: Detection,
        mask: Mask,
    ) -> Result<Localization, LocalizeError> {
        match self.whole(detection.clone(), &mask) {
            Err(error) if self.is_larger(&mask) => {
                self.separated(detection, &mask).unwrap_or(Err(error))
            }
            result => result,
        }
    }

    /// The pose of the plate whose mask is `mask`.
    fn whole(&self, detection: Detection, mask: &Mask) -> Result<Localization, LocalizeError> {
        let bounding_box = detection.bounding_box;
        let moments = mask.moments().ok_or(LocalizeError::EmptyMask { bounding_box })?;
        self.fit.check_whole(mask)?;
        let center = self.fit.center_of(bounding_box, &moments);
        let guess = self.fit.fit_outline(center, &moments, self.expected.height_m)?;
        self.at(guess, mask, |_| Ok((detection.clone(), mask.clone())))
    }

    /// The pose of the plate in a mask that other objects belong to, too; `None` if there is no such plate in it.
    pub fn separated(
        &self,
        detection: Detection,
        mask: &Mask,
    ) -> Option<Result<Localization, LocalizeError>> {
        let Self { fit, expected } = self;
        let found = find_in(mask, expected, fit.camera)?;
        let edges = Edges::new(&fit.frame.color, expected.geometry, fit.camera, EdgeRule::Clear);
        let guess = edges.align(found, expected.height_m)?.pose;
        let cut = |outline: &Silhouette| {
            let mask = outline.cut(mask);
            fit.check_whole(&mask)?;
            let bounding_box = mask.bounding_box().unwrap_or(detection.bounding_box);
            Ok((Detection { bounding_box, score: detection.score }, mask))
        };
        let localized = self.at(guess, mask, cut);
        Some(localized.map(|localized| Localization {
            confidence: localized.confidence.min(TOUCHED_CONFIDENCE),
            ..localized
        }))
    }

    /// The pose of the plate that lies about at `guess`. `cut` takes its mask from what its outline should be.
    fn at(
        &self,
        guess: PlanarPose,
        mask: &Mask,
        cut: impl Fn(&Silhouette) -> Result<(Detection, Mask), LocalizeError>,
    ) -> Result<Localization, LocalizeError> {
        let depth = self.measure_depth(guess, mask)?;
        let fit = |below_m: f64, rule| {
            let plate = self.expected.geometry;
            let solid = PlateGeometry { height_m: plate.height_m + below_m, ..plate };
            let solid_m = depth.body_m - 0.5 * below_m;
            let outline = Silhouette::of_plate(guess, solid_m, solid, self.fit.camera)
                .ok_or(LocalizeError::NotOverhead)?;
            let (detection, mask) = cut(&outline)?;
            let bounding_box = detection.bounding_box;
            let moments = mask.moments().ok_or(LocalizeError::EmptyMask { bounding_box })?;
            self.fit.fit(detection, (mask, moments), &depth.height(below_m), rule)
        };
        if depth.below_m > 0.0 {
            match fit(depth.below_m, EdgeRule::ClearTop) {
                // At the rim of a shelf, what is lower is no plate.
                Err(LocalizeError::WrongShape { .. }) => {}
                result => return result,
            }
        }
        fit(0.0, EdgeRule::Clear)
    }

    /// The depth over the top of the plate that lies about at `guess`, checked.
    fn measure_depth(
        &self,
        guess: PlanarPose,
        mask: &Mask,
    ) -> Result<MeasuredDepth, LocalizeError> {
        let PlateFit { config, frame, camera } = self.fit;
        let ExpectedPlate { height_m, geometry, .. } = *self.expected;
        let top_m = height_m + 0.5 * geometry.height_m;
        let outline = Silhouette::of_face(guess, top_m, geometry, camera)
            .ok_or(LocalizeError::NotOverhead)?;
        let top = outline.cut(mask);
        let moments = top
            .moments()
            .ok_or_else(|| LocalizeError::EmptyMask { bounding_box: outline.bounding_box() })?;
        let depth =
            PlateDepth::measure(frame, &top, &moments, camera, config.min_valid_depth_ratio)?;
        let plate_level = mean_brightness(frame, &top);
        let is_other = |u: u32, v: u32| {
            let Rgb(color) = *frame.color.get_pixel(u, v);
            is_as_dark(linear_brightness(color), plate_level)
        };
        let surface = &depth.surface;
        let around = Surroundings { frame, moments: &moments, surface, is_other: &is_other };
        let [rise_m, min_rise_ratio] = self.fit.expected_rise();
        check_depth(&around, camera, &depth, [rise_m, min_rise_ratio])?;
        let below_m = around.nearest_below_m().unwrap_or(rise_m) - rise_m;
        let depth_m = self.fit.depth_m(&depth);
        let surface = self.fit.surface_at(moments.centroid, depth_m)?;
        let body_m = self.fit.body_m(surface);
        let tolerance_m = geometry.height_tolerance_m();
        if (body_m - height_m).abs() > tolerance_m {
            let expected_m = height_m;
            return Err(LocalizeError::WrongHeight { height_m: body_m, expected_m, tolerance_m });
        }
        let below_m = if below_m > ON_ANOTHER_M { below_m } else { 0.0 };
        Ok(MeasuredDepth { depth, depth_m, surface, body_m, below_m })
    }

    /// Whether a mask is larger than the expected plate, so that it covers something else, too.
    fn is_larger(&self, mask: &Mask) -> bool {
        let outline = self.outline(self.expected.pose);
        outline.is_some_and(|outline| {
            mask.area() as f64 > (1.0 + LARGER_RATIO) * outline.moments().area
        })
    }

    fn outline(&self, pose: PlanarPose) -> Option<Silhouette> {
        let ExpectedPlate { height_m, geometry, .. } = *self.expected;
        Silhouette::of_plate(pose, height_m, geometry, self.fit.camera)
    }
}

/// What the depth over the top of a plate says.
struct MeasuredDepth {
    depth: PlateDepth,
    /// The depth that is used, in meters.
    depth_m: f64,
    /// The middle of the plate's surface, world frame.
    surface: Point3<f64>,
    /// The height of the body's center, world frame, in meters.
    body_m: f64,
    /// How much lower what surrounds the plate is than the plate's bottom, in meters; 0 for a plate that lies on it.
    below_m: f64,
}

impl MeasuredDepth {
    fn height(&self, below_m: f64) -> Height<'_> {
        let Self { depth, depth_m, surface, body_m, .. } = self;
        Height { depth, depth_m: *depth_m, surface: *surface, body_m: *body_m, below_m }
    }
}

/// The mean linear brightness over a mask, 0 to 1.
fn mean_brightness(frame: &RgbdFrame, mask: &Mask) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (u, v) in mask.pixels().step_by(BRIGHTNESS_STEP) {
        sum += linear_brightness(frame.color.get_pixel(u, v).0);
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

fn holds(bounds: BoundingBox, pixel: Point2<f64>) -> bool {
    (bounds.x_min..=bounds.x_max).contains(&pixel.x)
        && (bounds.y_min..=bounds.y_max).contains(&pixel.y)
}

fn grown(bounds: BoundingBox, by_px: f64) -> BoundingBox {
    let BoundingBox { x_min, y_min, x_max, y_max } = bounds;
    BoundingBox {
        x_min: x_min - by_px,
        y_min: y_min - by_px,
        x_max: x_max + by_px,
        y_max: y_max + by_px,
    }
}
