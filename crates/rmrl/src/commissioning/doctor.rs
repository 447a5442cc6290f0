//! Looks at each device and file that a run needs, in turn, and says how to mend what is wrong. It moves
//! nothing and sets nothing.

mod arm;
mod camera;
mod check;
mod files;
mod limits;

use std::fmt;

use serde::Serialize;

use self::check::whole;
pub(crate) use self::check::{Check, CheckStatus, Examination};
use crate::config::{CellKind, ConfigError, Layers, RunConfig};

/// How to mend what a look at the configuration finds.
const MEND_CONFIGURATION: &str =
    "correct that key; configs/table.toml shows every key with its meaning";

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether nothing has failed.
    pub healthy: bool,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// How many checks came out like this.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

impl fmt::Display for Diagnosis {
    /// A line with the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ok, warn, fail, skipped] =
            [CheckStatus::Ok, CheckStatus::Warn, CheckStatus::Fail, CheckStatus::Skipped]
                .map(|status| self.count(status));
        writeln!(f, "{ok} ok, {warn} to look at, {fail} failed, {skipped} skipped")
    }
}

/// Looks at everything; `tell` hears of each check as it is made. Layers that could not be read are a check
/// that failed, and the only one.
///
/// What does not depend on a check that failed is looked at all the same.
pub fn examine(
    layers: Result<Layers, ConfigError>,
    examination: &Examination,
    tell: &mut dyn FnMut(&Check),
) -> Diagnosis {
    let mut checks = Vec::new();
    let mut note = |check: Check| {
        tell(&check);
        checks.push(check);
    };
    match layers.and_then(Layers::merge) {
        Err(error) => note(unreadable(&error)),
        Ok(config) => look_at_all(&config, examination, &mut note),
    }
    let healthy = checks.iter().all(|check| check.status != CheckStatus::Fail);
    Diagnosis { healthy, checks }
}

fn unreadable(error: &ConfigError) -> Check {
    let mend = format!("{MEND_CONFIGURATION}; nothing else can be looked at");
    Check::fail("configuration", whole(error), mend)
}

fn look_at_all(config: &RunConfig, examination: &Examination, note: &mut dyn FnMut(Check)) {
    let valid = config.validate();
    let is_valid = valid.is_ok();
    note(match valid {
        Ok(()) => Check::ok("configuration", format!("valid: {}", config.cell_name())),
        Err(error) => Check::fail("configuration", error.to_string(), MEND_CONFIGURATION),
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
    note(files::person(config));
    match config.cell.kind {
        CellKind::Simulated => {
            for name in arm::NAMES {
                note(Check::skipped(name, "the cell is simulated"));
            }
        }
        CellKind::XArm => arm::look(config, examination, note),
    }
    camera::look(config, camera_file, localizer, note);
}
