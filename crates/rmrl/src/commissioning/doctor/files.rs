//! Checks that need no device.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rmrl_cell::with_sources;
use rmrl_learn::EncoderWeights;
use rmrl_vision::Localizer;

use super::check::{BY_PROGRAM, Check};
use crate::cell::calibration_gate::{CalibrationRefused, admit_configured};
use crate::cell::perception::localizer;
use crate::cell::reachability::{PreflightError, prove_reach};
use crate::cell::remote::check_reachable;
use crate::commissioning::site_survey::SiteSurvey;
use crate::config::{
    CameraSource, CellKind, ConfigError, DetectorName, LookErrorWeights, OperatorKind, Places,
    RunConfig, SegmenterName,
};

/// Checks the proof that the arm reaches every pose and line of the task.
pub(super) fn reach(config: &RunConfig, is_valid: bool) -> Check {
    const NAME: &str = "reach";
    if config.cell.kind == CellKind::Simulated {
        return Check::skipped(NAME, "the cell is simulated");
    }
    if config.cell.kind == CellKind::External {
        return Check::skipped(NAME, "the kinematics of a program's arm are not known here");
    }
    if !is_valid {
        return Check::skipped(NAME, "the configuration is not valid");
    }
    match prove_reach(config) {
        Ok(proof) => Check::ok(
            NAME,
            format!(
                "the arm reaches every pose and line of the task: {:.1} degrees left to the nearest joint limit, \
                 {:.3} to the nearest singularity ({} poses checked)",
                proof.least_limit_distance_rad.to_degrees(),
                proof.least_singularity_distance,
                proof.samples
            ),
        ),
        Err(error) => {
            let fix = match &error {
                PreflightError::Reach { other_yaw: Some(yaw), .. } if yaw.same_line => format!(
                    "set xarm.jaw_yaw_deg = {}, and check that the turned tool hits nothing",
                    yaw.jaw_yaw_deg
                ),
                PreflightError::Reach { other_yaw: Some(yaw), .. } => format!(
                    "move the place, the start region or home; or screw the gripper on a quarter turn further, measure \
                     xarm.tcp_offset_mm_deg again, and set xarm.jaw_yaw_deg = {}",
                    yaw.jaw_yaw_deg
                ),
                _ => "move the place, the start region or home, or measure xarm.tcp_offset_mm_deg again"
                    .to_string(),
            };
            Check::fail(NAME, error.to_string(), fix)
        }
    }
}

/// Checks that the arm reaches every site and that its ways are clear; `None` where there are no sites.
pub(super) fn sites(config: &RunConfig, places: Result<Places, ConfigError>) -> Option<Check> {
    const NAME: &str = "sites";
    const FIX: &str = "`rmrl cell sites` has every slot and way; move the site, teach it again, or correct [clearance]";
    let places = match places {
        Ok(places) if places.sites.is_empty() => return None,
        Ok(places) => places,
        Err(error) => return Some(Check::fail(NAME, with_sources(&error), FIX)),
    };
    let survey = match SiteSurvey::of(config, &places) {
        Ok(survey) => survey,
        Err(error) => return Some(Check::fail(NAME, error.to_string(), FIX)),
    };
    let (slots, faults) = (survey.slots.len(), survey.faults());
    Some(match faults.first() {
        None => Check::ok(NAME, format!("all {slots} slots are reached, and every way is clear")),
        Some(first) => Check::fail(NAME, format!("{} faults; {first}", faults.len()), FIX),
    })
}

/// Checks the camera file, configured or served, and whether a run would start with it.
pub(super) fn calibration(config: &RunConfig) -> Check {
    const NAME: &str = "calibration";
    let camera = &config.camera;
    let of = match (&camera.calibration, camera.source, config.cell.kind) {
        (Some(path), ..) => path.display().to_string(),
        (None, _, CellKind::Simulated) => return Check::skipped(NAME, "the cell is simulated"),
        (None, CameraSource::Playback, _) => {
            return Check::skipped(NAME, "that of the recording: no run starts with a recording");
        }
        (None, CameraSource::External, _) => return Check::skipped(NAME, BY_PROGRAM),
        (None, CameraSource::Remote, _) if config.remote.validate().is_err() => {
            return Check::skipped(NAME, "the configuration is not valid");
        }
        (None, CameraSource::Remote, _) => format!("served at {}", config.remote.address),
        (None, ..) => {
            return Check::fail(
                NAME,
                "camera.calibration is not given",
                "calibrate the camera (docs/calibration.md) and name its file",
            );
        }
    };
    let now = Timestamp::now();
    match admit_configured(config, now) {
        Ok(file) => {
            let quality = file.and_then(|file| file.calibration).map_or_else(String::new, |record| {
                let days = now.duration_since(record.last_known()).as_secs_f64() / 86_400.0;
                format!(
                    ": residual {:.2} mm of at most {} mm, made or checked {days:.1} days ago, at most {}",
                    record.residual_mm.unwrap_or(f64::NAN),
                    camera.max_residual_mm,
                    camera.max_age_days
                )
            });
            Check::ok(NAME, format!("{of}{quality}"))
        }
        Err(CalibrationRefused::File(error)) => {
            let fix = "set camera.calibration to the file of `rmrl calibrate overhead`, or make that file again";
            Check::fail(NAME, with_sources(&error), fix)
        }
        // The check of the camera reports the reason.
        Err(CalibrationRefused::NotServed(_)) => {
            Check::skipped(NAME, format!("the camera at {} does not answer", config.remote.address))
        }
        // The message contains the fix.
        Err(error) => Check::fail(NAME, error.to_string(), "see docs/calibration.md"),
    }
}

