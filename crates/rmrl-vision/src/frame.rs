//! What an RGB-D camera delivers.

use std::sync::Arc;

use image::{ImageBuffer, Luma, RgbImage};

/// A depth image: distance along the optical axis in units of [`DEPTH_UNIT_M`]; 0 is invalid.
pub type DepthImage = ImageBuffer<Luma<u16>, Vec<u16>>;

/// The unit of a depth value: 1 mm, the D435's default.
pub const DEPTH_UNIT_M: f64 = 0.001;

/// One capture: colour, and depth aligned to the colour image pixel by pixel.
#[derive(Debug, Clone)]
pub struct RgbdFrame {
    /// Colour, sRGB, 8 bits. Shared: the policy's replay keeps it.
    pub color: Arc<RgbImage>,
    /// Depth in the colour camera's view.
    pub depth: DepthImage,
}
