//! One plate among several is localized by where it is expected.

#[path = "several_plates/scene.rs"]
mod scene;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use rmrl_core::PlanarPose;
use rmrl_vision::{
    BoxError, ColorThresholdDetector, ColorThresholdSegmenter, Detections, Detector, ExpectedPlate,
    Localization, LocalizeError, Localizer, LocalizerConfig, PlateGeometry, RgbdFrame,
};
use scene::{Look, Solid, camera, frame_of, plate};

fn localizer() -> Localizer {
    Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::default()),
        Box::new(ColorThresholdSegmenter::default()),
    )
    .expect("the default configuration is valid")
}

fn near(frame: &RgbdFrame, expected: &ExpectedPlate) -> Result<Localization, LocalizeError> {
    localizer().localize_near(frame, &camera(), expected)
}

/// What a laboratory knows of a plate: not exactly where it lies.
fn about(solid: &Solid) -> ExpectedPlate {
    let expected = solid.expected();
    let PlanarPose { x_m, y_m, yaw_rad } = expected.pose;
    ExpectedPlate { pose: PlanarPose::new(x_m + 0.006, y_m - 0.004, yaw_rad + 0.05), ..expected }
}

#[track_caller]
fn assert_found(frame: &RgbdFrame, solid: &Solid, most_mm: f64) -> Localization {
    let found = near(frame, &about(solid)).unwrap_or_else(|error| panic!("{solid:?}: {error}"));
    let error = found.pose.relative_to(solid.pose);
    let error_mm = 1000.0 * error.translation_m();
    assert!(error_mm < most_mm, "{error_mm:.3} mm off: {solid:?}");
    assert!(error.dyaw_rad.abs() < 0.002, "{error:?}: {solid:?}");
    let height_mm = 1000.0 * (found.height_m - solid.expected().height_m);
    assert!(height_mm.abs() < 0.4, "{height_mm:.2} mm too high: {solid:?}");
    found
}

const HEIGHTS_M: [f64; 3] = [0.0142, 0.0144, 0.041];

/// Six places, two of them near the corners of the image.
fn six(height_m: f64) -> [Solid; 6] {
    [
        (0.36, 0.01, 0.0),
        (0.52, 0.21, 0.3),
        (0.2, 0.22, -0.2),
        (0.22, -0.2, 1.2),
        (0.5, -0.17, 0.1),
        (0.19, 0.01, 0.0),
    ]
    .map(|(x_m, y_m, yaw_rad)| plate(PlanarPose::new(x_m, y_m, yaw_rad), height_m, 0.0))
}

#[test]
fn plates_of_every_height_are_exact_with_others_in_view() {
    for height_m in HEIGHTS_M {
        let six = six(height_m);
        for count in [1, 3, 6] {
            let frame = frame_of(&six[..count], Look::default());
            for solid in &six[..count] {
                assert_found(&frame, solid, 0.1);
            }
        }
    }
}

/// Beside the middle of the image the gap between two plates shows the dark side of one of them.
#[test]
fn a_neighbor_5_mm_away_does_not_spoil_a_plate() {
    for height_m in [0.0144, 0.041] {
        for (x_m, y_m, yaw_rad) in
            [(0.36, 0.06, 0.0), (0.45, 0.18, 0.0), (0.25, -0.2, 1.5), (0.4, -0.1, 0.4)]
        {
            let one = plate(PlanarPose::new(x_m, y_m, yaw_rad), height_m, 0.0);
            for [along_m, across_m] in [[0.12776 + 0.005, 0.0], [0.01, -0.08548 - 0.005]] {
                let (sin, cos) = f64::sin_cos(yaw_rad);
                let other = PlanarPose::new(
                    x_m + cos * along_m - sin * across_m,
                    y_m + sin * along_m + cos * across_m,
                    yaw_rad + 0.01,
                );
                let other = plate(other, height_m, 0.0);
                let frame = frame_of(&[one, other], Look::default());
                assert_found(&frame, &one, 0.1);
            }
        }
    }
}

#[test]
fn a_plate_on_a_plate_is_exact_and_no_other_height_is_taken_for_it() {
    for (x_m, y_m, yaw_rad) in [(0.36, 0.01, 0.0), (0.5, 0.18, 0.2), (0.22, -0.2, -0.1)] {
        let lower = plate(PlanarPose::new(x_m + 0.001, y_m - 0.0007, yaw_rad), 0.0144, 0.0);
        let upper = plate(PlanarPose::new(x_m, y_m, yaw_rad), 0.0144, 0.0132);
        let far = plate(PlanarPose::new(0.36, -y_m - 0.1, 0.0), 0.0142, 0.0);
        let frame = frame_of(&[lower, upper, far], Look::default());
        assert_found(&frame, &upper, 0.15);
        // The upper plate is missing from the inventory.
        let error = near(&frame, &about(&lower)).unwrap_err();
        assert!(
            matches!(error, LocalizeError::WrongHeight { height_m, .. } if (height_m - 0.0204).abs() < 0.001)
        );
        assert!(error.to_string().contains("20.4 mm, expected 7.2 mm"), "{error}");
        // The inventory knows of a plate that is not there.
        let frame = frame_of(&[lower, far], Look::default());
        let error = near(&frame, &about(&upper)).unwrap_err();
        assert!(matches!(error, LocalizeError::WrongHeight { .. }), "{error}");
    }
}

