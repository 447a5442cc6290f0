use std::f64::consts::{FRAC_PI_2, PI};

use image::{Luma, Rgb};
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_core::PlanarPose;

use super::*;
use crate::{
    BoxError, Center, ColorThresholdDetector, ColorThresholdSegmenter, DepthImage, Distortion,
    PlateGeometry, Rejected,
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
        world_from_camera: Isometry3::from_parts(Translation3::new(0.35, 0.0, 0.8), turned * down),
    }
}

/// Paper-thin dark rectangles of a plate's size at `poses`. Pixels on an edge average the light of 256
/// points.
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

/// A localizer for the paper-thin plate, without side faces and wells.
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
fn a_flat_plate_is_localized_to_a_fraction_of_a_pixel() {
    for (x, y, yaw_deg) in
        [(0.35, 0.0, 0.0), (0.25, -0.2, 25.0), (0.5, 0.25, -40.0), (0.3, 0.1, 80.0)]
    {
        let truth = PlanarPose::new(x, y, f64::to_radians(yaw_deg));
        let found = localizer().localize(&frame_with(&[truth]), &overhead()).unwrap();
        let error = found.pose.relative_to(truth);
        assert!(error.translation_m() < 5e-5, "{truth:?}: {error:?}");
        assert!(error.dyaw_rad.abs().to_degrees() < 0.02, "{truth:?}: {error:?}");
        assert!((found.depth_m - 0.8).abs() < 1e-12);
        // A flat plate's outline is centered in the image, too.
        let (there, around) = (found.in_image, found.bounding_box.center());
        assert!((there.u_px - around.x).hypot(there.v_px - around.y) < 1.0, "{there:?}");
        let diagonal_px = overhead().intrinsics.fx * 0.12776f64.hypot(0.08548) / 0.8;
        assert!((there.diagonal_px - diagonal_px).abs() < 1e-9, "{there:?}");
    }
}

/// For a plate parallel to the image's rows, whole pixels alone would give steps of 0.65 mm.
#[test]
fn a_plate_parallel_to_the_rows_is_localized_between_pixels() {
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
fn the_papers_localization_is_good_to_half_a_pixel() {
    let mut papers = localizer();
    papers.config.fit_outline = false;
    papers.config.center = Center::Box;
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
    assert_eq!(error(&nothing).to_string(), "no plate in the image");

    let two = frame_with(&[plate(0.3, -0.2), plate(0.4, 0.2)]);
    assert!(matches!(error(&two), LocalizeError::SeveralPlates { scores } if scores.len() == 2));

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

/// A hand or a cable over an edge leaves a rectangle with another center. No pose is better than a wrong one,
/// because the policy would learn from it.
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

/// Published cameras have distortions that turn back inside the image. Beyond, a pixel has no ray.
#[test]
fn a_plate_where_the_lens_is_unknown_is_refused() {
    let mut camera = overhead();
    // It turns back 300 px from the middle: at r = √(1 / (5 · 1.3)), where r (1 - 1.3 r⁴) is 0.8 r.
    camera.intrinsics.distortion = Distortion { k2: -1.3, ..Distortion::default() };
    let limit = camera.intrinsics.lens_limit().unwrap();
    assert!((limit.radius_px - 612.0 * 0.8 * (1.0_f64 / 6.5).powf(0.25)).abs() < 1.0, "{limit}");
    let at = |x_m, y_m| frame_with(&[PlanarPose::new(x_m, y_m, 0.2)]);
    localizer().localize(&at(0.35, 0.0), &camera).unwrap();
    let refused = localizer().localize(&at(0.35, 0.355), &camera).unwrap_err();
    assert!(matches!(refused, LocalizeError::OutsideLens { .. }), "{refused}");
    assert_eq!(refused.kind(), "outside_lens");
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

/// A segmenter that finds nothing.
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
    assert!(matches!(blind.localize(&frame, &overhead()), Err(LocalizeError::EmptyMask { .. })));
    let mut broken = Localizer::new(config, Box::new(Broken), Box::new(Blind)).unwrap();
    let error = broken.localize(&frame, &overhead()).unwrap_err();
    assert!(
        matches!(&error, LocalizeError::Detector(source) if source.to_string().contains("NaN"))
    );
    let mut doubtful = Localizer::new(config, Box::new(Doubtful), Box::new(Blind)).unwrap();
    let error = doubtful.localize(&frame, &overhead()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no plate in the image: the likeliest object scores 0.21, the detector needs 0.35"
    );
}

#[test]
fn the_mean_ignores_depth_holes() {
    let mut frame = frame_with(&[PlanarPose::new(0.35, 0.0, 0.0)]);
    for (u, _, depth) in frame.depth.enumerate_pixels_mut() {
        if u % 2 == 0 {
            *depth = Luma([0]);
        }
    }
    let found = localizer().localize(&frame, &overhead()).unwrap();
    assert!((found.depth_m - 0.8).abs() < 1e-12);
}
