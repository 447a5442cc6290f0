//! The hand-eye calibration with a noisy arm and wrong views.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;
mod images;

use cell::{Cell, WRIST, board};
use rmrl_calibration::{CalibrationError, PoseNoise, PosedView, RejectedReason, hand_eye};

fn views(cell: &mut Cell, count: usize, tilt_rad: f64) -> Vec<PosedView> {
    let board = cell.lying(0.36, 0.02, 0.4);
    (0..count)
        .map(|number| cell.wrist_view(&format!("{number:02}.png"), &board, tilt_rad))
        .collect()
}

/// The error of the transform, in millimeters and degrees.
fn off(cell: &Cell, flange_from_camera: nalgebra::Isometry3<f64>) -> [f64; 2] {
    let off = cell.flange_from_wrist.inverse() * flange_from_camera;
    [1000.0 * off.translation.vector.norm(), off.rotation.angle().to_degrees()]
}

#[test]
fn with_an_exact_arm_and_exact_images_the_transform_is_exact() {
    let mut cell = Cell::new(1);
    cell.pixel_noise = 0.0;
    cell.noise = PoseNoise { translation_m: 0.0, rotation_rad: 0.0 };
    let views = views(&mut cell, 8, 0.5);
    let found = hand_eye(&views, &WRIST, &board().into(), PoseNoise::default()).unwrap();
    let [mm, deg] = off(&cell, found.flange_from_camera);
    assert!(mm < 1e-5 && deg < 1e-5, "{mm} mm, {deg} degrees");
}

#[test]
fn fifteen_views_of_a_noisy_arm_give_half_a_millimeter_and_a_tenth_of_a_degree() {
    let (mut worst, mut sums, mut scaled) = ([0.0_f64; 2], [0.0; 2], [0.0; 2]);
    const CELLS: u64 = 30;
    for seed in 0..CELLS {
        let mut cell = Cell::new(seed);
        let views = views(&mut cell, 15, 0.5);
        let found = hand_eye(&views, &WRIST, &board().into(), cell.noise).unwrap();
        assert!(found.rejected.is_empty(), "{:?}", found.rejected);
        let off = off(&cell, found.flange_from_camera);
        let said = [1000.0 * found.deviation_m, found.deviation_rad.to_degrees()];
        for kind in 0..2 {
            worst[kind] = worst[kind].max(off[kind]);
            sums[kind] += off[kind] / CELLS as f64;
            // A squared length is three variances.
            scaled[kind] += (off[kind] / said[kind]).powi(2) / 3.0 / CELLS as f64;
        }
    }
    println!("mean {sums:.3?}, worst {worst:.3?} (mm, degrees)");
    assert!(worst[0] < 0.5 && worst[1] < 0.1, "{worst:?}");
    assert!(scaled.iter().all(|scaled| (0.5..1.7).contains(scaled)), "deviations: {scaled:?}");
}

#[test]
fn swapped_rows_are_found_and_named_with_the_pose_that_fits() {
    let mut cell = Cell::new(3);
    let mut views = views(&mut cell, 15, 0.5);
    let third = views[3].world_from_flange;
    views[3].world_from_flange = views[8].world_from_flange;
    views[8].world_from_flange = third;
    views[11].world_from_flange.translation.vector.x += 0.004;
    let found = hand_eye(&views, &WRIST, &board().into(), cell.noise).unwrap();
    let mut rejected: Vec<String> =
        found.rejected.iter().map(|view| format!("{}: {}", view.name, view.reason)).collect();
    rejected.sort();
    assert_eq!(rejected.len(), 3, "{rejected:?}");
    assert!(
        rejected[0].contains("03.png: ") && rejected[0].contains("fit the pose of 08.png"),
        "{rejected:?}"
    );
    assert!(
        rejected[1].contains("08.png: ") && rejected[1].contains("fit the pose of 03.png"),
        "{rejected:?}"
    );
    assert!(rejected[2].contains("11.png: ") && !rejected[2].contains("fit the"), "{rejected:?}");
    let [mm, deg] = off(&cell, found.flange_from_camera);
    assert!(mm < 0.5 && deg < 0.1, "{mm} mm, {deg} degrees");
}

#[test]
fn missing_views_and_rotations_are_reported() {
    let mut cell = Cell::new(4);
    let all = views(&mut cell, 12, 0.5);
    let few = hand_eye(&all[..4], &WRIST, &board().into(), cell.noise).unwrap_err();
    assert!(matches!(few, CalibrationError::TooFew { usable: 4, .. }), "{few}");
    // The wrist rotates only about the vertical.
    let level = views(&mut cell, 12, 0.0);
    let level = hand_eye(&level, &WRIST, &board().into(), cell.noise).unwrap_err();
    assert!(matches!(level, CalibrationError::TooLittleRotation { .. }), "{level}");
    // Poses of another session.
    let mut other = Cell::new(5);
    let mut mixed = all;
    for (view, other) in mixed.iter_mut().zip(views(&mut other, 12, 0.5)) {
        view.world_from_flange = other.world_from_flange;
    }
    let none = hand_eye(&mixed, &WRIST, &board().into(), cell.noise).unwrap_err();
    assert!(
        matches!(none, CalibrationError::NoFit { .. } | CalibrationError::TooFew { .. }),
        "{none}"
    );
}

#[test]
fn views_of_a_bent_board_are_rejected() {
    let mut cell = Cell::new(6);
    let mut views = views(&mut cell, 10, 0.5);
    for corner in &mut views[2].view.corners[..9] {
        corner.pixel.y += 6.0;
    }
    let found = hand_eye(&views, &WRIST, &board().into(), cell.noise).unwrap();
    assert!(
        matches!(found.rejected[..], [ref one] if one.name == "02.png"
        && matches!(one.reason, RejectedReason::Corners { .. })),
        "{:?}",
        found.rejected
    );
}
