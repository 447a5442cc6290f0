//! Actor-critic updates, which compare rewards with a learned value: advantage actor-critic and PPO.
//!
//! If rewards are nearly equal (0.95 and 0.96, say), REINFORCE repeats either action. Advantages, the
//! differences from the state's expected reward, separate them. A trial is a whole episode of one
//! step, so the advantage is `A = z - V(s)`: `z` is the reward, `V(s)` its expectation, and there is
//! nothing to bootstrap or discount.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use rmrl_core::ActionIndex;

use super::replay_memory::{Experience, ReplayMemory};
use super::update::OnlineUpdate;
use crate::config::OnlineConfig;
use crate::policy::{EncodedState, Policy};

/// Advantage actor-critic (the synchronous form of Mnih et al. 2016): one step after each trial, on
/// that trial.
#[derive(Debug, Clone, Copy, Default)]
pub struct ActorCritic {
    /// Its keys; clip and epochs are PPO's.
    pub config: OnlineConfig,
}

impl OnlineUpdate for ActorCritic {
    fn update(&self, policy: &mut Policy, memory: &ReplayMemory, _complete: bool) {
        let experiences = memory.experiences();
        let batch =
            with_advantages(policy, memory, &experiences[experiences.len().saturating_sub(1)..]);
        if !batch.is_empty() {
            let entropy_weight = self.config.entropy_weight;
            policy.actor_critic_step(&batch, Surrogate::LogProbability, entropy_weight);
        }
    }
}

/// Proximal policy optimization (Schulman et al. 2017): once a scene is complete, several passes
/// over its trials. The clipped loss keeps the policy near the one that made these trials.
///
/// It ignores a scene of a single trial, because it compares advantages within the scene.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ppo {
    /// Its keys.
    pub config: OnlineConfig,
}

impl OnlineUpdate for Ppo {
    fn update(&self, policy: &mut Policy, memory: &ReplayMemory, complete: bool) {
        if !complete {
            return;
        }
        let mut batch = with_advantages(policy, memory, memory.last_scene());
        if batch.len() < 2 {
            return;
        }
        // Advantages of mean 0 and deviation 1, as every implementation has them (Huang et al. 2022).
        let advantages: Vec<f64> = batch.iter().map(|one| f64::from(one.advantage)).collect();
        for (one, advantage) in batch.iter_mut().zip(standardized(&advantages)) {
            one.advantage = advantage as f32;
        }
        let surrogate = Surrogate::Clipped { clip: self.config.clip };
        for _ in 0..self.config.epochs {
            policy.actor_critic_step(&batch, surrogate, self.config.entropy_weight);
        }
    }
}

/// An experience with its advantage.
struct WithAdvantage<'a> {
    state: &'a EncodedState,
    action: ActionIndex,
    /// `log π_old(a | s)`, of the policy that chose the action.
    log_probability: f32,
    /// The target of the value, `z`.
    target: f32,
    /// `A = z - V(s)`.
    advantage: f32,
}

/// The objective of an action's probability, weighted with its advantage, to be maximized.
#[derive(Debug, Clone, Copy)]
enum Surrogate {
    /// `A log π(a | s)`: the policy gradient with a baseline.
    LogProbability,
    /// PPO's Eq. 7, `min(ρ A, clip(ρ, 1 - ε, 1 + ε) A)` with `ρ = π(a | s) / π_old(a | s)`.
    Clipped {
        /// `ε`.
        clip: f64,
    },
}

/// The advantages of `experiences`, the last of the memory's, by the policy's value. Empty while all
/// rewards are the same; without experiences whose action no policy chose.
///
/// `z` is the reward in standard deviations from the mean of all rewards so far. The value thereby
/// starts at that mean instead of at 0, from where a run of 150 trials would not suffice to learn that
/// rewards are about 0.95. Also, the weights of value and entropy do not depend on the reward's unit.
/// The reward is itself part of the mean, which makes its advantage smaller by one trial's share.
fn with_advantages<'a>(
    policy: &Policy,
    memory: &'a ReplayMemory,
    experiences: &'a [Experience],
) -> Vec<WithAdvantage<'a>> {
    let rewards: Vec<f64> = memory.experiences().iter().map(|one| one.reward).collect();
    let first = rewards.len() - experiences.len();
    if rewards.iter().all(|reward| *reward == rewards[0]) {
        return Vec::new();
    }
    let with_advantage = |(experience, target): (&'a Experience, &f64)| {
        let (state, target) = (memory.state(experience.trial), *target as f32);
        Some(WithAdvantage {
            state,
            action: experience.action,
            log_probability: experience.log_probability?,
            target,
            advantage: target - policy.value(state),
        })
    };
    experiences.iter().zip(&standardized(&rewards)[first..]).filter_map(with_advantage).collect()
}

/// Values in standard deviations from their mean; zeros where they do not differ.
fn standardized(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    values.iter().map(|value| (value - mean) / scale).collect()
}

