//! What a policy is made of and how it learns, as configurations say it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::network::NetworkShape;
use crate::support::SupportConfig;

/// The image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// ResNet depth: 10, 18 or 34. Default 18; the paper does not say.
    pub depth: usize,
    /// Channels of the first stage. Default 64, the original's and torchvision's.
    pub base_width: usize,
    /// Width and height that images are scaled to, in pixels. Default 128: untuned.
    pub image_size: usize,
    /// Whether the encoder learns, too. Default false: its features are then computed once per
    /// image and kept, which makes a training step cost next to nothing.
    pub train: bool,
    /// Weights to start from: torchvision's ResNet as `.safetensors` or `.pth`. Default none:
    /// drawn from the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { depth: 18, base_width: 64, image_size: 128, train: false, weights: None }
    }
}

/// Where the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeDevice {
    /// The processor. Bit-exact from run to run.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs the cargo feature `cuda`.
    Cuda,
    /// Any GPU, through wgpu; needs the cargo feature `wgpu`.
    Wgpu,
}

/// The policy network and its optimiser. All methods share it (Sec. 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// Width of the pose MLP's layers. Default 64: untuned.
    pub pose_width: usize,
    /// Width of the heads' hidden layers. Default 128: untuned.
    pub head_width: usize,
    /// Adam's step size. Default 0.0003: of the steps tried on six cells, 0.001 made the policy so
    /// sure of the first scene's role model that it tried little else afterwards, and 0.0001 was
    /// slow.
    pub learning_rate: f64,
    /// Where to compute. Default the processor.
    pub device: ComputeDevice,
    /// When the deployed policy abstains.
    pub support: SupportConfig,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            pose_width: 64,
            head_width: 128,
            learning_rate: 3e-4,
            device: ComputeDevice::default(),
            support: SupportConfig::default(),
        }
    }
}

/// When to learn from what (Sec. 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Trials of a scene, `N`. Default 10.
    pub trials_per_scene: u32,
    /// Passes over `D_i` whenever its labels are there or change: after the scene by the paper's
    /// labels, after each trial by labels that come with it. Default 10.
    pub scene_epochs: usize,
    /// Trials between replays of the whole `D`, `M`. Default 10.
    pub replay_interval: u32,
    /// Minibatches of a replay. Default 10.
    pub replay_batches: usize,
    /// States of a minibatch. Default 16.
    pub batch_size: usize,
    /// Trials of the earlier run that pretraining labels, where it has to make one. Default 200,
    /// the paper's number.
    pub pretrain_trials: u32,
    /// Passes over the earlier data in pretraining. Default 30: untuned.
    pub pretrain_epochs: usize,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            trials_per_scene: 10,
            scene_epochs: 10,
            replay_interval: 10,
            replay_batches: 10,
            batch_size: 16,
            pretrain_trials: 200,
            pretrain_epochs: 30,
        }
    }
}

/// A value that no policy can be built or trained with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct LearnConfigError {
    /// The configuration's key.
    pub key: &'static str,
    /// What was given.
    pub value: String,
    /// What was expected.
    pub expected: &'static str,
}

impl PolicyConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that makes no policy, or a device this build does not have.
    pub fn validate(&self) -> Result<(), LearnConfigError> {
        let sizes = [
            (
                "encoder.depth",
                self.encoder.depth,
                NetworkShape::blocks(self.encoder.depth).is_some(),
                "10, 18 or 34",
            ),
            (
                "encoder.base_width",
                self.encoder.base_width,
                (4..=256).contains(&self.encoder.base_width)
                    && (self.encoder.base_width < 16 || self.encoder.base_width.is_multiple_of(16)),
                "4 to 15, or a multiple of 16 up to 256 (64 in torchvision's weights)",
            ),
            (
                "encoder.image_size",
                self.encoder.image_size,
                (32..=1024).contains(&self.encoder.image_size),
                "32 to 1024 pixels",
            ),
            ("pose_width", self.pose_width, (1..=4096).contains(&self.pose_width), "1 to 4096"),
            ("head_width", self.head_width, (1..=4096).contains(&self.head_width), "1 to 4096"),
        ];
        for (key, value, valid, expected) in sizes {
            if !valid {
                return Err(LearnConfigError { key, value: value.to_string(), expected });
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return Err(LearnConfigError {
                key: "learning_rate",
                value: self.learning_rate.to_string(),
                expected: "a number above 0 and at most 1",
            });
        }
        if !(self.support.reach_factor > 0.0 && self.support.reach_factor.is_finite()) {
            return Err(LearnConfigError {
                key: "support.reach_factor",
                value: self.support.reach_factor.to_string(),
                expected: "a positive number",
            });
        }
        self.device.check()
    }
}

impl ScheduleConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that makes no schedule.
    pub fn validate(&self) -> Result<(), LearnConfigError> {
        for (key, value) in [
            ("trials_per_scene", self.trials_per_scene as usize),
            ("replay_interval", self.replay_interval as usize),
            ("batch_size", self.batch_size),
            ("pretrain_trials", self.pretrain_trials as usize),
            ("pretrain_epochs", self.pretrain_epochs),
        ] {
            if value == 0 {
                return Err(LearnConfigError {
                    key,
                    value: value.to_string(),
                    expected: "1 or more",
                });
            }
        }
        Ok(())
    }
}
