//! Trials of a policy that does not learn.

use rmrl_core::{Env, Observation};

use super::backlog::TrialBacklog;
use super::baselines::FixedPolicy;
use super::observer::{Observer, RunError};
use super::rollout::{begin, complete_trial};
use super::trial_plan::TrialPlan;

/// A run of `policy`, which does not learn, on `env`, by `plan`.
pub struct FixedPolicyRun<'a, E> {
    /// The cell.
    pub env: &'a mut E,
    /// Chooses the adjustments.
    pub policy: &'a mut dyn FixedPolicy,
    /// What each trial is for, and when the run ends.
    pub plan: TrialPlan,
    /// The trials that an interrupted run has recorded.
    pub backlog: TrialBacklog,
    /// Keeps every trial.
    pub observer: &'a mut dyn Observer<E>,
}

impl<E: Env> FixedPolicyRun<'_, E> {
    /// Makes trials until the plan ends, or the policy knows enough.
    ///
    /// # Errors
    /// A trial could not be made or not be recorded, or the observer ended the run.
    pub fn run(self) -> Result<(), RunError> {
        let Self { env, policy, mut plan, mut backlog, observer } = self;
        while let Some(trial) = backlog.next()? {
            policy.note(&trial);
            plan.note(trial.id, trial.outcome.e_trans_m());
        }
        follow_camera(env, policy);
        while !policy.knows_enough()
            && let Some(id) = plan.next(backlog.take_attempts())
        {
            if let Some(start) = policy.choose_start(id) {
                env.start_at(start);
            }
            let start = begin(env, id, observer)?;
            let decide = |observation: &Observation, id| match policy.refuse(observation) {
                Some(fault) => Err(fault),
                None => Ok(policy.decide(observation, id)),
            };
            let trial = complete_trial(env, id, start, decide, observer)?;
            policy.note(&trial);
            if let Some(what) = policy.noticed() {
                observer.noticed(trial.id, &what);
            }
            follow_camera(env, policy);
            plan.note(trial.id, trial.outcome.e_trans_m());
        }
        Ok(())
    }
}

/// Lets the cell see the target where a camera that has been moved sees it.
fn follow_camera<E: Env>(env: &mut E, policy: &dyn FixedPolicy) {
    if let Some(target) = policy.moved_target() {
        env.retarget(target);
    }
}
