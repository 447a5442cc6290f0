//! Supervised training before the first trial, on labels from earlier runs (Sec. 3.3.2).

use rand::seq::SliceRandom;
use rmrl_core::{Label, random_stream};

use crate::config::ScheduleConfig;
use crate::labelling::Labelling;
use crate::policy::{EncodedState, Policy};
use rmrl_core::{Scene, Trial};

/// An earlier run's states with their labels.
pub struct EarlierData {
    states: Vec<EncodedState>,
    labels: Vec<Label>,
}

impl EarlierData {
    /// Labels the trials of an earlier run, scene by scene, and encodes their states for `policy`.
    pub fn from_trials(
        trials: impl IntoIterator<Item = Trial>,
        labelling: &dyn Labelling,
        policy: &Policy,
    ) -> Self {
        let mut data = Self { states: Vec::new(), labels: Vec::new() };
        let mut scene = Scene::new();
        for trial in trials {
            let last = scene.trials().last().map(|last| last.id.scene);
            if last.is_some_and(|last| last != trial.id.scene) {
                data.add(&scene.take(), labelling, policy);
            }
            scene.push(trial);
        }
        data.add(&scene, labelling, policy);
        data
    }

    fn add(&mut self, scene: &Scene, labelling: &dyn Labelling, policy: &Policy) {
        let labels = labelling.label(scene, true).unwrap_or_default();
        for (trial, label) in scene.trials().iter().zip(labels) {
            if label.iter().any(Option::is_some) {
                self.states.push(policy.encode(&trial.observation));
                self.labels.push(label);
            }
        }
    }

    /// Adds another run's data.
    pub fn extend(&mut self, other: Self) {
        self.states.extend(other.states);
        self.labels.extend(other.labels);
    }

    /// The number of labelled states.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nothing is labelled.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// Trains `policy` on `data` for `schedule.pretrain_epochs` passes, in minibatches of a shuffled
/// order. Returns the mean loss of each pass.
///
/// The optimiser starts anew afterwards: its momentum belongs to the data it came from.
pub fn pretrain(
    policy: &mut Policy,
    data: &EarlierData,
    schedule: &ScheduleConfig,
    seed: u64,
) -> Vec<f32> {
    let mut order: Vec<usize> = (0..data.len()).collect();
    let losses = (0..schedule.pretrain_epochs as u64)
        .map(|epoch| {
            order.shuffle(&mut random_stream(seed, "pretrain", [epoch, 0]));
            let mut sum = 0.0;
            for batch in order.chunks(schedule.batch_size) {
                let batch: Vec<_> =
                    batch.iter().map(|&index| (&data.states[index], data.labels[index])).collect();
                sum += policy.supervised_step(&batch) * batch.len() as f32;
            }
            sum / data.len() as f32
        })
        .collect();
    policy.reset_optimizer();
    losses
}
