//! Runs a protocol, step by step.
//!
//! - A step is tried again only if it is known where its item is: where the step began, or in the jaws. An item in the
//!   jaws is only placed.
//! - An item of which nobody knows where it is ends the protocol, whatever `on_failure` says.
//! - With an item in the jaws only a step from the jaws may follow.

use std::time::Duration;

use rmrl_inventory::Place;

use super::protocol_file::Protocol;
use super::protocol_report::{ProtocolEnd, ProtocolReport, StepAttempt};
use super::step::Step;
use super::step_outcome::{ItemAt, StepOutcome};

/// A cell that takes steps.
pub trait TakesSteps {
    /// Takes a step. Its `from` is the jaws where only the placing is left.
    fn take(&mut self, step: &Step) -> StepOutcome;
}

/// What a run reports while it is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProtocolEvent<'a> {
    /// An attempt at a step begins.
    Begins {
        /// The step; its `from` is the jaws where only the placing is left.
        step: &'a Step,
        /// Which attempt it is, counted from 1.
        attempt: u32,
    },
    /// It has ended.
    Ended(&'a StepAttempt),
}

/// What a run needs from its caller.
pub struct RunHooks<'a> {
    /// Whether the run has to stop; called before every attempt.
    pub stop_requested: &'a mut dyn FnMut() -> bool,
    /// The time since any fixed moment, for the durations of attempts. It decides nothing.
    pub clock: &'a mut dyn FnMut() -> Duration,
    /// Receives what happens.
    pub progress: &'a mut dyn FnMut(ProtocolEvent<'_>),
}

/// Runs a protocol from its first step.
pub fn run_protocol(
    protocol: &Protocol,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
) -> ProtocolReport {
    let mut attempts = Vec::new();
    let end = take_all(protocol, cell, hooks, &mut attempts);
    let (name, steps) = (protocol.name().to_string(), protocol.steps().len());
    ProtocolReport { protocol: name, steps, attempts, end }
}

/// How a step ended after all its attempts.
enum StepEnd {
    Done,
    Failed { item: ItemAt, reason: String },
    Over(ProtocolEnd),
}

fn take_all(
    protocol: &Protocol,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> ProtocolEnd {
    let mut index = 0;
    while let Some(step) = protocol.steps().get(index) {
        let (item, reason) = match take_step(step, index, cell, hooks, attempts) {
            StepEnd::Done => {
                index += 1;
                continue;
            }
            StepEnd::Over(end) => return end,
            StepEnd::Failed { item, reason } => (item, reason),
        };
        let name = step.name.clone();
        let Some(next) = protocol.after_failure(index) else {
            return ProtocolEnd::Failed { step: name, item, reason };
        };
        let next_step = protocol.steps().get(next);
        if item == ItemAt::Jaws && next_step.is_none_or(|next| next.from != Place::Jaws) {
            let next = next_step.map(|next| next.name.clone());
            return ProtocolEnd::JawsFull { step: name, reason, next };
        }
        index = next;
    }
    ProtocolEnd::Completed
}

fn take_step(
    step: &Step,
    index: usize,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> StepEnd {
    let mut rest = step.clone();
    let mut attempt = 1;
    loop {
        if (hooks.stop_requested)() {
            return StepEnd::Over(ProtocolEnd::StopRequested { before: step.name.clone() });
        }
        let outcome = take_once(&rest, (index, attempt), cell, hooks, attempts);
        let (item, reason) = match outcome {
            StepOutcome::Done { .. } => return StepEnd::Done,
            StepOutcome::Unknown { ask, reason } => {
                let step = step.name.clone();
                return StepEnd::Over(ProtocolEnd::Unknown { step, ask, reason });
            }
            StepOutcome::NotDone { item, reason } => (item, reason),
        };
        // Where a placing from the jaws began, the item is in the jaws.
        let item = if rest.from == Place::Jaws { ItemAt::Jaws } else { item };
        if attempt > step.retries {
            return StepEnd::Failed { item, reason };
        }
        if item == ItemAt::Jaws {
            rest = step.placing_from_jaws();
        }
        attempt += 1;
    }
}

fn take_once(
    step: &Step,
    (index, attempt): (usize, u32),
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> StepOutcome {
    (hooks.progress)(ProtocolEvent::Begins { step, attempt });
    let begun = (hooks.clock)();
    let outcome = cell.take(step);
    let seconds = (hooks.clock)().saturating_sub(begun).as_secs_f64();
    let (name, from) = (step.name.clone(), step.from.clone());
    let ended = StepAttempt {
        step: name,
        number: index + 1,
        attempt,
        from,
        outcome: outcome.clone(),
        seconds,
    };
    (hooks.progress)(ProtocolEvent::Ended(&ended));
    attempts.push(ended);
    outcome
}
