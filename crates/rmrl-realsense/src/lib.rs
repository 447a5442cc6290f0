//! Intel RealSense cameras (D435) as the camera of a cell.
//!
//! The camera itself, `RealSenseCamera`, comes with the feature `librealsense`, which needs the
//! vendor's librealsense2; `docs/realsense.md` tells how to install it. Everything that can be decided
//! without a camera is always there: the configuration, what a frame must be, what its lens is, when
//! it is fresh, and when to connect again.

mod config;
#[cfg(feature = "librealsense")]
mod device;
mod freshness;
mod intrinsics;
mod picture;
mod reconnecting;

pub use config::{RealSenseConfig, RealSenseConfigError, VisualPreset};
#[cfg(feature = "librealsense")]
pub use device::RealSenseCamera;
pub use freshness::{Clock, Freshness, Stamp};
pub use intrinsics::{DeviceIntrinsics, DeviceIntrinsicsError, DistortionModel};
pub use picture::{FrameError, FrameLayout, color_image, depth_image};
pub use reconnecting::{Open, Reconnecting, Source};
