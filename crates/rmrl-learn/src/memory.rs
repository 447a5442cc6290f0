//! What training keeps: states, what was done in them, and the labelled data set `D`.

use std::collections::BTreeMap;

use rmrl_core::{ActionIndex, Label};
use serde::{Deserialize, Serialize};

use crate::policy::EncodedState;

/// A trial as the policy gradient sees it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// Which of the memory's states, counted from 0.
    pub state: usize,
    /// What was done there.
    pub action: ActionIndex,
    /// What it earned.
    pub reward: f64,
}

/// All that was learnt from so far, each state encoded once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    pub(crate) states: Vec<EncodedState>,
    pub(crate) experiences: Vec<Experience>,
    /// `D = {D_1, ..., D_i}` (Eq. 4), by scene: states and their labels.
    pub(crate) dataset: BTreeMap<u32, Vec<(usize, Label)>>,
}

impl Memory {
    /// Keeps a state; returns its number.
    pub(crate) fn keep(&mut self, state: EncodedState) -> usize {
        self.states.push(state);
        self.states.len() - 1
    }

    /// A kept state, by its number.
    pub fn state(&self, number: usize) -> &EncodedState {
        &self.states[number]
    }

    /// The data set `D_i` of a scene, with its states; those that no dimension is known of left out.
    pub(crate) fn scene_data(&self, scene: u32) -> Vec<(&EncodedState, Label)> {
        self.with_label(self.dataset.get(&scene).into_iter().flatten())
    }

    /// The whole data set `D`, with its states; those that no dimension is known of left out.
    pub fn labelled_states(&self) -> Vec<(&EncodedState, Label)> {
        self.with_label(self.dataset.values().flatten())
    }

    fn with_label<'a>(
        &self,
        data: impl Iterator<Item = &'a (usize, Label)>,
    ) -> Vec<(&EncodedState, Label)> {
        data.filter(|(_, label)| label.iter().any(Option::is_some))
            .map(|(state, label)| (self.state(*state), *label))
            .collect()
    }

    /// Every experience, with its state.
    pub fn experience(&self) -> Vec<(&EncodedState, ActionIndex, f64)> {
        self.experiences.iter().map(|experience| self.with_state(experience)).collect()
    }

    /// The latest experience, with its state.
    pub fn last_experience(&self) -> Option<(&EncodedState, ActionIndex, f64)> {
        self.experiences.last().map(|experience| self.with_state(experience))
    }

    fn with_state(&self, experience: &Experience) -> (&EncodedState, ActionIndex, f64) {
        (self.state(experience.state), experience.action, experience.reward)
    }
}
