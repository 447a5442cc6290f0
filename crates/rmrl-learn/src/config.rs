//! What a policy is made of and how it learns, as configurations say it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::network::{ImageView, NetworkShape};
use crate::support::SupportConfig;

/// The image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// ResNet depth: 10, 18 or 34. Default 10, that of the encoder that comes with this library;
    /// the paper does not say.
    pub depth: usize,
    /// Channels of the first stage. Default 16: what differs from plate to plate takes no more; 64
    /// in the original and in torchvision's weights.
    pub base_width: usize,
    /// Width and height that images are scaled to, in pixels. Default 128: untuned.
    pub image_size: usize,
    /// Whether the encoder learns, too. Default false: its features are then computed once per
    /// image and kept, which makes a training step cost next to nothing.
    pub train: bool,
    /// Weights to start from.
    pub weights: EncoderWeights,
}

/// The weights that an encoder starts from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EncoderWeights {
    /// `plates`: those that come with this library. They were trained on simulated pictures of
    /// plates, for the depth, width, size and view that are the defaults, and fit no others.
    #[default]
    Plates,
    /// `random`: drawn from the run's seed.
    Random,
    /// Anything else is a file: torchvision's ResNet as `.safetensors` or `.pth`, or an encoder of
    /// `rmrl encoder pretrain`.
    File(PathBuf),
}

impl From<String> for EncoderWeights {
    fn from(name: String) -> Self {
        match name.as_str() {
            "plates" => Self::Plates,
            "random" => Self::Random,
            _ => Self::File(name.into()),
        }
    }
}

impl From<EncoderWeights> for String {
    fn from(weights: EncoderWeights) -> Self {
        match weights {
            EncoderWeights::Plates => "plates".to_string(),
            EncoderWeights::Random => "random".to_string(),
            EncoderWeights::File(path) => path.display().to_string(),
        }
    }
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            depth: 10,
            base_width: 16,
            image_size: 128,
            train: false,
            weights: EncoderWeights::Plates,
        }
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

/// What of the picture the policy sees, as configurations say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewName {
    /// The whole picture, as in the paper.
    Global,
    /// A square around the estimated pose, always as large as the plate would have it.
    #[default]
    Crop,
    /// Nothing: the policy sees the pose alone, and no encoder is built.
    None,
}

/// The policy network and its optimiser. All methods share it (Sec. 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// What of the picture the policy sees. Default a square around the plate; the paper's is the
    /// whole picture.
    pub view: ViewName,
    /// Side of the square that the view `crop` sees, in diagonals of the plate. Default 1.5: the
    /// plate and what lies within reach of the fingers; untuned.
    pub crop_scale: f64,
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
    /// How far a label reaches over to the neighbouring candidates, as the standard deviation of a
    /// normal distribution, in candidates: refining them narrows it in millimetres. 0 is the paper's
    /// one-hot label (Eq. 7). Default 1: what is nearly right is nearly as good, and one label then
    /// teaches its neighbours.
    pub label_width: f64,
    /// Where to compute. Default the processor.
    pub device: ComputeDevice,
    /// When the deployed policy abstains.
    pub support: SupportConfig,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            view: ViewName::default(),
            crop_scale: 1.5,
            encoder: EncoderConfig::default(),
            pose_width: 64,
            head_width: 128,
            learning_rate: 3e-4,
            label_width: 1.0,
            device: ComputeDevice::default(),
            support: SupportConfig::default(),
        }
    }
}

/// Which states count as similar, so that one's role model is the other's (Sec. 3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Those of a scene, `trials_per_scene` one after another, which the arm starts near each other.
    #[default]
    Schedule,
    /// Those whose estimated poses are near each other, in all trials so far.
    Similarity,
}

