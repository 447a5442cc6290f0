//! Runs that a program makes and follows, with the people and limits around them that `rmrl train` has.

use std::path::Path;

use anyhow::{Context, bail};
use rmrl_cell::PickPlace;
use rmrl_core::{Decision, TrialId};
use rmrl_data::{RunDir, TrialRecord};
use rmrl_learn::{Learner, StopReason};

use crate::cell::first_motion::{Start, check_somebody_to_ask};
use crate::config::{OperatorKind, RunConfig};
use crate::run::create::create;
use crate::run::engine::RunResult;
use crate::run::execute::execute_observed;
use crate::run::new_run::NewRun;
use crate::run::observer::RunObserver;
use crate::run::outcome::RunOutcome;
use crate::supervision::notify::Notifier;
use crate::supervision::run_page::serve;
use crate::supervision::supervisor::Supervisor;

/// Makes a new run in `root`, with the limits, the page and the messages of its
/// configuration, as `rmrl train` does. `start` says what stops it, and who permits the arm's first motion.
///
/// # Errors
/// The configuration makes no run, nobody can be asked, the directory exists, or the run failed. A run that recorded nothing
/// leaves no directory.
pub fn train_attended(
    config: &RunConfig,
    root: &Path,
    start: &Start,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    check_operator(config, start)?;
    let new_run = NewRun::in_directory(root);
    let (dir, config) = create(config, root)?;
    let result = attend(dir, &config, start, observer);
    let is_empty = match &result {
        Ok(result) => {
            let is_limit = matches!(result.end, RunOutcome::Early(StopReason::TimeIsUp { .. }));
            result.records.is_empty() && !is_limit
        }
        Err(_) => true,
    };
    if is_empty && new_run.discard_if_empty() {
        let nothing = "the run did not start, and no run directory is left";
        return match result {
            Ok(RunResult { end, .. }) => Err(anyhow::Error::from(end).context(nothing)),
            Err(error) => Err(error.context(nothing)),
        };
    }
    result
}

/// Continues the run in `root` by its own configuration, as `rmrl train --resume` does. `start` says what stops it, and who
/// permits the arm's first motion.
///
/// # Errors
/// It is no run, or is damaged or in use, nobody can be asked, or the run failed.
pub fn resume_attended(
    root: &Path,
    start: &Start,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    let dir = RunDir::open(root)?;
    let config = RunConfig::of_run(&dir.path(RunDir::CONFIG))?;
    check_operator(&config, start)?;
    attend(dir, &config, start, observer)
}

fn check_operator(config: &RunConfig, start: &Start) -> anyhow::Result<()> {
    if config.cell.operator == OperatorKind::Page && config.page.serve.is_none() {
        bail!("cell.operator is \"page\", and no page is served; give page.serve");
    }
    Ok(check_somebody_to_ask(config, start.is_unasked)?)
}

/// Runs what is left to do in `dir`.
fn attend(
    dir: RunDir,
    config: &RunConfig,
    start: &Start,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    let page = serve(&config.page, &start.stop).context("the page")?;
    if let Some(page) = &page {
        tracing::warn!("watch the run at {}", page.page().url());
    }
    let (name, notifier) = (dir.root().display().to_string(), Notifier::new(&config.notify));
    let mut supervisor = Supervisor::new(name, config.unattended, start.clone(), page, notifier);
    let mut both = Both { supervisor: &mut supervisor, observer };
    let result = execute_observed(&dir, config, &mut (), &mut both);
    // Other programs may open the run from here on.
    drop(dir);
    supervisor.finish(match &result {
        Ok(result) => Ok(&result.end),
        Err(error) => Err(format!("{error:#}")),
    });
    result
}

/// A supervisor, and somebody who follows the run, too. The supervisor says who starts it.
struct Both<'a> {
    supervisor: &'a mut Supervisor,
    observer: &'a mut dyn RunObserver,
}

impl RunObserver for Both<'_> {
    fn begin(&mut self, config: &RunConfig, records: &[TrialRecord]) -> Start {
        self.observer.begin(config, records);
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
        self.supervisor.on_start(cell, records)?;
        self.observer.on_start(cell, records)
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
