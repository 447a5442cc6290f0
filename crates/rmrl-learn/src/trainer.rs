//! Role-Model Reinforcement Learning: the loop.

use rmrl_core::{Decision, Env, Fault, Observation, Rng, Scene, Trial, TrialId, random_stream};

use crate::collect::{Observer, Recorded, RunError, begin, complete_trial};
use crate::config::ScheduleConfig;
use crate::goal::Goal;
use crate::memory::{Experience, Memory};
use crate::method::Method;
use crate::policy::{EncodedState, Policy, sample};
use crate::support::Support;

/// Trains `learner` by `method` on `env` until `goal` is reached, a number of trials or a proof. With
/// what it learns from each trial, below, it is the whole of Sec. 3.2-3.3.
///
/// The policy learns from a trial while the arm makes the start of the next one, and has learnt from
/// it before the next action is decided on: the same as if it did one after the other, and no arm
/// waits. Trials that an interrupted run has made already come from `recorded` instead of the cell,
/// and are learnt from in the same way, so a resumed run becomes what an uninterrupted one would
/// have.
///
/// # Errors
/// A trial could not be made or not be recorded.
pub fn train<E: Env>(
    env: &mut E,
    learner: &mut Learner,
    method: &mut Method,
    schedule: &ScheduleConfig,
    goal: impl Into<Goal>,
    recorded: &mut Recorded,
    observer: &mut dyn Observer<E>,
) -> Result<(), RunError> {
    let mut goal = goal.into();
    let (mut made, mut lesson) = (learner.trials, None);
    while !goal.is_reached(made) {
        made += 1;
        let scene = (made - 1) / schedule.trials_per_scene + 1;
        let id = TrialId { trial: made, attempt: 1, scene };
        // Observe s = (I, P_e), sample a ~ π_θ(. | s), pick at P_e + a (Eq. 1), place, measure the
        // reward (Eq. 9-11). The trial is on disk before the arm moves again.
        let (trial, state) = if let Some(trial) = recorded.next() {
            learner.learn_and_tell(method, schedule, lesson.take(), observer)?;
            let state = learner.policy.encode(&trial.observation);
            (trial, state)
        } else {
            let id = TrialId { attempt: recorded.take_attempts() + 1, ..id };
            let before = lesson.take();
            let has_learnt = before.is_some();
            let begun = beside(
                || before.into_iter().for_each(|lesson| learner.learn(method, schedule, lesson)),
                || begin(env, id, observer),
            );
            if has_learnt {
                learner.tell(observer)?;
            }
            learner.next_trial(env, id, begun?, observer)?
        };
        goal.note(&trial.ending);
        let complete = made.is_multiple_of(schedule.trials_per_scene) || goal.is_reached(made);
        lesson = Some(Lesson { trial, state, complete });
    }
    learner.learn_and_tell(method, schedule, lesson, observer)
}

/// A trial that is still to be learnt from.
struct Lesson {
    trial: Trial,
    state: EncodedState,
    /// Whether it is the last of its scene.
    complete: bool,
}

/// Does `work` on another thread, if there is one, beside `motion` on this one.
fn beside<T>(work: impl FnOnce() + Send, motion: impl FnOnce() -> T) -> T {
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| work());
        motion()
    })
}

/// A policy in training, with all that it was trained on.
pub struct Learner {
    /// The policy `π_θ`.
    pub policy: Policy,
    /// States, experiences and the labelled data set `D`.
    pub memory: Memory,
    /// The trials of the scene under way.
    scene: Scene,
    trials: u32,
    seed: u64,
}

