//! The overhead camera's pose from a board that a noisy arm holds, and the check with further poses.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;
mod images;

use cell::{Cell, OVERHEAD, workspace_error};
use images::normal3;
use nalgebra::{Isometry3, Point2, Translation3, UnitQuaternion, Vector2, Vector3};
use rand::RngExt;
use rmrl_calibration::{
    Board, CalibrationError, Inconclusive, PoseNoise, PosedView, RejectedReason, View, check_held,
    eye_to_hand,
};
use rmrl_vision::{CameraModel, Chessboard};

/// A board that fits beside a hand.
fn board() -> Board {
    Chessboard { corners: "8x5".parse().unwrap(), square_m: 0.02 }.into()
}

/// Where the arm holds the board: its middle 0.2 m beside the flange, its face up, a little crooked.
fn flange_from_board(cell: &mut Cell) -> Isometry3<f64> {
    let crooked = UnitQuaternion::from_scaled_axis(0.05 * normal3(&mut cell.rng));
    let middle = Vector3::new(0.2, 0.0, 0.03) + 0.005 * normal3(&mut cell.rng);
    Isometry3::from_parts(Translation3::from(middle - crooked * board().center().coords), crooked)
}

/// The pose of a flange that points down, tilted, with the board's middle at a place.
fn holding(
    held: &Isometry3<f64>,
    middle: Vector3<f64>,
    tilt: Vector3<f64>,
    yaw_rad: f64,
) -> Isometry3<f64> {
    let rotation = UnitQuaternion::from_scaled_axis(tilt)
        * UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, yaw_rad);
    let to_middle = rotation * (held * board().center()).coords;
    Isometry3::from_parts(Translation3::from(middle - to_middle), rotation)
}

/// Views with the board all over the workspace, tilted by up to 20 degrees about the axes that `about` keeps.
fn views(cell: &mut Cell, held: &Isometry3<f64>, count: usize, about: [f64; 2]) -> Vec<PosedView> {
    let mut all = Vec::new();
    while all.len() < count {
        let mut within = |low: f64, high: f64| low + (high - low) * cell.rng.random::<f64>();
        let middle = Vector3::new(within(0.24, 0.5), within(-0.2, 0.2), within(0.08, 0.25));
        let tilt =
            Vector3::new(about[0] * within(-0.35, 0.35), about[1] * within(-0.35, 0.35), 0.0);
        let flange = holding(held, middle, tilt, within(-2.0, 2.0));
        let seen: Option<Vec<Point2<f64>>> = board()
            .points()
            .iter()
            .map(|point| cell.overhead.project(flange * held * point))
            .collect();
        let inside = |pixel: &Point2<f64>| {
            (5.0..635.0).contains(&pixel.x) && (5.0..475.0).contains(&pixel.y)
        };
        let Some(seen) = seen.filter(|seen| seen.iter().all(inside)) else { continue };
        let mut noisy = |pixel: Point2<f64>| {
            pixel + cell.pixel_noise * Vector2::from_fn(|_, _| images::normal(&mut cell.rng))
        };
        let view = View::whole(
            format!("{:02}.png", all.len()),
            [640, 480],
            seen.into_iter().map(&mut noisy),
            0.5,
        );
        let off = Isometry3::new(
            cell.noise.translation_m * normal3(&mut cell.rng),
            cell.noise.rotation_rad * normal3(&mut cell.rng),
        );
        all.push(PosedView { view, world_from_flange: flange * off });
    }
    all
}

/// The errors of camera and board, in millimeters and degrees.
fn off(found: &Isometry3<f64>, truth: &Isometry3<f64>) -> [f64; 2] {
    let off = truth.inverse() * found;
    [1000.0 * off.translation.vector.norm(), off.rotation.angle().to_degrees()]
}

#[test]
fn with_an_exact_arm_and_exact_images_both_transforms_are_exact() {
    let mut cell = Cell::new(1);
    cell.pixel_noise = 0.0;
    cell.noise = PoseNoise { translation_m: 0.0, rotation_rad: 0.0 };
    let held = flange_from_board(&mut cell);
    let views = views(&mut cell, &held, 8, [1.0; 2]);
    let found = eye_to_hand(&views, &OVERHEAD, &board(), PoseNoise::default()).unwrap();
    let camera = off(&found.world_from_camera, &cell.overhead.world_from_camera);
    let board = off(&found.flange_from_board, &held);
    assert!(camera.iter().chain(&board).all(|off| *off < 1e-5), "{camera:?}, {board:?}");
    assert!(found.rejected.is_empty() && found.misfit < 1e-3, "{found:?}");
}

