//! The check of the camera's calibration before a run: nothing trains with one that is missing, unchecked, poor or old.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rmrl_cell::DeviceError;
use rmrl_vision::{CameraFile, CameraFileError, CameraModel};

use super::remote::served_camera;
use crate::config::{CameraConfig, CameraSource, RunConfig};

/// Where a calibration is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A camera file.
    File(PathBuf),
    /// The program at this address, which serves a camera file.
    Served(String),
    /// The program that runs this, which brings the camera.
    Program,
}

impl Source {
    /// The command that checks the camera.
    fn check(&self) -> String {
        match self {
            Self::File(path) => {
                format!("`rmrl calibrate check --camera {} --write`", path.display())
            }
            Self::Served(_) => {
                "`rmrl calibrate check --write`, on the file that it serves,".to_string()
            }
            Self::Program => {
                "`rmrl calibrate check --write`, on the file of its model(),".to_string()
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Served(address) => write!(f, "the camera at {address} (remote.address)"),
            Self::Program => f.write_str("the camera of this program"),
        }
    }
}

/// Why a calibration is not good enough. Every message says how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationRefused {
    /// The camera file is missing or invalid.
    #[error(transparent)]
    File(#[from] CameraFileError),
    /// The program that serves the camera did not send its file.
    #[error("the camera's calibration cannot be read")]
    NotServed(#[source] DeviceError),
    /// The file says nothing of its calibration.
    #[error(
        "{camera} has no [calibration], so its accuracy is unknown; `rmrl calibrate overhead` and {} \
         write it",
        camera.check()
    )]
    Unknown {
        /// The camera.
        camera: Source,
    },
    /// The calibration was not checked with views that it was not made from.
    #[error(
        "{camera} was never checked (calibration.residual_mm is missing): run {} with views that it was \
         not made from",
        camera.check()
    )]
    Unchecked {
        /// The camera.
        camera: Source,
    },
    /// The residual is too large.
    #[error(
        "the calibration of {camera} is off by up to {residual_mm:.2} mm, more than \
         camera.max_residual_mm = {max_residual_mm} allows; look at the map of `rmrl calibrate check \
         --svg`, then calibrate again with more and more varied views of the board"
    )]
    Residual {
        /// The camera.
        camera: Source,
        /// The measured residual, in millimeters.
        residual_mm: f64,
        /// The largest residual allowed, in millimeters.
        max_residual_mm: f64,
    },
    /// The residual is no valid length.
    #[error(
        "the calibration of {camera} has an invalid residual_mm, {residual_mm}; run {} with views that it was \
         not made from",
        camera.check()
    )]
    NoResidual {
        /// The camera.
        camera: Source,
        /// The value in the file.
        residual_mm: f64,
    },
    /// The calibration is too old.
    #[error(
        "the calibration of {camera} was last checked or made {age_days:.1} days ago, longer than \
         camera.max_age_days = {max_age_days} allows; run {} with new views, and if it no longer holds, \
         calibrate again",
        camera.check()
    )]
    Old {
        /// The camera.
        camera: Source,
        /// How many days ago it was last made or checked.
        age_days: f64,
        /// The largest age allowed, in days.
        max_age_days: f64,
    },
    /// The calibration was made or checked in the future.
    #[error(
        "the calibration of {camera} says that it was made or checked on {known}, which is in the future; set the \
         clock of this computer, or of the one that wrote it, and check the camera again"
    )]
    FromTheFuture {
        /// The camera.
        camera: Source,
        /// When, according to the file.
        known: Timestamp,
    },
}

/// How much the clocks of two computers may differ.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// Refuses the camera of a configuration, from a file or served by another program, if its calibration is not known to be
/// good enough at the time `now`. Returns the camera file, or `None` if the configuration has none.
///
/// # Errors
/// The errors of [`admit`], or the program that serves the camera does not respond.
pub fn admit_configured(
    config: &RunConfig,
    now: Timestamp,
) -> Result<Option<CameraFile>, CalibrationRefused> {
    let (file, source) = match (&config.camera.calibration, config.camera.source) {
        (Some(path), _) => (CameraFile::read(path)?, Source::File(path.clone())),
        (None, CameraSource::Remote) => {
            let served = served_camera(&config.remote).map_err(CalibrationRefused::NotServed)?;
            (served, Source::Served(config.remote.address.clone()))
        }
        (None, _) => return Ok(None),
    };
    judge(&file, source, &config.camera, now)?;
    Ok(Some(file))
}

