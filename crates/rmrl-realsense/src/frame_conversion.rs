//! Converts a device's frames to color and depth images.

use image::{Luma, Rgb, RgbImage};
use rmrl_vision::{DEPTH_UNIT_M, DepthImage};

/// The memory layout of a frame according to the device.
///
/// It must be checked before a pixel is read, because reading does not check that a pixel lies inside the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameLayout {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Bytes from the beginning of one row to that of the next.
    pub stride_bytes: usize,
    /// Bits in a pixel.
    pub bits_per_pixel: usize,
    /// Bytes in the buffer.
    pub size_bytes: usize,
}

/// Why a frame cannot be converted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum FrameError {
    /// The frame has another format than requested.
    #[error("the {stream} frame has the format {got}, expected {expected}")]
    Format {
        /// `color` or `depth`.
        stream: &'static str,
        /// The requested format.
        expected: &'static str,
        /// The format of the frame.
        got: String,
    },
    /// The frame has another size than requested.
    #[error(
        "the {stream} frame has {} x {} pixels, expected {} x {}",
        got.0, got.1, expected.0, expected.1
    )]
    Size {
        /// `color` or `depth`.
        stream: &'static str,
        /// The requested width and height.
        expected: (u32, u32),
        /// Width and height of the frame.
        got: (usize, usize),
    },
    /// The buffer does not hold the whole image.
    #[error("the {stream} frame is malformed: {layout:?} at {bits_per_pixel} bits a pixel")]
    Layout {
        /// `color` or `depth`.
        stream: &'static str,
        /// The layout according to the device.
        layout: FrameLayout,
        /// The bits of a pixel in the requested format.
        bits_per_pixel: usize,
    },
    /// The unit of depth is invalid.
    #[error("the unit of depth is {unit_m} m, expected more than 0")]
    DepthUnit {
        /// The unit according to the device, in meters.
        unit_m: f64,
    },
}

impl FrameLayout {
    /// Checks that the frame has `size` and that every pixel lies inside the buffer.
    ///
    /// # Errors
    /// The frame or its pixels have another size, rows overlap, or the buffer is too small.
    pub fn check(
        &self,
        stream: &'static str,
        size: (u32, u32),
        bits_per_pixel: usize,
    ) -> Result<(), FrameError> {
        let got = (self.width, self.height);
        if got != (size.0 as usize, size.1 as usize) {
            return Err(FrameError::Size { stream, expected: size, got });
        }
        let row_bytes = (self.width * bits_per_pixel).div_ceil(8);
        let holds_all = self.bits_per_pixel == bits_per_pixel
            && self.stride_bytes >= row_bytes
            && self
                .stride_bytes
                .checked_mul(self.height.saturating_sub(1))
                .and_then(|before| before.checked_add(row_bytes))
                .is_some_and(|end| end <= self.size_bytes);
        if holds_all {
            Ok(())
        } else {
            Err(FrameError::Layout { stream, layout: *self, bits_per_pixel })
        }
    }
}

/// A color image with the pixels `rgb_at(u, v)`.
///
/// # Errors
/// Returns the first error of a pixel.
pub(crate) fn color_image(
    (width, height): (u32, u32),
    mut rgb_at: impl FnMut(u32, u32) -> Result<[u8; 3], FrameError>,
) -> Result<RgbImage, FrameError> {
    let mut image = RgbImage::new(width, height);
    for (u, v, pixel) in image.enumerate_pixels_mut() {
        *pixel = Rgb(rgb_at(u, v)?);
    }
    Ok(image)
}

