//! The calibration of the overhead camera by the wrist camera, and the check of its residuals.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;
mod images;

use cell::{Cell, OVERHEAD, WRIST, board, workspace_error};
use nalgebra::{Isometry3, Point2, Point3, Translation3, UnitQuaternion};
use rmrl_calibration::{
    CalibrationError, Inconclusive, Placement, PoseNoise, RejectedReason, View, WristCamera, chain,
    check, hand_eye, overhead,
};
use rmrl_vision::CameraModel;

/// Round numbers of the paper's order: a flange 0.45 m over the board, a camera 0.8 m over the table.
#[test]
fn the_chain_composes_in_the_papers_order() {
    let quarter = std::f64::consts::FRAC_PI_2;
    let transform = |x, y, z, roll, pitch, yaw| {
        Isometry3::from_parts(
            Translation3::new(x, y, z),
            UnitQuaternion::from_euler_angles(roll, pitch, yaw),
        )
    };
    // The flange looks down; the wrist camera sits 60 mm beside it and looks the same way.
    let world_from_flange = transform(0.30, 0.10, 0.45, 2.0 * quarter, 0.0, 0.0);
    let flange_from_wrist = transform(0.06, 0.0, 0.05, 0.0, 0.0, quarter);
    // The board is 0.4 m in front of it, rotated by a quarter turn: its origin is at (0.36, 0.10, 0.0).
    let wrist_from_board = transform(0.0, 0.0, 0.40, 0.0, 0.0, -quarter);
    // The overhead camera sees the board's origin 0.02 m to the right, 0.03 m down, 0.8 m away.
    let overhead_from_board = transform(0.02, 0.03, 0.80, 0.0, 0.0, 0.0);
    let world_from_overhead =
        chain(&world_from_flange, &flange_from_wrist, &wrist_from_board, &overhead_from_board);
    // By hand: the wrist's axes cancel the board's rotation, so right is +x and down is -y in the world.
    let eye = world_from_overhead * Point3::origin();
    assert!((eye - Point3::new(0.34, 0.13, 0.80)).norm() < 1e-12, "{eye}");
    let board = world_from_overhead * overhead_from_board * Point3::new(0.1, 0.0, 0.0);
    assert!((board - Point3::new(0.46, 0.10, 0.0)).norm() < 1e-12, "{board}");
}

fn true_wrist(cell: &Cell) -> WristCamera {
    WristCamera { intrinsics: WRIST, flange_from_camera: cell.flange_from_wrist }
}

fn placements(cell: &mut Cell, from: usize, count: usize, wrist_views: usize) -> Vec<Placement> {
    (from..from + count).map(|number| cell.placement(number, wrist_views)).collect()
}

#[test]
fn one_exact_pair_is_enough() {
    let mut cell = Cell::new(1);
    cell.pixel_noise = 0.0;
    cell.noise = PoseNoise { translation_m: 0.0, rotation_rad: 0.0 };
    let pair = placements(&mut cell, 0, 1, 1);
    let found =
        overhead(&pair, &OVERHEAD, &true_wrist(&cell), &board().into(), PoseNoise::default())
            .unwrap();
    let off = cell.overhead.world_from_camera.inverse() * found.world_from_overhead;
    assert!(off.translation.vector.norm() < 1e-6 && off.rotation.angle() < 1e-6, "{off}");
}

#[test]
fn hand_eye_and_eight_placements_stay_within_a_millimeter_over_the_workspace() {
    let (mut worst, mut mean) = (0.0_f64, 0.0);
    const CELLS: u64 = 12;
    for seed in 0..CELLS {
        let mut cell = Cell::new(seed);
        let lying = cell.lying(0.36, 0.0, 0.3);
        let views: Vec<_> =
            (0..15).map(|number| cell.wrist_view(&format!("{number}.png"), &lying, 0.5)).collect();
        let hand_eye = hand_eye(&views, &WRIST, &board().into(), cell.noise).unwrap();
        let wrist =
            WristCamera { intrinsics: WRIST, flange_from_camera: hand_eye.flange_from_camera };
        let all = placements(&mut cell, 0, 12, 2);
        let found = overhead(&all[..8], &OVERHEAD, &wrist, &board().into(), cell.noise).unwrap();
        assert!(found.rejected.is_empty() && found.placements.len() == 8);
        let camera =
            CameraModel { intrinsics: OVERHEAD, world_from_camera: found.world_from_overhead };
        let [largest, average] = workspace_error(&camera, &cell.overhead);
        worst = worst.max(largest);
        mean += average / CELLS as f64;
        // On boards that were not used, with the arm's own error in addition.
        let checked = check(&all[8..], &camera, &wrist, &board().into(), cell.noise).unwrap();
        assert!(checked.residual_mm < 2.0 && checked.height_mm.abs() < 3.0, "{checked:?}");
        assert_eq!(checked.placements.len(), 4);
    }
    println!("over the workspace: mean {:.2} mm, worst {:.2} mm", 1000.0 * mean, 1000.0 * worst);
    assert!(worst < 0.001, "{worst} m");
}

