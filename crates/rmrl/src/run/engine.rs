//! The one engine of a run: everything between a configuration and its last trial, whatever keeps it.

use rmrl_cell::PickPlace;
use rmrl_core::{Decision, Look, TrialId, TrialReport};
use rmrl_data::TrialRecord;
use rmrl_learn::{
    FixedPolicyRun, HindsightByGeometry, Learner, Method, MethodName, Observer, ObserverError,
    Policy, RunError, StopReason, Training,
};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;
use crate::run::baseline::{baseline, learned_geometry, telling_poses};
use crate::run::observer::RunObserver;
use crate::run::outcome::RunOutcome;
use crate::run::run_log::plan_after;
use crate::run::store::RunStore;
use crate::run::target_record::TargetRecord;

/// The result of a run.
pub struct RunResult {
    /// All attempts so far, those of earlier starts included.
    pub records: Vec<TrialRecord>,
    /// Why no more were made.
    pub end: RunOutcome,
    /// The target; `None` where the run ended before it was recorded.
    pub target: Option<TargetRecord>,
    /// The policy to deploy; `None` where nothing was learned.
    pub policy: Option<Policy>,
}

/// Runs what is left to do of a run, which is everything for a new one.
///
/// # Errors
/// What `store` holds is damaged, a trial could not be made or kept, or too many faults came in a row. That
/// the run was stopped or ended early is no error.
pub(crate) fn run_to_end(
    config: &RunConfig,
    store: &mut dyn RunStore,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    match try_run(config, store, observer) {
        Err(error) => match RunOutcome::of(&error) {
            // Before its first trial, or in the earlier run that it is pretrained on.
            Some(end) => {
                let records = store.records().to_vec();
                Ok(RunResult { records, end, target: None, policy: None })
            }
            None => Err(error),
        },
        done => done,
    }
}

fn try_run(
    config: &RunConfig,
    store: &mut dyn RunStore,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    let mut learner = match config.method.learns() {
        true => Some(store.learner(config, observer)?),
        false => None,
    };
    if let Some(learner) = &learner {
        observer.on_learner(config, learner);
    }
    let start = observer.begin(config, store.records());
    let mut laboratory = Laboratory::start(config, u64::from(config.seed), &start)?;
    observer.on_start(&mut laboratory.trial, store.records()).map_err(RunOutcome::Early)?;
    let target = store.begin(config, &mut laboratory)?;
    let end = make_trials(
        config,
        &mut laboratory,
        learner.as_mut(),
        target.target.look(),
        store,
        observer,
    )?;
    let has_tried = !store.records().iter().all(TrialRecord::is_fault);
    let policy = learner.filter(|_| has_tried).map(|mut learner| {
        learner.finish_training();
        learner.policy
    });
    if let Some(policy) = &policy {
        store.keep_policy(policy)?;
    }
    if config.method.is_self_calibration() && has_tried {
        let learned = learned_geometry(config, store.records(), target.target.look())?;
        store.keep_belief(&learned.belief().saved())?;
    }
    Ok(RunResult { records: store.finish()?, end, target: Some(target), policy })
}

/// Makes the trials that are left, by the configured method.
fn make_trials(
    config: &RunConfig,
    laboratory: &mut Laboratory,
    learner: Option<&mut Learner>,
    target: Look,
    store: &mut dyn RunStore,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunOutcome> {
    let learned = learner.as_ref().map_or(0, |learner| learner.trials());
    if store.records().iter().all(TrialRecord::is_fault) {
        laboratory.trial.carry_first_to(telling_poses(config, target));
    }
    // The rest will be met again, in the backlog.
    let known = store.records().iter().take_while(|record| record.trial <= learned);
    let plan = plan_after(config, known);
    let backlog = store.backlog(learned, learner.is_some())?;
    let schedule = &config.schedule;
    let learning = config.learning_method();
    let learning = learning
        .map(|method| with_geometry(method, config, (store.records(), learned), target))
        .transpose()?;
    let mut kept = Kept { store, observer };
    let ended = match (learning, learner) {
        (Some(mut method), Some(learner)) => {
            let (env, method, observer) = (&mut laboratory.trial, &mut method, &mut kept);
            Training { env, learner, method, schedule, plan, backlog, observer }.run()
        }
        _ => {
            let mut baseline = baseline(config, laboratory, target)?;
            let (env, policy, observer) = (&mut laboratory.trial, baseline.as_mut(), &mut kept);
            FixedPolicyRun { env, policy, plan, backlog, observer }.run()
        }
    };
    end_of(ended, &mut laboratory.trial, config.unattended.confirm_trials)
}

/// A method that takes the slide of closing jaws from the geometry, where it is configured so, with what the trials told
/// that it has learned from.
fn with_geometry(
    method: Method,
    config: &RunConfig,
    (records, learned): (&[TrialRecord], u32),
    target: Look,
) -> anyhow::Result<Method> {
    if config.method != MethodName::Hindsight || !config.schedule.slide_by_geometry {
        return Ok(method);
    }
    let so_far: Vec<TrialRecord> =
        records.iter().filter(|record| record.trial <= learned).cloned().collect();
    let learned = learned_geometry(config, &so_far, target)?;
    let place = config.task.place.pose();
    let labeling = HindsightByGeometry::new(learned.belief().clone(), place);
    Ok(Method { labeling: Some(Box::new(labeling)), ..method })
}

/// How trials ended. The arm goes home only where that is known to be safe: after the goal, or a limit that was
/// set for the run. Never after a person declined, did not answer or stopped it, nor while one is needed; and
/// not where every motion has to be confirmed.
fn end_of(
    ended: Result<(), RunError>,
    cell: &mut PickPlace,
    confirms: bool,
) -> anyhow::Result<RunOutcome> {
    let outcome = match ended {
        Ok(()) => RunOutcome::Goal,
        Err(error) => {
            let error = anyhow::Error::from(error);
            RunOutcome::of(&error).ok_or(error)?
        }
    };
    if outcome.lets_the_arm_go_home()
        && !confirms
        && let Err(fault) = cell.stand_down()
    {
        tracing::warn!("the arm could not be brought home, and stays where it is: {fault}");
    }
    Ok(outcome)
}

/// Keeps each attempt and each update first, then notifies the observer.
struct Kept<'a> {
    store: &'a mut dyn RunStore,
    observer: &'a mut dyn RunObserver,
}

impl Observer<PickPlace> for Kept<'_> {
    fn trial_ended(
        &mut self,
        cell: &PickPlace,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        let record = self.store.record(cell, report)?;
        self.observer.after_attempt(&record);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ObserverError> {
        self.store.flush().map_err(Into::into)
    }

    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        self.observer.before_attempt(next)
    }

    fn before_action(&mut self, id: TrialId, decision: &Decision) -> Result<(), StopReason> {
        self.observer.before_action(id, decision)
    }

    fn noticed(&mut self, id: TrialId, what: &str) {
        self.observer.noticed(id, what);
    }

    fn on_update(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        self.store.on_update(learner)?;
        self.observer.on_update(learner);
        Ok(())
    }
}