/// Checks the model files, and makes the localizer from them.
pub(super) fn models(config: &RunConfig) -> (Option<Localizer>, Check) {
    const NAME: &str = "models";
    let vision = &config.vision;
    let localizer = match localizer(vision) {
        Ok(localizer) => localizer,
        Err(error) => {
            let fix = "fetch the files (docs/perception-models.md), or choose vision.detector = \"color\"";
            return (None, Check::fail(NAME, with_sources(&error), fix));
        }
    };
    let files = [
        match &config.policy.encoder.weights {
            EncoderWeights::File(path) => Some(path),
            EncoderWeights::Plates | EncoderWeights::Random => None,
        },
        match &vision.look_error {
            LookErrorWeights::File(path) => Some(path),
            LookErrorWeights::Plates => None,
        },
        config.pretrained.as_ref(),
    ];
    if let Some(missing) = files.into_iter().flatten().find(|path| !path.is_file()) {
        let found = format!("{} is not a file", missing.display());
        let fix = "correct policy.encoder.weights, vision.look_error or pretrained";
        return (Some(localizer), Check::fail(NAME, found, fix));
    }
    let needs_none =
        vision.detector == DetectorName::Color && vision.segmenter == SegmenterName::Color;
    let found = match needs_none {
        true => "the embedded detector needs no files",
        false => "all model files exist and are valid",
    };
    (Some(localizer), Check::ok(NAME, found))
}

/// An upper estimate of what a run stores beside images, in bytes: checkpoints, logs, a report.
const BESIDE_IMAGES: u64 = 200 << 20;

/// Checks the disk space for a run.
pub(super) fn disk(config: &RunConfig, runs: &Path) -> Check {
    const NAME: &str = "disk";
    let folder = existing(runs);
    let realsense = &config.camera.realsense;
    // Two frames per trial: 3 bytes of color and 2 of depth per pixel, without compression.
    let frame = 5 * u64::from(realsense.width) * u64::from(realsense.height);
    let needed = 2 * frame * u64::from(config.trials) + BESIDE_IMAGES;
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    match rustix::fs::statvfs(&folder) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let space = format!(
                "{:.1} GB free for {}, {} trials need up to {:.1} GB",
                gigabytes(free),
                runs.display(),
                config.trials,
                gigabytes(needed)
            );
            if free < needed {
                Check::fail(
                    NAME,
                    space,
                    "free some space, or keep runs elsewhere (train --out DIR)",
                )
            } else {
                Check::ok(NAME, space)
            }
        }
        Err(error) => Check::warn(
            NAME,
            format!("the free space of {} is unknown: {error}", folder.display()),
            "check that a run can be written there",
        ),
    }
}

/// A time before this program was made, in seconds since 1970: 2026-01-01.
const BORN_SECS: u64 = 1_767_225_600;
/// The allowed difference between the clocks of two computers.
const TOLERANCE: Duration = Duration::from_secs(3600);

/// Checks that the clock is plausible, because calibrations have an age, and logs have times.
pub(super) fn clock(config_file: Option<&Path>) -> Check {
    const NAME: &str = "clock";
    const FIX: &str = "set this computer's clock (timedatectl)";
    let now = SystemTime::now();
    let time = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    if now < SystemTime::UNIX_EPOCH + Duration::from_secs(BORN_SECS) {
        return Check::fail(NAME, format!("{time} is before this program was made"), FIX);
    }
    let written = config_file.and_then(|path| path.metadata().ok()?.modified().ok());
    if written.is_some_and(|written| now + TOLERANCE < written) {
        return Check::fail(NAME, format!("{time} is before the configuration was written"), FIX);
    }
    Check::ok(NAME, time)
}

/// Checks that the operator can be asked.
pub(super) fn operator(config: &RunConfig) -> Check {
    const NAME: &str = "operator";
    if config.cell.kind == CellKind::Simulated {
        return Check::skipped(NAME, "a simulated cell needs no operator");
    }
    match config.cell.operator {
        OperatorKind::Terminal if std::io::stdin().is_terminal() => {
            Check::ok(NAME, "asked on this terminal")
        }
        OperatorKind::Terminal => Check::warn(
            NAME,
            "cell.operator is \"terminal\", and this program has none",
            "start runs on a terminal, because the operator puts the plate at the target",
        ),
        OperatorKind::Page => match config.page.serve {
            Some(address) => {
                Check::ok(NAME, format!("asked on the page, which is served at {address}"))
            }
            None => Check::fail(
                NAME,
                "cell.operator is \"page\", and no page is served",
                "set page.serve = 8080, or start runs with --serve 8080",
            ),
        },
        OperatorKind::External => Check::skipped(NAME, BY_PROGRAM),
        OperatorKind::Remote if config.remote.validate().is_err() => {
            Check::skipped(NAME, "the configuration is not valid")
        }
        OperatorKind::Remote => match check_reachable(&config.remote) {
            Ok(()) => Check::ok(NAME, format!("asked at {}", config.remote.address)),
            Err(error) => Check::fail(
                NAME,
                error.to_string(),
                "start the program at remote.address, or set cell.operator = \"terminal\"",
            ),
        },
    }
}

/// The nearest folder of a path that exists.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = absolute.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf);
    found.unwrap_or_else(|| PathBuf::from("/"))
}
