//! Keys of the policy network and its optimizer: `policy`.

use serde::{Deserialize, Serialize};

use super::device::ComputeDevice;
use super::encoder::{EncoderConfig, EncoderWeights};
use super::error::LearnConfigError;
use super::ood::SupportConfig;
use crate::network::{ImageView, NetworkShape};

/// Which part of the image the policy sees, as configurations spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewName {
    /// The whole image, as in the paper.
    Global,
    /// A square around the estimated pose, as large as the plate appears there.
    #[default]
    Crop,
    /// Nothing: the policy sees the pose alone, and no encoder is built.
    None,
}

/// The policy network and its optimizer. All methods share it (Sec. 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Which part of the image the policy sees. Default a square around the plate; the paper's is the
    /// whole image.
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
    /// Standard deviation of a soft label over the neighboring candidates, in candidates: refining
    /// them narrows it in millimetres. 0 is the paper's one-hot label (Eq. 7). Default 1: a neighbor
    /// of the best action is nearly as good, and one label then teaches both.
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

impl PolicyConfig {
    /// Which part of an image the network sees.
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
    /// The first invalid value, or a device this build does not have.
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
