//! Who follows a run from outside of it.

use rmrl_cell::PickPlace;
use rmrl_core::{Decision, TrialId};
use rmrl_data::TrialRecord;
use rmrl_learn::{Learner, StopReason};

use crate::cell::first_motion::Start;
use crate::config::RunConfig;

/// Follows a run, and the earlier run that it may be pretrained on: decides who starts it and whether
/// an attempt may begin, and is notified of each attempt and each update. Every method has a default
/// that lets the run be.
pub trait RunObserver {
    /// A run is about to begin, or to resume after `records`. Returns who starts and stops it, and who
    /// lets its arm move; by default nobody stops it.
    fn begin(&mut self, config: &RunConfig, records: &[TrialRecord]) -> Start {
        let _ = (config, records);
        Start::default()
    }

    /// The training of `config` begins, or resumes, with this learner.
    fn on_learner(&mut self, config: &RunConfig, learner: &Learner) {
        let _ = (config, learner);
    }

    /// The run begins, or resumes after `records`, in `cell`.
    ///
    /// # Errors
    /// Why it does not begin.
    fn on_start(
        &mut self,
        cell: &mut PickPlace,
        records: &[TrialRecord],
    ) -> Result<(), StopReason> {
        let _ = (cell, records);
        Ok(())
    }

    /// The attempt `next` is about to begin, and all before it is safe. May wait.
    ///
    /// # Errors
    /// Why the run ends here.
    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        let _ = next;
        Ok(())
    }

    /// What to do in the attempt `id` is decided, and the arm has not moved for it yet. May wait.
    ///
    /// # Errors
    /// Why the run ends here.
    fn before_action(&mut self, id: TrialId, decision: &Decision) -> Result<(), StopReason> {
        let _ = (id, decision);
        Ok(())
    }

    /// Something was noticed in a trial that a person should know.
    fn noticed(&mut self, id: TrialId, what: &str) {
        let _ = (id, what);
    }

    /// An attempt has ended, completed or by a fault.
    fn after_attempt(&mut self, record: &TrialRecord) {
        let _ = record;
    }

    /// The last trial has been learned from.
    fn on_update(&mut self, learner: &Learner) {
        let _ = learner;
    }
}

/// Follows nothing.
pub(crate) struct NullObserver;

impl RunObserver for NullObserver {}

/// Follows nothing, but says who starts the run.
pub(crate) struct StartedBy(pub(crate) Start);

impl RunObserver for StartedBy {
    fn begin(&mut self, _: &RunConfig, _: &[TrialRecord]) -> Start {
        self.0.clone()
    }
}
