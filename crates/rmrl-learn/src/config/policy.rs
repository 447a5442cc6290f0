//! Keys of the policy network and its optimizer: `policy`.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use super::device::ComputeDevice;
use super::encoder::{EncoderConfig, EncoderWeights};
use super::ood::OodConfig;
use crate::network::{ImageView, MOST_LAYER_WIDTH};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct PolicyConfig {
    /// Which part of the image the policy sees. Default a square around the plate; the paper's is the
    /// whole image.
    #[key(kind = "\"crop\", \"global\" or \"none\"")]
    pub view: ViewName,
    /// Side of the square that the view `crop` sees, in diagonals of the plate. Default 1.5: the
    /// plate and what lies within reach of the fingers; untuned.
    #[key(at_least = 0.5, at_most = 10)]
    pub crop_scale: f64,
    /// The image encoder.
    #[key(nested)]
    pub encoder: EncoderConfig,
    /// Width of the pose MLP's layers. Default 64: untuned.
    #[key(at_least = 1, at_most = MOST_LAYER_WIDTH)]
    pub pose_width: usize,
    /// Width of the heads' hidden layers. Default 128: untuned.
    #[key(at_least = 1, at_most = MOST_LAYER_WIDTH)]
    pub head_width: usize,
    /// Adam's step size. Default 0.0003: of the steps tried on six cells, 0.001 made the policy so
    /// sure of the first scene's role model that it tried little else afterwards, and 0.0001 was
    /// slow.
    #[key(above = 0, at_most = 1)]
    pub learning_rate: f64,
    /// Standard deviation of a soft label over the neighboring candidates, in candidates: refining
    /// them narrows it in millimeters. 0 is the paper's one-hot label (Eq. 7). Default 1: a neighbor
    /// of the best action is nearly as good, and one label then teaches both.
    #[key(at_least = 0, limit = 100)]
    pub label_sigma_bins: f64,
    /// Where to compute. Default the processor.
    #[key(kind = "\"cpu\", \"cuda\" or \"wgpu\"")]
    pub device: ComputeDevice,
    /// When the deployed policy abstains.
    #[key(nested)]
    pub ood: OodConfig,
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
            label_sigma_bins: 1.0,
            device: ComputeDevice::default(),
            ood: OodConfig::default(),
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

    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        check.require(
            "encoder.train",
            self.encoder.train,
            !(self.view == ViewName::None && self.encoder.train),
            "false, because view is \"none\" and has no encoder",
        )?;
        self.check_weights(check)?;
        self.device.check("device", check)
    }

    /// Checks that the encoder's weights fit the encoder and the view.
    fn check_weights(&self, check: &Check) -> Result<(), InvalidKey> {
        let EncoderConfig { depth, base_width, image_size, .. } = self.encoder;
        let is_as_trained = (depth, base_width, image_size, self.image_view())
            == (10, 16, 128, ImageView::Crop { scale: 1.5 });
        let (fits, expected) = match self.encoder.weights {
            EncoderWeights::File(_) => (
                self.view != ViewName::None,
                "no file, because view is \"none\" and has no encoder",
            ),
            EncoderWeights::Plates => (
                self.view == ViewName::None || is_as_trained,
                "\"random\" or a file, because those of plates fit only depth 10, base_width 16, \
                 image_size 128, view \"crop\" and crop_scale 1.5",
            ),
            EncoderWeights::Random => return Ok(()),
        };
        let weights = String::from(self.encoder.weights.clone());
        check.require("encoder.weights", format!("\"{weights}\""), fits, expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A negative or NaN width once passed and made one-hot labels; an infinite one made all
    /// candidates equally right.
    #[test]
    fn a_label_width_is_finite_and_not_negative() {
        let with_width =
            |label_sigma_bins| PolicyConfig { label_sigma_bins, ..PolicyConfig::default() };
        for width in [0.0, 0.7, 1.0, 100.0] {
            assert_eq!(with_width(width).validate(), Ok(()));
        }
        for width in [-3.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, 1e30] {
            let error = with_width(width).validate().unwrap_err();
            assert_eq!(error.key, "label_sigma_bins");
        }
    }
}
