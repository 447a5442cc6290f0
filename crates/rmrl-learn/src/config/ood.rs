//! Keys of the out-of-distribution test: `policy.ood`.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// When a deployed policy abstains. Training never does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct OodConfig {
    /// Whether to abstain in states unlike all training states: to pick at the estimated pose,
    /// without a correction. Default true: no trial supports what a network says there.
    pub abstain: bool,
    /// How far a state may be from the nearest training state, in multiples of the largest distance
    /// between a training state and the nearest one of another scene. Default 1.5: in simulated
    /// cells, new placements reach 1.3 after 15 scenes and 1.6 after 8; a black image is 2.3 to 5
    /// away and one of noise 1.8 to 2.8. A tiny encoder (8 channels, 32 pixels) no longer separates
    /// them.
    #[key(above = 0, limit = 1000)]
    pub threshold: f64,
}

impl Default for OodConfig {
    fn default() -> Self {
        Self { abstain: true, threshold: 1.5 }
    }
}
