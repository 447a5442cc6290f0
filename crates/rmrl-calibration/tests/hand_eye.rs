//! The hand-eye calibration with a noisy arm and wrong views.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;
mod images;

use cell::{Cell, WRIST, board};
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_calibration::{
    AngleOrder, CalibrationError, PoseNoise, PoseReading, PoseWarning, PosedView, RejectedReason,
    hand_eye,
};
use rmrl_vision::Chessboard;

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

/// A table that was written in another way, then read by default.
fn misread(
    views: &[PosedView],
    written: impl Fn(&Isometry3<f64>) -> (Vector3<f64>, [f64; 3]),
) -> Vec<PosedView> {
    let reread = |view: &PosedView| {
        let (millimeters, [roll_deg, pitch_deg, yaw_deg]) = written(&view.world_from_flange);
        let world_from_flange = Isometry3::from_parts(
            Translation3::from(0.001 * millimeters),
            UnitQuaternion::from_euler_angles(
                roll_deg.to_radians(),
                pitch_deg.to_radians(),
                yaw_deg.to_radians(),
            ),
        );
        PosedView { view: view.view.clone(), world_from_flange }
    };
    views.iter().map(reread).collect()
}

fn millimeters(pose: &Isometry3<f64>) -> Vector3<f64> {
    1000.0 * pose.translation.vector
}

/// Angles of `R = Rz(yaw) Ry(pitch) Rx(roll)`, in degrees.
fn roll_pitch_yaw(pose: &Isometry3<f64>) -> [f64; 3] {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    [roll, pitch, yaw].map(f64::to_degrees)
}

/// Angles of `R = Rx(a) Ry(b) Rz(c)`, in degrees: those of the inverse, backwards.
fn xyz(pose: &Isometry3<f64>) -> [f64; 3] {
    let (roll, pitch, yaw) = pose.rotation.inverse().euler_angles();
    [roll, pitch, yaw].map(|angle| -angle.to_degrees())
}

#[test]
fn a_table_that_was_meant_otherwise_is_told_apart() {
    let table = |views: &[PosedView], kind: &str| {
        misread(views, |pose| {
            let inverse = pose.inverse();
            let [roll, pitch, yaw] = roll_pitch_yaw(pose);
            match kind {
                "meters" => (pose.translation.vector, [roll, pitch, yaw]),
                "radians" => (millimeters(pose), [roll, pitch, yaw].map(f64::to_radians)),
                "both units" => (pose.translation.vector, [roll, pitch, yaw].map(f64::to_radians)),
                "inverted" => (millimeters(&inverse), roll_pitch_yaw(&inverse)),
                "xyz" => (millimeters(pose), xyz(pose)),
                "exchanged" => (millimeters(pose), [yaw, pitch, roll]),
                _ => unreachable!("{kind}"),
            }
        })
    };
    let standard = PoseReading::default();
    for (kind, expected) in [
        ("meters", PoseReading { meters: true, ..standard }),
        ("radians", PoseReading { radians: true, ..standard }),
        ("both units", PoseReading { meters: true, radians: true, ..standard }),
        ("inverted", PoseReading { inverted: true, ..standard }),
        ("xyz", PoseReading { angles: AngleOrder::Xyz, ..standard }),
        ("exchanged", PoseReading { angles: AngleOrder::YawPitchRoll, ..standard }),
    ] {
        for seed in 0..1 {
            let mut cell = Cell::new(40 + seed);
            let mut views = views(&mut cell, 14, 0.5);
            // One row belongs to another image.
            views[5].world_from_flange = views[9].world_from_flange;
            let error = hand_eye(&table(&views, kind), &WRIST, &board().into(), cell.noise);
            let error = error.unwrap_err();
            let CalibrationError::OtherReading { reading } = error else {
                panic!("{kind}: {error}")
            };
            assert_eq!(reading, expected, "{kind}: {error}");
        }
    }
}

#[test]
fn an_arm_that_is_worse_than_assumed_scales_the_deviations() {
    let mut ratios = [0.0; 2];
    const CELLS: u64 = 12;
    for seed in 0..CELLS {
        let mut cell = Cell::new(60 + seed);
        let assumed = cell.noise;
        cell.noise.translation_m *= 10.0;
        cell.noise.rotation_rad *= 10.0;
        let views = views(&mut cell, 16, 0.5);
        let found = hand_eye(&views, &WRIST, &board().into(), assumed).unwrap();
        assert!((5.0..15.0).contains(&found.misfit), "{}", found.misfit);
        let warned = found.warnings.iter().any(|one| matches!(one, PoseWarning::Misfit { .. }));
        assert!(warned, "{:?}", found.warnings);
        let off = off(&cell, found.flange_from_camera);
        let said = [1000.0 * found.deviation_m, found.deviation_rad.to_degrees()];
        for kind in 0..2 {
            ratios[kind] += (off[kind] / said[kind]).powi(2) / 3.0 / CELLS as f64;
        }
    }
    // Without the scale they would be a hundred.
    assert!(ratios.iter().all(|ratio| (0.3..3.0).contains(ratio)), "{ratios:?}");
}

#[test]
fn a_wrong_square_size_is_found_by_the_arm() {
    let mut cell = Cell::new(80);
    let all = views(&mut cell, 16, 0.5);
    let right = hand_eye(&all, &WRIST, &board().into(), cell.noise).unwrap();
    assert!(right.warnings.is_empty(), "{:?}", right.warnings);
    // The squares are 25 mm, but given as 24.75.
    let given = Chessboard { square_m: 0.024_75, ..board() };
    let found = hand_eye(&all, &WRIST, &given.into(), cell.noise).unwrap();
    let scale = found.warnings.iter().find_map(|warning| match warning {
        PoseWarning::SquareSize { scale, .. } => Some(*scale),
        PoseWarning::Misfit { .. } => None,
    });
    assert!(scale.is_some_and(|scale| (scale - 1.0101).abs() < 0.003), "{:?}", found.warnings);
}
