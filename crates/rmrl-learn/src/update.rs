//! On-line updates and replay rules: the parts in which the methods differ, as values.

use rand::RngExt;
use rmrl_core::Rng;
use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::policy::Policy;

/// What happens to the policy after each trial.
///
/// An update keeps no state of its own, which a checkpoint would have to know of: what it needs of
/// earlier trials is in the memory: rewards to compare with, and the probabilities that the actions
/// were decided by.
pub trait OnlineUpdate: Send {
    /// Updates the policy after a trial, the last of `memory`'s experiences. `complete` tells that
    /// it was the last of its scene.
    fn update(&self, policy: &mut Policy, memory: &Memory, complete: bool);
}

/// REINFORCE (Williams 1992) without a baseline, as the paper has it (Eq. 5-6).
#[derive(Debug, Clone, Copy, Default)]
pub struct Reinforce;

impl OnlineUpdate for Reinforce {
    fn update(&self, policy: &mut Policy, memory: &Memory, _complete: bool) {
        if let Some(last) = memory.last_experience() {
            policy.policy_gradient_step(&[last]);
        }
    }
}

/// What is replayed at fixed intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayRule {
    /// Nothing.
    #[default]
    None,
    /// Policy gradient on stored trials, with no correction for the older policy that made them:
    /// the baseline "RL + Replay Buffer".
    PolicyGradient,
    /// Supervised learning on the labelled data set `D`: the paper's Data Replay.
    Labels,
}

impl ReplayRule {
    /// Trains on `batches` minibatches of `batch_size`, drawn with replacement from `memory`.
    pub(crate) fn replay(
        self,
        policy: &mut Policy,
        memory: &Memory,
        batches: usize,
        batch_size: usize,
        rng: &mut Rng,
    ) {
        match self {
            Self::None => {}
            Self::PolicyGradient => {
                let experience = memory.experience();
                for _ in 0..batches {
                    let batch = draw(&experience, batch_size, rng);
                    if !batch.is_empty() {
                        policy.policy_gradient_step(&batch);
                    }
                }
            }
            Self::Labels => {
                let labelled = memory.labelled_states();
                for _ in 0..batches {
                    let batch = draw(&labelled, batch_size, rng);
                    if !batch.is_empty() {
                        policy.supervised_step(&batch);
                    }
                }
            }
        }
    }
}

/// `count` items, drawn with replacement; none of nothing.
fn draw<T: Copy>(items: &[T], count: usize, rng: &mut Rng) -> Vec<T> {
    if items.is_empty() {
        return Vec::new();
    }
    (0..count).map(|_| items[rng.random_range(0..items.len())]).collect()
}
