//! Frames from files, recordings and runs, and what detectors and encoders are tried on.

pub(crate) mod detector_benchmark;
pub(crate) mod encoder_dataset;
pub(crate) mod frame_source;
