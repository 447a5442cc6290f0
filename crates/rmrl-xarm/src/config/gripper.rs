//! The configuration of the gripper.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The gripper at the flange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct BioGripperConfig {
    /// The generation. Default automatic: the gripper reports it.
    #[key(kind = "\"automatic\", \"first\" or \"second\"")]
    pub generation: GenerationChoice,
    /// Speed of the jaws, 1 to 4000 in the vendor's unit. Default 2000, the vendor's.
    #[key(at_least = 1, at_most = 4000)]
    pub speed: u16,
    /// Force of the jaws, 1 to 100 %. Second generation. Default 50, the vendor's.
    #[key(at_least = 1, at_most = 100)]
    pub force_percent: u16,
    /// The only width to which the first generation opens, in mm. Default 150, which the vendor's software
    /// gives for its register 130.
    #[key(at_least = 1, at_most = 300)]
    pub first_generation_width_mm: f64,
    /// How far from a width the jaws may stop, in mm. Second generation. Default 1.5, because its own number
    /// is rounded to 1, and the vendor's formula to 0.14.
    #[key(at_least = 0.1, at_most = 20)]
    pub width_tolerance_mm: f64,
    /// How long the jaws may take, in seconds. Default 5, the vendor's.
    #[key(at_least = 0.1, at_most = 60)]
    pub timeout_secs: f64,
}

/// The generation of the gripper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationChoice {
    /// The gripper reports it.
    #[default]
    Automatic,
    /// The first. Another one is refused.
    First,
    /// The second. Another one is refused.
    Second,
}

impl Default for BioGripperConfig {
    fn default() -> Self {
        Self {
            generation: GenerationChoice::Automatic,
            speed: 2000,
            force_percent: 50,
            first_generation_width_mm: 150.0,
            width_tolerance_mm: 1.5,
            timeout_secs: 5.0,
        }
    }
}
