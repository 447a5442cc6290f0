//! Recordings of known content, played through librealsense2 like a camera.
//!
//! `tools/realsense_recording.py` creates them, with the numbers below, and a library to link if there is none.
//! Without `RMRL_REALSENSE_RECORDINGS` nothing is tested, and each test prints so.

#![cfg(feature = "librealsense")]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nalgebra::{Isometry3, Point2, Point3, Translation3, UnitQuaternion};
use rmrl_cell::{Camera, DeviceError};
use rmrl_realsense::{RealSenseCamera, RealSenseConfig};
use rmrl_vision::{Distortion, Intrinsics, RgbdFrame};

/// The number of frames in `cell.db3`, at 30 per second.
const FRAMES: u32 = 24;

const COLOR: Intrinsics = Intrinsics {
    width: 640,
    height: 480,
    fx: 615.25,
    fy: 614.5,
    cx: 322.5,
    cy: 241.75,
    distortion: Distortion { k1: 0.0, k2: 0.0, p1: 0.0, p2: 0.0, k3: 0.0 },
};

/// The box's corners in the depth camera's frame, and that camera's position in the color camera's frame, in meters.
const BOX_CORNERS: [[f64; 3]; 2] = [[-0.10, -0.04, 0.5], [0.06, 0.05, 0.5]];
const COLOR_FROM_DEPTH: [f64; 3] = [0.015, 0.002, 0.0];

fn recording(name: &str) -> Option<RealSenseConfig> {
    let Some(folder) = std::env::var_os("RMRL_REALSENSE_RECORDINGS") else {
        // Not by `eprintln!`, because the output of passing tests is hidden.
        let say = "NOT TESTED: RMRL_REALSENSE_RECORDINGS is not set; docs/realsense.md\n";
        std::io::stderr().write_all(say.as_bytes()).unwrap();
        return None;
    };
    Some(RealSenseConfig {
        playback: Some(PathBuf::from(folder).join(name)),
        ..RealSenseConfig::default()
    })
}

fn overhead() -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(0.4, 0.0, 0.6),
        UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0),
    )
}

/// Checks every pixel; returns the number of the color image and of the depth image.
fn check_frame(frame: &RgbdFrame) -> (u32, u32) {
    assert_eq!(frame.color.dimensions(), (640, 480));
    assert_eq!(frame.depth.dimensions(), (640, 480));
    let [.., blue] = frame.color.get_pixel(0, 0).0;
    for (u, v, pixel) in frame.color.enumerate_pixels() {
        assert_eq!(pixel.0, [(u % 256) as u8, (v % 256) as u8, blue], "pixel ({u}, {v})");
    }

    // The plane, 600 mm and more, lies beside the box.
    let plane_mm = frame.depth.get_pixel(600, 440).0[0];
    let [near, far] = BOX_CORNERS.map(|corner| {
        COLOR.project(Point3::from(corner) + Translation3::from(COLOR_FROM_DEPTH).vector).unwrap()
    });
    let (mut boxes, mut planes) = (0, 0);
    for (u, v, pixel) in frame.depth.enumerate_pixels() {
        let (u, v) = (f64::from(u), f64::from(v));
        // The edge is known to one pixel of the depth image, which is 1.45 pixels of the color image.
        let inside = (u - near.x).min(far.x - u).min(v - near.y).min(far.y - v);
        // Beside the box, the color camera sees parts of the plane that the box hides from the depth camera.
        let beside = -inside;
        if inside > 1.5 {
            assert_eq!(pixel.0, [500], "the box, pixel ({u}, {v})");
            boxes += 1;
        } else if beside > 6.0 {
            assert!(pixel.0 == [plane_mm] || pixel.0 == [0], "the plane, pixel ({u}, {v})");
            planes += u32::from(pixel.0 != [0]);
        }
    }
    assert!(boxes > 18_000 && planes > 200_000, "{boxes} {planes}");
    assert!(u32::from(blue).is_multiple_of(8));
    (u32::from(blue) / 8, u32::from(plane_mm) - 600)
}

