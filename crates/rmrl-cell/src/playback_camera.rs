//! A camera that plays back what another one recorded.

use rmrl_vision::{CameraModel, Recording, RgbdFrame};

use crate::{Camera, DeviceError};

/// Delivers the frames of a recording one after the other, and refuses after the last.
#[derive(Debug, Clone)]
pub struct PlaybackCamera {
    recording: Recording,
    model: CameraModel,
    next: usize,
}

impl PlaybackCamera {
    /// A camera that begins with the first frame. `calibrated` replaces the recording's own
    /// camera model.
    pub fn new(recording: Recording, calibrated: Option<CameraModel>) -> Self {
        let model = calibrated.unwrap_or_else(|| recording.camera());
        Self { recording, model, next: 0 }
    }
}

impl Camera for PlaybackCamera {
    /// Refuses instead of reporting a loss, because trying again does not help: a damaged frame stays damaged, and is
    /// not skipped.
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let refused = |reason: String| DeviceError::Refused { device: "camera", reason };
        let frame = self.recording.frame(self.next).ok_or_else(|| {
            refused(format!("the recording ends after {} frames", self.recording.frames().len()))
        })?;
        let frame = frame.map_err(|error| refused(error.to_string()))?;
        self.next += 1;
        Ok(frame)
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::{ImageBuffer, Luma, RgbImage};
    use nalgebra::Isometry3;
    use rmrl_vision::{Intrinsics, RecordingWriter};

    use super::*;

    /// A damaged frame was a lost connection, and the next attempt continued with the frame after it.
    #[test]
    fn a_damaged_frame_stays_damaged_and_nothing_follows_the_last_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("frames");
        let intrinsics = Intrinsics {
            width: 4,
            height: 3,
            fx: 4.0,
            fy: 4.0,
            cx: 1.5,
            cy: 1.0,
            distortion: Default::default(),
        };
        let own =
            CameraModel { intrinsics, world_from_camera: Isometry3::translation(0.1, 0.2, 0.8) };
        let mut writer = RecordingWriter::create(&root, &own.into()).unwrap();
        for depth_mm in [700, 701, 702] {
            let frame = RgbdFrame {
                color: Arc::new(RgbImage::new(4, 3)),
                depth: ImageBuffer::from_pixel(4, 3, Luma([depth_mm])),
            };
            writer.append(&frame).unwrap();
        }
        std::fs::write(root.join("000002.png"), "torn").unwrap();
        let mut camera = PlaybackCamera::new(Recording::open(&root).unwrap(), None);
        assert_eq!(camera.model(), own);
        let depth_mm = |frame: RgbdFrame| frame.depth.get_pixel(0, 0).0[0];
        assert_eq!(camera.capture().map(depth_mm), Ok(700));
        for _ in 0..2 {
            let refused = camera.capture().unwrap_err();
            assert!(matches!(refused, DeviceError::Refused { .. }), "{refused:?}");
            assert!(refused.to_string().contains("000002.png"), "{refused}");
        }
        std::fs::copy(root.join("000001.png"), root.join("000002.png")).unwrap();
        assert_eq!(camera.capture().map(depth_mm), Ok(701));
        assert_eq!(camera.capture().map(depth_mm), Ok(702));
        for _ in 0..2 {
            let refused = camera.capture().unwrap_err().to_string();
            assert!(refused.contains("ends after 3 frames"), "{refused}");
        }
        let moved = CameraModel { world_from_camera: Isometry3::identity(), ..own };
        let camera = PlaybackCamera::new(Recording::open(&root).unwrap(), Some(moved));
        assert_eq!(camera.model(), moved);
    }
}
