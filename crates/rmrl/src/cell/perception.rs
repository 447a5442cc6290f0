//! The camera and the localizer of a configuration.

use std::path::Path;

use rmrl_cell::{Camera, PlaybackCamera};
use rmrl_core::PictureReader;
use rmrl_grounded_sam::{GroundingDino, SegmentAnything};
use rmrl_learn::LookErrorNetwork;
use rmrl_vision::{
    CameraFile, CameraModel, ColorThresholdDetector, ColorThresholdSegmenter, Detector, Localizer,
    Recording, Segmenter,
};

use super::external::ExternalError;
use super::laboratory_error::{LaboratoryError, LocalizerError};
use super::remote::RemoteCamera;
use super::simulated::simulated_cell;
use crate::config::{
    CameraSource, DetectorName, LookErrorWeights, RunConfig, SegmenterName, VisionConfig,
};

/// The camera of a real cell.
///
/// # Errors
/// The camera file is invalid, or the camera does not answer.
pub fn camera(config: &RunConfig) -> Result<Box<dyn Camera>, LaboratoryError> {
    let calibrated = match &config.camera.calibration {
        Some(path) => Some(CameraFile::read(path)?.overhead(path)?),
        None => None,
    };
    match config.camera.source {
        CameraSource::Realsense => realsense(config, calibrated),
        CameraSource::Remote => RemoteCamera::connect(&config.remote, calibrated)
            .map(|camera| Box::new(camera) as Box<dyn Camera>)
            .map_err(LaboratoryError::CameraDevice),
        CameraSource::External => {
            Err(ExternalError::Missing { key: "camera.source", device: "camera" }.into())
        }
        CameraSource::Playback => {
            let root = config.camera.recording.as_deref().unwrap_or(Path::new("."));
            Ok(Box::new(PlaybackCamera::new(Recording::open(root)?, calibrated)))
        }
        CameraSource::Simulated => {
            Ok(Box::new(simulated_cell(config, u64::from(config.seed))?) as Box<dyn Camera>)
        }
    }
}

#[cfg(not(feature = "realsense"))]
fn realsense(_: &RunConfig, _: Option<CameraModel>) -> Result<Box<dyn Camera>, LaboratoryError> {
    Err(LaboratoryError::WithoutRealSense)
}

#[cfg(feature = "realsense")]
fn realsense(
    config: &RunConfig,
    calibrated: Option<CameraModel>,
) -> Result<Box<dyn Camera>, LaboratoryError> {
    let opened = rmrl_realsense::RealSenseCamera::open(
        config.camera.realsense.clone(),
        calibrated.map(|camera| camera.world_from_camera).unwrap_or_default(),
        calibrated.map(|camera| camera.intrinsics),
    );
    opened.map(|camera| Box::new(camera) as Box<dyn Camera>).map_err(LaboratoryError::CameraDevice)
}

/// The configured localizer, with its models loaded.
///
/// # Errors
/// A value of its configuration is invalid, or the files of a model are missing or invalid.
pub fn localizer(config: &VisionConfig) -> Result<Localizer, LocalizerError> {
    let in_section = |key| move |source| LocalizerError::Model { key, source };
    let detector: Box<dyn Detector> = match config.detector {
        DetectorName::Color => Box::new(ColorThresholdDetector::new(config.color)),
        DetectorName::GroundingDino => Box::new(
            GroundingDino::open(config.grounding_dino.clone())
                .map_err(in_section("grounding_dino"))?,
        ),
    };
    let segmenter: Box<dyn Segmenter> = match config.segmenter {
        SegmenterName::Color => Box::new(ColorThresholdSegmenter::new(config.color)),
        SegmenterName::SegmentAnything => Box::new(
            SegmentAnything::open(config.segment_anything.clone())
                .map_err(in_section("segment_anything"))?,
        ),
    };
    Ok(Localizer::new(config.localizer, detector, segmenter)?)
}

/// The network that reads the pictures of a cell, where its method uses one.
///
/// # Errors
/// Its file cannot be read, or is of another network.
pub(crate) fn picture_reader(
    config: &RunConfig,
) -> Result<Option<Box<dyn PictureReader>>, LocalizerError> {
    if !config.method.reads_pictures() {
        return Ok(None);
    }
    let network = match &config.vision.look_error {
        LookErrorWeights::Plates => LookErrorNetwork::of_plates(),
        LookErrorWeights::File(path) => LookErrorNetwork::open(path)?,
    };
    Ok(Some(Box::new(network)))
}