/// When to learn from what (Sec. 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Trials of a scene, `N`. Default 10.
    pub trials_per_scene: u32,
    /// Which states share a role model. Default those of a scene, whose starts the arm itself
    /// prepares. Where starts come as they come, `similarity` needs no scenes.
    pub grouping: Grouping,
    /// By `similarity`: how far apart estimated poses may lie, in metres. Default 0.05: far above
    /// a start's jitter, and small beside the region of all starts; untuned.
    pub similar_translation_m: f64,
    /// By `similarity`: how far apart their yaws may be, in degrees. Default 15: a quarter of the
    /// range of all starts; untuned.
    pub similar_yaw_deg: f64,
    /// Passes over `D_i` whenever its labels are there or change: after the scene by the paper's
    /// labels, after each trial by labels that come with it. Default 10.
    pub scene_epochs: usize,
    /// Whether hindsight labels leave out what the closing jaws added to a deviation
    /// ([`rmrl_core::closing_slide_m`]). Default true.
    pub slide_correction: bool,
    /// Trials between replays of the whole `D`, `M`. Default 1: with 10, RM-RL learnt too little of
    /// the scenes before the present one. The paper does not say.
    pub replay_interval: u32,
    /// Minibatches of a replay. Default 10.
    pub replay_batches: usize,
    /// States of a minibatch. Default 16.
    pub batch_size: usize,
    /// How often the candidates are refined as training goes on, from coarse to fine: each time
    /// another one is put in the middle between any two. Default 2: coarse candidates are soon
    /// tried, fine ones end precise.
    pub refinements: u32,
    /// Trials from one refinement to the next; they take place between scenes. Default 30: three
    /// scenes; untuned.
    pub refine_interval: u32,
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
            grouping: Grouping::default(),
            similar_translation_m: 0.05,
            similar_yaw_deg: 15.0,
            scene_epochs: 10,
            slide_correction: true,
            replay_interval: 1,
            replay_batches: 10,
            batch_size: 16,
            refinements: 2,
            refine_interval: 30,
            pretrain_trials: 200,
            pretrain_epochs: 30,
        }
    }
}

/// The on-line updates of the actor-critic methods; REINFORCE has nothing to be told.
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

/// The most refinements of the candidates: each doubles their number.
pub(crate) const MAX_REFINEMENTS: u32 = 6;

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
    /// What the network sees of a picture.
    pub(crate) fn image_view(&self) -> ImageView {
        match self.view {
            ViewName::Global => ImageView::Global,
            ViewName::Crop => ImageView::Crop { scale: self.crop_scale },
            ViewName::None => ImageView::None,
        }
    }

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
        if !(0.5..=10.0).contains(&self.crop_scale) {
            return Err(LearnConfigError {
                key: "crop_scale",
                value: self.crop_scale.to_string(),
                expected: "0.5 to 10 diagonals of the plate",
            });
        }
        if self.view == ViewName::None && self.encoder.train {
            return Err(LearnConfigError {
                key: "encoder.train",
                value: "true".to_string(),
                expected: "false, because view is \"none\" and has no encoder",
            });
        }
        self.check_weights()?;
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

    fn check_weights(&self) -> Result<(), LearnConfigError> {
        let wrong = |expected| {
            let value = format!("\"{}\"", String::from(self.encoder.weights.clone()));
            Err(LearnConfigError { key: "encoder.weights", value, expected })
        };
        let EncoderConfig { depth, base_width, image_size, .. } = self.encoder;
        let is_as_trained = (depth, base_width, image_size, self.image_view())
            == (10, 16, 128, ImageView::Crop { scale: 1.5 });
        match self.encoder.weights {
            EncoderWeights::File(_) if self.view == ViewName::None => {
                wrong("no file, because view is \"none\" and has no encoder")
            }
            EncoderWeights::Plates if self.view != ViewName::None && !is_as_trained => wrong(
                "\"random\" or a file, because those of plates fit only depth 10, base_width 16, \
                 image_size 128, view \"crop\" and crop_scale 1.5",
            ),
            _ => Ok(()),
        }
    }
}

impl OnlineConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that makes no update.
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

impl ScheduleConfig {
    /// How often the candidates have been refined after `trials` trials.
    pub fn refinements_after(&self, trials: u32) -> u32 {
        let of_whole_scenes = trials - trials % self.trials_per_scene;
        self.refinements.min(of_whole_scenes / self.refine_interval)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first value that makes no schedule.
    pub fn validate(&self) -> Result<(), LearnConfigError> {
        for (key, value) in [
            ("trials_per_scene", self.trials_per_scene as usize),
            ("replay_interval", self.replay_interval as usize),
            ("batch_size", self.batch_size),
            ("refine_interval", self.refine_interval as usize),
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
        if self.refinements > MAX_REFINEMENTS {
            return Err(LearnConfigError {
                key: "refinements",
                value: self.refinements.to_string(),
                expected: "0 to 6: each doubles the candidates",
            });
        }
        for (key, value) in [
            ("similar_translation_m", self.similar_translation_m),
            ("similar_yaw_deg", self.similar_yaw_deg),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(LearnConfigError {
                    key,
                    value: value.to_string(),
                    expected: "0 or a positive number",
                });
            }
        }
        Ok(())
    }
}
