//! Checks each device and file that a run needs, and says how to fix what is wrong. It moves nothing and
//! sets nothing.
//!
//! - `check` is one check with its status and fix, and the options of an examination.
//! - `files` checks what needs no device: reach, sites, calibration, models, disk, clock, operator.
//! - `limits` finds values that are allowed but dangerous in a real cell.
//! - `arm` checks the arm, `gripper` its gripper, `camera` the camera and what it sees.

mod arm;
mod camera;
mod check;
mod files;
mod gripper;
mod limits;

use std::fmt;

use rmrl_cell::with_sources;
use serde::Serialize;

pub(crate) use self::check::{Check, CheckStatus, Examination};
use crate::config::{CellKind, ConfigError, Layers, RunConfig};

/// How to fix an invalid configuration.
const FIX_CONFIGURATION: &str =
    "correct that key; `rmrl config` prints every key with its meaning and range";

/// The results of all checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether no check failed.
    pub healthy: bool,
    /// Whether the cell is a simulated one, whose checks say nothing about a real cell.
    #[serde(rename = "simulated")]
    pub is_simulated: bool,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// The number of checks with a status.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

impl fmt::Display for Diagnosis {
    /// A line with the number of checks of each status.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ok, warn, fail, skipped] =
            [CheckStatus::Ok, CheckStatus::Warn, CheckStatus::Fail, CheckStatus::Skipped]
                .map(|status| self.count(status));
        writeln!(f, "{ok} ok, {warn} warnings, {fail} failed, {skipped} skipped")
    }
}

/// Makes all checks and reports each to `on_check` as it is made.
///
/// A failed check skips only the checks that depend on it. If the layers could not be read, the
/// configuration is the only check.
pub fn examine(
    layers: Result<Layers, ConfigError>,
    examination: &Examination,
    on_check: &mut dyn FnMut(&Check),
) -> Diagnosis {
    let (mut checks, mut is_simulated) = (Vec::new(), false);
    let places = layers.as_ref().ok().map(Layers::places);
    let mut note = |check: Check| {
        on_check(&check);
        checks.push(check);
    };
    match layers.and_then(Layers::merge) {
        Err(error) => note(unreadable(&error)),
        Ok(config) => {
            is_simulated = config.cell.kind == CellKind::Simulated;
            check_all(&config, examination, &mut note);
            places.and_then(|places| files::sites(&config, places)).into_iter().for_each(&mut note);
        }
    }
    let healthy = checks.iter().all(|check| check.status != CheckStatus::Fail);
    Diagnosis { healthy, is_simulated, checks }
}

fn unreadable(error: &ConfigError) -> Check {
    let fix = format!("{FIX_CONFIGURATION}; nothing else can be checked");
    Check::fail("configuration", with_sources(error), fix)
}

fn check_all(config: &RunConfig, examination: &Examination, note: &mut dyn FnMut(Check)) {
    let valid = config.validate();
    let is_valid = valid.is_ok();
    note(match valid {
        Ok(()) => Check::ok("configuration", format!("valid: {}", config.cell_name())),
        Err(error) => Check::fail("configuration", error.to_string(), FIX_CONFIGURATION),
    });
    note(files::reach(config, is_valid));
    note(limits::limits(config));
    let calibration = files::calibration(config);
    let camera_file = calibration.status;
    note(calibration);
    let (localizer, models) = files::models(config);
    note(models);
    note(files::disk(config, &examination.runs));
    note(files::clock(examination.config_file.as_deref()));
    note(files::operator(config));
    match config.cell.kind {
        CellKind::Simulated => {
            for name in arm::NAMES {
                note(Check::skipped(name, "the cell is simulated"));
            }
        }
        CellKind::XArm => arm::check(config, examination, note),
        CellKind::External => {
            for name in arm::NAMES {
                note(Check::skipped(name, check::BY_PROGRAM));
            }
        }
    }
    camera::check(config, camera_file, localizer, note);
}
