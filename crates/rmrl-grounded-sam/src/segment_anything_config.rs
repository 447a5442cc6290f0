//! The configuration of Segment Anything.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The files of Segment Anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentAnythingConfig {
    /// The directory with both files. Default `models/segment-anything`:
    /// `tools/export_grounded_sam.py --out models` writes them there.
    pub directory: PathBuf,
    /// The image encoder's file in it. Default `vision_encoder.onnx`, the name in public exports.
    pub encoder: PathBuf,
    /// The decoder's file in it; the decoder must take boxes. Default `decoder.onnx`, the name that the export
    /// gives it. The inputs determine its layout.
    pub decoder: PathBuf,
    /// The number of threads. Default: one for each physical core.
    #[key(at_least = 1, limit = 1024)]
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
