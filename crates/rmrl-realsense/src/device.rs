//! The camera, by librealsense2.

mod faults;
mod setup;
mod streams;

use std::time::Duration;

use nalgebra::Isometry3;
use rmrl_cell::{Camera, DeviceError};
use rmrl_vision::{CameraModel, Intrinsics, RgbdFrame};

use crate::config::RealSenseConfig;
use crate::reconnecting::Reconnecting;
use faults::refused;
use streams::Streams;

/// An overhead RealSense camera, with color and depth aligned to it.
///
/// Any fault closes the streams, and the next capture opens them again.
pub struct RealSenseCamera {
    streams: Reconnecting<Streams>,
    model: CameraModel,
    description: String,
}

impl RealSenseCamera {
    /// Opens the camera, or the recording, and waits until its exposure has settled.
    ///
    /// `calibrated` replaces the color intrinsics that the camera stores; the depth is always aligned by the stored
    /// ones. A lost camera is found again by its serial number, so no other camera replaces it.
    ///
    /// # Errors
    /// [`DeviceError::Refused`]: the configuration is invalid or the camera does not support it, there are several
    /// cameras and no serial number, the lens is not Brown-Conrady, or the calibrated intrinsics have another size.
    /// [`DeviceError::Disconnected`]: there is no such camera. [`DeviceError::TimedOut`]: no frames arrive.
    pub fn open(
        config: RealSenseConfig,
        world_from_camera: Isometry3<f64>,
        calibrated: Option<Intrinsics>,
    ) -> Result<Self, DeviceError> {
        config.validate().map_err(refused)?;
        if let Some(calibrated) = calibrated {
            calibrated.validate().map_err(refused)?;
            if (calibrated.width, calibrated.height) != (config.width, config.height) {
                return Err(refused(format!(
                    "the calibrated intrinsics are for {} x {} pixels, but width and height are {} x {}",
                    calibrated.width, calibrated.height, config.width, config.height
                )));
            }
        }
        let patience = Duration::from_secs_f64(config.reconnect_secs);
        let mut opener = Opener { config, calibrated, known: None };
        let streams = Reconnecting::new(Box::new(move || opener.open()), patience)?;
        let Some(first) = streams.source() else {
            return Err(refused("closed before it was opened"));
        };
        let model = CameraModel { intrinsics: first.intrinsics, world_from_camera };
        let description = first.description.clone();
        tracing::info!("camera: {description}");
        Ok(Self { streams, model, description })
    }

    /// The camera's name, serial number, firmware and USB standard, for people to read.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl Camera for RealSenseCamera {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.streams.next_frame()
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

/// Opens the same camera each time.
struct Opener {
    config: RealSenseConfig,
    calibrated: Option<Intrinsics>,
    /// The camera that was found first.
    known: Option<Known>,
}

struct Known {
    serial_number: Option<String>,
    intrinsics: Intrinsics,
}

impl Opener {
    fn open(&mut self) -> Result<Streams, DeviceError> {
        let serial_number =
            self.known.as_ref().map_or(&self.config.serial_number, |known| &known.serial_number);
        let streams = Streams::open(&self.config, serial_number.as_deref(), self.calibrated)?;
        match &self.known {
            Some(known) if known.intrinsics != streams.intrinsics => {
                return Err(refused(
                    "the camera came back with other intrinsics: restart the program",
                ));
            }
            Some(_) => {}
            None => {
                self.known = Some(Known {
                    serial_number: streams.serial_number.clone(),
                    intrinsics: streams.intrinsics,
                });
            }
        }
        Ok(streams)
    }
}
