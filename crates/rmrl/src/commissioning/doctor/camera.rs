//! Checks the camera, and whether it sees a plate.

use rmrl_cell::with_sources;
use rmrl_vision::{CameraModel, Localizer, RgbdFrame};

use super::check::{BY_PROGRAM, Check, CheckStatus};
use crate::cell::laboratory_error::LaboratoryError;
use crate::cell::perception::camera;
use crate::config::{CameraSource, RunConfig};

const CAMERA: &str = "camera";
const PLATE: &str = "plate";

/// A smaller share of pixels with depth shows a fault. Some are always missing: black plates have no
/// depth.
const MIN_DEPTH_SHARE: f64 = 0.5;

/// Captures a frame and looks for the plate in it.
pub(super) fn check(
    config: &RunConfig,
    camera_file: CheckStatus,
    localizer: Option<Localizer>,
    note: &mut dyn FnMut(Check),
) {
    let is_missing =
        config.camera.source == CameraSource::Playback && config.camera.recording.is_none();
    let is_invalid =
        config.remote.validate().is_err() || config.camera.realsense.validate().is_err();
    if is_missing || is_invalid {
        note(Check::skipped(CAMERA, "the configuration is not valid"));
        note(Check::skipped(PLATE, "no frame was captured"));
        return;
    }
    if config.camera.source == CameraSource::External {
        note(Check::skipped(CAMERA, BY_PROGRAM));
        note(Check::skipped(PLATE, "no frame was captured"));
        return;
    }
    // A camera works without its file, but its pose is unknown then.
    let mut without_file = config.clone();
    if camera_file == CheckStatus::Fail {
        without_file.camera.calibration = None;
    }
    let opened = camera(&without_file);
    if matches!(opened, Err(LaboratoryError::WithoutRealSense)) {
        let fix = "build it with the camera: docs/realsense.md";
        note(Check::fail(CAMERA, "this rmrl was built without the RealSense camera", fix));
        note(Check::skipped(PLATE, "no frame was captured"));
        return;
    }
    let (frame, model) =
        match opened.map_err(|error| with_sources(&error)).and_then(|mut camera| {
            let frame = camera.capture().map_err(|error| error.to_string())?;
            Ok((frame, camera.model()))
        }) {
            Ok(captured) => captured,
            Err(found) => {
                note(Check::fail(CAMERA, found, fix(config)));
                note(Check::skipped(PLATE, "no frame was captured"));
                return;
            }
        };
    let check = frame_check(&frame, &model);
    let is_sound = check.status != CheckStatus::Fail;
    note(check);
    let has_own_pose =
        matches!(config.camera.source, CameraSource::Remote | CameraSource::Playback);
    let is_placed = camera_file != CheckStatus::Fail || has_own_pose;
    note(match localizer {
        _ if !is_sound => Check::skipped(PLATE, "the frame cannot be used"),
        _ if !is_placed => Check::skipped(PLATE, "the pose of the camera is unknown"),
        None => Check::skipped(PLATE, "the localizer needs its models"),
        Some(mut localizer) => plate_check(config, &mut localizer, &frame, &model),
    });
}

fn fix(config: &RunConfig) -> String {
    match config.camera.source {
        CameraSource::Realsense => {
            "check that the camera is plugged into a USB 3 port and no other program uses it: \
             `rs-enumerate-devices -s` (docs/realsense.md)"
        }
        CameraSource::Remote => "start the program that serves the camera at remote.address",
        CameraSource::Playback => {
            "name a folder of `rmrl record --camera` or `rmrl snapshot --record` in camera.recording"
        }
        CameraSource::External => BY_PROGRAM,
        CameraSource::Simulated => "correct [simulation] and camera.calibration",
    }
    .to_string()
}

/// Checks that a frame has the calibrated size, and depth.
fn frame_check(frame: &RgbdFrame, model: &CameraModel) -> Check {
    let (width, height) = frame.color.dimensions();
    let expected = (model.intrinsics.width, model.intrinsics.height);
    if (width, height) != expected || frame.depth.dimensions() != expected {
        return Check::fail(
            CAMERA,
            format!("frames of {width} x {height} pixels, the calibration has {expected:?}"),
            "set camera.realsense.width and height to those of the calibration, or calibrate again",
        );
    }
    let measured = frame.depth.pixels().filter(|depth| depth.0[0] != 0).count();
    let share = measured as f64 / (f64::from(width) * f64::from(height));
    let found =
        format!("{width} x {height} pixels as calibrated, {:.0} % with depth", 100.0 * share);
    if share < MIN_DEPTH_SHARE {
        let fix = "check that the lenses are clean, the projector is on, and nothing is nearer than 0.3 m";
        return Check::warn(CAMERA, found, fix);
    }
    Check::ok(CAMERA, found)
}

fn plate_check(
    config: &RunConfig,
    localizer: &mut Localizer,
    frame: &RgbdFrame,
    model: &CameraModel,
) -> Check {
    let found = match localizer.localize(frame, model) {
        Ok(found) => found,
        Err(error) => {
            return Check::warn(
                PLATE,
                error.to_string(),
                "fine if there is no plate, or the arm hides it; otherwise see `rmrl localize` and docs/localization.md",
            );
        }
    };
    let pose = found.pose;
    let found_at = format!(
        "x = {:.1} mm, y = {:.1} mm, yaw = {:.1} degrees, {:.1} mm high",
        1000.0 * pose.x_m,
        1000.0 * pose.y_m,
        pose.yaw_rad.to_degrees(),
        1000.0 * found.height_m
    );
    let plate = config.vision.localizer.plate;
    let is_at_surface =
        [config.task.start_surface_m, config.task.place.surface_m].iter().any(|surface_m| {
            let above_m = found.height_m - 0.5 * plate.height_m - surface_m;
            above_m.abs() <= plate.height_tolerance_m()
        });
    if !is_at_surface {
        let fix = "remove what lies under the plate, calibrate the camera again if it was moved, or correct \
                   task.start_surface_m and task.place.surface_m";
        return Check::warn(PLATE, format!("{found_at}: on none of the task's surfaces"), fix);
    }
    Check::ok(PLATE, found_at)
}