/// A depth image in units of [`DEPTH_UNIT_M`] from the device's values `raw_at(u, v)` in units of `unit_m` meters.
///
/// A depth outside the range, 65.5 m and more or less than half a millimeter, becomes 0 (invalid).
///
/// # Errors
/// The unit is invalid. Otherwise returns the first error of a pixel.
pub(crate) fn depth_image(
    (width, height): (u32, u32),
    unit_m: f64,
    mut raw_at: impl FnMut(u32, u32) -> Result<u16, FrameError>,
) -> Result<DepthImage, FrameError> {
    if !(unit_m.is_finite() && unit_m > 0.0) {
        return Err(FrameError::DepthUnit { unit_m });
    }
    let units = unit_m / DEPTH_UNIT_M;
    let mut image = DepthImage::new(width, height);
    for (u, v, pixel) in image.enumerate_pixels_mut() {
        let depth = (f64::from(raw_at(u, v)?) * units).round();
        // Exact, because it is in range.
        *pixel = Luma([if depth <= f64::from(u16::MAX) { depth as u16 } else { 0 }]);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RGB: FrameLayout = FrameLayout {
        width: 4,
        height: 3,
        stride_bytes: 16,
        bits_per_pixel: 24,
        size_bytes: 2 * 16 + 12,
    };

    #[test]
    fn frames_beyond_their_buffer_are_refused() {
        assert_eq!(RGB.check("color", (4, 3), 24), Ok(()));
        for (broken, named) in [
            (FrameLayout { width: 5, ..RGB }, "5 x 3"),
            (FrameLayout { height: 0, ..RGB }, "4 x 0"),
            (FrameLayout { stride_bytes: 11, ..RGB }, "malformed"),
            (FrameLayout { stride_bytes: usize::MAX, ..RGB }, "malformed"),
            (FrameLayout { size_bytes: 43, ..RGB }, "malformed"),
            (FrameLayout { bits_per_pixel: 16, ..RGB }, "malformed"),
        ] {
            let message = broken.check("color", (4, 3), 24).unwrap_err().to_string();
            assert!(message.contains(named) && message.contains("color"), "{message}");
        }
    }

    #[test]
    fn every_pixel_has_its_place() {
        let color = color_image((3, 2), |u, v| Ok([u as u8, v as u8, 7])).unwrap();
        let depth = depth_image((3, 2), 0.001, |u, v| Ok((10 * u + v) as u16)).unwrap();
        for (u, v, pixel) in color.enumerate_pixels() {
            assert_eq!(pixel.0, [u as u8, v as u8, 7]);
            assert_eq!(depth.get_pixel(u, v).0, [(10 * u + v) as u16]);
        }
    }

    #[test]
    fn depth_is_in_millimeters_and_invalid_out_of_range() {
        for (unit_m, raw, millimeters) in [
            // The device's unit is a float: 0.001 is not quite a thousandth.
            (f64::from(0.001_f32), 65_535, 65_535),
            (f64::from(0.0001_f32), 8_004, 800),
            (f64::from(0.0001_f32), 8_006, 801),
            (0.001, 0, 0),
            (0.0001, 4, 0),
            (0.01, 6_553, 65_530),
            (0.01, 6_554, 0),
        ] {
            let image = depth_image((1, 1), unit_m, |_, _| Ok(raw)).unwrap();
            assert_eq!(image.get_pixel(0, 0).0, [millimeters], "{raw} of {unit_m} m");
        }
        for unit_m in [0.0, -0.001, f64::NAN, f64::INFINITY] {
            let error = depth_image((1, 1), unit_m, |_, _| Ok(1)).unwrap_err();
            assert!(matches!(error, FrameError::DepthUnit { .. }), "{error}");
        }
    }

    #[test]
    fn an_unreadable_pixel_is_an_error() {
        let error =
            FrameError::Format { stream: "depth", expected: "Z16", got: "Distance".to_string() };
        assert_eq!(depth_image((1, 1), 0.001, |_, _| Err(error.clone())), Err(error));
    }

    proptest! {
        #[test]
        fn a_depth_is_never_off_by_more_than_half_a_millimeter(
            raw in 1..=u16::MAX, unit_m in 0.000_01..0.001_f64,
        ) {
            let image = depth_image((1, 1), unit_m, |_, _| Ok(raw)).unwrap();
            let off_m = f64::from(image.get_pixel(0, 0).0[0]) * DEPTH_UNIT_M
                - f64::from(raw) * unit_m;
            prop_assert!(off_m.abs() <= 0.000_500_001, "{off_m}");
        }
    }
}
