//! Localization: from an RGB-D frame to the plate's pose in the world (Sec. 3.4, Eq. 12-14).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

use nalgebra::{Point2, Point3};
use rmrl_core::{InvalidKey, PlanarPose, PlateInImage, wrap_angle};

use crate::confidence::Evidence;
use crate::depth_checks::check_depth;
use crate::edges::align_to_edges;
use crate::mask::Moments;
use crate::plate_depth::PlateDepth;
use crate::silhouette::Silhouette;
use crate::{
    BoundingBox, CameraModel, Center, DepthEstimate, Detection, Detections, Detector, Intrinsics,
    LocalizeError, LocalizerConfig, Mask, RgbdFrame, Segmenter,
};

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

/// Detects, segments and localizes the one plate in view.
pub struct Localizer {
    config: LocalizerConfig,
    detector: Box<dyn Detector>,
    segmenter: Box<dyn Segmenter>,
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
        Ok(Self { config, detector, segmenter })
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
        let expected = (camera.intrinsics.width, camera.intrinsics.height);
        let (color, depth) = (frame.color.dimensions(), frame.depth.dimensions());
        if color != expected || depth != expected {
            return Err(LocalizeError::SizeMismatch { expected, color, depth });
        }
        check_overhead(camera)?;
        let detection = self.detect_one(frame)?;
        let bounding_box = detection.bounding_box;
        let mask =
            self.segmenter.segment(&frame.color, bounding_box).map_err(LocalizeError::Segmenter)?;
        let moments = mask.moments().ok_or(LocalizeError::EmptyMask { bounding_box })?;
        if touches_border(&mask, expected) {
            return Err(LocalizeError::AtImageBorder);
        }
        check_lens(&mask, &camera.intrinsics)?;
        let depth = self.measure_depth(frame, camera, &mask, &moments)?;
        let depth_m = self.depth_m(&depth);

