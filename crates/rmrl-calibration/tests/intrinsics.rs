//! Intrinsics from rendered images and from computed corners.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod images;

use images::{Rng, Taking, image, normal, rng};
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_calibration::{
    CalibrationError, ChessboardFinder, IntrinsicsWarning, Rejected, RejectedReason, View,
    intrinsics,
};
use rmrl_vision::{Chessboard, Distortion, Intrinsics};

const CAMERA: Intrinsics = Intrinsics {
    width: 1280,
    height: 720,
    fx: 921.0,
    fy: 919.5,
    cx: 645.2,
    cy: 352.7,
    distortion: Distortion { k1: 0.09, k2: -0.19, p1: 0.0008, p2: -0.0005, k3: 0.06 },
};

fn board() -> Chessboard {
    Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 }
}

/// A board tilted by up to `tilt_rad`, entirely in the image.
fn pose(tilt_rad: f64, rng: &mut Rng) -> Isometry3<f64> {
    loop {
        let mut within = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        let direction = within(0.0, std::f64::consts::TAU);
        let tilt = within(0.3, 1.0) * tilt_rad;
        let rotation = UnitQuaternion::from_scaled_axis(
            tilt * Vector3::new(direction.cos(), direction.sin(), 0.0),
        ) * UnitQuaternion::from_axis_angle(
            &Vector3::z_axis(),
            within(0.0, std::f64::consts::TAU),
        );
        let at = Vector3::new(within(-0.15, 0.15), within(-0.1, 0.1), within(0.28, 0.45));
        let pose = Isometry3::from_parts(
            Translation3::from(at - rotation * board().center().coords),
            rotation,
        );
        let inside = board().points().iter().all(|point| {
            let pixel = CAMERA.project(pose * point).unwrap();
            (25.0..1255.0).contains(&pixel.x) && (25.0..695.0).contains(&pixel.y)
        });
        if inside {
            return pose;
        }
    }
}

/// Views with projected corners and noise, without images.
fn views(count: usize, tilt_rad: f64, noise_px: f64, seed: u64) -> Vec<View> {
    let mut rng = rng(seed);
    (0..count)
        .map(|number| {
            let pose = pose(tilt_rad, &mut rng);
            let mut corner = |point| {
                let pixel = CAMERA.project(pose * point).unwrap();
                pixel + noise_px * nalgebra::Vector2::from_fn(|_, _| normal(&mut rng))
            };
            let pixels = board().points().into_iter().map(&mut corner);
            View::whole(format!("{number:02}.png"), [1280, 720], pixels, 0.5)
        })
        .collect()
}

#[test]
fn without_noise_the_intrinsics_are_exact() {
    let found = intrinsics(&views(8, 0.6, 0.0, 1), &board().into()).unwrap();
    assert!(found.reprojection_px < 1e-6, "{}", found.reprojection_px);
    let (got, expected) = (found.intrinsics, CAMERA);
    for (got, expected) in [
        (got.fx, expected.fx),
        (got.fy, expected.fy),
        (got.cx, expected.cx),
        (got.distortion.k1, expected.distortion.k1),
        (got.distortion.k3, expected.distortion.k3),
        (got.distortion.p2, expected.distortion.p2),
    ] {
        assert!((got - expected).abs() < 1e-5, "{got} for {expected}");
    }
}

/// Errors in units of the reported deviations have a variance of 1.
#[test]
fn reported_deviations_match_the_errors_over_many_cameras() {
    let mut squares = [0.0; 3];
    const CAMERAS: u64 = 40;
    for seed in 0..CAMERAS {
        let found = intrinsics(&views(10, 0.6, 0.1, 100 + seed), &board().into()).unwrap();
        assert!((0.08..0.12).contains(&(found.reprojection_px / 2.0_f64.sqrt())));
        let (got, off) = (found.intrinsics, found.deviations);
        for (square, ratio) in squares.iter_mut().zip([
            (got.fx - CAMERA.fx) / off.fx,
            (got.cy - CAMERA.cy) / off.cy,
            (got.distortion.k1 - CAMERA.distortion.k1) / off.distortion.k1,
        ]) {
            *square += ratio * ratio / CAMERAS as f64;
        }
    }
    // Five sigma of a chi-square with 40 degrees of freedom.
    assert!(squares.iter().all(|square| (0.3..2.2).contains(square)), "{squares:?}");
}

#[test]
fn sixteen_images_give_the_focal_length_to_a_five_hundredth() {
    let mut rng = rng(7);
    let taking = Taking { blur_px: 0.6, noise_levels: 3.0 };
    let views: Vec<View> = (0..16)
        .map(|number| {
            let image = image(&board(), &CAMERA, &pose(0.6, &mut rng), taking, &mut rng);
            let found = ChessboardFinder.look(&image, &board()).unwrap();
            View::new(format!("{number:02}.png"), [1280, 720], found)
        })
        .collect();
    let found = intrinsics(&views, &board().into()).unwrap();
    let got = found.intrinsics;
    println!("{:.3} px, fx {:.2} +- {:.2}", found.reprojection_px, got.fx, found.deviations.fx);
    assert!(found.reprojection_px < 0.05, "{}", found.reprojection_px);
    assert!((got.fx / CAMERA.fx - 1.0).abs() < 0.002 && (got.fy / CAMERA.fy - 1.0).abs() < 0.002);
    assert!((got.cx - CAMERA.cx).abs() < 1.0 && (got.cy - CAMERA.cy).abs() < 1.0);
}

