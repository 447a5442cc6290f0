//! Resuming: the recorded trials of an interrupted run.

use rmrl_core::Trial;

use super::observer::{ObserverError, RunError};

/// The trials of an interrupted run that are recorded and not learned from.
pub struct TrialBacklog {
    /// Completed trials, in order. One at a time is read: each has an image.
    trials: Box<dyn Iterator<Item = Result<Trial, ObserverError>>>,
    /// Faulted attempts at the trial after them.
    attempts: u32,
}

impl TrialBacklog {
    /// The backlog of a new run.
    pub fn nothing() -> Self {
        Self::new(Vec::new(), 0)
    }

    /// Completed trials that are not learned from yet, and the number of failed attempts at the next.
    pub fn new(trials: Vec<Trial>, attempts: u32) -> Self {
        Self::read(trials.into_iter().map(Ok), attempts)
    }

    /// Completed trials that are not learned from yet, each read when it is needed, and the number of failed
    /// attempts at the next.
    pub fn read(
        trials: impl Iterator<Item = Result<Trial, ObserverError>> + 'static,
        attempts: u32,
    ) -> Self {
        Self { trials: Box::new(trials), attempts }
    }

    /// The next trial; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Trial>, RunError> {
        self.trials.next().transpose().map_err(|source| RunError::Backlog { source })
    }

    /// The number of failed attempts at the trial after the backlog; 0 when called again.
    pub(super) fn take_attempts(&mut self) -> u32 {
        std::mem::take(&mut self.attempts)
    }
}
