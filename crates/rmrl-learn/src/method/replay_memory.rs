//! The data of a training: states, experiences in them, and the labeled data set `D`.

use std::collections::BTreeMap;

use rmrl_core::{ActionIndex, DIMENSIONS, Features, Label, PlanarPose, Trial};
use serde::{Deserialize, Serialize};

use crate::policy::EncodedState;

/// What a policy gradient needs of a trial: state, action and reward.
pub(crate) type Sample<'a> = (&'a EncodedState, ActionIndex, f64);

/// What learning keeps of a trial besides its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// The number of the trial, from 1.
    pub trial: u32,
    /// The number of its scene, from 1.
    pub scene: u32,
    /// `P_e`, world frame.
    pub estimated_pose: PlanarPose,
    /// The executed action.
    pub action: ActionIndex,
    /// `log π(a | s)` of the policy that chose the action, over all dimensions; `None` where no
    /// policy did.
    pub log_probability: Option<f32>,
    /// The reward.
    pub reward: f64,
    /// Whether the plate was placed, or another environment judged the action; only then can the action be a role model.
    pub placed: bool,
    /// The state of an environment that is no cell of plates; `None` in a cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
}

impl Experience {
    /// The experience of a trial; `None` if its action is not made of candidates.
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
            reward: trial.outcome.reward(),
            placed: trial.outcome.can_be_model(),
            features: trial.observation.features.clone(),
        })
    }
}

/// All data that was learned from so far, each state encoded once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplayMemory {
    /// The state of each trial, in their order.
    pub(crate) states: Vec<EncodedState>,
    /// The number of the scene of each state.
    pub(crate) scenes: Vec<u32>,
    pub(crate) experiences: Vec<Experience>,
    /// `D = {D_1, ..., D_i}` (Eq. 4): the labels of the trials' states, by trial.
    pub(crate) dataset: BTreeMap<u32, Label>,
}

impl ReplayMemory {
    /// The state of a trial, counted from 1.
    ///
    /// # Panics
    /// If the policy has not learned from the trial yet.
    pub fn state(&self, trial: u32) -> &EncodedState {
        &self.states[trial as usize - 1]
    }

    /// The states of each scene.
    pub(crate) fn states_by_scene(&self) -> impl Iterator<Item = &[EncodedState]> {
        let mut rest = self.states.as_slice();
        self.scenes.chunk_by(|one, next| one == next).map(move |scene| {
            let (states, left) = rest.split_at(scene.len());
            rest = left;
            states
        })
    }

    /// The data set `D_i` of the scene of these trials. It has no states without any label.
    pub(crate) fn scene_data(&self, scene: &[Trial]) -> Vec<(&EncodedState, Label)> {
        self.labeled(|number| scene.iter().any(|trial| trial.id.trial == number))
    }

    /// The whole data set `D`. It has no states without any label.
    pub fn labeled_states(&self) -> Vec<(&EncodedState, Label)> {
        self.labeled(|_| true)
    }

    fn labeled(&self, wanted: impl Fn(u32) -> bool) -> Vec<(&EncodedState, Label)> {
        self.dataset
            .iter()
            .filter(|(trial, label)| wanted(**trial) && label.iter().any(Option::is_some))
            .map(|(trial, label)| (self.state(*trial), *label))
            .collect()
    }

    /// The experiences of all trials, in order.
    pub fn experiences(&self) -> &[Experience] {
        &self.experiences
    }

    /// The experiences of the latest scene, in order.
    pub fn last_scene(&self) -> &[Experience] {
        let scene = self.experiences.last().map(|last| last.scene);
        let first = self.experiences.partition_point(|one| Some(one.scene) < scene);
        &self.experiences[first..]
    }

    /// The samples of all trials, in order.
    pub fn samples(&self) -> Vec<Sample<'_>> {
        self.experiences.iter().map(|experience| self.sample(experience)).collect()
    }

    /// Renumbers every action for an action space that was refined once.
    pub(crate) fn refine(&mut self) {
        for experience in &mut self.experiences {
            experience.action = experience.action.refined();
        }
        for label in self.dataset.values_mut() {
            *label = label.map(|candidate| candidate.map(|index| 2 * index));
        }
    }

    /// The sample of the latest trial.
    pub fn last_sample(&self) -> Option<Sample<'_>> {
        self.experiences.last().map(|experience| self.sample(experience))
    }

    fn sample(&self, experience: &Experience) -> Sample<'_> {
        (self.state(experience.trial), experience.action, experience.reward)
    }
}
