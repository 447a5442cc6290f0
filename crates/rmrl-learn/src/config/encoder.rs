//! Keys of the image encoder: `policy.encoder`.

use std::path::PathBuf;

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

use crate::network::{MOST_BASE_WIDTH, MOST_IMAGE_SIZE, NetworkShape};

/// The image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// ResNet depth: 10, 18 or 34. Default 10, that of the encoder that comes with this library;
    /// the paper does not say.
    #[key(at_least = 10, at_most = 34, valid = is_depth, expected = "10, 18 or 34")]
    pub depth: usize,
    /// Channels of the first stage. Default 16: what differs from plate to plate takes no more; 64
    /// in the original and in torchvision's weights.
    #[key(
        at_least = 4,
        at_most = MOST_BASE_WIDTH,
        valid = is_base_width,
        expected = "4 to 15, or a multiple of 16 up to 256 (64 in torchvision's weights)"
    )]
    pub base_width: usize,
    /// Width and height that images are scaled to, in pixels. Default 128: untuned.
    #[key(at_least = 32, at_most = MOST_IMAGE_SIZE)]
    pub image_size: usize,
    /// Whether the encoder learns, too. Default false: its features are then computed once per
    /// image and kept, which makes a training step cost next to nothing.
    pub train: bool,
    /// Weights to start from.
    #[key(kind = "\"plates\", \"random\", or a file")]
    pub weights: EncoderWeights,
}

/// The weights that an encoder starts from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EncoderWeights {
    /// `plates`: those that come with this library. They were trained on simulated images of
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

fn is_depth(depth: usize) -> bool {
    NetworkShape::blocks(depth).is_some()
}

fn is_base_width(base_width: usize) -> bool {
    base_width < 16 || base_width.is_multiple_of(16)
}
