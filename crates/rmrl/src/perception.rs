//! Frames of plates: to localize again, to compare detectors, and to train encoders.
//!
//! - `frame_source` finds stored frames: single files, a recording, or the images of a run.
//! - `detector_benchmark` compares detectors on simulated frames whose truth is known.
//! - `encoder_dataset` makes simulated images of plates to train an encoder on.

pub(crate) mod detector_benchmark;
pub(crate) mod encoder_dataset;
pub(crate) mod frame_source;
