//! Paths that mean the same from every working directory.

use rmrl_learn::EncoderWeights;

use crate::config::error::ConfigError;
use crate::config::run_config::RunConfig;
use crate::config::sections::{DetectorName, LookErrorWeights, SegmenterName};

impl RunConfig {
    /// This configuration with absolute paths.
    ///
    /// # Errors
    /// There is no working directory to resolve a path against.
    pub(crate) fn with_absolute_paths(&self) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        let weights = match &mut config.policy.encoder.weights {
            EncoderWeights::File(path) => Some(path),
            EncoderWeights::Plates | EncoderWeights::Random => None,
        };
        let calibration = config.camera.calibration.iter_mut();
        let vision = &mut config.vision;
        let look_error = match &mut vision.look_error {
            LookErrorWeights::File(path) => Some(path),
            LookErrorWeights::Plates => None,
        };
        let detector = (vision.detector == DetectorName::GroundingDino)
            .then_some(&mut vision.grounding_dino.directory);
        let segmenter = (vision.segmenter == SegmenterName::SegmentAnything)
            .then_some(&mut vision.segment_anything.directory);
        let models = detector.into_iter().chain(segmenter);
        let token = config.page.token_file.iter_mut();
        let pretrained = config.pretrained.iter_mut();
        for path in pretrained
            .chain(weights)
            .chain(look_error)
            .chain(calibration)
            .chain(models)
            .chain(token)
        {
            *path = std::path::absolute(&*path)
                .map_err(|source| ConfigError::Nowhere { path: path.clone(), source })?;
        }
        Ok(config)
    }
}
