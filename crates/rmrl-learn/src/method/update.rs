//! On-line updates and replay rules.

use rand::RngExt;
use rmrl_core::Rng;
use serde::{Deserialize, Serialize};

use super::replay_memory::ReplayMemory;
use crate::policy::Policy;

/// The update of the policy after each trial.
///
/// An update keeps no state, which a checkpoint would have to save. The memory holds all that it
/// needs of earlier trials: their rewards, and the probabilities of their actions.
pub trait OnlineUpdate: Send {
    /// Updates the policy after a trial, the last one in `memory`. `complete` means that it was the
    /// last of its scene.
    fn update(&self, policy: &mut Policy, memory: &ReplayMemory, complete: bool);
}

/// REINFORCE (Williams 1992) without a baseline, as in the paper (Eq. 5-6).
#[derive(Debug, Clone, Copy, Default)]
pub struct Reinforce;

impl OnlineUpdate for Reinforce {
    fn update(&self, policy: &mut Policy, memory: &ReplayMemory, _complete: bool) {
        if let Some(last) = memory.last_sample() {
            policy.policy_gradient_step(&[last]);
        }
    }
}

/// The data that is replayed at fixed intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayRule {
    /// Nothing.
    #[default]
    None,
    /// Policy gradient on stored trials, without a correction for the older policy that chose their
    /// actions: the baseline "RL + Replay Buffer".
    PolicyGradient,
    /// Supervised learning on the labeled data set `D`: the paper's Data Replay.
    Labels,
}

impl ReplayRule {
    /// Trains on `batches` minibatches of `batch_size`, drawn with replacement from `memory`.
    pub(crate) fn replay(
        self,
        policy: &mut Policy,
        memory: &ReplayMemory,
        batches: usize,
        batch_size: usize,
        rng: &mut Rng,
    ) {
        match self {
            Self::None => {}
            Self::PolicyGradient => {
                let samples = memory.samples();
                for _ in 0..batches {
                    let batch = draw(&samples, batch_size, rng);
                    if !batch.is_empty() {
                        policy.policy_gradient_step(&batch);
                    }
                }
            }
            Self::Labels => {
                let labeled = memory.labeled_states();
                for _ in 0..batches {
                    let batch = draw(&labeled, batch_size, rng);
                    if !batch.is_empty() {
                        policy.supervised_step(&batch);
                    }
                }
            }
        }
    }
}

/// `count` items, drawn with replacement; none if there are none.
fn draw<T: Copy>(items: &[T], count: usize, rng: &mut Rng) -> Vec<T> {
    if items.is_empty() {
        return Vec::new();
    }
    (0..count).map(|_| items[rng.random_range(0..items.len())]).collect()
}
