//! A policy in training, with its data.

use rmrl_core::{Decision, Rng, Scene, Trial, TrialId, random_stream};

use crate::config::ScheduleConfig;
use crate::method::{Experience, ReplayMemory};
use crate::policy::{EncodedState, Policy, sample};

/// A policy in training, with all data that it was trained on.
pub struct Learner {
    /// The policy `π_θ`.
    pub policy: Policy,
    /// States, experiences and the labeled data set `D`.
    pub memory: ReplayMemory,
    /// The trials of the scene under way.
    scene: Scene,
    trials: u32,
    seed: u64,
}

/// A trial that the policy has not learned from yet.
pub(super) struct PendingTrial {
    pub(super) trial: Trial,
    pub(super) state: EncodedState,
    /// Whether it is the last of its scene.
    pub(super) completes_scene: bool,
}

impl Learner {
    /// A learner before its first trial. `seed` is the seed of exploration and replay.
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self::after(policy, ReplayMemory::default(), 0, seed)
    }

    /// A learner between two scenes, after `trials` trials.
    pub(super) fn after(policy: Policy, memory: ReplayMemory, trials: u32, seed: u64) -> Self {
        Self { policy, memory, scene: Scene::new(), trials, seed }
    }

    /// The number of trials that it has learned from.
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// The seed of exploration and replay.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether no scene is under way, so that a checkpoint can hold the learner.
    pub fn is_between_scenes(&self) -> bool {
        self.scene.trials().is_empty()
    }

    /// Ends the training: the policy keeps the states that it was trained on, and abstains in unlike
    /// ones when deployed.
    pub fn finish_training(&mut self, schedule: &ScheduleConfig) {
        let scenes = self.memory.states.chunks(schedule.trials_per_scene as usize);
        self.policy.fit_support(scenes);
    }

    /// The scene under way.
    pub(super) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Samples an action from the policy, `a ~ π_θ(. | s)`.
    pub(super) fn explore(&self, state: &EncodedState, id: TrialId) -> Decision {
        let distribution = self.policy.distribution(state);
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let index = sample(&distribution, &mut random_stream(self.seed, "explore", place));
        self.policy.decision(index, distribution)
    }

    /// Adds a trial to the memory and the scene. Returns whether it is an experience: its action is
    /// made of candidates.
    pub(super) fn remember(&mut self, PendingTrial { trial, state, .. }: PendingTrial) -> bool {
        let experience = Experience::of(&trial);
        self.memory.states.push(state);
        self.memory.experiences.extend(experience);
        self.trials = trial.id.trial;
        self.scene.push(trial);
        experience.is_some()
    }

    /// Supervised passes over `D_i`; none if no state of the scene has a label.
    pub(super) fn train_on_scene(&mut self, passes: usize) {
        let data = self.memory.scene_data(self.scene.trials());
        if !data.is_empty() {
            for _ in 0..passes {
                self.policy.supervised_step(&data);
            }
        }
    }

    pub(super) fn end_scene(&mut self) {
        self.scene.take();
    }

    /// Refines the candidates until they have been refined `refinements` times. The actions and
    /// labels in the memory keep their values.
    pub(super) fn refine_up_to(&mut self, refinements: u32) {
        while self.policy.refinements < refinements {
            self.policy.refine();
            self.memory.refine();
        }
    }

    /// A random stream for one purpose after the present trial.
    pub(super) fn random_stream(&self, purpose: &str) -> Rng {
        random_stream(self.seed, purpose, [u64::from(self.trials), 0])
    }
}