/// Plates cover much of the image, and an instrument and a plate at the border even more: the table is still
/// recognized as the table.
#[test]
fn dark_objects_elsewhere_change_nothing() {
    let six = six(0.0144);
    let border = plate(PlanarPose::new(0.67, 0.02, 0.1), 0.0144, 0.0);
    let instruments = [-0.43, 0.43].map(|y_m| Solid {
        pose: PlanarPose::new(0.35, y_m, 0.0),
        size_m: [0.9, 0.26, 0.1],
        bottom_m: 0.0,
    });
    for gradient in [0.0, 0.5, -0.5] {
        let look = Look { gradient, shadows: true, ..Look::default() };
        let alone = near(&frame_of(&six[..1], look), &about(&six[0])).unwrap();
        let solids = [&six[..], &[border], &instruments].concat();
        let frame = frame_of(&solids, look);
        // The plates are 30 of 255 levels bright, the table 80 or more.
        let dark = frame.color.pixels().filter(|pixel| pixel.0[0] < 50).count();
        assert!(dark as f64 > 0.4 * 640.0 * 480.0, "{dark} dark pixels");
        let found = near(&frame, &about(&six[0])).unwrap();
        assert!(found.pose.distance_m(alone.pose) < 1e-4, "{gradient}: {:?}", found.pose);
    }
}

#[test]
fn what_does_not_lie_there_is_said() {
    let frame = frame_of(&six(0.0144)[1..3], Look::default());
    let expected = six(0.0144)[0].expected();
    let error = near(&frame, &expected).unwrap_err();
    let LocalizeError::NotThere { nearest_m: Some(nearest_m), seen: 2, .. } = error else {
        panic!("{error}");
    };
    let distance_m = expected.pose.distance_m(six(0.0144)[1].pose);
    assert!((nearest_m - distance_m).abs() < 0.003, "{nearest_m} m, not {distance_m}");
    let message = error.to_string();
    assert!(
        message
            .starts_with("no plate within 20 mm of x 360.0 mm, y 10.0 mm, at a height of 7.2 mm"),
        "{message}"
    );
    assert!(message.contains("the nearest of 2 plates in view is 25"), "{message}");

    let nothing = near(&frame_of(&[], Look::default()), &expected).unwrap_err();
    assert!(
        matches!(nothing, LocalizeError::NotThere { nearest_m: None, seen: 0, .. }),
        "{nothing}"
    );

    let beyond = ExpectedPlate { pose: PlanarPose::new(0.35, 0.5, 0.0), ..expected };
    let error = near(&frame, &beyond).unwrap_err();
    assert!(matches!(error, LocalizeError::OutOfView { .. }), "{error}");

    let wide = ExpectedPlate { within_m: 0.35, ..expected };
    let error = near(&frame, &wide).unwrap_err();
    assert!(matches!(error, LocalizeError::SeveralPlates { scores } if scores.len() == 2));

    for broken in [
        ExpectedPlate { within_m: f64::NAN, ..expected },
        ExpectedPlate { height_m: f64::INFINITY, ..expected },
        ExpectedPlate { mean_surface_depth_m: 0.1, ..expected },
        ExpectedPlate {
            geometry: PlateGeometry { length_m: 0.05, ..expected.geometry },
            ..expected
        },
    ] {
        let error = near(&frame, &broken).unwrap_err();
        assert!(matches!(error, LocalizeError::InvalidExpectation(_)), "{error}");
    }
}

/// A larger dark object, labware of another size, a hidden part: none is taken for the plate.
#[test]
fn what_is_no_such_plate_is_refused() {
    let expected = about(&six(0.0144)[0]);
    let pose = six(0.0144)[0].pose;
    for size_m in [
        [0.2, 0.15, 0.0144],
        [0.17, 0.08548, 0.0144],
        [0.12, 0.08, 0.0144],
        [0.11, 0.08548, 0.0144],
    ] {
        let frame = frame_of(&[Solid { pose, size_m, bottom_m: 0.0 }], Look::default());
        let result = near(&frame, &expected);
        assert!(result.is_err(), "{size_m:?}: {:?}", result.unwrap().pose);
    }
    let deep = Solid { size_m: [0.12776, 0.08548, 0.041], pose, bottom_m: 0.0 };
    let error = near(&frame_of(&[deep], Look::default()), &expected).unwrap_err();
    assert!(matches!(error, LocalizeError::WrongHeight { .. }), "{error}");
}