        let center = self.center_of(bounding_box, &moments);
        let surface = camera.world_point(center, depth_m).ok_or(LocalizeError::NotOverhead)?;
        let plate = self.config.plate;
        // The depth is that of the upper surface; the body's center is half a height below the top.
        let body_m = surface.z - (0.5 * plate.height_m - self.config.mean_surface_depth_m);
        let (by_mask, aligned, height_m) = if self.config.fit_outline {
            let by_mask = self.fit_outline(center, &moments, body_m, camera)?;
            let aligned = align_to_edges(&frame.color, by_mask, body_m, plate, camera);
            (by_mask, aligned, body_m)
        } else {
            let yaw_rad = yaw_of(&moments, center, surface.z, camera)?;
            let pose = PlanarPose::new(surface.x, surface.y, yaw_rad);
            (self.nearer_to_reference(pose), None, surface.z)
        };
        let pose = aligned.as_ref().map_or(by_mask, |aligned| aligned.pose);
        self.check_shape(&moments, pose, body_m, camera)?;
        let evidence = Evidence {
            fit: aligned.as_ref().and_then(|aligned| aligned.fit.as_ref()),
            moved_m: pose.distance_m(by_mask),
            depth: &depth,
            depth_m,
            slant: slant_of(pose, height_m, camera),
        };
        let confidence = self.check_evidence(&evidence, camera)?;
        let in_image = self.in_image(pose, height_m, depth_m, camera);
        let score = detection.score;
        Ok(Localization {
            pose,
            height_m,
            in_image,
            bounding_box,
            score,
            confidence,
            mask,
            depth_m,
        })
    }

    /// The depth of the plate's surface, checked.
    fn measure_depth(
        &self,
        frame: &RgbdFrame,
        camera: &CameraModel,
        mask: &Mask,
        moments: &Moments,
    ) -> Result<PlateDepth, LocalizeError> {
        let config = &self.config;
        let depth =
            PlateDepth::measure(frame, mask, moments, camera, config.min_valid_depth_ratio)?;
        self.check_size(moments.area, self.depth_m(&depth), camera)?;
        let rise_m = config.plate.height_m - config.mean_surface_depth_m;
        check_depth(frame, camera, moments, &depth, [rise_m, config.min_rise_ratio])?;
        Ok(depth)
    }

    fn depth_m(&self, depth: &PlateDepth) -> f64 {
        match self.config.depth {
            DepthEstimate::Robust => depth.estimate_m(),
            DepthEstimate::Mean => depth.mean_m,
        }
    }

    /// Where `camera` sees a plate at `pose`. It follows the pose, not the mask, so an image crop around it
    /// shows by how much the two differ.
    fn in_image(
        &self,
        pose: PlanarPose,
        height_m: f64,
        depth_m: f64,
        camera: &CameraModel,
    ) -> PlateInImage {
        let center = camera
            .project(Point3::new(pose.x_m, pose.y_m, height_m))
            .expect("a plate that the camera saw is in front of it");
        let plate = self.config.plate;
        let diagonal_m = plate.length_m.hypot(plate.width_m);
        PlateInImage {
            u_px: center.x,
            v_px: center.y,
            diagonal_px: camera.intrinsics.fx * diagonal_m / depth_m,
        }
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

    fn check_size(
        &self,
        area_px: f64,
        depth_m: f64,
        camera: &CameraModel,
    ) -> Result<(), LocalizeError> {
        let plate = self.config.plate;
        let (fx, fy) = (camera.intrinsics.fx, camera.intrinsics.fy);
        let expected_px = plate.length_m * plate.width_m * fx * fy / depth_m.powi(2);
        let ratio = area_px / expected_px;
        if (ratio - 1.0).abs() > self.config.size_tolerance {
            return Err(LocalizeError::WrongSize {
                ratio,
                depth_m,
                tolerance: self.config.size_tolerance,
            });
        }
        Ok(())
    }

    /// Checks that the mask is as long and as wide as the plate should appear at `pose`. A covered edge
    /// moves the center and the pose but leaves a rectangle: only its sides reveal it.
    fn check_shape(
        &self,
        moments: &Moments,
        pose: PlanarPose,
        height_m: f64,
        camera: &CameraModel,
    ) -> Result<(), LocalizeError> {
        let outline = Silhouette::of_plate(pose, height_m, self.config.plate, camera)
            .ok_or(LocalizeError::NotOverhead)?;
        let expected = outline.moments();
        // The side of a rectangle from its variance along it.
        let sides = |moments: &Moments| {
            [moments.major_variance, moments.minor_variance]
                .map(|variance| (12.0 * variance).sqrt())
        };
        let (seen, expected) = (sides(moments), sides(&expected));
        let [length_ratio, width_ratio] = [seen[0] / expected[0], seen[1] / expected[1]];
        let tolerance = self.config.shape_tolerance;
        let within = |side: usize| {
            (seen[side] - expected[side]).abs() <= tolerance * expected[side] + MASK_RESOLUTION_PX
        };
        if within(0) && within(1) {
            Ok(())
        } else {
            Err(LocalizeError::WrongShape { length_ratio, width_ratio, tolerance })
        }
    }

    /// Checks that the plate's edges are as far apart as its depth says. Returns the confidence.
    fn check_evidence(
        &self,
        evidence: &Evidence<'_>,
        camera: &CameraModel,
    ) -> Result<f64, LocalizeError> {
        let plate = self.config.plate;
        let most_m = evidence.tolerated_mismatch_m(self.config.depth_tolerance, plate, camera);
        match evidence.mismatch_m(plate, camera) {
            Some(mismatch_m) if mismatch_m.abs() > most_m && evidence.is_sharp() => {
                let depth_m = evidence.depth_m;
                let by_size_m = depth_m - mismatch_m;
                Err(LocalizeError::WrongDepth { depth_m, by_size_m, tolerance_m: most_m })
            }
            _ => Ok(evidence.confidence(plate, camera)),
        }
    }

    fn center_of(&self, bounding_box: BoundingBox, moments: &Moments) -> Point2<f64> {
        match self.config.center {
            Center::Box => bounding_box.center(),
            Center::Mask => moments.centroid,
        }
    }

    /// The pose at which the outline of the plate has the center and the principal direction of the
    /// mask. The plate is a solid centered at `height_m`.
    fn fit_outline(
        &self,
        center: Point2<f64>,
        moments: &Moments,
        height_m: f64,
        camera: &CameraModel,
    ) -> Result<PlanarPose, LocalizeError> {
        let on_plane =
            |pixel| camera.intersect_plane(pixel, height_m).ok_or(LocalizeError::NotOverhead);
        let (seen_at, seen_yaw_rad) =
            (on_plane(center)?, yaw_of(moments, center, height_m, camera)?);
        let seen = PlanarPose::new(seen_at.x, seen_at.y, seen_yaw_rad);
        // The chamfer makes the outline differ between the two possible orientations.
        let mut pose = self.nearer_to_reference(seen);
        for _ in 0..OUTLINE_ITERATIONS {
            let outline = Silhouette::of_plate(pose, height_m, self.config.plate, camera)
                .ok_or(LocalizeError::NotOverhead)?;
            let expected = outline.moments();
            let expected_center = self.center_of(outline.bounding_box(), &expected);
            let expected_at = on_plane(expected_center)?;
            let expected_yaw_rad = yaw_of(&expected, expected_center, height_m, camera)?;
            pose = PlanarPose::new(
                pose.x_m + seen_at.x - expected_at.x,
                pose.y_m + seen_at.y - expected_at.y,
                pose.yaw_rad + wrap_half_turn(seen_yaw_rad - expected_yaw_rad),
            );
        }
        Ok(pose)
    }

    /// The pose, turned by half a turn where that brings it nearer to the reference yaw.
    fn nearer_to_reference(&self, pose: PlanarPose) -> PlanarPose {
        let from_reference = wrap_angle(pose.yaw_rad - self.config.reference_yaw_rad);
        PlanarPose::new(
            pose.x_m,
            pose.y_m,
            self.config.reference_yaw_rad + wrap_half_turn(from_reference),
        )
    }
}

