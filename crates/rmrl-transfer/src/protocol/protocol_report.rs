//! The result of a protocol.

use rmrl_inventory::Place;
use serde::{Deserialize, Serialize};

use super::step_outcome::{ItemAt, StepOutcome};

/// One attempt at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAttempt {
    /// The name of the step.
    pub step: String,
    /// Which step of the protocol it is, counted from 1.
    pub number: usize,
    /// Which attempt at this step it is, counted from 1.
    pub attempt: u32,
    /// Where the item was before: the jaws, if only the placing was tried again.
    pub from: Place,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How long it took, in seconds of the caller's clock.
    pub seconds: f64,
}

/// Why a protocol ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProtocolEnd {
    /// Its last step was taken or skipped.
    Completed,
    /// A step failed in all its attempts, and nothing follows then.
    Failed {
        /// The name of the step.
        step: String,
        /// Where its item is: where the last attempt began, where that put it down in between, or in the jaws.
        item: ItemAt,
        /// Why its last attempt failed.
        reason: String,
    },
    /// A step failed with its item in the jaws, and the step that should follow does not begin there.
    JawsFull {
        /// The name of the step that failed.
        step: String,
        /// Why its last attempt failed.
        reason: String,
        /// The name of the step that should follow; `None` if it was the last one.
        next: Option<String>,
    },
    /// Nobody knows where an item is.
    Unknown {
        /// The name of the step.
        step: String,
        /// What the operator is asked.
        ask: String,
        /// Why it is unknown.
        reason: String,
    },
    /// The protocol was stopped between two attempts.
    StopRequested {
        /// The name of the step that was not begun, or not tried again.
        before: String,
    },
}

/// The result of a protocol, attempt by attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolReport {
    /// The protocol's name.
    pub protocol: String,
    /// How many steps it has.
    pub steps: usize,
    /// All attempts, in their order.
    pub attempts: Vec<StepAttempt>,
    /// Why it ended.
    pub end: ProtocolEnd,
}

impl ProtocolReport {
    /// Whether every step was done. A protocol that completed by skipping a step did not succeed.
    pub fn succeeded(&self) -> bool {
        // Steps lead forward only: none is done twice.
        self.attempts.iter().filter(|attempt| attempt.outcome.is_done()).count() == self.steps
    }

    /// Whether it was stopped from outside, so that it says nothing about success.
    pub fn was_stopped(&self) -> bool {
        matches!(self.end, ProtocolEnd::StopRequested { .. })
    }

    /// The name of the step that ended it; `None` if it completed or was stopped.
    pub fn ended_by(&self) -> Option<&str> {
        match &self.end {
            ProtocolEnd::Failed { step, .. }
            | ProtocolEnd::JawsFull { step, .. }
            | ProtocolEnd::Unknown { step, .. } => Some(step),
            ProtocolEnd::Completed | ProtocolEnd::StopRequested { .. } => None,
        }
    }
}