impl Policy {
    /// One step on a batch, down
    /// `L(θ) = mean_k[-surrogate_k + (V(s_k) - z_k)² - c H(π(. | s_k))]`.
    ///
    /// The squares have no weight: their gradient reaches the value's parameters alone,
    /// and Adam's steps do not depend on a gradient's scale.
    fn actor_critic_step(
        &mut self,
        batch: &[WithAdvantage<'_>],
        surrogate: Surrogate,
        entropy_weight: f64,
    ) -> f32 {
        self.descend(|policy| policy.actor_critic_loss(batch, surrogate, entropy_weight))
    }

    fn actor_critic_loss(
        &self,
        batch: &[WithAdvantage<'_>],
        surrogate: Surrogate,
        entropy_weight: f64,
    ) -> Tensor<1> {
        let rows = batch.len();
        let column = |value: fn(&WithAdvantage<'_>) -> f32| {
            let values: Vec<f32> = batch.iter().map(value).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, 1]), &self.device)
        };
        let states: Vec<&EncodedState> = batch.iter().map(|one| one.state).collect();
        let joint = self.joint(&self.network, &states);
        let error = self.network.value(joint.clone()) - column(|one| one.target);

        // The dimensions are independent given the state: their log-probabilities and entropies add.
        let mut log_probability = Tensor::<2>::zeros([rows, 1], &self.device);
        let mut entropy = Tensor::<2>::zeros([rows, 1], &self.device);
        for (dimension, logits) in self.network.logits(joint).into_iter().enumerate() {
            let chosen: Vec<i64> = batch.iter().map(|one| one.action.0[dimension] as i64).collect();
            let chosen =
                Tensor::<2, Int>::from_data(TensorData::new(chosen, [rows, 1]), &self.device);
            let log_probabilities = log_softmax(logits, 1);
            log_probability = log_probability + log_probabilities.clone().gather(1, chosen);
            entropy = entropy + entropy_of(log_probabilities);
        }
        let gain = surrogate.of(
            log_probability,
            column(|one| one.log_probability),
            column(|one| one.advantage),
        );
        let loss = error.clone() * error - gain - entropy.mul_scalar(entropy_weight);
        loss.mean()
    }
}

impl Surrogate {
    /// The surrogate of each row, `[batch, 1]`.
    fn of(self, log_probability: Tensor<2>, old: Tensor<2>, advantage: Tensor<2>) -> Tensor<2> {
        match self {
            Self::LogProbability => log_probability * advantage,
            Self::Clipped { clip } => {
                let ratio = (log_probability - old).exp();
                let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip);
                (ratio * advantage.clone()).min_pair(clipped * advantage)
            }
        }
    }
}

/// `H = -Σ_i p_i log p_i` of each row, `[batch, 1]`.
fn entropy_of(log_probabilities: Tensor<2>) -> Tensor<2> {
    (log_probabilities.clone().exp() * log_probabilities).sum_dim(1).neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ComputeDevice;
    use crate::policy::read;

    fn column(values: &[f32]) -> Tensor<2> {
        let device = ComputeDevice::Cpu.open();
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), &device)
    }

    /// The gradient of the sum of a function's rows.
    fn gradient(of: impl Fn(Tensor<2>) -> Tensor<2>, at: Tensor<2>) -> Vec<f32> {
        let at = at.require_grad();
        let gradients = of(at.clone()).sum().backward();
        read(at.grad(&gradients).unwrap())
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    /// d/d log π of `min(ρ A, clip(ρ) A)` is `ρ A`, and 0 where the ratio is out of bounds already
    /// and the advantage would take it further.
    #[test]
    fn clipped_ratios_have_no_gradient_outwards_and_a_full_one_inwards() {
        let ratios = [1.5f32, 1.5, 0.5, 0.5, 1.1, 0.9, 1.0];
        let advantages = [2.0f32, -2.0, 2.0, -2.0, 3.0, -1.0, 0.5];
        let old = [-1.0f32, -2.0, -7.0, -0.5, -3.0, -1.0, -2.0];
        let now: Vec<f32> = ratios.iter().zip(old).map(|(ratio, old)| old + ratio.ln()).collect();
        let clipped = Surrogate::Clipped { clip: 0.2 };
        let of = |log_probability| clipped.of(log_probability, column(&old), column(&advantages));
        assert_close(&read(of(column(&now)).inner()), &[2.4, -3.0, 1.0, -1.6, 3.3, -0.9, 0.5]);
        assert_close(&gradient(of, column(&now)), &[0.0, -3.0, 1.0, 0.0, 3.3, -0.9, 0.5]);
        // The policy gradient does not depend on the older policy.
        let of = |log_probability| {
            Surrogate::LogProbability.of(log_probability, column(&old), column(&advantages))
        };
        assert_close(&gradient(of, column(&now)), &advantages);
    }

    /// d H / d logit_i = -p_i (log p_i + H), which is 0 where all candidates are equally likely.
    #[test]
    fn entropy_has_its_closed_form_and_gradient() {
        let logits = [0.3f32, -1.2, 2.0, 0.0];
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        let p = logits.map(|logit| logit.exp() / sum);
        let entropy: f32 = p.iter().map(|p| -p * p.ln()).sum();
        let of = |logits: Tensor<2>| entropy_of(log_softmax(logits.swap_dims(0, 1), 1));
        assert_close(&read(of(column(&logits)).inner()), &[entropy]);
        assert_close(&gradient(of, column(&logits)), &p.map(|p| -p * (p.ln() + entropy)));
        assert_close(&read(of(column(&[0.0; 4])).inner()), &[4f32.ln()]);
        assert_close(&gradient(of, column(&[0.0; 4])), &[0.0; 4]);
    }

    #[test]
    fn rewards_are_counted_in_deviations_from_their_mean() {
        assert_eq!(standardized(&[1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(standardized(&[0.9]), [0.0]);
        assert_eq!(standardized(&[0.9, 0.9]), [0.0, 0.0]);
    }
}
