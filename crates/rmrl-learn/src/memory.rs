//! What training keeps: states, what was done in them, and the labelled data set `D`.

use std::collections::BTreeMap;

use rmrl_core::{ActionIndex, DIMENSIONS, Label, PlanarPose, Trial};
use serde::{Deserialize, Serialize};

use crate::policy::EncodedState;

/// A trial as learning sees it, without its picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// Which trial, counted from 1.
    pub trial: u32,
    /// The scene it was made in, counted from 1.
    pub scene: u32,
    /// `P_e`, world frame.
    pub estimated_pose: PlanarPose,
    /// What was done.
    pub action: ActionIndex,
    /// `log π(a | s)` of the policy that decided so, over all dimensions; `None` where no policy
    /// was asked.
    pub log_probability: Option<f32>,
    /// What it earned.
    pub reward: f64,
    /// Whether the plate was placed; only then can the action be a role model.
    pub placed: bool,
}

impl Experience {
    /// What is kept of a trial; `None` where its action is not made of candidates.
    pub fn of(trial: &Trial) -> Option<Self> {
        let action = trial.decision.index?;
        let log_probability =
            trial.decision.probabilities.as_ref().map(|probabilities| {
                (0..DIMENSIONS).map(|d| probabilities[d][action.0[d]].ln()).sum()
            });
        Some(Self {
            trial: trial.id.trial,
            scene: trial.id.scene,
            estimated_pose: trial.observation.estimated_pose,
            action,
            log_probability,
            reward: trial.ending.reward(),
            placed: trial.ending.placement().is_some(),
        })
    }
}

/// All that was learnt from so far, each state encoded once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// The state of each trial, in their order.
    pub(crate) states: Vec<EncodedState>,
    pub(crate) experiences: Vec<Experience>,
    /// `D = {D_1, ..., D_i}` (Eq. 4): the labels of the trials' states, by trial.
    pub(crate) dataset: BTreeMap<u32, Label>,
}

impl Memory {
    /// The state of a trial, counted from 1.
    ///
    /// # Panics
    /// If the trial was not learnt from yet.
    pub fn state(&self, trial: u32) -> &EncodedState {
        &self.states[trial as usize - 1]
    }

    /// The data set `D_i` of the scene of these trials, with its states; those that no dimension is
    /// known of left out.
    pub(crate) fn scene_data(&self, scene: &[Trial]) -> Vec<(&EncodedState, Label)> {
        self.labelled(|number| scene.iter().any(|trial| trial.id.trial == number))
    }

    /// The whole data set `D`, with its states; those that no dimension is known of left out.
    pub fn labelled_states(&self) -> Vec<(&EncodedState, Label)> {
        self.labelled(|_| true)
    }

    fn labelled(&self, wanted: impl Fn(u32) -> bool) -> Vec<(&EncodedState, Label)> {
        self.dataset
            .iter()
            .filter(|(trial, label)| wanted(**trial) && label.iter().any(Option::is_some))
            .map(|(trial, label)| (self.state(*trial), *label))
            .collect()
    }

    /// Every trial learnt from, in order.
    pub fn experiences(&self) -> &[Experience] {
        &self.experiences
    }

    /// The trials of the latest one's scene, in order.
    pub fn last_scene(&self) -> &[Experience] {
        let scene = self.experiences.last().map(|last| last.scene);
        let first = self.experiences.partition_point(|one| Some(one.scene) < scene);
        &self.experiences[first..]
    }

    /// Every experience, with its state.
    pub fn experience(&self) -> Vec<(&EncodedState, ActionIndex, f64)> {
        self.experiences.iter().map(|experience| self.with_state(experience)).collect()
    }

    /// Names every action as a space that was refined once does.
    pub(crate) fn refine(&mut self) {
        for experience in &mut self.experiences {
            experience.action = experience.action.refined();
        }
        for label in self.dataset.values_mut() {
            *label = label.map(|candidate| candidate.map(|index| 2 * index));
        }
    }

    /// The latest experience, with its state.
    pub fn last_experience(&self) -> Option<(&EncodedState, ActionIndex, f64)> {
        self.experiences.last().map(|experience| self.with_state(experience))
    }

    fn with_state(&self, experience: &Experience) -> (&EncodedState, ActionIndex, f64) {
        (self.state(experience.trial), experience.action, experience.reward)
    }
}
