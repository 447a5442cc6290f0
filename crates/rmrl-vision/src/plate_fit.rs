//! From the mask of a plate to its pose, by the depth over the mask and the plate's outline (Eq. 12-14).

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Point2, Point3};
use rmrl_core::{PlanarPose, PlateInImage, wrap_angle};

use crate::confidence::Evidence;
use crate::depth_checks::check_depth;
use crate::edges::{EdgeRule, Edges};
use crate::mask::Moments;
use crate::plate_depth::PlateDepth;
use crate::silhouette::Silhouette;
use crate::surroundings::Surroundings;
use crate::{
    BoundingBox, CameraModel, Center, DepthEstimate, Detection, Intrinsics, Localization,
    LocalizeError, LocalizerConfig, Mask, PlateGeometry, RgbdFrame,
};

/// Finds the pose of a plate whose mask is known.
#[derive(Clone, Copy)]
pub(crate) struct PlateFit<'a> {
    pub config: LocalizerConfig,
    pub frame: &'a RgbdFrame,
    pub camera: &'a CameraModel,
}

/// What the depth says of a plate.
pub(crate) struct Height<'a> {
    pub depth: &'a PlateDepth,
    /// The depth that is used, in meters.
    pub depth_m: f64,
    /// A point of the plate's surface, world frame.
    pub surface: Point3<f64>,
    /// The height of the body's center, world frame, in meters.
    pub body_m: f64,
    /// How far something as dark and as large as the plate reaches down under it, in meters: 0 for a plate that lies on the table.
    pub below_m: f64,
}

