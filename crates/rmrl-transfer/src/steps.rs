//! A cell takes the steps of a protocol: each is a transfer.

use rmrl_inventory::Place;

use crate::cell::TransferCell;
use crate::error::TransferError;
use crate::protocol::{ItemAt, Step, StepAction, StepOutcome, TakesSteps};
use crate::request::{Ending, KnownBy, LeftAt, Request};
use crate::watch::SiteError;

impl TakesSteps for TransferCell {
    fn take(&mut self, step: &Step) -> StepOutcome {
        let report = match self.transfer(&request_of(step)) {
            Ok(report) => report,
            Err(error) => return self.refused(step, &error),
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
                item: match (at, report.by_way_of) {
                    (LeftAt::Jaws, _) => ItemAt::Jaws,
                    (LeftAt::Between, Some(via)) => ItemAt::Slot(via),
                    (LeftAt::From | LeftAt::Between, _) => where_it_was(step),
                },
                reason,
            },
            Ending::Unknown { reason } => unknown(&report.item, reason),
        }
    }
}

impl TransferCell {
    /// How a step ended that the cell refused, or could not record. Where a transfer stays open, nobody knows how far it came.
    fn refused(&self, step: &Step, error: &TransferError) -> StepOutcome {
        match self.inventory.world().open_transfer() {
            Some(transfer) => unknown(transfer.item.id.as_str(), error.to_string()),
            None => StepOutcome::NotDone { item: where_it_was(step), reason: error.to_string() },
        }
    }
}

fn where_it_was(step: &Step) -> ItemAt {
    match step.from {
        Place::Jaws => ItemAt::Jaws,
        Place::Slot(_) => ItemAt::From,
    }
}

fn unknown(item: &str, reason: String) -> StepOutcome {
    let ask = format!("where is {item}? say it by `rmrl cell inventory settle`");
    StepOutcome::Unknown { ask, reason }
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
