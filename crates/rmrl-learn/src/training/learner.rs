//! A policy in training, with its data.

use rmrl_core::{Decision, Rng, Scene, Trial, TrialId, random_stream};

use super::trial_plan::Noted;
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
    /// Those of the trials that tested the policy.
    tests: u32,
    seed: u64,
    /// The share of random candidates in exploration.
    exploration: f32,
}

/// A trial that the policy has not learned from yet.
pub(super) struct PendingTrial {
    pub(super) trial: Trial,
    pub(super) state: EncodedState,
    /// Whether it is the last of its scene.
    pub(super) completes_scene: bool,
}

/// The trials that the policy has not learned from yet.
#[derive(Default)]
pub(super) struct Unlearned {
    /// The policy learns from them before the next trial.
    ready: Vec<PendingTrial>,
    /// Those of the series of tests that is under way.
    series: Vec<PendingTrial>,
}

impl Unlearned {
    /// Adds a trial, by what the plan has said of it.
    pub(super) fn add(&mut self, trial: Trial, state: EncodedState, noted: Noted) {
        let completes_scene = !matches!(noted, Noted::Learn { completes_scene: false });
        let pending = PendingTrial { trial, state, completes_scene };
        match noted {
            Noted::Learn { .. } => self.ready.push(pending),
            Noted::KeepForLater | Noted::Proven => self.series.push(pending),
            Noted::LearnFromSeries => {
                self.series.push(pending);
                self.give_up_series();
            }
        }
    }

    /// Lets the policy learn from the series under way.
    pub(super) fn give_up_series(&mut self) {
        self.ready.append(&mut self.series);
    }

    /// Takes the trials that the policy learns from now.
    pub(super) fn take_ready(&mut self) -> Vec<PendingTrial> {
        std::mem::take(&mut self.ready)
    }
}

impl Learner {
    /// A learner before its first trial. `seed` is the seed of exploration and replay.
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self::after(policy, ReplayMemory::default(), (0, 0), seed)
    }

    /// A learner between two scenes, after so many trials, so many of which were tests.
    pub(super) fn after(
        policy: Policy,
        memory: ReplayMemory,
        (trials, tests): (u32, u32),
        seed: u64,
    ) -> Self {
        Self { policy, memory, scene: Scene::new(), trials, tests, seed, exploration: 0.0 }
    }

    /// The same learner, which in training takes so large a share of its candidates at random, of each dimension for itself.
    /// Without it, a policy that has become sure of a role model tries nothing else. 0, as in the paper, where a new learner
    /// does not have it; checkpoints do not keep it.
    #[must_use]
    pub fn with_exploration(self, share: f32) -> Self {
        Self { exploration: share, ..self }
    }

    /// The number of trials that it has learned from.
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// How many of them tested the policy.
    pub(super) fn tests(&self) -> u32 {
        self.tests
    }

    /// The number of trials that it has learned from and that were training.
    pub(super) fn training_trials(&self) -> u32 {
        self.trials - self.tests
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
    pub fn finish_training(&mut self) {
        self.policy.fit_support(self.memory.states_by_scene());
    }

    /// Makes the policy the one to deploy, for a series of tests.
    pub(super) fn freeze(&mut self) {
        if self.policy.support.is_none() {
            self.finish_training();
        }
    }

    /// Continues the training: the policy never abstains.
    pub(super) fn continue_training(&mut self) {
        self.policy.support = None;
    }

    /// The scene under way.
    pub(super) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Samples an action from the policy, `a ~ π_θ(. | s)`, and at random for the share of exploration.
    pub(super) fn explore(&self, state: &EncodedState, id: TrialId) -> Decision {
        let mut distribution = self.policy.distribution(state);
        if self.exploration > 0.0 {
            for probabilities in &mut distribution {
                let even = 1.0 / probabilities.len() as f32;
                for probability in probabilities {
                    *probability += self.exploration * (even - *probability);
                }
            }
        }
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let index = sample(&distribution, &mut random_stream(self.seed, "explore", place));
        self.policy.decision(index, distribution)
    }

    /// Adds a trial to the memory and the scene. Returns whether it is an experience: its action was sampled
    /// from candidates. A test is none, and no gradient of a policy can be estimated from it.
    pub(super) fn remember(&mut self, PendingTrial { trial, state, .. }: PendingTrial) -> bool {
        let experience = Experience::of(&trial).filter(|_| !trial.id.is_test());
        self.memory.states.push(state);
        self.memory.scenes.push(trial.id.scene);
        let is_experience = experience.is_some();
        self.memory.experiences.extend(experience);
        self.trials = trial.id.trial;
        self.tests += u32::from(trial.id.is_test());
        self.scene.push(trial);
        is_experience
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