/// The error of a mask's length or width due to whole pixels.
const MASK_RESOLUTION_PX: f64 = 1.0;

/// How far a plate lies from the point under the camera, as a share of the camera's height above it.
fn slant_of(pose: PlanarPose, height_m: f64, camera: &CameraModel) -> f64 {
    let above = camera.position() - Point3::new(pose.x_m, pose.y_m, height_m);
    above.x.hypot(above.y) / above.z
}

/// Checks that the image's middle looks down, within 45 degrees.
fn check_overhead(camera: &CameraModel) -> Result<(), LocalizeError> {
    let Intrinsics { width, height, .. } = camera.intrinsics;
    let middle = Point2::new(0.5 * f64::from(width), 0.5 * f64::from(height));
    let looks_down =
        camera.viewing_direction(middle).is_some_and(|direction| direction.z < -FRAC_1_SQRT_2);
    if looks_down { Ok(()) } else { Err(LocalizeError::NotOverhead) }
}

/// Checks that the plate lies where the distortion has an inverse.
fn check_lens(mask: &Mask, intrinsics: &Intrinsics) -> Result<(), LocalizeError> {
    let Some(limit) = mask.bounding_box().and_then(|bounds| {
        let is_known = |u, v| intrinsics.unproject(Point2::new(u, v), 1.0).is_some();
        let [u, v] = [[bounds.x_min, bounds.x_max], [bounds.y_min, bounds.y_max]];
        // The region is a disc: if the corners of a box are in it, so is the box.
        let is_inside = u.into_iter().all(|u| v.into_iter().all(|v| is_known(u, v)));
        if is_inside { None } else { intrinsics.lens_limit() }
    }) else {
        return Ok(());
    };
    Err(LocalizeError::OutsideLens { limit })
}

/// Iterations of the fit: each reduces its error by a factor of ten or more.
const OUTLINE_ITERATIONS: usize = 3;

/// The yaw in the world, modulo half a turn, of the first principal component of a shape that is seen at
/// `center` and lies at `height_m`.
fn yaw_of(
    moments: &Moments,
    center: Point2<f64>,
    height_m: f64,
    camera: &CameraModel,
) -> Result<f64, LocalizeError> {
    let (sin, cos) = moments.major_angle_rad.sin_cos();
    let reach_px = moments.major_variance.sqrt();
    let at = |sign: f64| {
        let pixel = Point2::new(center.x + sign * reach_px * cos, center.y + sign * reach_px * sin);
        camera.intersect_plane(pixel, height_m).ok_or(LocalizeError::NotOverhead)
    };
    let along = at(1.0)? - at(-1.0)?;
    Ok(along.y.atan2(along.x))
}

/// Wraps an angle between undirected lines into `(-π/2, π/2]`.
fn wrap_half_turn(angle_rad: f64) -> f64 {
    let wrapped = wrap_angle(angle_rad);
    if wrapped > FRAC_PI_2 {
        wrapped - PI
    } else if wrapped <= -FRAC_PI_2 {
        wrapped + PI
    } else {
        wrapped
    }
}

fn touches_border(mask: &Mask, (width, height): (u32, u32)) -> bool {
    mask.bounding_box().is_some_and(|bounds| {
        bounds.x_min <= 0.0
            || bounds.y_min <= 0.0
            || bounds.x_max >= f64::from(width - 1)
            || bounds.y_max >= f64::from(height - 1)
    })
}

#[cfg(test)]
mod tests;