#[test]
fn bad_views_are_rejected_by_name_and_the_rest_is_used() {
    let mut views = views(12, 0.6, 0.05, 3);
    // The board is bent: one corner stands up.
    for corner in &mut views[4].corners[..9] {
        corner.pixel.x += 3.0;
    }
    views[9].edge_px = 4.0;
    let found = intrinsics(&views, &board().into()).unwrap();
    assert_eq!(found.views.len(), 10);
    let reasons: Vec<(&str, &RejectedReason)> =
        found.rejected.iter().map(|view| (view.name.as_str(), &view.reason)).collect();
    assert!(
        matches!(
            reasons[..],
            [
                ("09.png", RejectedReason::Blurred { .. }),
                ("04.png", RejectedReason::Corners { .. })
            ]
        ),
        "{reasons:?}"
    );
    assert!((found.intrinsics.fx / CAMERA.fx - 1.0).abs() < 0.002);
}

/// Views of a board whose print is longer along its rows by a factor.
fn stretched_views(count: usize, stretch: f64, turned: bool, seed: u64) -> Vec<View> {
    let mut rng = rng(seed);
    let mut view = |number: usize| loop {
        let pose = pose(0.6, &mut rng);
        // Without a turn the rows stay along the image's.
        let along = pose.rotation * Vector3::x();
        if !turned && along.y.abs() > 0.15 {
            continue;
        }
        let mut corner = |point: nalgebra::Point3<f64>| {
            let printed = nalgebra::Point3::new(point.x * stretch, point.y, 0.0);
            let pixel = CAMERA.project(pose * printed).unwrap();
            pixel + 0.05 * nalgebra::Vector2::from_fn(|_, _| normal(&mut rng))
        };
        let pixels: Vec<_> = board().points().into_iter().map(&mut corner).collect();
        break View::whole(format!("{number:02}.png"), [1280, 720], pixels, 0.5);
    };
    (0..count).map(&mut view).collect()
}

#[test]
fn a_print_that_is_scaled_one_way_is_named() {
    let views = stretched_views(14, 1.02, true, 5);
    let found = intrinsics(&views, &board().into()).unwrap();
    let [IntrinsicsWarning::PrintScaled { stretch, deviation }] = found.warnings[..] else {
        panic!("{:?}", found.warnings)
    };
    assert!((stretch - 0.02).abs() < 0.001 && deviation < 0.001, "{stretch} ± {deviation}");
    // With all boards the same way up, it is the same as pixels that are not square.
    let views = stretched_views(14, 1.02, false, 6);
    let found = intrinsics(&views, &board().into()).unwrap();
    let named = |warning: &IntrinsicsWarning| {
        matches!(
            warning,
            IntrinsicsWarning::PrintScaled { stretch, .. } if (stretch - 0.02).abs() < 0.005
        ) || matches!(
            warning,
            IntrinsicsWarning::PixelsNotSquare { ratio } if (ratio - 1.02).abs() < 0.005
        )
    };
    assert!(found.warnings.iter().any(named), "{:?}", found.warnings);
    let right = intrinsics(&stretched_views(14, 1.0, true, 7), &board().into()).unwrap();
    assert!(right.warnings.is_empty(), "{:?}", right.warnings);
}

#[test]
fn views_that_do_not_reach_the_border_are_said_to() {
    let mut narrow = views(16, 0.6, 0.05, 8);
    narrow
        .retain(|view| view.corners.iter().all(|corner| (230.0..1050.0).contains(&corner.pixel.x)));
    let found = intrinsics(&narrow, &board().into()).unwrap();
    assert!(
        ["left", "right"].iter().all(|side| found.unseen_regions.contains(side)),
        "{:?}",
        found.unseen_regions
    );
}

#[test]
fn missing_views_and_tilts_are_reported() {
    let few = intrinsics(&views(4, 0.6, 0.05, 3), &board().into()).unwrap_err();
    assert!(matches!(few, CalibrationError::TooFew { usable: 4, needed: 5, .. }), "{few}");
    let flat = intrinsics(&views(8, 0.03, 0.05, 3), &board().into()).unwrap_err();
    assert!(matches!(flat, CalibrationError::TooLittleTilt { .. }), "{flat}");
    let mut mixed = views(8, 0.6, 0.05, 3);
    mixed[6].size = [1920, 1080];
    let found = intrinsics(&mixed, &board().into()).unwrap();
    let [Rejected { name, reason }] = &found.rejected[..] else { panic!("{:?}", found.rejected) };
    assert_eq!(name, "06.png");
    assert!(matches!(reason, RejectedReason::Size { size: [1920, 1080], usual: [1280, 720] }));
    let small = Chessboard { corners: "2x6".parse().unwrap(), square_m: 0.025 };
    assert!(matches!(intrinsics(&mixed, &small.into()), Err(CalibrationError::Board(_))));
}
