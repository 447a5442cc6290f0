//! A cell takes the steps of a protocol: each is a transfer.

use rmrl_inventory::Place;

use crate::cell::TransferCell;
use crate::protocol::{ItemAt, Step, StepAction, StepOutcome, TakesSteps};
use crate::request::{Ending, KnownBy, LeftAt, Request};
use crate::watch::SiteError;

impl TakesSteps for TransferCell {
    fn take(&mut self, step: &Step) -> StepOutcome {
        let left = match step.from {
            Place::Jaws => ItemAt::Jaws,
            Place::Slot(_) => ItemAt::From,
        };
        let report = match self.transfer(&request_of(step)) {
            Ok(report) => report,
            Err(error) => return StepOutcome::NotDone { item: left, reason: error.to_string() },
        };
        match report.ending {
            Ending::Done => StepOutcome::Done {
                error: report.error.filter(|error| error.known_by == KnownBy::Measured).map(
                    |error| SiteError {
                        dx_m: 1e-3 * error.along_mm,
                        dy_m: 1e-3 * error.across_mm,
                        dyaw_rad: error.yaw_deg.to_radians(),
                    },
                ),
                interval_m: report.error.map(|error| 1e-3 * error.interval_mm),
            },
            Ending::NotDone { at, reason } => StepOutcome::NotDone {
                item: match at {
                    LeftAt::From => left,
                    LeftAt::Jaws => ItemAt::Jaws,
                },
                reason,
            },
            Ending::Unknown { reason } => StepOutcome::Unknown {
                ask: format!("where is {}? say it by `rmrl cell inventory settle`", report.item),
                reason,
            },
        }
    }
}

/// What a step asks of a cell. What the jaws hold already is only placed.
fn request_of(step: &Step) -> Request {
    let (from, to) = (step.from.clone(), step.to.clone());
    match (step.action, &step.from) {
        (StepAction::Relid, _) => Request::Relid { from, to },
        (StepAction::Unlid, Place::Slot(plate)) => Request::Unlid { from: plate.clone(), to },
        _ => Request::Move { from, to },
    }
}
