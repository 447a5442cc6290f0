//! Localisation: from an RGB-D frame to the plate's pose in the world (Sec. 3.4, Eq. 12-14).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

use nalgebra::{Point2, Point3};
use rmrl_core::{PlanarPose, PlateInImage, wrap_angle};

use crate::edges::align_to_edges;
use crate::mask::Moments;
use crate::silhouette::Silhouette;
use crate::{
    BoundingBox, BoxError, CameraModel, Centre, DEPTH_UNIT_M, Detection, Detections, Detector,
    Intrinsics, LocalizerConfig, LocalizerConfigError, Mask, Rejected, RgbdFrame, Segmenter,
};

/// A plate found, and how it was found.
#[derive(Debug, Clone)]
pub struct Localization {
    /// The plate's pose, world frame.
    pub pose: PlanarPose,
    /// The height of the plate, world frame, in metres: of its body's centre, or of its surface
    /// where no outline was fitted. It tells a seated plate from a jammed one.
    pub height_m: f64,
    /// Where the image shows a plate at that pose.
    pub in_image: PlateInImage,
    /// The detector's box.
    pub bounding_box: BoundingBox,
    /// The detector's score, 0 to 1.
    pub score: f64,
    /// The segmenter's mask.
    pub mask: Mask,
    /// Mean depth over the mask, Eq. 12, in metres.
    pub depth_m: f64,
}