#[test]
fn twenty_poses_of_a_noisy_arm_stay_within_a_millimeter_over_the_workspace() {
    let (mut worst, mut scaled, mut misfits) = (0.0_f64, [0.0; 2], 0.0);
    const CELLS: u64 = 20;
    for seed in 0..CELLS {
        let mut cell = Cell::new(seed);
        let held = flange_from_board(&mut cell);
        let all = views(&mut cell, &held, 26, [1.0; 2]);
        let found = eye_to_hand(&all[..20], &OVERHEAD, &board(), cell.noise).unwrap();
        assert!(found.rejected.is_empty(), "{:?}", found.rejected);
        let camera =
            CameraModel { intrinsics: OVERHEAD, world_from_camera: found.world_from_camera };
        worst = worst.max(workspace_error(&camera, &cell.overhead)[0]);
        misfits += found.misfit / CELLS as f64;
        for (place, off, said) in [
            (
                0,
                off(&camera.world_from_camera, &cell.overhead.world_from_camera),
                found.camera_deviations,
            ),
            (1, off(&found.flange_from_board, &held), found.board_deviations),
        ] {
            // A squared length is three variances.
            scaled[place] += (0.001 * off[0] / said[0]).powi(2) / 3.0 / CELLS as f64;
        }
        let checked = check_held(&all[20..], &camera, &found.flange_from_board, &board()).unwrap();
        assert!(checked.inconclusive.is_none() && checked.residual_mm < 1.5, "{checked:?}");
        assert_eq!((checked.placements.len(), checked.rejected.len()), (6, 0));
    }
    println!("worst {:.2} mm, deviations {scaled:.2?}, misfit {misfits:.2}", 1000.0 * worst);
    assert!(worst < 0.001, "{worst} m");
    assert!(scaled.iter().all(|scaled| (0.4..1.8).contains(scaled)), "deviations: {scaled:?}");
    assert!((0.7..1.3).contains(&misfits), "{misfits}");
}

#[test]
fn an_arm_that_is_worse_than_assumed_shows_in_the_misfit_and_widens_the_deviations() {
    let mut cell = Cell::new(2);
    cell.noise = PoseNoise { translation_m: 0.000_4, rotation_rad: 0.003 };
    let held = flange_from_board(&mut cell);
    let views = views(&mut cell, &held, 20, [1.0; 2]);
    let told = eye_to_hand(&views, &OVERHEAD, &board(), cell.noise).unwrap();
    let trusting = eye_to_hand(&views, &OVERHEAD, &board(), PoseNoise::default()).unwrap();
    assert!((0.6..1.4).contains(&told.misfit), "{}", told.misfit);
    assert!(trusting.misfit > 2.5, "{}", trusting.misfit);
    let ratio = trusting.camera_deviations[0] / told.camera_deviations[0];
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
}

#[test]
fn swapped_rows_and_a_board_that_slipped_are_found_and_named() {
    let mut cell = Cell::new(3);
    let held = flange_from_board(&mut cell);
    let mut all = views(&mut cell, &held, 18, [1.0; 2]);
    let third = all[3].world_from_flange;
    all[3].world_from_flange = all[8].world_from_flange;
    all[8].world_from_flange = third;
    all[11].world_from_flange.translation.vector.y += 0.005;
    let found = eye_to_hand(&all, &OVERHEAD, &board(), cell.noise).unwrap();
    let mut rejected: Vec<String> =
        found.rejected.iter().map(|view| format!("{}: {}", view.name, view.reason)).collect();
    rejected.sort();
    assert_eq!(rejected.len(), 3, "{rejected:?}");
    assert!(rejected[0].contains("03.png") && rejected[0].contains("fit the pose of 08.png"));
    assert!(rejected[1].contains("08.png") && rejected[1].contains("fit the pose of 03.png"));
    assert!(rejected[2].contains("11.png") && !rejected[2].contains("would fit"), "{rejected:?}");
    let camera = CameraModel { intrinsics: OVERHEAD, world_from_camera: found.world_from_camera };
    assert!(workspace_error(&camera, &cell.overhead)[0] < 0.001);

    // The board slipped before the last views.
    let mut slipped = held;
    slipped.translation.vector.x += 0.01;
    let mut all = views(&mut cell, &held, 14, [1.0; 2]);
    all.extend(views(&mut cell, &slipped, 4, [1.0; 2]));
    let found = eye_to_hand(&all, &OVERHEAD, &board(), cell.noise).unwrap();
    assert_eq!(found.rejected.len(), 4, "{:?}", found.rejected);
    assert!(off(&found.flange_from_board, &held)[0] < 1.0);
}

