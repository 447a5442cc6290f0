//! Rounds what lies far from a plate, so that a lossless file of the image becomes small.
//!
//! More than half of such a file is the sensor's noise. Near the plate the noise stays, bit by bit, because masks, edges,
//! depth and views for policies are made of it. Far from it the color detector asks of a pixel only on which side of two
//! brightnesses it lies: the table's median, and the threshold below which it is plate. Rounding keeps both sides, so
//! [`Localizer`](crate::Localizer) with [`ColorThreshold`] finds the same in a rounded frame, to the last bit.

use image::{Rgb, RgbImage};
use rmrl_core::PlateInImage;

use crate::color_threshold::{brightness, median_brightness};
use crate::{ColorThreshold, DepthImage};

/// The side of the square around a plate that always stays as it is, in diagonals of the plate. The patches of depth
/// that the localizer looks at reach 1.6 of them.
const LEAST_SIDE: f64 = 2.0;
/// Values of a color are rounded to steps of this size.
const COLOR_STEP: i32 = 16;
/// Depths are rounded to multiples of this, in units of the image.
const DEPTH_STEP: u16 = 16;

/// The square around a plate in which an image stays as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearPlate {
    u_px: [f64; 2],
    v_px: [f64; 2],
}

impl NearPlate {
    /// The square around `plate`. Its side is `side` diagonals of the plate, or 2 if that is more.
    pub fn new(plate: PlateInImage, side: f64) -> Self {
        // Views interpolate, so they reach one pixel farther.
        let half_px = 0.5 * side.max(LEAST_SIDE) * plate.diagonal_px + 2.0;
        let around = |center: f64| [center - half_px, center + half_px];
        Self { u_px: around(plate.u_px), v_px: around(plate.v_px) }
    }

    fn contains(&self, u: u32, v: u32) -> bool {
        let within = |[least, most]: [f64; 2], px: u32| (least..=most).contains(&f64::from(px));
        within(self.u_px, u) && within(self.v_px, v)
    }

    /// Rounds the colors of the other pixels. `threshold` finds the same dark pixels as before.
    pub fn round_color(&self, image: &mut RgbImage, threshold: &ColorThreshold) {
        let median = median_brightness(image);
        let limits = [median, threshold.darkest_of_median(median)];
        // The median itself is one of the rounded values, of each channel: most of a table becomes one color.
        let round = |value: u8| {
            let median = i32::from(median);
            let steps = (i32::from(value) - median + COLOR_STEP / 2).div_euclid(COLOR_STEP);
            (median + COLOR_STEP * steps).clamp(0, 255) as u8
        };
        let rounded: [u8; 256] = std::array::from_fn(|value| round(value as u8));
        for (u, v, pixel) in image.enumerate_pixels_mut() {
            if self.contains(u, v) {
                continue;
            }
            let candidate = Rgb(pixel.0.map(|value| rounded[usize::from(value)]));
            if stays_on_its_side(brightness(pixel), brightness(&candidate), limits) {
                *pixel = candidate;
            }
        }
    }

    /// Rounds the depths of the other pixels. A pixel without a depth stays without.
    pub fn round_depth(&self, image: &mut DepthImage) {
        for (u, v, depth) in image.enumerate_pixels_mut() {
            if depth.0[0] != 0 && !self.contains(u, v) {
                let steps = (depth.0[0].saturating_add(DEPTH_STEP / 2) / DEPTH_STEP).max(1);
                depth.0[0] = steps * DEPTH_STEP;
            }
        }
    }
}

/// Whether a brightness that becomes `after` stays where it was: at most or at least the median, and below the threshold
/// or not.
fn stays_on_its_side(before: u8, after: u8, [median, darkest]: [u8; 2]) -> bool {
    let keeps_median = match before.cmp(&median) {
        std::cmp::Ordering::Less => after <= median,
        std::cmp::Ordering::Equal => after == median,
        std::cmp::Ordering::Greater => after >= median,
    };
    keeps_median && (before < darkest) == (after < darkest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLATE: PlateInImage = PlateInImage { u_px: 20.0, v_px: 14.0, diagonal_px: 8.0 };

    proptest! {
        #[test]
        fn dark_pixels_and_what_is_near_the_plate_stay(
            values in proptest::collection::vec(any::<u8>(), 3 * 64 * 40),
            spread in 1u8..=255,
            table in 0u8..200,
        ) {
            let values = values.iter().map(|value| table.saturating_add(value % spread)).collect();
            let image = RgbImage::from_raw(64, 40, values).unwrap();
            let threshold = ColorThreshold::default();
            let near = NearPlate::new(PLATE, 1.5);
            let mut rounded = image.clone();
            near.round_color(&mut rounded, &threshold);
            let dark = |image: &RgbImage| {
                ColorThreshold::dark_pixels(image, [0, 0, 64, 40], threshold.darkest_table(image))
            };
            prop_assert_eq!(dark(&rounded), dark(&image));
            for (u, v, pixel) in image.enumerate_pixels() {
                let after = rounded.get_pixel(u, v);
                // Half of 2 diagonals, and two pixels more.
                if (10..=30).contains(&u) && (4..=24).contains(&v) {
                    prop_assert_eq!(after, pixel);
                }
                for (after, before) in after.0.iter().zip(pixel.0) {
                    prop_assert!(after.abs_diff(before) <= 8);
                }
            }
        }
    }

    #[test]
    fn far_depths_are_multiples_of_16_and_missing_ones_stay_missing() {
        let near = NearPlate::new(PLATE, 3.0);
        let mut depth = DepthImage::from_fn(64, 40, |u, v| image::Luma([(u * 1031 * v) as u16]));
        let before = depth.clone();
        near.round_depth(&mut depth);
        for (u, v, after) in depth.enumerate_pixels() {
            let (before, after) = (before.get_pixel(u, v).0[0], after.0[0]);
            let is_near = (6..=34).contains(&u) && v <= 28;
            assert!(!is_near || before == after);
            assert_eq!(before == 0, after == 0);
            assert!(is_near || after % 16 == 0);
            assert!(before.abs_diff(after) <= 15);
        }
    }
}
