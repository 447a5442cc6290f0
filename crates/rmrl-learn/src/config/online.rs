//! Keys of the actor-critic methods: `online`.

use serde::{Deserialize, Serialize};

use super::error::LearnConfigError;

/// The on-line updates of the actor-critic methods; REINFORCE has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineConfig {
    /// PPO: by which share a pass over a scene may make an action likelier or less likely, `ε`.
    /// Default 0.2, Schulman et al.'s.
    pub clip: f64,
    /// PPO: passes over a scene's trials. Default 10, Schulman et al.'s for continuous control.
    pub epochs: usize,
    /// Weight of the policy's entropy, against an advantage of one standard deviation of the
    /// rewards. Default 0.01, the usual one.
    pub entropy_weight: f64,
}

impl Default for OnlineConfig {
    fn default() -> Self {
        Self { clip: 0.2, epochs: 10, entropy_weight: 0.01 }
    }
}

impl OnlineConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first invalid value.
    pub fn validate(&self) -> Result<(), LearnConfigError> {
        if !(self.clip > 0.0 && self.clip < 1.0) {
            return Err(LearnConfigError {
                key: "clip",
                value: self.clip.to_string(),
                expected: "a number above 0 and below 1",
            });
        }
        if self.epochs == 0 {
            return Err(LearnConfigError {
                key: "epochs",
                value: self.epochs.to_string(),
                expected: "1 or more",
            });
        }
        if !(self.entropy_weight >= 0.0 && self.entropy_weight.is_finite()) {
            return Err(LearnConfigError {
                key: "entropy_weight",
                value: self.entropy_weight.to_string(),
                expected: "0 or a positive number",
            });
        }
        Ok(())
    }
}
