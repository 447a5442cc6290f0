//! A camera that delivers what another one recorded.

use rmrl_vision::{CameraModel, Recording, RgbdFrame};

use crate::{Camera, DeviceError};

/// Delivers the frames of a recording, one with each capture, and is gone after the last.
#[derive(Debug, Clone)]
pub struct RecordedCamera {
    recording: Recording,
    next: usize,
}

impl RecordedCamera {
    /// A camera that begins with the first frame.
    pub fn new(recording: Recording) -> Self {
        Self { recording, next: 0 }
    }
}

impl Camera for RecordedCamera {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let lost = |reason: String| DeviceError::Disconnected { device: "camera", reason };
        let frame = self.recording.frame(self.next).ok_or_else(|| {
            lost(format!("the recording ends after {} frames", self.recording.frames().len()))
        })?;
        self.next += 1;
        frame.map_err(|error| lost(error.to_string()))
    }

    fn model(&self) -> CameraModel {
        self.recording.camera()
    }
}
