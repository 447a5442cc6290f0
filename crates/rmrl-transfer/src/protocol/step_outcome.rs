//! How an attempt at a step ended.

use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use crate::watch::SiteError;

/// Where the item is after an attempt that did not bring it to its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemAt {
    /// Where the attempt began: `from` of the step that was taken.
    From,
    /// In this slot, where it was put down in between.
    Slot(SlotAddress),
    /// In the jaws.
    Jaws,
}

/// How an attempt at a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepOutcome {
    /// The item is where it was to be brought.
    Done {
        /// The measured error, in the frame of the slot; `None` if nothing measured it.
        error: Option<SiteError>,
        /// Half the width of the 95 % interval in which the item was expected, in meters; `None` if nothing predicted it.
        interval_m: Option<f64>,
    },
    /// It is not there, and it is known where it is.
    NotDone {
        /// Where it is.
        item: ItemAt,
        /// Why it is not done.
        reason: String,
    },
    /// Nobody knows where the item is: an operator has to look.
    Unknown {
        /// What the operator is asked.
        ask: String,
        /// Why it is unknown.
        reason: String,
    },
}

impl StepOutcome {
    /// Whether the item is where it was to be brought.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}
