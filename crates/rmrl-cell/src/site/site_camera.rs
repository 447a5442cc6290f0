//! The camera over sites, and the localizer that searches its frames for one item among several.

use rmrl_vision::{CameraModel, Localizer, RgbdFrame};

use crate::{Camera, MotionError, Recovery, StopSwitch};

/// A camera with a localizer. It is not asked for frames once its switch is pressed.
pub struct SiteCamera {
    camera: Box<dyn Camera>,
    localizer: Localizer,
    stop: StopSwitch,
    recovery: Recovery,
}

impl SiteCamera {
    /// A camera that is not asked for frames once `stop` is pressed.
    pub fn new(camera: Box<dyn Camera>, localizer: Localizer, stop: StopSwitch) -> Self {
        Self { camera, localizer, stop, recovery: Recovery::default() }
    }

    /// Sets how a lost camera is tried again.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.recovery = recovery;
    }

    /// The camera as calibrated.
    pub fn model(&self) -> CameraModel {
        self.camera.model()
    }

    /// How plates are localized.
    pub fn localizer(&mut self) -> &mut Localizer {
        &mut self.localizer
    }

    /// Takes a frame. Waits for a camera that is lost.
    ///
    /// # Errors
    /// The switch was pressed, or the camera failed.
    pub fn take_frame(&mut self) -> Result<RgbdFrame, MotionError> {
        let Self { camera, recovery, stop, .. } = self;
        recovery.retry(stop, || {
            stop.check()?;
            camera.capture().map_err(|error| MotionError::of_device(error, stop))
        })
    }
}
