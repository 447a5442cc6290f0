//! The two losses of the paper (Eq. 6 and 8), soft labels, and a step down each.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use rmrl_core::{ActionIndex, Label};

use super::Policy;
use super::state::EncodedState;

impl Policy {
    /// One step down the policy gradient, Eq. 6, averaged over a batch of state, action and reward.
    ///
    /// Returns the loss before the step.
    pub fn policy_gradient_step(&mut self, batch: &[(&EncodedState, ActionIndex, f64)]) -> f32 {
        let states: Vec<&EncodedState> = batch.iter().map(|(state, ..)| *state).collect();
        let labels: Vec<Label> = batch.iter().map(|(_, action, _)| action.0.map(Some)).collect();
        let rewards: Vec<f32> = batch.iter().map(|(.., reward)| *reward as f32).collect();
        // Eq. 6: L(θ) = -E[log π_θ(a | s) R(a)]
        self.step(&states, &labels, &rewards)
    }

    /// One step down the cross-entropy to the labels, Eq. 8, averaged over a batch.
    ///
    /// Returns the loss before the step.
    pub fn supervised_step(&mut self, batch: &[(&EncodedState, Label)]) -> f32 {
        let sigma_bins = self.config.label_sigma_bins as f32;
        if sigma_bins > 0.0 {
            return self.descend(|policy| policy.soft_label_loss(batch, sigma_bins));
        }
        let states: Vec<&EncodedState> = batch.iter().map(|(state, _)| *state).collect();
        let labels: Vec<Label> = batch.iter().map(|(_, label)| *label).collect();
        // Eq. 8: L_θ = -Σ_i log π_θ(a*[i] | s), the one-hot target of Eq. 7
        self.step(&states, &labels, &vec![1.0; batch.len()])
    }

    /// One step down [`Self::loss`]. Returns the loss before the step.
    pub(crate) fn step(
        &mut self,
        states: &[&EncodedState],
        labels: &[Label],
        weights: &[f32],
    ) -> f32 {
        self.descend(|policy| policy.loss(states, labels, weights))
    }

    /// `-mean_k w_k Σ_d log π_θ(label_k[d] | s_k)`, which is both losses of the paper: Eq. 6 with the
    /// rewards as weights, Eq. 8 with ones.
    pub(crate) fn loss(
        &self,
        states: &[&EncodedState],
        labels: &[Label],
        weights: &[f32],
    ) -> Tensor<1> {
        self.cross_entropy(states, |row, dimension, target| {
            // A dimension without a label has no weight.
            if let Some(chosen) = labels[row][dimension] {
                target[chosen] = weights[row];
            }
        })
    }

    /// The loss of soft labels: the cross-entropy to a normal distribution around each label, cut off
    /// at the last candidates. A neighbor of the best action is nearly as good, which one-hot labels
    /// do not express.
    fn soft_label_loss(&self, batch: &[(&EncodedState, Label)], sigma_bins: f32) -> Tensor<1> {
        let states: Vec<&EncodedState> = batch.iter().map(|(state, _)| *state).collect();
        self.cross_entropy(&states, |row, dimension, target| {
            if let Some(label) = batch[row].1[dimension] {
                for (index, share) in target.iter_mut().enumerate() {
                    let distance = (index as f32 - label as f32) / sigma_bins;
                    *share = (-0.5 * distance * distance).exp();
                }
                let sum: f32 = target.iter().sum();
                target.iter_mut().for_each(|share| *share /= sum);
            }
        })
    }

    /// `-mean_k Σ_d Σ_j t_kdj log π_θ(j | s_k)` with the targets `t` that `fill` writes for a row
    /// and dimension over zeros.
    fn cross_entropy(
        &self,
        states: &[&EncodedState],
        fill: impl Fn(usize, usize, &mut [f32]),
    ) -> Tensor<1> {
        let logits = self.network.logits(self.joint(&self.network, states));
        let mut loss = Tensor::<1>::zeros([1], &self.device);
        for (dimension, logits) in logits.into_iter().enumerate() {
            let (rows, candidates) = (states.len(), logits.dims()[1]);
            let mut targets = vec![0.0f32; rows * candidates];
            for (row, target) in targets.chunks_mut(candidates).enumerate() {
                fill(row, dimension, target);
            }
            let targets = TensorData::new(targets, [rows, candidates]);
            let targets = Tensor::<2>::from_data(targets, &self.device);
            loss = loss - (log_softmax(logits, 1) * targets).sum_dim(1).mean();
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{ActionSpace, PlanarPose};

    use super::*;
    use crate::config::{PolicyConfig, ViewName};
    use crate::policy::observation_encoding::PoseScaling;
    use crate::policy::state::EncodedImage;

    #[test]
    fn soft_labels_are_a_cross_entropy_to_a_normal_distribution() {
        let config = PolicyConfig {
            view: ViewName::None,
            label_sigma_bins: 0.8,
            learning_rate: 0.01,
            ..PolicyConfig::default()
        };
        let actions = ActionSpace::symmetric([5, 4, 3], [1.0; 3]).unwrap();
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        let mut policy = Policy::new(&config, &actions, scaling, 3).unwrap();
        let state = EncodedState::new([0.2, -0.4, 0.7], EncodedImage::Unseen);
        let label: Label = [Some(4), Some(1), None];
        for _ in 0..5 {
            let distribution = policy.distribution(&state);
            let mut expected = 0.0;
            for (probabilities, label) in distribution.iter().zip(label) {
                let Some(label) = label else { continue };
                let shares: Vec<f64> = (0..probabilities.len())
                    .map(|j| (-0.5 * ((j as f64 - label as f64) / 0.8).powi(2)).exp())
                    .collect();
                let sum: f64 = shares.iter().sum();
                for (share, probability) in shares.iter().zip(probabilities) {
                    expected -= share / sum * f64::from(*probability).ln();
                }
            }
            let loss = policy.supervised_step(&[(&state, label)]);
            assert!((f64::from(loss) - expected).abs() < 1e-4, "{loss} {expected}");
        }
        // The neighbors of a label have become more likely than candidates far from it.
        let learned = policy.distribution(&state);
        assert!(learned[0][3] > learned[0][0] && learned[1][0] > learned[1][3]);
    }
}
