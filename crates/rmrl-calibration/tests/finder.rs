//! The finder on rendered images: the corners of boards, and the reasons why a board is missing.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod images;

use image::{GrayImage, imageops};
use images::{Taking, image, rng};
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_calibration::{BoardMissing, ChessboardFinder};
use rmrl_vision::{Chessboard, CornerFinder, Distortion, Intrinsics};

const CAMERA: Intrinsics = Intrinsics {
    width: 640,
    height: 480,
    fx: 612.0,
    fy: 611.0,
    cx: 321.5,
    cy: 238.0,
    distortion: Distortion { k1: 0.08, k2: -0.12, p1: 0.001, p2: -0.0007, k3: 0.02 },
};
const PLAIN: Taking = Taking { blur_px: 0.5, noise_levels: 2.0 };

fn board() -> Chessboard {
    Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 }
}

/// A board with its middle at `distance_m` on the optical axis, tilted about x and y, then rotated.
fn pose(distance_m: f64, tilt: [f64; 2], turn: f64) -> Isometry3<f64> {
    let rotation = UnitQuaternion::from_scaled_axis(Vector3::new(tilt[0], tilt[1], 0.0))
        * UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn);
    let middle = rotation * board().center().coords;
    Isometry3::from_parts(Translation3::from(Vector3::new(0.0, 0.0, distance_m) - middle), rotation)
}

/// Root mean square distance between detected and true corners.
fn rms(image: &GrayImage, camera_from_board: &Isometry3<f64>) -> f64 {
    let found = ChessboardFinder.look(image, &board()).unwrap();
    let squares = board().points().into_iter().zip(&found.corners).map(|(point, corner)| {
        (CAMERA.project(camera_from_board * point).unwrap() - corner.pixel).norm_squared()
    });
    (squares.sum::<f64>() / found.corners.len() as f64).sqrt()
}

#[test]
fn corners_are_found_in_the_boards_order_at_any_rotation() {
    for step in 0..8 {
        let turn = f64::from(step) * std::f64::consts::FRAC_PI_4 + 0.1;
        let pose = pose(0.5, [0.3, -0.2], turn);
        let image = image(&board(), &CAMERA, &pose, PLAIN, &mut rng(step as u64));
        let rms = rms(&image, &pose);
        assert!(rms < 0.05, "turned by {turn}: {rms}");
    }
}

#[test]
fn corners_survive_blur_noise_and_slant() {
    for (taking, tilt, most) in [
        (Taking { blur_px: 0.3, noise_levels: 0.0 }, [0.0, 0.0], 0.02),
        (Taking { blur_px: 0.8, noise_levels: 8.0 }, [0.2, 0.3], 0.10),
        (Taking { blur_px: 2.0, noise_levels: 3.0 }, [-0.4, 0.1], 0.10),
        (PLAIN, [0.9, 0.2], 0.06),
    ] {
        let pose = pose(0.42, tilt, 0.3);
        let image = image(&board(), &CAMERA, &pose, taking, &mut rng(9));
        let rms = rms(&image, &pose);
        assert!(rms < most, "blur {}, noise {}: {rms}", taking.blur_px, taking.noise_levels);
    }
}

#[test]
fn blur_is_measured() {
    let pose = pose(0.45, [0.1, 0.1], 0.2);
    let [sharp, blurred] = [0.4, 2.0].map(|blur_px| {
        let image =
            image(&board(), &CAMERA, &pose, Taking { blur_px, noise_levels: 1.0 }, &mut rng(3));
        ChessboardFinder.look(&image, &board()).unwrap().edge_px
    });
    assert!((0.3..0.8).contains(&sharp), "{sharp}");
    assert!((1.6..2.8).contains(&blurred), "{blurred}");
}

#[test]
fn the_reason_for_a_missing_board_is_reported() {
    let straight = pose(0.5, [0.0, 0.0], 0.0);
    let image = image(&board(), &CAMERA, &straight, PLAIN, &mut rng(5));
    let finder = ChessboardFinder;
    assert_eq!(
        finder.look(&GrayImage::from_pixel(640, 480, image::Luma([90])), &board()),
        Err(BoardMissing::Nothing)
    );
    let smaller = Chessboard { corners: "8x5".parse().unwrap(), square_m: 0.025 };
    let other = finder.look(&image, &smaller).unwrap_err();
    assert!(matches!(other, BoardMissing::Other { columns: 9, rows: 6, .. }), "{other}");
    let larger = Chessboard { corners: "10x7".parse().unwrap(), square_m: 0.025 };
    let partial = finder.look(&image, &larger).unwrap_err();
    assert_eq!(partial, BoardMissing::Partial { seen: 54, expected: 70 });
    // Half of the board is covered.
    let mut covered = image.clone();
    imageops::replace(&mut covered, &GrayImage::from_pixel(200, 480, image::Luma([120])), 330, 0);
    let partial = finder.look(&covered, &board()).unwrap_err();
    assert!(matches!(partial, BoardMissing::Partial { .. }), "{partial}");
}

#[test]
fn the_trait_takes_color_images_and_refuses_boards_without_a_unique_frame() {
    let straight = pose(0.5, [0.1, 0.2], 0.4);
    let image = image(&board(), &CAMERA, &straight, PLAIN, &mut rng(6));
    let color = image::DynamicImage::ImageLuma8(image).to_rgb8();
    assert_eq!(ChessboardFinder.find(&color, &board()).unwrap().unwrap().len(), 54);
    let symmetric = Chessboard { corners: "8x6".parse().unwrap(), square_m: 0.025 };
    assert!(ChessboardFinder.find(&color, &symmetric).unwrap_err().to_string().contains("8x6"));
}
