//! A run under the supervision that its configuration asks for, for programs that are no command.

use rmrl_cell::PickPlace;
use rmrl_core::{Decision, TrialId};
use rmrl_data::{RunDir, TrialRecord};
use rmrl_learn::{Learner, StopReason};

use crate::cell::first_motion::Start;
use crate::config::RunConfig;
use crate::run::engine::RunResult;
use crate::run::execute::execute_observed;
use crate::run::metrics_files::Progress;
use crate::run::observer::RunObserver;
use crate::supervision::notify::Notifier;
use crate::supervision::run_page::{announce_page, serve};
use crate::supervision::supervisor::Supervisor;

/// Runs what is left to do in a run directory on behalf of `start`, as `rmrl train` does: within the limits of
/// `[unattended]`, with the page of `[page]` and the messages of `[notify]`. `observer` is notified of everything, too, and may
/// end the run early; its [`RunObserver::begin`] is not asked.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute_supervised(
    dir: &RunDir,
    config: &RunConfig,
    start: Start,
    (progress, observer): (&mut dyn Progress, &mut dyn RunObserver),
) -> anyhow::Result<RunResult> {
    let page = serve(&config.page, &start.stop)?;
    page.iter().for_each(announce_page);
    let name = dir.root().display().to_string();
    let notifier = Notifier::new(&config.notify);
    let supervisor = Supervisor::new(name, config.unattended, start, page, notifier);
    let mut both = Both { supervisor, observer };
    let result = execute_observed(dir, config, progress, &mut both);
    let ended = result.as_ref().map(|result| &result.end).map_err(|error| format!("{error:#}"));
    both.supervisor.finish(ended);
    result
}

/// The supervisor, then the observer of a program.
struct Both<'a> {
    supervisor: Supervisor,
    observer: &'a mut dyn RunObserver,
}

impl RunObserver for Both<'_> {
    fn begin(&mut self, config: &RunConfig, records: &[TrialRecord]) -> Start {
        self.supervisor.begin(config, records)
    }

    fn on_learner(&mut self, config: &RunConfig, learner: &Learner) {
        self.supervisor.on_learner(config, learner);
        self.observer.on_learner(config, learner);
    }

    fn on_start(
        &mut self,
        cell: &mut PickPlace,
        records: &[TrialRecord],
    ) -> Result<(), StopReason> {
        self.observer.on_start(cell, records)?;
        self.supervisor.on_start(cell, records)
    }

    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        self.observer.before_attempt(next)?;
        self.supervisor.before_attempt(next)
    }

    fn before_action(&mut self, id: TrialId, decision: &Decision) -> Result<(), StopReason> {
        self.observer.before_action(id, decision)?;
        self.supervisor.before_action(id, decision)
    }

    fn noticed(&mut self, id: TrialId, what: &str) {
        self.supervisor.noticed(id, what);
        self.observer.noticed(id, what);
    }

    fn after_attempt(&mut self, record: &TrialRecord) {
        self.supervisor.after_attempt(record);
        self.observer.after_attempt(record);
    }

    fn on_update(&mut self, learner: &Learner) {
        self.supervisor.on_update(learner);
        self.observer.on_update(learner);
    }
}
