//! The configuration of Grounding DINO.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

use crate::prompt::phrases;

/// How an image is resized to the fixed size of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Scale both sides to the graph's size, as for the public exports of 800 x 800. This uses all pixels of
    /// the graph, but changes the image's proportions.
    #[default]
    Squash,
    /// Keep the proportions, as in the network's training; the rest, right and below, is zero and masked. This
    /// works better the closer the graph's proportions are to the camera's.
    Pad,
}

/// The files of Grounding DINO, its prompt, and its thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct GroundingDinoConfig {
    /// The directory with the model and `tokenizer.json` or `vocab.txt`. Default `models/grounding-dino`:
    /// `tools/export_grounded_sam.py --out models` writes them there.
    pub directory: PathBuf,
    /// The model's file in it. Default `model.onnx`, the name in the public exports.
    pub model: PathBuf,
    /// The description of the plate, in English. Default `black cell plate`: the paper's plates are black.
    /// Full stops separate several phrases; an object that matches any of them counts as the plate.
    #[key(valid = has_phrases, expected = "words that describe the plate")]
    pub prompt: String,
    /// Boxes must score more than this. Default 0.35, upstream's demonstration; untuned here.
    #[key(above = 0, at_most = 1)]
    pub box_threshold: f64,
    /// Words of the prompt that score more than this are the box's phrase. Default 0.25, upstream's
    /// demonstration; it changes no box.
    #[key(above = 0, at_most = 1)]
    pub text_threshold: f64,
    /// Of two boxes whose intersection exceeds this share of their union, the one with the lower score is
    /// dropped. Default 0.5: the network often reports one object several times, in nearly equal boxes. The
    /// boxes of two plates that touch at 45 degrees agree to 0.25 at most. 1 keeps all boxes.
    #[key(above = 0, at_most = 1)]
    pub nms_iou: f64,
    /// How images are resized to the graph's size. Default `squash`. It does not affect graphs without a fixed
    /// size: they get upstream's size, 800 pixels on the short side and at most 1333 on the long one.
    #[key(kind = "\"squash\" or \"pad\"")]
    pub resize: Resize,
    /// The number of threads. Default: one for each physical core.
    #[key(at_least = 1, limit = 1024)]
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

fn has_phrases(prompt: &str) -> bool {
    !phrases(prompt).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_values_are_refused_by_key() {
        let default = GroundingDinoConfig::default;
        default().validate().unwrap();
        for (key, config) in [
            ("prompt", GroundingDinoConfig { prompt: " . ".into(), ..default() }),
            ("box_threshold", GroundingDinoConfig { box_threshold: 0.0, ..default() }),
            ("text_threshold", GroundingDinoConfig { text_threshold: f64::NAN, ..default() }),
            ("nms_iou", GroundingDinoConfig { nms_iou: 1.5, ..default() }),
        ] {
            assert_eq!(config.validate().unwrap_err().key, key);
        }
    }
}