/// Why a frame gave no pose. None of these is ever answered with a guess.
#[derive(Debug, thiserror::Error)]
pub enum LocalizeError {
    /// Colour and depth are not of one size, or not of the camera's.
    #[error(
        "the camera's images should be {expected:?}, but the colour image is {color:?} and the depth image {depth:?}"
    )]
    SizeMismatch {
        /// Width and height by the camera's intrinsics.
        expected: (u32, u32),
        /// Width and height of the colour image.
        color: (u32, u32),
        /// Width and height of the depth image.
        depth: (u32, u32),
    },
    /// Nothing was detected.
    #[error("no plate in the picture{}", likeliest(*.best_rejected))]
    NoPlate {
        /// What came nearest to being one.
        best_rejected: Option<Rejected>,
    },
    /// More than one plate was detected.
    #[error("{} plates in the picture (scores {scores:.2?}); only one may be in view", scores.len())]
    SeveralPlates {
        /// Their scores.
        scores: Vec<f64>,
    },
    /// The box holds no pixel of a plate.
    #[error("the segmentation of the box {bounding_box:?} is empty")]
    EmptyMask {
        /// The detector's box.
        bounding_box: BoundingBox,
    },
    /// The plate reaches out of the picture, so its centre is not where its visible part's is.
    #[error("the plate reaches over the picture's border")]
    AtImageBorder,
    /// Too little of the mask has a depth.
    #[error(
        "only {valid} of the plate's {pixels} pixels have a depth, expected {expected:.0} or more"
    )]
    NoValidDepth {
        /// Pixels of the mask with a depth.
        valid: usize,
        /// Pixels of the mask.
        pixels: usize,
        /// Pixels that should have one.
        expected: f64,
    },
    /// What was found is too large or too small at its distance to be the plate.
    #[error(
        "what was found is {ratio:.2} times the size of the plate (at a depth of {depth_m:.3} m), expected 1 within {tolerance}"
    )]
    WrongSize {
        /// Area found by area expected.
        ratio: f64,
        /// Mean depth.
        depth_m: f64,
        /// The tolerance that was exceeded.
        tolerance: f64,
    },
    /// What was found has not the plate's shape: a part of it is hidden, or something else is taken
    /// for a part of it.
    #[error(
        "what was found is {length_ratio:.3} times as long and {width_ratio:.3} times as wide as the plate, expected 1 within {tolerance} and a pixel; is a part of it hidden, or something dark beside it?"
    )]
    WrongShape {
        /// Length found by length expected.
        length_ratio: f64,
        /// Width found by width expected.
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
    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SizeMismatch { .. } => "size_mismatch",
            Self::NoPlate { .. } => "no_plate",
            Self::SeveralPlates { .. } => "several_plates",
            Self::EmptyMask { .. } => "empty_mask",
            Self::AtImageBorder => "at_image_border",
            Self::NoValidDepth { .. } => "no_valid_depth",
            Self::WrongSize { .. } => "wrong_size",
            Self::WrongShape { .. } => "wrong_shape",
            Self::NotOverhead => "not_overhead",
            Self::Detector(_) => "detector",
            Self::Segmenter(_) => "segmenter",
        }
    }

    /// The detector's scores of what it found, where that was not one plate.
    pub fn scores(&self) -> Vec<f64> {
        match self {
            Self::SeveralPlates { scores } => scores.clone(),
            Self::NoPlate { best_rejected } => {
                best_rejected.iter().map(|best| best.score).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn likeliest(rejected: Option<Rejected>) -> String {
    rejected.map_or_else(String::new, |Rejected { score, threshold }| {
        format!(": the likeliest object scores {score:.2}, the detector asks for {threshold:.2}")
    })
}

/// Detects, segments and localises the one plate in view.
pub struct Localizer {
    config: LocalizerConfig,
    detector: Box<dyn Detector>,
    segmenter: Box<dyn Segmenter>,
}

impl Localizer {
    /// A localiser over any detector and segmenter.
    ///
    /// # Errors
    /// A configuration value that cannot be.
    pub fn new(
        config: LocalizerConfig,
        detector: Box<dyn Detector>,
        segmenter: Box<dyn Segmenter>,
    ) -> Result<Self, LocalizerConfigError> {
        config.validate()?;
        Ok(Self { config, detector, segmenter })
    }

    /// How this localiser is configured.
    pub fn config(&self) -> &LocalizerConfig {
        &self.config
    }

    /// Localises the plate in `frame`, as seen by `camera`.
    ///
    /// # Errors
    /// Every way in which the frame does not hold exactly one whole plate with a depth.
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
        let depth_m = self.mean_depth_m(frame, &mask)?;
        self.check_size(moments.area, depth_m, camera)?;

        let centre = self.centre_of(bounding_box, &moments);
        let surface = camera.world_point(centre, depth_m);
        let plate = self.config.plate;
        // The depth is the upper surface's; the body is centred half a height below the top.
        let body_m = surface.z - (0.5 * plate.height_m - self.config.mean_surface_depth_m);
        let (pose, height_m) = if self.config.fit_outline {
            let by_mask = self.fit_outline(centre, &moments, body_m, camera)?;
            (align_to_edges(&frame.color, by_mask, body_m, plate, camera), body_m)
        } else {
            let yaw_rad = yaw_of(&moments, centre, surface.z, camera)?;
            let pose = PlanarPose::new(surface.x, surface.y, yaw_rad);
            (self.nearer_to_reference(pose), surface.z)
        };
        self.check_shape(&moments, pose, body_m, camera)?;
        let in_image = self.in_image(pose, height_m, depth_m, camera);
        let score = detection.score;
        Ok(Localization { pose, height_m, in_image, bounding_box, score, mask, depth_m })
    }

    /// Where `camera` sees a plate at `pose`. By the pose and not by the mask: what the two differ
    /// in is then to be seen in a picture cut around the one.
    fn in_image(
        &self,
        pose: PlanarPose,
        height_m: f64,
        depth_m: f64,
        camera: &CameraModel,
    ) -> PlateInImage {
        let center = camera
            .project(Point3::new(pose.x_m, pose.y_m, height_m))
            .expect("a plate that the camera saw lies before it");
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

    /// Mean depth over the mask, in metres; pixels without a depth are left out.
    fn mean_depth_m(&self, frame: &RgbdFrame, mask: &Mask) -> Result<f64, LocalizeError> {
        let (mut sum, mut valid, mut pixels) = (0.0, 0usize, 0usize);
        for (u, v) in mask.pixels() {
            pixels += 1;
            let depth = frame.depth.get_pixel(u, v).0[0];
            if depth > 0 {
                sum += f64::from(depth);
                valid += 1;
            }
        }
        let expected = pixels as f64 * self.config.min_valid_depth_ratio;
        if valid == 0 || (valid as f64) < expected {
            return Err(LocalizeError::NoValidDepth { valid, pixels, expected });
        }
        // Eq. 12: Z = mean(I_depth ⊙ M)
        Ok(sum / valid as f64 * DEPTH_UNIT_M)
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

    /// Checks that the mask is as long and as wide as the plate would be seen at `pose`. A covered
    /// edge moves centre and pose, and leaves a rectangle; only its sides tell.
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

    fn centre_of(&self, bounding_box: BoundingBox, moments: &Moments) -> Point2<f64> {
        match self.config.centre {
            Centre::Box => bounding_box.center(),
            Centre::Mask => moments.centroid,
        }
    }

    /// The pose at which the outline of the plate, a solid centred at `height_m`, has the centre
    /// and the principal direction of the mask.
    fn fit_outline(
        &self,
        centre: Point2<f64>,
        moments: &Moments,
        height_m: f64,
        camera: &CameraModel,
    ) -> Result<PlanarPose, LocalizeError> {
        let on_plane =
            |pixel| camera.intersect_plane(pixel, height_m).ok_or(LocalizeError::NotOverhead);
        let (seen_at, seen_yaw_rad) =
            (on_plane(centre)?, yaw_of(moments, centre, height_m, camera)?);
        let seen = PlanarPose::new(seen_at.x, seen_at.y, seen_yaw_rad);
        // The chamfer makes the outline differ between the two ways round.
        let mut pose = self.nearer_to_reference(seen);
        for _ in 0..OUTLINE_ITERATIONS {
            let outline = Silhouette::of_plate(pose, height_m, self.config.plate, camera)
                .ok_or(LocalizeError::NotOverhead)?;
            let expected = outline.moments();
            let expected_centre = self.centre_of(outline.bounding_box(), &expected);
            let expected_at = on_plane(expected_centre)?;
            let expected_yaw_rad = yaw_of(&expected, expected_centre, height_m, camera)?;
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

/// What a mask of whole pixels may be off by in its length or width.
const MASK_RESOLUTION_PX: f64 = 1.0;

/// Checks that the middle of the picture looks down, within half a right angle.
fn check_overhead(camera: &CameraModel) -> Result<(), LocalizeError> {
    let Intrinsics { width, height, .. } = camera.intrinsics;
    let middle = Point2::new(0.5 * f64::from(width), 0.5 * f64::from(height));
    if camera.viewing_direction(middle).z < -FRAC_1_SQRT_2 {
        Ok(())
    } else {
        Err(LocalizeError::NotOverhead)
    }
}

/// The fit converges by a factor of ten or more an iteration.
const OUTLINE_ITERATIONS: usize = 3;

/// The yaw in the world, up to half a turn, of the first principal component of a shape that is
/// seen at `centre` and lies at `height_m`.
fn yaw_of(
    moments: &Moments,
    centre: Point2<f64>,
    height_m: f64,
    camera: &CameraModel,
) -> Result<f64, LocalizeError> {
    let (sin, cos) = moments.major_angle_rad.sin_cos();
    let reach_px = moments.major_variance.sqrt();
    let at = |sign: f64| {
        let pixel = Point2::new(centre.x + sign * reach_px * cos, centre.y + sign * reach_px * sin);
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
mod tests {
    use std::sync::Arc;

    use image::{Luma, Rgb, RgbImage};
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};

    use super::*;
    use crate::{
        ColorThresholdDetector, ColorThresholdSegmenter, DepthImage, Distortion, PlateGeometry,
    };

    /// 0.8 m above the table, looking straight down, image right = world -y, image up = world +x.
    fn overhead() -> CameraModel {
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, 0.0);
        let turned = UnitQuaternion::from_euler_angles(0.0, 0.0, -FRAC_PI_2);
        CameraModel {
            intrinsics: Intrinsics {
                width: 640,
                height: 480,
                fx: 612.0,
                fy: 612.0,
                cx: 320.0,
                cy: 240.0,
                distortion: Distortion::default(),
            },
            world_from_camera: Isometry3::from_parts(
                Translation3::new(0.35, 0.0, 0.8),
                turned * down,
            ),
        }
    }

    /// Paper-thin dark rectangles of a plate's size at `poses`, drawn by asking 256 points of
    /// every pixel on an edge and averaging their light.
    fn frame_with(poses: &[PlanarPose]) -> RgbdFrame {
        const SIDE: u32 = 16;
        let camera = overhead();
        let plate = PlateGeometry::default();
        let is_plate = |u: f64, v: f64| {
            let point = camera.intersect_plane(Point2::new(u, v), 0.0).unwrap();
            poses.iter().any(|pose| {
                let (sin, cos) = pose.yaw_rad.sin_cos();
                let (dx, dy) = (point.x - pose.x_m, point.y - pose.y_m);
                (cos * dx + sin * dy).abs() < plate.length_m / 2.0
                    && (-sin * dx + cos * dy).abs() < plate.width_m / 2.0
            })
        };
        let color = RgbImage::from_fn(640, 480, |u, v| {
            let offset = |index: u32| (f64::from(index) + 0.5) / f64::from(SIDE) - 0.5;
            let at = |index: u32| {
                let (across, down) = (offset(index % SIDE), offset(index / SIDE));
                is_plate(f64::from(u) + across, f64::from(v) + down)
            };
            let corners = [0, SIDE - 1, SIDE * (SIDE - 1), SIDE * SIDE - 1].map(at);
            let covered = if corners == [corners[0]; 4] {
                f64::from(u8::from(corners[0]))
            } else {
                (0..SIDE * SIDE).filter(|index| at(*index)).count() as f64 / f64::from(SIDE * SIDE)
            };
            let light = 0.35 * (1.0 - covered) + 0.005 * covered;
            // The sRGB transfer function.
            Rgb([((1.055 * light.powf(1.0 / 2.4) - 0.055) * 255.0).round() as u8; 3])
        });
        RgbdFrame { color: Arc::new(color), depth: DepthImage::from_pixel(640, 480, Luma([800])) }
    }

    /// A localiser for the paper-thin plate: no side faces, no wells.
    fn localizer() -> Localizer {
        let config = LocalizerConfig {
            plate: PlateGeometry { height_m: 1e-9, chamfer_m: 0.0, ..PlateGeometry::default() },
            mean_surface_depth_m: 0.0,
            ..LocalizerConfig::default()
        };
        Localizer::new(
            config,
            Box::new(ColorThresholdDetector::default()),
            Box::new(ColorThresholdSegmenter::default()),
        )
        .unwrap()
    }

    #[test]
    fn a_flat_plate_is_localised_to_a_fraction_of_a_pixel() {
        for (x, y, yaw_deg) in
            [(0.35, 0.0, 0.0), (0.25, -0.2, 25.0), (0.5, 0.25, -40.0), (0.3, 0.1, 80.0)]
        {
            let truth = PlanarPose::new(x, y, f64::to_radians(yaw_deg));
            let found = localizer().localize(&frame_with(&[truth]), &overhead()).unwrap();
            let error = found.pose.relative_to(truth);
            assert!(error.translation_m() < 5e-5, "{truth:?}: {error:?}");
            assert!(error.dyaw_rad.abs().to_degrees() < 0.02, "{truth:?}: {error:?}");
            assert!((found.depth_m - 0.8).abs() < 1e-12);
            // A flat plate's outline lies around its centre in the picture, too.
            let (there, around) = (found.in_image, found.bounding_box.center());
            assert!((there.u_px - around.x).hypot(there.v_px - around.y) < 1.0, "{there:?}");
            let diagonal_px = overhead().intrinsics.fx * 0.12776f64.hypot(0.08548) / 0.8;
            assert!((there.diagonal_px - diagonal_px).abs() < 1e-9, "{there:?}");
        }
    }

    /// A plate parallel to the image's rows: whole pixels alone would give steps of 0.65 mm.
    #[test]
    fn a_plate_parallel_to_the_rows_is_localised_between_pixels() {
        for step in 0..10 {
            let offset_m = 0.000_2 * f64::from(step);
            let truth = PlanarPose::new(0.40 + offset_m, 0.10 - 0.7 * offset_m, 0.0);
            let found = localizer().localize(&frame_with(&[truth]), &overhead()).unwrap();
            let error = found.pose.relative_to(truth);
            assert!(error.translation_m() < 5e-5, "{truth:?}: {error:?}");
            assert!(error.dyaw_rad.to_degrees().abs() < 0.02, "{truth:?}: {error:?}");
        }
    }

    #[test]
    fn the_papers_localisation_is_good_to_half_a_pixel() {
        let mut papers = localizer();
        papers.config.fit_outline = false;
        papers.config.centre = Centre::Box;
        for (x, y, yaw_deg) in [(0.35, 0.0, 0.0), (0.25, -0.2, 25.0), (0.5, 0.25, -40.0)] {
            let truth = PlanarPose::new(x, y, f64::to_radians(yaw_deg));
            let found = papers.localize(&frame_with(&[truth]), &overhead()).unwrap();
            let error = found.pose.relative_to(truth);
            assert!(error.translation_m() < 1e-3, "{truth:?}: {error:?}");
            assert!(error.dyaw_rad.to_degrees().abs() < 0.3, "{truth:?}: {error:?}");
        }
    }

    #[test]
    fn the_half_turn_nearer_to_the_reference_is_taken() {
        let upside_down = PlanarPose::new(0.35, 0.0, 3.0);
        let frame = frame_with(&[upside_down]);
        let near_zero = localizer().localize(&frame, &overhead()).unwrap().pose;
        assert!((near_zero.yaw_rad - (3.0 - PI)).abs() < 0.01, "{near_zero:?}");
        let mut turned = localizer();
        turned.config.reference_yaw_rad = PI;
        let near_pi = turned.localize(&frame, &overhead()).unwrap().pose;
        assert!((near_pi.yaw_rad - 3.0).abs() < 0.01, "{near_pi:?}");
    }

    #[test]
    fn frames_without_exactly_one_whole_plate_are_typed_errors() {
        let camera = overhead();
        let plate = |x, y| PlanarPose::new(x, y, 0.0);
        let error = |frame: &RgbdFrame| localizer().localize(frame, &camera).unwrap_err();

        let nothing = frame_with(&[]);
        assert!(matches!(error(&nothing), LocalizeError::NoPlate { best_rejected: None }));
        assert_eq!(error(&nothing).to_string(), "no plate in the picture");

        let two = frame_with(&[plate(0.3, -0.2), plate(0.4, 0.2)]);
        assert!(
            matches!(error(&two), LocalizeError::SeveralPlates { scores } if scores.len() == 2)
        );

        let cut = frame_with(&[plate(0.64, 0.0)]);
        assert!(matches!(error(&cut), LocalizeError::AtImageBorder));

        let mut blind = frame_with(&[plate(0.35, 0.0)]);
        blind.depth.fill(0);
        assert!(matches!(error(&blind), LocalizeError::NoValidDepth { valid: 0, .. }));

        let mut near = frame_with(&[plate(0.35, 0.0)]);
        near.depth.fill(400);
        assert!(matches!(error(&near), LocalizeError::WrongSize { ratio, .. } if ratio < 0.3));

        let mut small = frame_with(&[plate(0.35, 0.0)]);
        small.depth = DepthImage::from_pixel(320, 240, Luma([800]));
        assert!(matches!(error(&small), LocalizeError::SizeMismatch { .. }));
    }

    /// A hand or a cable over an edge leaves a rectangle with another centre: no pose is better than
    /// a wrong one, which would be learnt from.
    #[test]
    fn a_partly_hidden_plate_is_an_error_and_no_pose() {
        let camera = overhead();
        let truth = PlanarPose::new(0.35, 0.0, 0.0);
        let whole = frame_with(&[truth]);
        for (share, along) in
            [(0.05, true), (0.1, true), (0.2, true), (0.28, true), (0.05, false), (0.15, false)]
        {
            let mut frame = whole.clone();
            let mut color = (*frame.color).clone();
            let plate = PlateGeometry::default();
            for (u, v, pixel) in color.enumerate_pixels_mut() {
                let at = camera.intersect_plane(Point2::new(u.into(), v.into()), 0.0).unwrap();
                let hidden = if along {
                    at.x - truth.x_m > (0.5 - share) * plate.length_m
                } else {
                    at.y - truth.y_m > (0.5 - share) * plate.width_m
                };
                if hidden {
                    *pixel = *whole.color.get_pixel(0, 0);
                }
            }
            frame.color = Arc::new(color);
            let error = localizer().localize(&frame, &camera).unwrap_err();
            assert!(matches!(error, LocalizeError::WrongShape { .. }), "{share}: {error}");
        }
    }

    #[test]
    fn a_camera_that_does_not_look_down_is_an_error() {
        let up = UnitQuaternion::from_euler_angles(PI, 0.0, 0.0);
        let mut camera = overhead();
        camera.world_from_camera.rotation *= up;
        let frame = frame_with(&[PlanarPose::new(0.35, 0.0, 0.0)]);
        let error = localizer().localize(&frame, &camera).unwrap_err();
        assert!(matches!(error, LocalizeError::NotOverhead), "{error}");
    }

    /// A segmenter that finds nothing, as a model may.
    struct Blind;

    impl Segmenter for Blind {
        fn segment(&mut self, _: &RgbImage, _: BoundingBox) -> Result<Mask, BoxError> {
            Ok(Mask::new(0, 0, image::GrayImage::new(0, 0)))
        }
    }

    #[test]
    fn an_empty_mask_and_a_failing_or_doubtful_detector_are_typed_errors() {
        struct Broken;
        impl Detector for Broken {
            fn detect(&mut self, _: &RgbImage) -> Result<Detections, BoxError> {
                Err("the model's output is NaN".into())
            }
        }
        struct Doubtful;
        impl Detector for Doubtful {
            fn detect(&mut self, _: &RgbImage) -> Result<Detections, BoxError> {
                let rejected = Rejected { score: 0.21, threshold: 0.35 };
                Ok(Detections { best_rejected: Some(rejected), ..Detections::default() })
            }
        }
        let frame = frame_with(&[PlanarPose::new(0.35, 0.0, 0.0)]);
        let config = LocalizerConfig::default();
        let mut blind =
            Localizer::new(config, Box::new(ColorThresholdDetector::default()), Box::new(Blind))
                .unwrap();
        assert!(matches!(
            blind.localize(&frame, &overhead()),
            Err(LocalizeError::EmptyMask { .. })
        ));
        let mut broken = Localizer::new(config, Box::new(Broken), Box::new(Blind)).unwrap();
        let error = broken.localize(&frame, &overhead()).unwrap_err();
        assert!(
            matches!(&error, LocalizeError::Detector(source) if source.to_string().contains("NaN"))
        );
        let mut doubtful = Localizer::new(config, Box::new(Doubtful), Box::new(Blind)).unwrap();
        let error = doubtful.localize(&frame, &overhead()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no plate in the picture: the likeliest object scores 0.21, the detector asks for 0.35"
        );
    }

    #[test]
    fn depth_holes_are_left_out_of_the_mean() {
        let mut frame = frame_with(&[PlanarPose::new(0.35, 0.0, 0.0)]);
        for (u, _, depth) in frame.depth.enumerate_pixels_mut() {
            if u % 2 == 0 {
                *depth = Luma([0]);
            }
        }
        let found = localizer().localize(&frame, &overhead()).unwrap();
        assert!((found.depth_m - 0.8).abs() < 1e-12);
    }
}
