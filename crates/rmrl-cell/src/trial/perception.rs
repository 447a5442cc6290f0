//! Seeing the plate: a camera, a localizer, and how often both are tried.

use std::time::Instant;

use rmrl_core::{Fault, PictureReader, PlanarPose};
use rmrl_vision::{CameraModel, Localizer, RgbdFrame, tilt_rad};

use super::evidence::{Capture, TrialEvidence};
use super::faults::motion_fault;
use crate::{Camera, MotionError, Recovery, StopSwitch};

/// How many frames are taken before a plate counts as not localizable. A frame costs a second, a trial minutes.
pub(crate) const LOOKS: usize = 3;
/// A plate that leans by more lies on something, in radians: 4 degrees. A wall of 12 mm makes 5 of it along the
/// long side; level plates in 20 simulated laboratories seem to lean by 0.4, and by 0.9 at most.
const LEANS_RAD: f64 = 0.07;

/// The camera, and the localizer that searches its frames for the plate.
pub(crate) struct Perception {
    camera: Box<dyn Camera>,
    localizer: Localizer,
    stop: StopSwitch,
    /// Says by how much the localizer errs, if anything does.
    pub reader: Option<Box<dyn PictureReader>>,
    /// How a lost camera is tried again.
    pub recovery: Recovery,
}

impl Perception {
    /// A camera that is not asked for frames once `stop` is pressed.
    pub fn new(camera: Box<dyn Camera>, localizer: Localizer, stop: StopSwitch) -> Self {
        Self { camera, localizer, stop, reader: None, recovery: Recovery::default() }
    }

    /// The camera as calibrated.
    pub fn camera_model(&self) -> CameraModel {
        self.camera.model()
    }

    /// How plates are localized.
    pub fn localizer(&self) -> &Localizer {
        &self.localizer
    }

    /// Takes frames until the plate can be localized in one, or a few have failed: noise passes, and so does a
    /// hand over the plate.
    pub fn look_patiently(&mut self, evidence: &mut TrialEvidence) -> Result<Capture, Fault> {
        let mut last = self.look(evidence)?;
        for _ in 1..LOOKS {
            if last.localization.is_ok() {
                break;
            }
            last = self.look(evidence)?;
        }
        Ok(last)
    }

    /// Takes a frame, localizes the plate in it, and reads its picture. Adds the frame and the time to `evidence`.
    ///
    /// # Errors
    /// The camera failed.
    pub fn look(&mut self, evidence: &mut TrialEvidence) -> Result<Capture, Fault> {
        let mut capture = self.localize(evidence)?;
        if let (Some(reader), Ok(found)) = (&mut self.reader, &capture.localization) {
            let error_m = reader.look_error_m(&capture.frame.color, found.in_image);
            capture.look_error_m = Some(self.camera.model().along_world(error_m));
        }
        Ok(capture)
    }

    /// Takes a frame and localizes the plate in it.
    fn localize(&mut self, evidence: &mut TrialEvidence) -> Result<Capture, Fault> {
        let began = Instant::now();
        let frame = self.take_frame()?;
        let captured = Instant::now();
        let localization = self.localizer.localize(&frame, &self.camera.model());
        let durations = &mut evidence.durations;
        durations.capture_secs += (captured - began).as_secs_f64();
        durations.localize_secs += captured.elapsed().as_secs_f64();
        let number = evidence.frames;
        evidence.frames += 1;
        Ok(Capture { number, frame, localization, look_error_m: None })
    }

    /// Takes a frame. Waits for a camera that is lost.
    ///
    /// # Errors
    /// The stop switch was pressed, or the camera failed.
    pub fn take_frame(&mut self) -> Result<RgbdFrame, Fault> {
        let Self { camera, recovery, stop, .. } = self;
        let captured = recovery.retry(stop, || {
            stop.check()?;
            camera.capture().map_err(|error| MotionError::of_device(error, stop))
        });
        captured.map_err(motion_fault)
    }

    /// By how much a plate leans that was localized and lies on something, in radians; `None` if it lies level, or
    /// depth does not show it.
    pub fn lean_rad(&self, capture: &Capture) -> Option<f64> {
        let found = capture.localization.as_ref().ok()?;
        tilt_rad(&capture.frame, &found.mask, &self.camera.model()).filter(|tilt| *tilt > LEANS_RAD)
    }

    /// Localizes the resting plate `repeats` times.
    ///
    /// # Errors
    /// The camera failed, or the plate could not be localized in a frame.
    pub fn noise_floor(
        &mut self,
        repeats: usize,
        evidence: &mut TrialEvidence,
    ) -> Result<Vec<PlanarPose>, Fault> {
        (0..repeats).map(|_| Ok(self.localize(evidence)?.plate()?.pose)).collect()
    }
}