/// Reads the camera of `path` and refuses it if its calibration is not known to be good enough at
/// the time `now`.
///
/// # Errors
/// The file is invalid, or its calibration is missing, unchecked, poor, old or from the future.
pub fn admit(
    path: &Path,
    config: &CameraConfig,
    now: Timestamp,
) -> Result<CameraModel, CalibrationRefused> {
    judge(&CameraFile::read(path)?, Source::File(path.to_path_buf()), config, now)
}

/// Refuses the camera that a program brings if its calibration is not known to be good enough at the time `now`.
///
/// # Errors
/// As [`admit`].
pub(super) fn admit_program(
    file: &CameraFile,
    config: &CameraConfig,
    now: Timestamp,
) -> Result<(), CalibrationRefused> {
    judge(file, Source::Program, config, now).map(drop)
}

fn judge(
    file: &CameraFile,
    camera: Source,
    config: &CameraConfig,
    now: Timestamp,
) -> Result<CameraModel, CalibrationRefused> {
    let model = file.overhead(Path::new(&camera.to_string()))?;
    let Some(calibration) = &file.calibration else {
        return Err(CalibrationRefused::Unknown { camera });
    };
    let Some(residual_mm) = calibration.residual_mm else {
        return Err(CalibrationRefused::Unchecked { camera });
    };
    let max_residual_mm = config.max_residual_mm;
    if residual_mm.is_nan() || residual_mm < 0.0 {
        return Err(CalibrationRefused::NoResidual { camera, residual_mm });
    }
    if residual_mm > max_residual_mm {
        return Err(CalibrationRefused::Residual { camera, residual_mm, max_residual_mm });
    }
    let known = calibration.last_known();
    let age = now.duration_since(known);
    if age < -CLOCK_TOLERANCE {
        return Err(CalibrationRefused::FromTheFuture { camera, known });
    }
    let (age_days, max_age_days) = (age.as_secs_f64() / 86_400.0, config.max_age_days);
    if age_days > max_age_days {
        return Err(CalibrationRefused::Old { camera, age_days, max_age_days });
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_and_fresh_calibration_is_admitted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overhead.toml");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let config =
            CameraConfig { max_residual_mm: 1.5, max_age_days: 7.0, ..CameraConfig::default() };
        let camera =
            "[intrinsics]\nwidth = 64\nheight = 48\nfx = 60.0\nfy = 60.0\ncx = 31.5\ncy = 23.5\n";
        let hangs = "[world_from_camera]\ntranslation_m = [0.3, 0.0, 0.8]\n\
                     rotation = [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]\n";
        let made = |made: &str, rest: &str| format!("[calibration]\nmade = \"{made}\"\n{rest}");
        let checked = |checked: &str| format!("checked = \"{checked}\"\nresidual_mm = 0.8\n");
        let (old, fresh) = ("2026-11-13T00:00:00Z", "2026-11-20T12:00:00Z");
        for (calibration, expected) in [
            (made(fresh, "residual_mm = 0.8\n"), None),
            (String::new(), Some("no [calibration]")),
            (made(fresh, ""), Some("never checked")),
            (made(fresh, "residual_mm = 1.6\n"), Some("off by up to 1.60 mm")),
            (made(fresh, "residual_mm = nan\n"), Some("invalid residual_mm, NaN;")),
            (made(fresh, "residual_mm = -0.1\n"), Some("invalid residual_mm, -0.1;")),
            (made(fresh, "residual_mm = inf\n"), Some("off by up to inf mm")),
            (made(old, "residual_mm = 0.8\n"), Some("8.5 days ago")),
            (made(old, &checked(fresh)), None),
            (made(old, &checked("2026-11-14T00:00:00Z")), Some("7.5 days ago")),
            (made("2026-11-21T14:00:00Z", "residual_mm = 0.8\n"), Some("in the future")),
            (made(old, &checked("2026-11-21T14:00:00Z")), Some("in the future")),
            (made("yesterday", "residual_mm = 0.8\n"), Some("no camera file")),
        ] {
            std::fs::write(&path, format!("{camera}{hangs}{calibration}")).unwrap();
            let admitted = admit(&path, &config, now);
            match expected {
                None => assert!(admitted.is_ok()),
                Some(expected) => {
                    let message = admitted.unwrap_err().to_string();
                    assert!(message.contains(expected), "{message}");
                    assert!(message.contains("overhead.toml"), "{message}");
                }
            }
        }
        std::fs::write(&path, camera).unwrap();
        let message = admit(&path, &config, now).unwrap_err().to_string();
        assert!(message.contains("world_from_camera"), "{message}");
    }
}
