//! Role-Model Reinforcement Learning: the training of a policy on a cell (Sec. 3).

mod backlog;
mod baselines;
mod checkpoint;
mod encoder_pretraining;
mod fixed_policy_run;
mod learner;
mod observer;
mod overlap;
mod pretrain;
mod rollout;
mod stopping;

use rmrl_core::{Env, Observation, TrialId};

pub use self::backlog::TrialBacklog;
pub use self::baselines::{
    ConstantOffset, FixedPolicy, GreedyPolicy, NoCorrection, Oracle, RandomCorrection,
};
pub use self::encoder_pretraining::{EncoderExample, EncoderTrainer, EncoderTraining};
pub use self::fixed_policy_run::FixedPolicyRun;
pub use self::learner::Learner;
use self::learner::PendingTrial;
pub use self::observer::{Observer, ObserverError, RunError};
use self::overlap::beside;
pub use self::pretrain::{EarlierData, pretrain};
use self::rollout::{ResetResult, begin, complete_trial, trial_id};
pub use self::stopping::{Goal, StopReason};
use crate::config::ScheduleConfig;
use crate::method::Method;

/// A training run of `learner` by `method` on `env`. It ends when `goal` is reached.
///
/// The policy learns from a trial while the arm makes the start of the next one, and has learned from
/// it before the next action is chosen. The result is the same as if it learned first, and no arm
/// waits. A resumed run learns from its recorded trials in the same way, so it becomes what an
/// uninterrupted one would have become.
pub struct Training<'a, E> {
    /// The cell.
    pub env: &'a mut E,
    /// The policy in training, with its data.
    pub learner: &'a mut Learner,
    /// The update, the labels and the replay.
    pub method: &'a mut Method,
    /// When to learn from which data.
    pub schedule: &'a ScheduleConfig,
    /// When the run ends: after a number of trials, or with a proof.
    pub goal: Goal,
    /// The trials that an interrupted run has recorded and the learner has not learned from.
    pub backlog: TrialBacklog,
    /// Keeps every trial.
    pub observer: &'a mut dyn Observer<E>,
}

impl<E: Env> Training<'_, E> {
    /// Trains until the goal is reached.
    ///
    /// # Errors
    /// A trial could not be made or not be recorded, or the observer ended the run.
    pub fn run(mut self) -> Result<(), RunError> {
        self.learn_from_backlog()?;
        let mut last = None;
        while let Some(id) = self.next_trial(last.as_ref()) {
            last = Some(self.iterate(id, last)?);
        }
        last.map_or(Ok(()), |last| self.learn_from(last))
    }

    /// One iteration of the paper's loop (Sec. 3.2): the trial `id`, and learning from the last one.
    fn iterate(
        &mut self,
        id: TrialId,
        last: Option<PendingTrial>,
    ) -> Result<PendingTrial, RunError> {
        // Observe s = (I, P_e). While the arm makes the start, the policy learns from the last trial.
        let start = self.begin_beside_learning(id, last)?;
        // Sample a ~ π_θ(. | s), pick at P_e + a (Eq. 1), place, and measure the reward (Eq. 9-11).
        let (learner, mut state) = (&*self.learner, None);
        let explore = |observation: &Observation, id| {
            let state = state.insert(learner.policy.encode(observation));
            learner.explore(state, id)
        };
        let trial = complete_trial(self.env, id, start, explore, self.observer)?;
        let state = state.expect("the policy has chosen the action of a completed trial");
        self.goal.note(&trial.outcome);
        Ok(PendingTrial { completes_scene: self.completes_scene(trial.id.trial), trial, state })
    }
}

/// The other half of the iteration (Sec. 3.3): learning from a trial. Methods differ only here.
fn learn(
    learner: &mut Learner,
    method: &mut Method,
    schedule: &ScheduleConfig,
    trial: PendingTrial,
) {
    let completes_scene = trial.completes_scene;
    let is_experience = learner.remember(trial);

    // On-line training: policy gradient with this trial (Eq. 5-6), or another update of the method.
    if is_experience && let Some(online) = &method.online {
        online.update(&mut learner.policy, &learner.memory, completes_scene);
    }

    // Role-model on-line labeling: the best action of the scene (Eq. 2) labels its states (Eq. 3),
    // which join D (Eq. 4). Then off-line training on D_i alone (Eq. 7-8).
    let actions = learner.policy.actions();
    if let Some(labels) = method.label(learner.scene(), &learner.memory, actions, completes_scene) {
        learner.memory.dataset.extend(labels);
        learner.train_on_scene(schedule.scene_epochs);
    }

    // Data Replay: off-line training on random minibatches of the whole D.
    if learner.trials().is_multiple_of(schedule.replay_interval) {
        let mut rng = learner.random_stream("replay");
        let (batches, size) = (schedule.replay_batches, schedule.batch_size);
        method.replay.replay(&mut learner.policy, &learner.memory, batches, size, &mut rng);
    }

    if completes_scene {
        learner.end_scene();
    }
    // From coarse to fine: new candidates in the middle between the present ones.
    learner.refine_up_to(schedule.refinements_after(learner.trials()));
}

impl<E: Env> Training<'_, E> {
    /// Begins the attempt `id`, and learns from the last trial meanwhile.
    fn begin_beside_learning(
        &mut self,
        id: TrialId,
        last: Option<PendingTrial>,
    ) -> Result<ResetResult, RunError> {
        let Self { env, learner, method, schedule, observer, .. } = self;
        let Some(last) = last else {
            return begin(*env, id, *observer);
        };
        let start =
            beside(|| learn(learner, method, schedule, last), || begin(*env, id, *observer));
        self.report_update()?;
        start
    }

    /// Learns from the recorded trials of an interrupted run, one after the other.
    fn learn_from_backlog(&mut self) -> Result<(), RunError> {
        while !self.goal.is_reached(self.learner.trials())
            && let Some(trial) = self.backlog.next()?
        {
            self.goal.note(&trial.outcome);
            let state = self.learner.policy.encode(&trial.observation);
            let completes_scene = self.completes_scene(self.learner.trials() + 1);
            self.learn_from(PendingTrial { trial, state, completes_scene })?;
        }
        Ok(())
    }

    fn learn_from(&mut self, trial: PendingTrial) -> Result<(), RunError> {
        learn(self.learner, self.method, self.schedule, trial);
        self.report_update()
    }

    fn report_update(&mut self) -> Result<(), RunError> {
        let trial = self.learner.trials();
        self.observer.on_update(self.learner).map_err(|source| RunError::Progress { trial, source })
    }

    /// The trial after `last`; `None` if the goal is reached.
    fn next_trial(&mut self, last: Option<&PendingTrial>) -> Option<TrialId> {
        let made = last.map_or(self.learner.trials(), |last| last.trial.id.trial);
        let failed_attempts = self.backlog.take_attempts();
        (!self.goal.is_reached(made))
            .then(|| trial_id(made + 1, failed_attempts, self.schedule.trials_per_scene))
    }

    /// Whether a trial is the last of its scene: the scene is full, or the run ends.
    fn completes_scene(&self, trial: u32) -> bool {
        trial.is_multiple_of(self.schedule.trials_per_scene) || self.goal.is_reached(trial)
    }
}
