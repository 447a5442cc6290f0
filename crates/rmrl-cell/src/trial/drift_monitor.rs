//! Checks between trials that the camera still sees a board where it saw it when the target was recorded.

use image::RgbImage;
use nalgebra::Point2;
use rmrl_core::{Fault, FaultKind, InvalidKey, TrialId};
use rmrl_vision::{CameraModel, CornerFinder};

use super::drift::{DriftConfig, DriftError, DriftReading, ReferenceError, motion_between};
use super::evidence::TrialEvidence;
use super::faults::drift_fault;
use super::perception::{LOOKS, Perception};

/// Looks for the board, and remembers where it was and what the last check found.
pub struct DriftMonitor {
    config: DriftConfig,
    finder: Box<dyn CornerFinder>,
    reference: Option<Vec<Point2<f64>>>,
    /// Whether the last reading was above the bound from which on trials are suspect.
    is_suspect: bool,
    /// Whether the next trial checks even where no check is due.
    is_forced: bool,
}

impl DriftMonitor {
    /// A monitor that has not seen its board yet.
    ///
    /// # Errors
    /// An invalid value.
    pub fn new(config: DriftConfig, finder: Box<dyn CornerFinder>) -> Result<Self, InvalidKey> {
        config.validate()?;
        Ok(Self { config, finder, reference: None, is_suspect: false, is_forced: false })
    }

    /// The configuration.
    pub fn config(&self) -> &DriftConfig {
        &self.config
    }

    /// Where the corners were seen when the target was recorded, world frame, in meters; `None`
    /// before.
    pub fn reference(&self) -> Option<&[Point2<f64>]> {
        self.reference.as_deref()
    }

    /// Whether the last check found that the camera had moved by more than trials can be trusted with.
    pub(crate) fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Makes the next trial check, whether or not a check is due.
    pub(crate) fn force(&mut self) {
        self.is_forced = true;
    }

    /// Continues with a reference that was seen earlier, and the result of the last check.
    ///
    /// # Errors
    /// The reference does not belong to the board.
    pub(crate) fn resume(
        &mut self,
        reference: Vec<Point2<f64>>,
        is_suspect: bool,
    ) -> Result<(), ReferenceError> {
        let (found, expected) = (reference.len(), self.config.board.points().len());
        if found != expected {
            return Err(ReferenceError::Corners { found, expected });
        }
        if !reference.iter().flat_map(|corner| corner.iter()).all(|value| value.is_finite()) {
            return Err(ReferenceError::NotFinite);
        }
        self.reference = Some(reference);
        self.is_suspect = is_suspect;
        Ok(())
    }

    /// Looks for the board in the image of a trial's start, where a check is due; in further frames, if it is hidden
    /// there. Adds the reading to `evidence`.
    ///
    /// # Errors
    /// The board was not found, or the camera has drifted too far for the run to continue.
    pub(crate) fn check(
        &mut self,
        id: TrialId,
        start: &RgbImage,
        perception: &mut Perception,
        evidence: &mut TrialEvidence,
    ) -> Result<(), Fault> {
        if !self.is_forced && !self.is_due(id.trial) {
            return Ok(());
        }
        let reading = self.read_patiently(start, perception, evidence)?;
        self.is_forced = false;
        evidence.drift = Some(reading);
        let DriftConfig { suspect_m, stop_m, .. } = self.config;
        self.is_suspect = reading.drift_m > suspect_m;
        let moved = format!(
            "the reference board seems to have moved by {:.1} mm since the target was recorded",
            1000.0 * reading.drift_m
        );
        if reading.drift_m > stop_m {
            return Err(Fault {
                kind: FaultKind::Drift,
                reason: format!(
                    "{moved}, more than {:.1} mm; put camera and board back as they were and resume, or \
                     calibrate the camera again (`rmrl calibrate overhead`) and begin a new run",
                    1000.0 * stop_m
                ),
            });
        }
        if self.is_suspect {
            tracing::warn!("{id}: {moved}; the trial is marked as suspect");
        }
        Ok(())
    }

    /// Whether a trial is to check.
    fn is_due(&self, trial: u32) -> bool {
        (trial - 1).is_multiple_of(self.config.every_trials)
    }

    /// Reads the drift from an image of the board; from further frames while the board is hidden.
    fn read_patiently(
        &mut self,
        image: &RgbImage,
        perception: &mut Perception,
        evidence: &mut TrialEvidence,
    ) -> Result<DriftReading, Fault> {
        let camera = perception.camera_model();
        let mut reading = self.read(image, &camera);
        for _ in 1..LOOKS {
            if !matches!(reading, Err(DriftError::NotSeen { .. })) {
                break;
            }
            let frame = perception.take_frame()?;
            evidence.frames += 1;
            reading = self.read(&frame.color, &camera);
        }
        reading.map_err(|error| drift_fault(&error))
    }

    /// Takes the board's place in `image` as the reference.
    pub(crate) fn begin(
        &mut self,
        image: &RgbImage,
        camera: &CameraModel,
    ) -> Result<(), DriftError> {
        self.reference = Some(self.corners(image, camera)?);
        Ok(())
    }

    /// How far the board seems to have moved since it was first seen, which may be now.
    fn read(&mut self, image: &RgbImage, camera: &CameraModel) -> Result<DriftReading, DriftError> {
        let seen = self.corners(image, camera)?;
        Ok(motion_between(self.reference.get_or_insert_with(|| seen.clone()), &seen))
    }

    /// The corners on the plane of the board's face.
    fn corners(
        &mut self,
        image: &RgbImage,
        camera: &CameraModel,
    ) -> Result<Vec<Point2<f64>>, DriftError> {
        let pixels = self
            .finder
            .find(image, &self.config.board)
            .map_err(DriftError::Finder)?
            .ok_or(DriftError::NotSeen { corners: self.config.board.corners })?;
        let on_plane = |pixel| {
            let point = camera.intersect_plane(pixel, self.config.height_m);
            point.map(|point| point.xy()).ok_or(DriftError::NotOverhead)
        };
        pixels.into_iter().map(on_plane).collect()
    }
}

#[cfg(test)]
mod tests {
    use rmrl_vision::{BoxError, Chessboard};

    use super::*;

    /// Finds a board in no image.
    struct Blind;

    impl CornerFinder for Blind {
        fn find(
            &mut self,
            _: &RgbImage,
            _: &Chessboard,
        ) -> Result<Option<Vec<Point2<f64>>>, BoxError> {
            Ok(None)
        }
    }

    /// Against no corners, or some that are no numbers, every reading was a drift of zero.
    #[test]
    fn a_damaged_reference_is_refused() {
        let mut monitor = DriftMonitor::new(DriftConfig::default(), Box::new(Blind)).unwrap();
        let whole: Vec<_> = monitor.config.board.points().iter().map(|point| point.xy()).collect();
        let expected = whole.len();
        for found in [0, 1, expected - 1] {
            let refused = monitor.resume(whole[..found].to_vec(), true);
            assert_eq!(refused, Err(ReferenceError::Corners { found, expected }));
        }
        let mut odd = whole.clone();
        odd[3].y = f64::NAN;
        assert_eq!(monitor.resume(odd, true), Err(ReferenceError::NotFinite));
        assert_eq!(monitor.reference(), None);
        assert!(!monitor.is_suspect());
        assert_eq!(monitor.resume(whole, true), Ok(()));
    }
}
