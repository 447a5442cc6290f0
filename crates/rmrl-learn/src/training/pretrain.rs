//! Supervised training before the first trial, on labels from earlier runs (Sec. 3.3.2).

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rmrl_core::{Label, Scene, Trial, random_stream};

use crate::config::ScheduleConfig;
use crate::method::{Experience, Labeling};
use crate::policy::{EncodedState, Policy};

/// The states of earlier runs, with their labels.
pub struct EarlierData {
    states: Vec<EncodedState>,
    labels: Vec<Label>,
}

impl EarlierData {
    /// Labels the trials of an earlier run, scene by scene, and encodes their states for `policy`.
    pub fn from_trials(
        trials: impl IntoIterator<Item = Trial>,
        labeling: &dyn Labeling,
        policy: &Policy,
    ) -> Self {
        let (mut scene, mut so_far) = (Scene::new(), Vec::new());
        let (mut states, mut labels) = (BTreeMap::new(), BTreeMap::new());
        let mut end = |scene: &Scene, so_far: &[Experience]| {
            let labeled = labeling.label(scene, so_far, policy.actions(), true);
            labels.extend(labeled.unwrap_or_default());
        };
        for mut trial in trials {
            // The earlier run may have refined its candidates during the training.
            let nearest = || policy.actions().nearest(trial.decision.adjustment);
            trial.decision.index = trial.decision.index.map(|_| nearest());
            trial.decision.probabilities = None;
            let last = scene.trials().last().map(|last: &Trial| last.id.scene);
            if last.is_some_and(|last| last != trial.id.scene) {
                end(&scene.take(), &so_far);
            }
            states.insert(trial.id.trial, policy.encode(&trial.observation));
            so_far.extend(Experience::of(&trial));
            scene.push(trial);
        }
        end(&scene, &so_far);
        let known = |(trial, label): (u32, Label)| {
            let state = states.remove(&trial).filter(|_| label.iter().any(Option::is_some));
            Some((state?, label))
        };
        let (states, labels) = labels.into_iter().filter_map(known).unzip();
        Self { states, labels }
    }

    /// Adds another run's data.
    pub fn extend(&mut self, other: Self) {
        self.states.extend(other.states);
        self.labels.extend(other.labels);
    }

    /// Ends the training of a policy on this data: it abstains in states unlike all of these when deployed. Each state counts as a
    /// scene of its own.
    pub fn finish_training(&self, policy: &mut Policy) {
        policy.fit_support(self.states.iter().map(std::slice::from_ref));
    }

    /// The number of labeled states.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether it has no labeled states.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// Trains `policy` on `data` for `schedule.pretrain_epochs` passes, in minibatches of a shuffled
/// order. Returns the mean loss of each pass.
///
/// The optimizer starts again afterwards, because its momentum belongs to the earlier data.
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
