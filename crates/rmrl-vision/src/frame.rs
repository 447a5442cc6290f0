//! The frame of an RGB-D camera.

use std::sync::Arc;

use image::{ImageBuffer, Luma, RgbImage};

/// A depth image: distance along the optical axis in units of [`DEPTH_UNIT_M`]; 0 is invalid.
pub type DepthImage = ImageBuffer<Luma<u16>, Vec<u16>>;

/// The unit of a depth value: 1 mm, the D435's default.
pub const DEPTH_UNIT_M: f64 = 0.001;

/// An RGB-D frame: a color image, and a depth image aligned to it pixel by pixel.
#[derive(Debug, Clone)]
pub struct RgbdFrame {
    /// Color, sRGB, 8 bits. Shared, because the policy's replay memory keeps it.
    pub color: Arc<RgbImage>,
    /// Depth as seen by the color camera.
    pub depth: DepthImage,
}