#[test]
fn the_check_finds_a_camera_that_has_moved() {
    let mut cell = Cell::new(2);
    cell.noise = PoseNoise { translation_m: 1e-6, rotation_rad: 1e-6 };
    let all = placements(&mut cell, 0, 4, 1);
    let mut camera = cell.overhead;
    let wrist = true_wrist(&cell);
    let good = check(&all, &camera, &wrist, &board().into(), cell.noise).unwrap();
    assert!(good.residual_mm < 0.3, "{}", good.residual_mm);
    camera.world_from_camera.translation.vector += nalgebra::Vector3::new(0.003, -0.004, 0.0);
    let moved = check(&all, &camera, &wrist, &board().into(), cell.noise).unwrap();
    assert!((moved.residual_rms_mm - 5.0).abs() < 0.1, "{}", moved.residual_rms_mm);
    assert!(
        (moved.residual_mean_mm[0] - 3.0).abs() < 0.1
            && (moved.residual_mean_mm[1] + 4.0).abs() < 0.1
    );
    camera = cell.overhead;
    camera.world_from_camera.translation.vector.z += 0.004;
    let higher = check(&all, &camera, &wrist, &board().into(), cell.noise).unwrap();
    assert!((higher.height_rms_mm - 4.0).abs() < 0.5 && higher.height_mm > 3.0, "{higher:?}");
}

#[test]
fn a_board_that_was_moved_between_the_images_is_rejected_by_name() {
    let mut cell = Cell::new(3);
    let mut all = placements(&mut cell, 0, 6, 1);
    all[2].wrist = cell.placement(2, 1).wrist;
    let found = overhead(&all, &OVERHEAD, &true_wrist(&cell), &board().into(), cell.noise).unwrap();
    assert!(
        matches!(found.rejected[..], [ref one] if one.name == "overhead/02.png"
        && matches!(one.reason, RejectedReason::Pair { .. })),
        "{:?}",
        found.rejected
    );
    let camera = CameraModel { intrinsics: OVERHEAD, world_from_camera: found.world_from_overhead };
    assert!(workspace_error(&camera, &cell.overhead)[0] < 0.001);
}

#[test]
fn without_a_pair_there_is_no_calibration() {
    let cell = Cell::new(4);
    let none =
        overhead(&[], &OVERHEAD, &true_wrist(&cell), &board().into(), cell.noise).unwrap_err();
    assert!(matches!(none, CalibrationError::TooFew { needed: 1, .. }), "{none}");
}

/// These two steps once accepted motion blur, unlike the others.
#[test]
fn blurred_views_are_used_neither_for_pairs_nor_for_checks() {
    let mut cell = Cell::new(5);
    let mut all = placements(&mut cell, 0, 5, 2);
    all[1].overhead.edge_px = 4.0;
    all[3].wrist[0].view.edge_px = 4.0;
    let wrist = true_wrist(&cell);
    let found = overhead(&all, &OVERHEAD, &wrist, &board().into(), cell.noise).unwrap();
    let checked = check(&all, &cell.overhead, &wrist, &board().into(), cell.noise).unwrap();
    for (rejected, placements) in
        [(&found.rejected, found.placements.len()), (&checked.rejected, checked.placements.len())]
    {
        let names: Vec<&str> = rejected.iter().map(|view| view.name.as_str()).collect();
        assert_eq!((names, placements), (vec!["overhead/01.png", "wrist/03-0.png"], 4));
        let blurred = |reason: &RejectedReason| matches!(reason, RejectedReason::Blurred { .. });
        assert!(rejected.iter().all(|view| blurred(&view.reason)), "{rejected:?}");
    }
}

/// A wrong lens shows only at the image's border. The check once rejected the views there, because they did not
/// fit, and the rest had a good residual.
#[test]
fn a_check_that_rejects_views_for_the_camera_under_test_is_inconclusive() {
    let mut cell = Cell::new(6);
    let mut all = placements(&mut cell, 0, 6, 2);
    let wrist = true_wrist(&cell);
    let check = |all: &[Placement], cell: &Cell| {
        check(all, &cell.overhead, &wrist, &board().into(), cell.noise).unwrap()
    };
    assert_eq!(check(&all, &cell).inconclusive, None);
    assert_eq!(check(&all[..4], &cell).inconclusive, None);
    let few = check(&all[..3], &cell).inconclusive;
    assert_eq!(few, Some(Inconclusive::TooFew { usable: 3, given: 3 }));
    for (number, corner) in all[2].overhead.corners.iter_mut().enumerate() {
        corner.pixel.x += if number % 2 == 0 { 1.0 } else { -1.0 };
    }
    let checked = check(&all, &cell);
    assert!(checked.residual_mm < 2.0 && checked.placements.len() == 5, "{checked:?}");
    let names = vec!["overhead/02.png".to_string()];
    assert_eq!(checked.inconclusive, Some(Inconclusive::Misfits { names }));
    // A rejected view of the wrist proves nothing about the overhead camera.
    let mut all = placements(&mut cell, 10, 4, 2);
    all[0].wrist[0].view.corners[0].pixel.x += 20.0;
    let checked = check(&all, &cell);
    assert_eq!((checked.rejected.len(), checked.inconclusive), (1, None));
}

/// The check once skipped corners that the camera does not see on the table, so the rest had a good residual.
#[test]
fn a_camera_that_looks_past_the_table_is_refused() {
    let mut cell = Cell::new(7);
    let all = placements(&mut cell, 0, 4, 1);
    let mut camera = cell.overhead;
    let up = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    camera.world_from_camera.rotation *= up;
    let refused =
        check(&all, &camera, &true_wrist(&cell), &board().into(), cell.noise).unwrap_err();
    assert!(refused.to_string().contains("overhead/00.png"), "{refused}");
}

#[test]
fn a_view_is_identified_by_its_corners() {
    let mut cell = Cell::new(8);
    let [first, second] = [0, 1].map(|number| cell.placement(number, 1).overhead);
    let renamed = View { name: "copy.png".into(), ..first.clone() };
    assert_eq!(first.digest(), renamed.digest());
    assert_ne!(first.digest(), second.digest());
    let numbers = View::whole("numbers.png", first.size, [Point2::new(1.5, -2.0)], 0.5);
    assert_eq!(numbers.digest(), "58ae678f916e9fc0");
}