impl PlateFit<'_> {
    /// The pose of the plate whose mask is all that the segmenter found in the detector's box.
    pub fn localize(
        &self,
        detection: Detection,
        mask: Mask,
    ) -> Result<Localization, LocalizeError> {
        let bounding_box = detection.bounding_box;
        let moments = mask.moments().ok_or(LocalizeError::EmptyMask { bounding_box })?;
        self.check_whole(&mask)?;
        let depth = self.measure_depth(&mask, &moments)?;
        let depth_m = self.depth_m(&depth);
        let center = self.center_of(bounding_box, &moments);
        let surface = self.surface_at(center, depth_m)?;
        let body_m = self.body_m(surface);
        let height = Height { depth: &depth, depth_m, surface, body_m, below_m: 0.0 };
        self.fit(detection, (mask, moments), &height, EdgeRule::default())
    }

    /// The pose of a plate at a known height, by its mask with its moments.
    pub fn fit(
        &self,
        detection: Detection,
        (mask, moments): (Mask, Moments),
        height: &Height<'_>,
        rule: EdgeRule,
    ) -> Result<Localization, LocalizeError> {
        let Detection { bounding_box, score } = detection;
        let center = self.center_of(bounding_box, &moments);
        let Height { depth, depth_m, surface, body_m, below_m } = *height;
        // What the camera sees as one dark shape: the plate and what lies under it.
        let plate = self.config.plate;
        let solid = PlateGeometry { height_m: plate.height_m + below_m, ..plate };
        let seen = Self { config: LocalizerConfig { plate: solid, ..self.config }, ..*self };
        let solid_m = body_m - 0.5 * below_m;
        let (by_mask, aligned, height_m) = if self.config.fit_outline {
            let by_mask = seen.fit_outline(center, &moments, solid_m)?;
            let edges = Edges::new(&self.frame.color, solid, self.camera, rule);
            (by_mask, edges.align(by_mask, solid_m), body_m)
        } else {
            let yaw_rad = yaw_of(&moments, center, surface.z, self.camera)?;
            let pose = PlanarPose::new(surface.x, surface.y, yaw_rad);
            (self.nearer_to_reference(pose), None, surface.z)
        };
        let pose = aligned.as_ref().map_or(by_mask, |aligned| aligned.pose);
        seen.check_shape(&moments, pose, solid_m)?;
        let evidence = Evidence {
            fit: aligned.as_ref().and_then(|aligned| aligned.fit.as_ref()),
            moved_m: pose.distance_m(by_mask),
            depth,
            depth_m,
            slant: slant_of(pose, height_m, self.camera),
        };
        let confidence = self.check_evidence(&evidence)?;
        let in_image = self.in_image(pose, height_m, depth_m);
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

    /// Checks that the image shows the whole mask, where the lens is known.
    pub fn check_whole(&self, mask: &Mask) -> Result<(), LocalizeError> {
        let Intrinsics { width, height, .. } = self.camera.intrinsics;
        if touches_border(mask, (width, height)) {
            return Err(LocalizeError::AtImageBorder);
        }
        check_lens(mask, &self.camera.intrinsics)
    }

    /// The depth of the plate's surface, checked.
    fn measure_depth(&self, mask: &Mask, moments: &Moments) -> Result<PlateDepth, LocalizeError> {
        let config = &self.config;
        let depth = PlateDepth::measure(
            self.frame,
            mask,
            moments,
            self.camera,
            config.min_valid_depth_ratio,
        )?;
        self.check_size(moments.area, self.depth_m(&depth))?;
        let around = Surroundings {
            frame: self.frame,
            moments,
            surface: &depth.surface,
            is_other: &|_, _| false,
        };
        check_depth(&around, self.camera, &depth, self.expected_rise())?;
        Ok(depth)
    }

    /// How far the surface of a plate should rise above what it stands on, in meters, and the share that must be seen.
    pub fn expected_rise(&self) -> [f64; 2] {
        let config = &self.config;
        [config.plate.height_m - config.mean_surface_depth_m, config.min_rise_ratio]
    }

    /// The point that a pixel sees at a depth.
    pub fn surface_at(
        &self,
        pixel: Point2<f64>,
        depth_m: f64,
    ) -> Result<Point3<f64>, LocalizeError> {
        self.camera.world_point(pixel, depth_m).ok_or(LocalizeError::NotOverhead)
    }

    /// The height of the body's center, by a point of the surface that the depth shows.
    pub fn body_m(&self, surface: Point3<f64>) -> f64 {
        // The depth is that of the upper surface; the body's center is half a height below the top.
        surface.z - (0.5 * self.config.plate.height_m - self.config.mean_surface_depth_m)
    }

    /// The depth that is used, in meters.
    pub fn depth_m(&self, depth: &PlateDepth) -> f64 {
        match self.config.depth {
            DepthEstimate::Robust => depth.estimate_m(),
            DepthEstimate::Mean => depth.mean_m,
        }
    }

    /// Where `camera` sees a plate at `pose`. It follows the pose, not the mask, so an image crop around it
    /// shows by how much the two differ.
    fn in_image(&self, pose: PlanarPose, height_m: f64, depth_m: f64) -> PlateInImage {
        let center = self
            .camera
            .project(Point3::new(pose.x_m, pose.y_m, height_m))
            .expect("a plate that the camera saw is in front of it");
        let plate = self.config.plate;
        let diagonal_m = plate.length_m.hypot(plate.width_m);
        PlateInImage {
            u_px: center.x,
            v_px: center.y,
            diagonal_px: self.camera.intrinsics.fx * diagonal_m / depth_m,
        }
    }

    fn check_size(&self, area_px: f64, depth_m: f64) -> Result<(), LocalizeError> {
        let plate = self.config.plate;
        let (fx, fy) = (self.camera.intrinsics.fx, self.camera.intrinsics.fy);
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
    ) -> Result<(), LocalizeError> {
        let outline = Silhouette::of_plate(pose, height_m, self.config.plate, self.camera)
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
    fn check_evidence(&self, evidence: &Evidence<'_>) -> Result<f64, LocalizeError> {
        let plate = self.config.plate;
        let most_m = evidence.tolerated_mismatch_m(self.config.depth_tolerance, plate, self.camera);
        match evidence.mismatch_m(plate, self.camera) {
            Some(mismatch_m) if mismatch_m.abs() > most_m && evidence.is_sharp() => {
                let depth_m = evidence.depth_m;
                let by_size_m = depth_m - mismatch_m;
                Err(LocalizeError::WrongDepth { depth_m, by_size_m, tolerance_m: most_m })
            }
            _ => Ok(evidence.confidence(plate, self.camera)),
        }
    }

    /// The pixel that stands for the center of a shape.
    pub fn center_of(&self, bounding_box: BoundingBox, moments: &Moments) -> Point2<f64> {
        match self.config.center {
            Center::Box => bounding_box.center(),
            Center::Mask => moments.centroid,
        }
    }

    /// The pose at which the outline of the plate has the center and the principal direction of the
    /// mask. The plate is a solid centered at `height_m`.
    pub fn fit_outline(
        &self,
        center: Point2<f64>,
        moments: &Moments,
        height_m: f64,
    ) -> Result<PlanarPose, LocalizeError> {
        let on_plane =
            |pixel| self.camera.intersect_plane(pixel, height_m).ok_or(LocalizeError::NotOverhead);
        let (seen_at, seen_yaw_rad) =
            (on_plane(center)?, yaw_of(moments, center, height_m, self.camera)?);
        let seen = PlanarPose::new(seen_at.x, seen_at.y, seen_yaw_rad);
        // The chamfer makes the outline differ between the two possible orientations.
        let mut pose = self.nearer_to_reference(seen);
        for _ in 0..OUTLINE_ITERATIONS {
            let outline = Silhouette::of_plate(pose, height_m, self.config.plate, self.camera)
                .ok_or(LocalizeError::NotOverhead)?;
            let expected = outline.moments();
            let expected_center = self.center_of(outline.bounding_box(), &expected);
            let expected_at = on_plane(expected_center)?;
            let expected_yaw_rad = yaw_of(&expected, expected_center, height_m, self.camera)?;
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

fn touches_border(mask: &Mask, (width, height): (u32, u32)) -> bool {
    mask.bounding_box().is_some_and(|bounds| {
        bounds.x_min <= 0.0
            || bounds.y_min <= 0.0
            || bounds.x_max >= f64::from(width - 1)
            || bounds.y_max >= f64::from(height - 1)
    })
}
