//! Intel RealSense cameras (D435) as the camera of a cell.
//!
//! The camera itself, `RealSenseCamera`, is behind the feature `librealsense`, which needs the vendor's
//! librealsense2; `docs/realsense.md` describes its installation. The other modules need no camera, so they
//! are always compiled and tested.
//!
//! - `config.rs`: which camera and streams, and how long to wait for them.
//! - `frame_conversion.rs`, `intrinsics.rs`: librealsense's frames and intrinsics to those of `rmrl-vision`.
//! - `freshness.rs`: whether a frame was exposed after the call.
//! - `reconnecting.rs`: closes the camera after a fault, and opens it again.
//! - `device.rs`: the camera, with the feature `librealsense`; `setup.rs`, `streams.rs` and `faults.rs` are its
//!   parts.
// Without the feature, only the tests use what is for the device.
#![cfg_attr(
    not(any(feature = "librealsense", test)),
    allow(dead_code, reason = "used by the device, which the feature `librealsense` adds")
)]

mod config;
#[cfg(feature = "librealsense")]
mod device;
mod frame_conversion;
mod freshness;
mod intrinsics;
mod reconnecting;

pub use config::{RealSenseConfig, VisualPreset};
#[cfg(feature = "librealsense")]
pub use device::RealSenseCamera;
