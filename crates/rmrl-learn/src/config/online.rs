//! Keys of the actor-critic methods: `online`.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The on-line updates of the actor-critic methods; REINFORCE has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineConfig {
    /// PPO: by which share a pass over a scene may make an action likelier or less likely, `ε`.
    /// Default 0.2, Schulman et al.'s.
    #[key(above = 0, below = 1)]
    pub clip: f64,
    /// PPO: passes over a scene's trials. Default 10, Schulman et al.'s for continuous control.
    #[key(at_least = 1, limit = 10_000)]
    pub epochs: usize,
    /// Weight of the policy's entropy, against an advantage of one standard deviation of the
    /// rewards. Default 0.01, the usual one.
    #[key(at_least = 0, limit = 1000)]
    pub entropy_weight: f64,
}

impl Default for OnlineConfig {
    fn default() -> Self {
        Self { clip: 0.2, epochs: 10, entropy_weight: 0.01 }
    }
}
