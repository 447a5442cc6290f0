//! Resuming: the recorded trials of an interrupted run.

use std::collections::VecDeque;

use rmrl_core::Trial;

/// The trials of an interrupted run that are recorded and not learned from.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Completed trials, in order.
    trials: VecDeque<Trial>,
    /// Faulted attempts at the trial after them.
    attempts: u32,
}

impl Recorded {
    /// The backlog of a new run.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Completed trials that are not learned from yet, and the number of failed attempts at the next.
    pub fn new(trials: Vec<Trial>, attempts: u32) -> Self {
        Self { trials: trials.into(), attempts }
    }

    pub(super) fn next(&mut self) -> Option<Trial> {
        self.trials.pop_front()
    }

    /// The number of failed attempts at the trial after the backlog; 0 when called again.
    pub(super) fn take_attempts(&mut self) -> u32 {
        std::mem::take(&mut self.attempts)
    }
}
