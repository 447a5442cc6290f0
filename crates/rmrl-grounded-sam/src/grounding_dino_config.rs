//! How Grounding DINO is configured.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::GroundedSamError;
use crate::prompt::phrases;

/// How an image is brought to the size that is baked into a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Stretched or pressed to exactly that size, as the public exports of 800 x 800 are fed. All
    /// of the graph's pixels are used; the image's proportions are lost.
    #[default]
    Squash,
    /// With its proportions, as the network was trained; the rest, right and below, is zero and
    /// masked. It is the better the nearer the graph's proportions come to the camera's.
    Pad,
}

/// Where Grounding DINO lies, what it looks for, and how sure it must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, rmrl_core::ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(own_validate)]
pub struct GroundingDinoConfig {
    /// The directory with the model and `tokenizer.json` or `vocab.txt`. Default
    /// `models/grounding-dino`: where `tools/export_grounded_sam.py --out models` writes them.
    pub directory: PathBuf,
    /// The model's file in it. Default `model.onnx`, the name in the public exports.
    pub model: PathBuf,
    /// What to look for, in English. Default `black cell plate`: the paper's plates are. Several
    /// phrases are parted by full stops; any of them counts as the plate.
    pub prompt: String,
    /// Boxes must score more than this. Default 0.35, upstream's demonstration; untuned here.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub box_threshold: f64,
    /// Words of the prompt that score more than this are the box's phrase. Default 0.25, upstream's
    /// demonstration; it changes no box.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub text_threshold: f64,
    /// Of two boxes whose intersection is more than this share of their union, the lesser score is
    /// dropped. Default 0.5: the network often reports one object several times, in boxes that
    /// nearly agree; two plates that touch, at 45 degrees, still have boxes that agree to 0.25 at
    /// most. 1 keeps all.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub nms_iou: f64,
    /// How images are brought to the graph's size. Default `squash`; a graph of no fixed size
    /// gets the image in upstream's, 800 pixels high or at most 1333 long, whatever is said here.
    pub resize: Resize,
    /// Threads to compute with. Default: one for each physical core.
    #[key(at_least = 1, at_most = 1024)]
    pub threads: Option<NonZeroUsize>,
}

impl Default for GroundingDinoConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("models/grounding-dino"),
            model: PathBuf::from("model.onnx"),
            prompt: "black cell plate".into(),
            box_threshold: 0.35,
            text_threshold: 0.25,
            nms_iou: 0.5,
            resize: Resize::default(),
            threads: None,
        }
    }
}

impl GroundingDinoConfig {
    /// Checks every value, and no file.
    ///
    /// # Errors
    /// The first key whose value cannot be.
    pub fn validate(&self) -> Result<(), GroundedSamError> {
        if phrases(&self.prompt).is_empty() {
            return Err(GroundedSamError::Config {
                key: "prompt",
                value: format!("{:?}", self.prompt),
                expected: "words that describe the plate",
            });
        }
        for (key, value) in [
            ("box_threshold", self.box_threshold),
            ("text_threshold", self.text_threshold),
            ("nms_iou", self.nms_iou),
        ] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(GroundedSamError::Config {
                    key,
                    value: value.to_string(),
                    expected: "a share above 0, at most 1",
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_configurations_are_refused_by_key() {
        let default = GroundingDinoConfig::default;
        default().validate().unwrap();
        for (key, config) in [
            ("prompt", GroundingDinoConfig { prompt: " . ".into(), ..default() }),
            ("box_threshold", GroundingDinoConfig { box_threshold: 0.0, ..default() }),
            ("text_threshold", GroundingDinoConfig { text_threshold: f64::NAN, ..default() }),
            ("nms_iou", GroundingDinoConfig { nms_iou: 1.5, ..default() }),
        ] {
            let error = config.validate().unwrap_err();
            assert!(
                matches!(error, GroundedSamError::Config { key: found, .. } if found == key),
                "{error}"
            );
        }
    }
}
