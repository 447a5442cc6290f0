//! Trials of a policy that does not learn.

use rmrl_core::{Env, Observation};

use super::backlog::TrialBacklog;
use super::baselines::FixedPolicy;
use super::observer::{Observer, RunError};
use super::rollout::{begin, complete_trial, trial_id};
use super::stopping::Goal;

/// A run of `policy`, which does not learn, on `env`. It ends when `goal` is reached.
pub struct FixedPolicyRun<'a, E> {
    /// The cell.
    pub env: &'a mut E,
    /// Chooses the adjustments.
    pub policy: &'a mut dyn FixedPolicy,
    /// The number of trials in a scene.
    pub trials_per_scene: u32,
    /// When the run ends: after a number of trials, or with a proof.
    pub goal: Goal,
    /// The trials that an interrupted run has recorded.
    pub backlog: TrialBacklog,
    /// Keeps every trial.
    pub observer: &'a mut dyn Observer<E>,
}

impl<E: Env> FixedPolicyRun<'_, E> {
    /// Makes trials until the goal is reached.
    ///
    /// # Errors
    /// A trial could not be made or not be recorded, or the observer ended the run.
    pub fn run(self) -> Result<(), RunError> {
        let Self { env, policy, trials_per_scene, mut goal, mut backlog, observer } = self;
        let mut made = 0;
        while let Some(trial) = backlog.next()? {
            policy.note(&trial);
            goal.note(&trial.outcome);
            made = trial.id.trial;
        }
        while !goal.is_reached(made) {
            let id = trial_id(made + 1, backlog.take_attempts(), trials_per_scene);
            let start = begin(env, id, observer)?;
            let decide = |observation: &Observation, id| policy.decide(observation, id);
            let trial = complete_trial(env, id, start, decide, observer)?;
            policy.note(&trial);
            goal.note(&trial.outcome);
            made = id.trial;
        }
        Ok(())
    }
}
