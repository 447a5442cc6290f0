//! From a device's frames to color and depth images.

use image::{Luma, Rgb, RgbImage};
use rmrl_vision::{DEPTH_UNIT_M, DepthImage};

/// How a frame lies in memory, as the device says.
///
/// Checked before a pixel is read: nothing behind it checks that a pixel lies inside the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLayout {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// From the beginning of one row to that of the next, in bytes.
    pub stride_bytes: usize,
    /// Size of a pixel in bits.
    pub bits_per_pixel: usize,
    /// Size of the buffer in bytes.
    pub size_bytes: usize,
}

/// Why a frame is not what it should be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// A format that was not asked for.
    #[error("the {stream} frame has the format {got}, expected {expected}")]
    Format {
        /// `color` or `depth`.
        stream: &'static str,
        /// The format asked for.
        expected: &'static str,
        /// The format that came.
        got: String,
    },
    /// An image of another size.
    #[error(
        "the {stream} frame has {} x {} pixels, expected {} x {}",
        got.0, got.1, expected.0, expected.1
    )]
    Size {
        /// `color` or `depth`.
        stream: &'static str,
        /// Width and height asked for.
        expected: (u32, u32),
        /// Width and height that came.
        got: (usize, usize),
    },
    /// A buffer that does not hold the image.
    #[error("the {stream} frame is malformed: {layout:?} at {bits_per_pixel} bits a pixel")]
    Layout {
        /// `color` or `depth`.
        stream: &'static str,
        /// What the device says of it.
        layout: FrameLayout,
        /// The size of a pixel in that format, in bits.
        bits_per_pixel: usize,
    },
    /// A unit of depth that is no length.
    #[error("the unit of depth is {unit_m} m, expected more than 0")]
    DepthUnit {
        /// What the device says, in meters.
        unit_m: f64,
    },
}

impl FrameLayout {
    /// Checks that the frame is an image of `size` whose every pixel lies inside the buffer.
    ///
    /// # Errors
    /// Another size, pixels of another size, rows that overlap, a buffer that is too small.
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

/// A color image from its pixels, `rgb_at(u, v)`.
///
/// # Errors
/// The first error of a pixel.
pub fn color_image(
    (width, height): (u32, u32),
    mut rgb_at: impl FnMut(u32, u32) -> Result<[u8; 3], FrameError>,
) -> Result<RgbImage, FrameError> {
    let mut image = RgbImage::new(width, height);
    for (u, v, pixel) in image.enumerate_pixels_mut() {
        *pixel = Rgb(rgb_at(u, v)?);
    }
    Ok(image)
}

/// A depth image in units of [`DEPTH_UNIT_M`] from the device's numbers, `raw_at(u, v)`, of which one
/// is `unit_m` meters.
///
/// A depth that does not fit, 65.5 m and more or less than half a millimeter, becomes invalid: 0.
///
/// # Errors
/// A unit that is no length; the first error of a pixel.
pub fn depth_image(
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
        // In range, hence exact.
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
    fn a_frame_is_read_only_where_its_buffer_is() {
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
    fn every_pixel_comes_to_its_place() {
        let color = color_image((3, 2), |u, v| Ok([u as u8, v as u8, 7])).unwrap();
        let depth = depth_image((3, 2), 0.001, |u, v| Ok((10 * u + v) as u16)).unwrap();
        for (u, v, pixel) in color.enumerate_pixels() {
            assert_eq!(pixel.0, [u as u8, v as u8, 7]);
            assert_eq!(depth.get_pixel(u, v).0, [(10 * u + v) as u16]);
        }
    }

    #[test]
    fn depth_is_in_millimeters_and_what_does_not_fit_is_invalid() {
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
    fn a_pixel_that_cannot_be_read_is_an_error() {
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
