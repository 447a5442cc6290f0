//! The camera, and whether it sees a plate.

use rmrl_vision::{CameraModel, Localizer, RgbdFrame};

use super::check::{Check, CheckStatus, whole};
use crate::cell::laboratory_error::LaboratoryError;
use crate::cell::perception::camera;
use crate::config::{CameraSource, RunConfig};

const CAMERA: &str = "camera";
const PLATE: &str = "plate";

/// Pictures with less depth than this show that something is wrong with it: black plates have none.
const MIN_DEPTH_SHARE: f64 = 0.5;

/// Takes a picture, and looks for the plate in it.
pub(super) fn look(
    config: &RunConfig,
    camera_file: CheckStatus,
    localizer: Option<Localizer>,
    note: &mut dyn FnMut(Check),
) {
    let is_missing =
        config.camera.source == CameraSource::Recorded && config.camera.recording.is_none();
    let is_invalid =
        config.distant.validate().is_err() || config.camera.realsense.validate().is_err();
    if is_missing || is_invalid {
        note(Check::skipped(CAMERA, "the configuration is not valid"));
        note(Check::skipped(PLATE, "no picture was taken"));
        return;
    }
    // Without its file a camera can be looked through all the same, but nobody knows where it hangs.
    let mut without_file = config.clone();
    if camera_file == CheckStatus::Fail {
        without_file.camera.calibration = None;
    }
    let opened = camera(&without_file);
    if matches!(opened, Err(LaboratoryError::WithoutRealSense)) {
        let mend = "docs/realsense.md tells how to build it with the camera";
        note(Check::fail(CAMERA, "this rmrl was built without the RealSense camera", mend));
        note(Check::skipped(PLATE, "no picture was taken"));
        return;
    }
    let (frame, model) = match opened.map_err(|error| whole(&error)).and_then(|mut camera| {
        let frame = camera.capture().map_err(|error| error.to_string())?;
        Ok((frame, camera.model()))
    }) {
        Ok(taken) => taken,
        Err(found) => {
            note(Check::fail(CAMERA, found, mend(config)));
            note(Check::skipped(PLATE, "no picture was taken"));
            return;
        }
    };
    let check = picture(&frame, &model);
    let is_sound = check.status != CheckStatus::Fail;
    note(check);
    let tells_of_itself =
        matches!(config.camera.source, CameraSource::Distant | CameraSource::Recorded);
    let is_placed = camera_file != CheckStatus::Fail || tells_of_itself;
    note(match localizer {
        _ if !is_sound => Check::skipped(PLATE, "the picture is of no use"),
        _ if !is_placed => Check::skipped(PLATE, "nobody knows where the camera hangs"),
        None => Check::skipped(PLATE, "there is no localiser without its models"),
        Some(mut localizer) => plate(config, &mut localizer, &frame, &model),
    });
}

fn mend(config: &RunConfig) -> String {
    match config.camera.source {
        CameraSource::Realsense => {
            "see that the camera is plugged into a port of USB 3 and no other program has it: \
             `rs-enumerate-devices -s` (docs/realsense.md)"
        }
        CameraSource::Distant => "start the program that serves the camera at distant.address",
        CameraSource::Recorded => {
            "name a folder of `rmrl record --camera` or `rmrl snapshot --record` in camera.recording"
        }
        CameraSource::Simulated => "correct [simulation] and camera.calibration",
    }
    .to_string()
}

/// Whether a picture is of the calibrated size, and has depth.
fn picture(frame: &RgbdFrame, model: &CameraModel) -> Check {
    let (width, height) = frame.color.dimensions();
    let expected = (model.intrinsics.width, model.intrinsics.height);
    if (width, height) != expected || frame.depth.dimensions() != expected {
        return Check::fail(
            CAMERA,
            format!("pictures of {width} x {height} pixels, calibrated are {expected:?}"),
            "set camera.realsense.width and height to those of the calibration, or calibrate again",
        );
    }
    let measured = frame.depth.pixels().filter(|depth| depth.0[0] != 0).count();
    let share = measured as f64 / (f64::from(width) * f64::from(height));
    let found =
        format!("{width} x {height} pixels as calibrated, {:.0} % with depth", 100.0 * share);
    if share < MIN_DEPTH_SHARE {
        let mend = "see whether the lenses are clean, the projector is on, and nothing is nearer than 0.3 m";
        return Check::warn(CAMERA, found, mend);
    }
    Check::ok(CAMERA, found)
}

fn plate(
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
                "fine where no plate lies there, or the arm hides it; else see `rmrl localize` and docs/localization.md",
            );
        }
    };
    let pose = found.pose;
    let told = format!(
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
        let mend = "take away what lies under the plate; or the camera is not where its calibration says, or \
                    task.start_surface_m and task.place.surface_m are not the surfaces' heights";
        return Check::warn(PLATE, format!("{told}: on none of the task's surfaces"), mend);
    }
    Check::ok(PLATE, told)
}
