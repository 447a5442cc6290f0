//! The gate before a run: a camera whose calibration is missing, unchecked, poor or old trains
//! nothing.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rmrl_vision::{CameraFile, CameraFileError, CameraModel};

use crate::config::CameraConfig;

/// Why a calibration is not good enough. Every message says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationRefused {
    /// The file itself.
    #[error(transparent)]
    File(#[from] CameraFileError),
    /// Nobody knows when and how it was made.
    #[error(
        "{} has no [calibration]: nothing tells how good it is; `rmrl calibrate overhead` and `rmrl \
         calibrate check --write` write it",
        path.display()
    )]
    Unknown {
        /// The camera file.
        path: PathBuf,
    },
    /// It was not held against poses that it was not made from.
    #[error(
        "{} was never checked (calibration.residual_mm is missing): run `rmrl calibrate check --camera {} \
         --write` with views that it was not made from",
        path.display(), path.display()
    )]
    Unchecked {
        /// The camera file.
        path: PathBuf,
    },
    /// Its residual is too large.
    #[error(
        "the calibration {} is off by up to {residual_mm:.2} mm, more than camera.max_residual_mm = \
         {max_residual_mm} allows; look at the map of `rmrl calibrate check --svg`, then calibrate again \
         with more and more varied views of the board",
        path.display()
    )]
    Residual {
        /// The camera file.
        path: PathBuf,
        /// What was measured.
        residual_mm: f64,
        /// What is allowed.
        max_residual_mm: f64,
    },
    /// Its residual is no length.
    #[error(
        "the calibration {} is said to be off by {residual_mm} mm, which cannot be; run `rmrl calibrate check \
         --camera {} --write` with views that it was not made from",
        path.display(), path.display()
    )]
    NoResidual {
        /// The camera file.
        path: PathBuf,
        /// What is written there.
        residual_mm: f64,
    },
    /// It is too old.
    #[error(
        "the calibration {} was last checked or made {age_days:.1} days ago, longer than \
         camera.max_age_days = {max_age_days} allows; run `rmrl calibrate check --camera {} --write` with \
         new views, and if it no longer holds, calibrate again",
        path.display(), path.display()
    )]
    Old {
        /// The camera file.
        path: PathBuf,
        /// How long ago it was last known to hold.
        age_days: f64,
        /// What is allowed.
        max_age_days: f64,
    },
    /// It was made, or checked, after now.
    #[error(
        "the calibration {} claims to be made or checked on {known}, which has not come yet; set this \
         computer's clock, or the one that wrote it, and check it again",
        path.display()
    )]
    FromTheFuture {
        /// The camera file.
        path: PathBuf,
        /// When.
        known: Timestamp,
    },
}

/// Clocks of two computers may differ by so much.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// Reads the camera of `path` and refuses it if its calibration is not known to be good enough at
/// the time `now`.
///
/// # Errors
/// The file is none, or its calibration is missing, unchecked, poor, old or from the future.
pub fn admit(
    path: &Path,
    config: &CameraConfig,
    now: Timestamp,
) -> Result<CameraModel, CalibrationRefused> {
    let file = CameraFile::read(path)?;
    let camera = file.overhead(path)?;
    let path = path.to_path_buf();
    let Some(calibration) = file.calibration else {
        return Err(CalibrationRefused::Unknown { path });
    };
    let Some(residual_mm) = calibration.residual_mm else {
        return Err(CalibrationRefused::Unchecked { path });
    };
    let max_residual_mm = config.max_residual_mm;
    if residual_mm.is_nan() || residual_mm < 0.0 {
        return Err(CalibrationRefused::NoResidual { path, residual_mm });
    }
    if residual_mm > max_residual_mm {
        return Err(CalibrationRefused::Residual { path, residual_mm, max_residual_mm });
    }
    let known = calibration.last_known();
    let age = now.duration_since(known);
    if age < -CLOCK_TOLERANCE {
        return Err(CalibrationRefused::FromTheFuture { path, known });
    }
    let (age_days, max_age_days) = (age.as_secs_f64() / 86_400.0, config.max_age_days);
    if age_days > max_age_days {
        return Err(CalibrationRefused::Old { path, age_days, max_age_days });
    }
    Ok(camera)
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
            (made(fresh, "residual_mm = nan\n"), Some("NaN mm, which cannot be")),
            (made(fresh, "residual_mm = -0.1\n"), Some("-0.1 mm, which cannot be")),
            (made(fresh, "residual_mm = inf\n"), Some("off by up to inf mm")),
            (made(old, "residual_mm = 0.8\n"), Some("8.5 days ago")),
            (made(old, &checked(fresh)), None),
            (made(old, &checked("2026-11-14T00:00:00Z")), Some("7.5 days ago")),
            (made("2026-11-21T14:00:00Z", "residual_mm = 0.8\n"), Some("has not come yet")),
            (made(old, &checked("2026-11-21T14:00:00Z")), Some("has not come yet")),
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
