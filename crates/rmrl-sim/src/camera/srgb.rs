//! From light to the levels of an image.

/// The sRGB transfer function, from linear light (1 is white) to levels 0 to 255, unrounded.
pub(super) fn srgb_level(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    255.0
        * if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        }
}
