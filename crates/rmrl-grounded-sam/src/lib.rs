//! Detection and segmentation by learned models: Grounding DINO finds what a text describes, Segment
//! Anything finds the pixels of what lies in a box.
//!
//! [`GroundingDino`] is a [`rmrl_vision::Detector`] and [`SegmentAnything`] a
//! [`rmrl_vision::Segmenter`]. Both run ONNX files on the processor with `rten`; nothing is
//! downloaded, and no library has to be installed. `docs/perception-models.md` says where the files
//! come from.
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