#[test]
fn a_recording_is_played_as_it_was_recorded() {
    let Some(config) = recording("cell.db3") else { return };
    let mut camera = RealSenseCamera::open(config, overhead(), None).unwrap();
    assert_eq!(camera.model().intrinsics, COLOR);
    assert_eq!(camera.model().world_from_camera, overhead());
    assert!(camera.description().contains("000000000435"), "{}", camera.description());
    for _ in 0..4 {
        let (color, depth) = check_frame(&camera.capture().unwrap());
        assert!(color < FRAMES && color.abs_diff(depth) <= 1, "{color} {depth}");
    }
}

#[test]
fn the_recording_continues_between_captures_and_loops_at_its_end() {
    let Some(config) = recording("cell.db3") else { return };
    let mut camera = RealSenseCamera::open(config, overhead(), None).unwrap();
    let mut seen = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let blue = camera.capture().unwrap().color.get_pixel(0, 0).0[2];
        seen.push(u32::from(blue) / 8);
        // The arm moves, for six frames.
        std::thread::sleep(Duration::from_millis(200));
    }
    // librealsense keeps one pair for later; with a longer queue the next frame would come.
    let steps: Vec<u32> =
        seen.windows(2).filter(|pair| pair[0] < pair[1]).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| *step >= 4), "{seen:?}");
    assert!(seen.windows(2).any(|pair| pair[0] > pair[1]), "it did not begin again: {seen:?}");
}

#[test]
fn a_stalled_stream_times_out_and_the_next_capture_opens_again() {
    let Some(config) = recording("stalled.db3") else { return };
    let config = RealSenseConfig { timeout_secs: 0.5, ..config };
    let mut camera = RealSenseCamera::open(config, overhead(), None).unwrap();
    for _ in 0..2 {
        let error = camera.capture().unwrap_err();
        assert_eq!(error, DeviceError::TimedOut { device: "camera", timeout_secs: 0.5 });
    }
}

#[test]
fn requests_that_the_recording_cannot_serve_are_refused() {
    let Some(config) = recording("cell.db3") else { return };
    let other_file = || Some(PathBuf::from("no-such-recording.db3"));
    for (broken, named) in [
        (RealSenseConfig { width: 1280, height: 720, ..config.clone() }, "1280 x 720"),
        (RealSenseConfig { fps: 15, ..config.clone() }, "15 frames"),
        (RealSenseConfig { playback: other_file(), ..config.clone() }, "no-such-recording"),
        (RealSenseConfig { timeout_secs: -1.0, ..config.clone() }, "timeout_secs"),
    ] {
        let error = RealSenseCamera::open(broken, overhead(), None).err().unwrap();
        assert!(matches!(error, DeviceError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn calibrated_intrinsics_replace_the_cameras() {
    let Some(config) = recording("cell.db3") else { return };
    let calibrated = Intrinsics {
        fx: 610.0,
        distortion: Distortion { k1: 0.05, ..Distortion::default() },
        ..COLOR
    };
    let mut camera = RealSenseCamera::open(config.clone(), overhead(), Some(calibrated)).unwrap();
    assert_eq!(camera.model().intrinsics, calibrated);
    check_frame(&camera.capture().unwrap());
    let of_another_size = Intrinsics { width: 1280, height: 720, ..calibrated };
    let error = RealSenseCamera::open(config, overhead(), Some(of_another_size)).err().unwrap();
    assert!(error.to_string().contains("1280 x 720"), "{error}");
    // The principal point maps to the table below the camera.
    let below = camera.model().world_point(Point2::new(COLOR.cx, COLOR.cy), 0.6).unwrap();
    assert!((below - Point3::new(0.4, 0.0, 0.0)).norm() < 1e-9, "{below}");
}

#[test]
fn a_missing_camera_is_reported() {
    if recording("cell.db3").is_none() {
        return;
    }
    let config = RealSenseConfig {
        // No camera has this number: the test runs beside real ones, too.
        serial_number: Some("000000000000".to_string()),
        ..RealSenseConfig::default()
    };
    let error = RealSenseCamera::open(config, overhead(), None).err().unwrap();
    let DeviceError::Disconnected { device: "camera", reason } = error else {
        panic!("{error}");
    };
    assert!(reason.contains("000000000000"), "{reason}");
}
