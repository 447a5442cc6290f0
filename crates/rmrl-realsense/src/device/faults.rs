//! Converts librealsense's errors to those of a cell.

use std::fmt::Display;

use realsense_rust::kind::Rs2Exception;
use realsense_rust::pipeline::{FrameWaitError, PipelineActivationError};
use rmrl_cell::DeviceError;

use crate::config::RealSenseConfig;

/// The name of this device, for errors.
pub(super) const CAMERA: &str = "camera";

pub(super) fn refused(reason: impl Display) -> DeviceError {
    DeviceError::Refused { device: CAMERA, reason: reason.to_string() }
}

pub(super) fn disconnected(reason: impl Display) -> DeviceError {
    DeviceError::Disconnected { device: CAMERA, reason: reason.to_string() }
}

/// An error of librealsense: of the connection, or a refusal.
pub(super) fn fault(kind: Rs2Exception, reason: String) -> DeviceError {
    match kind {
        Rs2Exception::CameraDisconnected
        | Rs2Exception::Backend
        | Rs2Exception::IoDeviceFailure => disconnected(reason),
        _ => refused(format!("{reason} ({kind})")),
    }
}

pub(super) fn wait_fault(error: FrameWaitError) -> DeviceError {
    match error {
        FrameWaitError::DidErrorDuringFrameWait(kind, reason)
        | FrameWaitError::DidErrorDuringFramePoll(kind, reason) => fault(kind, reason),
        // Polling does not wait: the caller measures the time.
        FrameWaitError::DidTimeoutBeforeFrameArrival => disconnected(error),
    }
}

pub(super) fn start_fault(
    error: &PipelineActivationError,
    config: &RealSenseConfig,
) -> DeviceError {
    match error {
        PipelineActivationError::CouldNotStartPipelineError(kind, reason) => {
            fault(*kind, reason.clone())
        }
        PipelineActivationError::ConfigCannotBeResolved => refused(format!(
            "{} has no color of {} x {} (RGB8) and depth of {} x {} (Z16) at {} frames per second",
            if config.playback.is_some() {
                "the recording"
            } else {
                "the camera, at this USB port,"
            },
            config.width,
            config.height,
            config.depth_width,
            config.depth_height,
            config.fps
        )),
    }
}
