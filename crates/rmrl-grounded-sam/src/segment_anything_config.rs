//! How Segment Anything is configured.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where Segment Anything lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rmrl_core::ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(own_validate)]
pub struct SegmentAnythingConfig {
    /// The directory with both files. Default `models/segment-anything`: where
    /// `tools/export_grounded_sam.py --out models` writes them.
    pub directory: PathBuf,
    /// The image encoder's file in it. Default `vision_encoder.onnx`, the name in public exports.
    pub encoder: PathBuf,
    /// The file, in it, of the decoder, which must take boxes. Default `decoder.onnx`, the name that
    /// the export gives it; its layout is told from its inputs.
    pub decoder: PathBuf,
    /// Threads to compute with. Default: one for each physical core.
    #[key(at_least = 1, at_most = 1024)]
    pub threads: Option<NonZeroUsize>,
}

impl Default for SegmentAnythingConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("models/segment-anything"),
            encoder: PathBuf::from("vision_encoder.onnx"),
            decoder: PathBuf::from("decoder.onnx"),
            threads: None,
        }
    }
}
