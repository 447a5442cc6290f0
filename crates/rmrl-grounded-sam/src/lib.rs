//! Detection and segmentation by learned models: Grounding DINO finds objects that a text describes, and Segment
//! Anything finds the pixels of the object in a box.
//!
//! [`GroundingDino`] is a [`rmrl_vision::Detector`] and [`SegmentAnything`] a
//! [`rmrl_vision::Segmenter`]. Both run ONNX files on the CPU with `rten`; nothing is downloaded, and no
//! library has to be installed. `docs/perception-models.md` describes how to get the files.
//!
//! ```no_run
//! use rmrl_grounded_sam::{
//!     GroundingDino, GroundingDinoConfig, SegmentAnything, SegmentAnythingConfig,
//! };
//! use rmrl_vision::{Localizer, LocalizerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let detector = GroundingDino::open(GroundingDinoConfig::default())?;
//! let segmenter = SegmentAnything::open(SegmentAnythingConfig::default())?;
//! let localizer =
//!     Localizer::new(LocalizerConfig::default(), Box::new(detector), Box::new(segmenter))?;
//! # Ok(())
//! # }
//! ```
//!
//! - `grounding_dino.rs`, `grounding_dino_config.rs`, `prompt.rs`, `boxes.rs`: the detector.
//! - `segment_anything.rs`, `segment_anything_config.rs`, `mask_upscaling.rs`: the segmenter.
//! - `pixels.rs`, `resample.rs`: the preprocessing of images for both.
//! - `network.rs`, `onnx_file.rs`: runs a graph, after checks of its file.
//! - `error.rs`: why a model cannot be opened or run.

mod boxes;
mod error;
mod grounding_dino;
mod grounding_dino_config;
#[cfg(test)]
#[path = "../tests/images/mod.rs"]
mod images;
mod mask_upscaling;
mod network;
mod onnx_file;
mod pixels;
mod prompt;
mod resample;
mod segment_anything;
mod segment_anything_config;

pub use error::GroundedSamError;
pub use grounding_dino::{GroundingDino, PhraseDetection, PhraseDetections, RawDetections};
pub use grounding_dino_config::{GroundingDinoConfig, Resize};
pub use segment_anything::{DecoderLayout, SegmentAnything};
pub use segment_anything_config::SegmentAnythingConfig;