/// A flange that only points straight down, or tilts about one axis, leaves the height open: any height of the camera
/// fits, with the board as much higher on the flange.
#[test]
fn turns_about_one_axis_are_refused_with_what_to_add() {
    let mut cell = Cell::new(4);
    let held = flange_from_board(&mut cell);
    let level = views(&mut cell, &held, 15, [0.0; 2]);
    let refused = eye_to_hand(&level, &OVERHEAD, &board(), cell.noise).unwrap_err();
    assert!(matches!(refused, CalibrationError::TurnsAboutOneAxis { .. }), "{refused}");
    let message = refused.to_string();
    assert!(message.contains("camera's height") && message.contains("tilted by 15"), "{message}");
    let few = views(&mut cell, &held, 4, [1.0; 2]);
    let refused = eye_to_hand(&few, &OVERHEAD, &board(), cell.noise).unwrap_err();
    assert!(matches!(refused, CalibrationError::TooFew { usable: 4, .. }), "{refused}");
    // One axis of tilt is enough where the board is also turned about the vertical.
    let one = views(&mut cell, &held, 20, [1.0, 0.0]);
    eye_to_hand(&one, &OVERHEAD, &board(), cell.noise).unwrap();
}

#[test]
fn the_check_finds_a_camera_that_has_moved_and_says_when_it_proves_nothing() {
    let mut cell = Cell::new(5);
    cell.noise = PoseNoise { translation_m: 1e-6, rotation_rad: 1e-6 };
    let held = flange_from_board(&mut cell);
    let mut all = views(&mut cell, &held, 6, [1.0; 2]);
    let mut camera = cell.overhead;
    let check =
        |all: &[PosedView], camera: &CameraModel| check_held(all, camera, &held, &board()).unwrap();
    assert!(check(&all, &camera).residual_mm < 0.3);
    camera.world_from_camera.translation.vector += Vector3::new(0.003, -0.004, 0.0);
    let moved = check(&all, &camera);
    assert!((moved.residual_rms_mm - 5.0).abs() < 0.1, "{}", moved.residual_rms_mm);
    let few = check(&all[..3], &cell.overhead).inconclusive;
    assert_eq!(few, Some(Inconclusive::TooFew { usable: 3, given: 3 }));
    for (number, corner) in all[2].view.corners.iter_mut().enumerate() {
        corner.pixel.x += if number % 2 == 0 { 1.0 } else { -1.0 };
    }
    let checked = check(&all, &cell.overhead);
    let names = vec!["02.png".to_string()];
    assert_eq!(checked.inconclusive, Some(Inconclusive::Misfits { names }));
    assert!(matches!(checked.rejected[0].reason, RejectedReason::Corners { .. }));
    let none = check_held(&[], &cell.overhead, &held, &board()).unwrap_err();
    assert!(matches!(none, CalibrationError::TooFew { what: "views", .. }), "{none}");
}

/// OpenCV's hand-eye solver of Park and Martin, with inverted poses, on the same views
/// (`tools/eye_to_hand_fixture.py`).
#[test]
fn exact_views_give_what_opencv_finds_and_noisy_ones_are_nearer_to_the_truth() {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("fixtures/eye_to_hand.json")).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
    };
    let transform = |value: &serde_json::Value| {
        let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(&numbers).collect();
        let rotation = nalgebra::Matrix3::from_fn(|row, column| rows[row][column]);
        let rotation = nalgebra::Rotation3::from_matrix_unchecked(rotation);
        Isometry3::from_parts(
            Translation3::new(rows[0][3], rows[1][3], rows[2][3]),
            UnitQuaternion::from_rotation_matrix(&rotation),
        )
    };
    let board = Chessboard { corners: "5x4".parse().unwrap(), square_m: 0.03 };
    let truth = transform(&fixture["world_from_camera"]);
    let result = |kind: &str| {
        let set = &fixture[kind];
        let views =
            set["corners"].as_array().unwrap().iter().zip(set["flanges"].as_array().unwrap());
        let views: Vec<PosedView> = views
            .enumerate()
            .map(|(number, (corners, flange))| {
                let corners = corners.as_array().unwrap().iter().map(|corner| {
                    let [u, v] = numbers(corner)[..] else { panic!("{corner}") };
                    Point2::new(u, v)
                });
                let (name, size) = (format!("{number}.png"), [640, 480]);
                let view = View::whole(name, size, corners, 0.5);
                PosedView { view, world_from_flange: transform(flange) }
            })
            .collect();
        let found = eye_to_hand(&views, &OVERHEAD, &board.into(), PoseNoise::default()).unwrap();
        (found.world_from_camera, transform(&set["opencv"]))
    };
    let (ours, opencv) = result("exact");
    let [off_mm, off_deg] = off(&ours, &opencv);
    assert!(off_mm < 1e-3 && off_deg < 1e-4, "{off_mm} mm, {off_deg} degrees");
    let (ours, opencv) = result("noisy");
    let ([ours_mm, ours_deg], [opencv_mm, opencv_deg]) = (off(&ours, &truth), off(&opencv, &truth));
    println!(
        "{ours_mm:.3} mm, {ours_deg:.4} degrees; OpenCV {opencv_mm:.3} mm, {opencv_deg:.4} degrees"
    );
    assert!(ours_mm < opencv_mm && ours_deg < opencv_deg, "{ours_mm} {ours_deg}");
}
