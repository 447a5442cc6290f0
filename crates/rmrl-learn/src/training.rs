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
mod self_calibration;
mod stopping;
mod trial_plan;

use rmrl_core::{Env, Observation, Purpose, TrialId};

pub use self::backlog::TrialBacklog;
pub use self::baselines::{
    CalibratedOracle, Chessboard, ConstantOffset, FixedPolicy, GreedyPolicy, NoCorrection, Oracle,
    RandomCorrection,
};
pub use self::encoder_pretraining::{EncoderExample, EncoderTrainer, EncoderTraining};
pub use self::fixed_policy_run::FixedPolicyRun;
pub use self::learner::Learner;
use self::learner::{PendingTrial, Unlearned};
pub use self::observer::{Observer, ObserverError, RunError};
use self::overlap::beside;
pub use self::pretrain::{EarlierData, pretrain};
use self::rollout::{ResetResult, begin, complete_trial};
pub use self::self_calibration::{Limits, SelfCalibration};
pub use self::stopping::StopReason;
pub use self::trial_plan::{Noted, TrialPlan};
use crate::config::ScheduleConfig;
use crate::method::Method;

/// A training run of `learner` by `method` on `env`, by `plan`.
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
    /// What each trial is for, and when the run ends.
    pub plan: TrialPlan,
    /// The trials that an interrupted run has recorded and the learner has not learned from.
    pub backlog: TrialBacklog,
    /// Keeps every trial.
    pub observer: &'a mut dyn Observer<E>,
}

impl<E: Env> Training<'_, E> {
    /// Trains until the plan ends.
    ///
    /// # Errors
    /// A trial could not be made or not be recorded, or the observer ended the run.
    pub fn run(mut self) -> Result<(), RunError> {
        let mut unlearned = Unlearned::default();
        self.learn_from_backlog(&mut unlearned)?;
        while let Some(id) = self.plan.next(self.backlog.take_attempts()) {
            self.iterate(id, &mut unlearned)?;
        }
        if self.plan.proven_at().is_none() {
            unlearned.give_up_series();
        }
        self.learn_from(unlearned.take_ready())
    }

    /// One iteration of the paper's loop (Sec. 3.2): the trial `id`, and learning from those before it.
    fn iterate(&mut self, id: TrialId, unlearned: &mut Unlearned) -> Result<(), RunError> {
        // Observe s = (I, P_e). While the arm makes the start, the policy learns from the last trial.
        let start = self.begin_beside_learning(id, unlearned.take_ready())?;
        if self.plan.is_series() {
            self.learner.freeze();
        }
        // Sample a ~ π_θ(. | s), pick at P_e + a (Eq. 1), place, and measure the reward (Eq. 9-11).
        let (learner, mut state) = (&*self.learner, None);
        let decide = |observation: &Observation, id: TrialId| {
            let state = state.insert(learner.policy.encode(observation));
            Ok(match id.purpose {
                Purpose::Training => learner.explore(state, id),
                Purpose::Test => learner.policy.decide_in(state),
            })
        };
        let trial = complete_trial(self.env, id, start, decide, self.observer)?;
        let state = state.expect("the policy has chosen the action of a completed trial");
        let noted = self.plan.note(trial.id, trial.outcome.e_trans_m());
        unlearned.add(trial, state, noted);
        Ok(())
    }
}

/// The other half of the iteration (Sec. 3.3): learning from a trial. Methods differ only here.
fn learn(
    learner: &mut Learner,
    method: &mut Method,
    schedule: &ScheduleConfig,
    trial: PendingTrial,
) {
    let (completes_scene, is_test) = (trial.completes_scene, trial.trial.id.is_test());
    let is_experience = learner.remember(trial);
    if is_test && !method.learns_from_tests() {
        learner.end_scene();
        return;
    }

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
    learner.refine_up_to(schedule.refinements_after(learner.training_trials()));
}

impl<E: Env> Training<'_, E> {
    /// Begins the attempt `id`, and learns from `ready` meanwhile.
    fn begin_beside_learning(
        &mut self,
        id: TrialId,
        ready: Vec<PendingTrial>,
    ) -> Result<ResetResult, RunError> {
        let Self { env, learner, method, schedule, observer, .. } = self;
        if ready.is_empty() {
            return begin(*env, id, *observer);
        }
        let learning = || learn_from_all(learner, method, schedule, ready);
        let start = beside(learning, || begin(*env, id, *observer));
        self.report_update()?;
        start
    }

    /// Learns from the recorded trials of an interrupted run, one after the other. Those of a series that is under
    /// way stay in `unlearned`.
    fn learn_from_backlog(&mut self, unlearned: &mut Unlearned) -> Result<(), RunError> {
        while !self.plan.is_reached()
            && let Some(trial) = self.backlog.next()?
        {
            let state = self.learner.policy.encode(&trial.observation);
            let noted = self.plan.note(trial.id, trial.outcome.e_trans_m());
            unlearned.add(trial, state, noted);
            self.learn_from(unlearned.take_ready())?;
        }
        Ok(())
    }

    fn learn_from(&mut self, ready: Vec<PendingTrial>) -> Result<(), RunError> {
        if ready.is_empty() {
            return Ok(());
        }
        learn_from_all(self.learner, self.method, self.schedule, ready);
        self.report_update()
    }

    fn report_update(&mut self) -> Result<(), RunError> {
        let trial = self.learner.trials();
        self.observer.on_update(self.learner).map_err(|source| RunError::Progress { trial, source })
    }
}

/// Ends the scene under way, if there is one, before its last trial: labels it as it is, and learns from these labels. A run
/// that stopped within a scene can then be kept as a checkpoint, and continues with another scene.
pub fn end_scene_early(learner: &mut Learner, method: &Method, schedule: &ScheduleConfig) {
    if learner.is_between_scenes() {
        return;
    }
    let actions = learner.policy.actions();
    if let Some(labels) = method.label(learner.scene(), &learner.memory, actions, true) {
        learner.memory.dataset.extend(labels);
        learner.train_on_scene(schedule.scene_epochs);
    }
    learner.end_scene();
}

/// Learns from one trial after the other.
fn learn_from_all(
    learner: &mut Learner,
    method: &mut Method,
    schedule: &ScheduleConfig,
    ready: Vec<PendingTrial>,
) {
    learner.continue_training();
    for trial in ready {
        learn(learner, method, schedule, trial);
    }
}