impl Learner {
    /// A learner at its beginning.
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self::after(policy, Memory::default(), 0, seed)
    }

    /// A learner between two scenes, after `trials` trials.
    pub(crate) fn after(policy: Policy, memory: Memory, trials: u32, seed: u64) -> Self {
        Self { policy, memory, scene: Scene::new(), trials, seed }
    }

    /// Trials learnt from so far.
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// The seed of exploration and replay.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether no scene is under way: the moments that a checkpoint can hold.
    pub fn is_between_scenes(&self) -> bool {
        self.scene.trials().is_empty()
    }

    /// Ends the training: the policy learns which states it was trained on, by which it tells, when
    /// deployed, those that are unlike them.
    pub fn conclude(&mut self, schedule: &ScheduleConfig) {
        let scenes = self.memory.states.chunks(schedule.trials_per_scene as usize);
        self.policy.support = Support::of(&self.policy, scenes);
    }

    /// Learns from a trial: the methods are what they do here.
    fn learn(&mut self, method: &mut Method, schedule: &ScheduleConfig, lesson: Lesson) {
        let Lesson { trial, state, complete } = lesson;
        self.memory.states.push(state);
        self.trials = trial.id.trial;

        // On-line training: policy gradient with this trial, Eq. 5-6, or the method's own update.
        if let Some(experience) = Experience::of(&trial) {
            self.memory.experiences.push(experience);
            if let Some(online) = &method.online {
                online.update(&mut self.policy, &self.memory, complete);
            }
        }
        self.scene.push(trial);

        // Role-model on-line labelling: the best action of the scene (Eq. 2) labels its states
        // (Eq. 3), which join D (Eq. 4); then off-line training on D_i alone (Eq. 7-8).
        let actions = self.policy.actions();
        if let Some(labels) = method.label(&self.scene, &self.memory, actions, complete) {
            self.memory.dataset.extend(labels);
            self.train_on_scene(schedule.scene_epochs);
        }

        // Data Replay: off-line training on random minibatches of the whole D.
        if self.trials.is_multiple_of(schedule.replay_interval) {
            let mut rng = self.stream("replay");
            let (batches, size) = (schedule.replay_batches, schedule.batch_size);
            method.replay.replay(&mut self.policy, &self.memory, batches, size, &mut rng);
        }

        if complete {
            self.scene.take();
        }
        // From coarse to fine: candidates between those that were tried so far.
        while self.policy.refinements < schedule.refinements_after(self.trials) {
            self.refine();
        }
    }

    /// Learns from a trial, if there is one, and tells the observer.
    fn learn_and_tell<E>(
        &mut self,
        method: &mut Method,
        schedule: &ScheduleConfig,
        lesson: Option<Lesson>,
        observer: &mut dyn Observer<E>,
    ) -> Result<(), RunError> {
        let Some(lesson) = lesson else {
            return Ok(());
        };
        self.learn(method, schedule, lesson);
        self.tell(observer)
    }

    fn tell<E>(&self, observer: &mut dyn Observer<E>) -> Result<(), RunError> {
        observer.learnt(self).map_err(|source| RunError::Progress { trial: self.trials, source })
    }

    /// Goes on with finer candidates; what was done and labelled so far stays the same values.
    fn refine(&mut self) {
        self.policy.refine();
        self.memory.refine();
    }

    /// Supervised passes over `D_i`; none where nothing is labelled.
    fn train_on_scene(&mut self, passes: usize) {
        let data = self.memory.scene_data(self.scene.trials());
        if !data.is_empty() {
            for _ in 0..passes {
                self.policy.supervised_step(&data);
            }
        }
    }

    /// Makes the trial that has `begun`; with its encoded state.
    fn next_trial<E: Env>(
        &self,
        env: &mut E,
        id: TrialId,
        begun: Result<Observation, Fault>,
        observer: &mut dyn Observer<E>,
    ) -> Result<(Trial, EncodedState), RunError> {
        let mut encoded = None;
        let decide = |observation: &Observation, id: TrialId| {
            let state = encoded.insert(self.policy.encode(observation));
            self.explore(state, id)
        };
        let trial = complete_trial(env, id, begun, decide, observer)?;
        Ok((trial, encoded.expect("a completed trial was decided on")))
    }

    /// Samples an action from the policy, `a ~ π_θ(. | s)`.
    fn explore(&self, state: &EncodedState, id: TrialId) -> Decision {
        let distribution = self.policy.distribution(state);
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let index = sample(&distribution, &mut random_stream(self.seed, "explore", place));
        self.policy.decision(index, distribution)
    }

    /// A random stream for one purpose after the present trial.
    fn stream(&self, purpose: &str) -> Rng {
        random_stream(self.seed, purpose, [u64::from(self.trials), 0])
    }
}
