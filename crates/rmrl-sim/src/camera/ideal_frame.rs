//! What an ideal camera sees, without noise.

use super::pixel_region::PixelRegion;

/// What the ideal camera sees of a region: color in sRGB levels 0 to 255 and depth in meters, both
/// unrounded and row by row, and which pixels show a plate.
#[derive(Debug, Clone)]
pub(super) struct IdealFrame {
    pub region: PixelRegion,
    pub color: Vec<[f32; 3]>,
    pub depth_m: Vec<f32>,
    pub is_plate: Vec<bool>,
}

impl IdealFrame {
    /// A frame of a region that is black and has no depth yet.
    pub(super) fn black(region: PixelRegion) -> Self {
        let pixels = region.width() * region.height();
        Self {
            region,
            color: vec![[0.0; 3]; pixels],
            depth_m: vec![0.0; pixels],
            is_plate: vec![false; pixels],
        }
    }
}