#[test]
fn the_expected_yaw_decides_the_half_turn() {
    let six = six(0.0144);
    let frame = frame_of(&six, Look::default());
    for turned in [0.0, std::f64::consts::PI] {
        let mut expected = about(&six[1]);
        expected.pose.yaw_rad += turned;
        let found = near(&frame, &expected).unwrap();
        let error_rad = rmrl_core::wrap_angle(found.pose.yaw_rad - six[1].pose.yaw_rad - turned);
        assert!(error_rad.abs() < 0.002, "{turned}: {error_rad}");
    }
}

/// Learned detectors take seconds.
#[test]
fn a_detector_is_asked_once_for_a_frame() {
    struct Counting(Arc<AtomicUsize>);
    impl Detector for Counting {
        fn detect(&mut self, image: &RgbImage) -> Result<Detections, BoxError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            ColorThresholdDetector::default().detect(image)
        }
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let mut localizer = Localizer::new(
        LocalizerConfig::default(),
        Box::new(Counting(Arc::clone(&asked))),
        Box::new(ColorThresholdSegmenter::default()),
    )
    .unwrap();
    let six = six(0.0144);
    let frame = frame_of(&six, Look::default());
    for solid in &six {
        localizer.localize_near(&frame, &camera(), &about(solid)).unwrap();
    }
    let seen = localizer.plates_in_view(&frame, &camera(), 0.0072).unwrap();
    assert_eq!((seen.len(), asked.load(Ordering::Relaxed)), (6, 1));
    for solid in &six {
        let at = |seen: &rmrl_vision::PlateInView| PlanarPose::new(seen.at_m[0], seen.at_m[1], 0.0);
        assert!(seen.iter().any(|seen| at(seen).distance_m(solid.pose) < 0.003), "{solid:?}");
    }
    // The same image with other colors is another one.
    let other = frame_of(&six[..2], Look::default());
    assert_eq!(localizer.plates_in_view(&other, &camera(), 0.0072).unwrap().len(), 2);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// Two plates that touch in the image, and a glove over a part of one: its outline also fits where it reaches into the
/// other.
#[test]
fn a_touching_plate_of_which_a_part_is_hidden_is_no_plate_elsewhere() {
    for (hidden_m, height_m) in [(0.01, 0.0144), (0.02, 0.0144), (0.03, 0.041)] {
        let pose = PlanarPose::new(0.42, 0.18, 0.0);
        let one = plate(pose, height_m, 0.0);
        let shorter = Solid {
            pose: PlanarPose::new(pose.x_m - 0.5 * hidden_m, pose.y_m, 0.0),
            size_m: [0.12776 - hidden_m, 0.08548, height_m],
            bottom_m: 0.0,
        };
        let other =
            plate(PlanarPose::new(pose.x_m - 0.12776 - 0.003, pose.y_m, 0.0), height_m, 0.0);
        let frame = frame_of(&[shorter, other], Look::default());
        let result = near(&frame, &about(&one));
        assert!(result.is_err(), "{hidden_m}: {:?}", result.unwrap().pose);
    }
}

/// Along the row only its neighbors, which are as dark, say where a plate between two others lies.
#[test]
fn a_plate_between_two_that_touch_it_is_refused_or_exact() {
    let mut refused = 0;
    for (x_m, y_m, height_m) in [(0.35, 0.2, 0.041), (0.35, -0.2, 0.0144), (0.38, 0.02, 0.0144)] {
        let at = |index: f64| PlanarPose::new(x_m + index * (0.12776 + 0.002), y_m, 0.0);
        let row = [0.0, -1.0, 1.0].map(|index| plate(at(index), height_m, 0.0));
        match near(&frame_of(&row, Look::default()), &about(&row[0])) {
            Ok(found) => assert!(found.pose.distance_m(row[0].pose) < 3e-4, "{:?}", found.pose),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}

/// `localize` knows nothing of other plates. These are its bits from before `localize_near` was there.
#[test]
fn the_localization_of_a_single_plate_keeps_its_bits() {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for (index, solid) in six(0.0145).iter().enumerate() {
        let look = Look {
            shadows: index % 2 == 0,
            gradient: 0.1 * index as f64,
            depth_noise_m: 0.003 * (index % 3) as f64,
            color_noise: (index % 4) as f64,
            seed: index as u64,
        };
        let frame = frame_of(&[*solid], look);
        let found = localizer().localize(&frame, &camera()).unwrap();
        let PlanarPose { x_m, y_m, yaw_rad } = found.pose;
        for value in [x_m, y_m, yaw_rad, found.height_m, found.confidence, found.depth_m] {
            for byte in value.to_bits().to_le_bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    assert_eq!(digest, 0x5d67_a4d9_cf76_5bc7, "{digest:#x}");
}
