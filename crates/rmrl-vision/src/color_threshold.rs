//! Finds a dark plate on a lighter table by its color, without a model file.

use image::{GrayImage, Rgb, RgbImage};
use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// Which pixels count as the plate: those much darker than the image's median.
///
/// The table fills most of an overhead image, so the median brightness is the table's, whatever
/// the lamp and the exposure. Half of it lies half-way between table and black plate. This puts
/// the threshold in the middle of a blurred edge, so blur moves all sides of the plate alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct ColorThreshold {
    /// Pixels darker than this share of the median brightness are plate. Default 0.5.
    #[key(at_least = 0, at_most = 1)]
    pub darkness_ratio: f64,
    /// Smaller objects are ignored; a share of the image. Default 0.004: a third of a plate
    /// seen from 0.8 m.
    #[key(at_least = 0, at_most = 1)]
    pub min_area_ratio: f64,
    /// Larger objects are ignored; a share of the image. Default 0.2.
    #[key(at_least = 0, at_most = 1)]
    pub max_area_ratio: f64,
    /// Objects less rectangular than this are ignored. Default 0.85: an L-shape has about 0.7.
    #[key(at_least = 0, at_most = 1)]
    pub min_rectangularity: f64,
}

impl Default for ColorThreshold {
    fn default() -> Self {
        Self {
            darkness_ratio: 0.5,
            min_area_ratio: 0.004,
            max_area_ratio: 0.2,
            min_rectangularity: 0.85,
        }
    }
}

impl ColorThreshold {
    /// The brightness below which a pixel of `image` is plate, 0 to 255.
    pub(crate) fn darkest_table(&self, image: &RgbImage) -> u8 {
        self.darkest_of_median(median_brightness(image))
    }

    /// The brightness below which a pixel is plate, if this is the table's.
    pub(crate) fn darkest_of_median(&self, median: u8) -> u8 {
        (f64::from(median) * self.darkness_ratio).round() as u8
    }

    /// The dark pixels of the rectangle `[left, left + width) x [top, top + height)` of `image`.
    pub(crate) fn dark_pixels(
        image: &RgbImage,
        [left, top, width, height]: [u32; 4],
        darkest_table: u8,
    ) -> GrayImage {
        let mut dark = GrayImage::new(width, height);
        let pitch = 3 * image.width() as usize;
        let columns = 3 * left as usize..3 * (left + width) as usize;
        let rows = image.chunks_exact(pitch.max(1)).skip(top as usize);
        for (dark, row) in dark.chunks_exact_mut((width as usize).max(1)).zip(rows) {
            let pixels = row[columns.clone()].as_chunks::<3>().0;
            for (value, pixel) in dark.iter_mut().zip(pixels) {
                *value = u8::from(brightness(&Rgb(*pixel)) < darkest_table) * 255;
            }
        }
        dark
    }
}

/// The median brightness of an image: the table's, 0 to 255.
pub(crate) fn median_brightness(image: &RgbImage) -> u8 {
    let mut histogram = [0usize; 256];
    // One pixel in seven is enough for a median. Seven shares no factor with the usual widths,
    // so the samples do not line up in columns.
    for pixel in image.pixels().step_by(7) {
        histogram[usize::from(brightness(pixel))] += 1;
    }
    let half = histogram.iter().sum::<usize>() / 2;
    let mut counted = 0;
    let median = histogram.iter().position(|count| {
        counted += count;
        counted > half
    });
    median.unwrap_or(0) as u8
}

/// Rec. 601 luma, 0 to 255.
pub(crate) fn brightness(Rgb([red, green, blue]): &Rgb<u8>) -> u8 {
    ((u32::from(*red) * 77 + u32::from(*green) * 150 + u32::from(*blue) * 29) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_follows_the_light() {
        for table in [60u8, 120, 240] {
            let image =
                RgbImage::from_fn(64, 48, |u, _| if u < 8 { Rgb([5; 3]) } else { Rgb([table; 3]) });
            let threshold = ColorThreshold::default().darkest_table(&image);
            assert!((i32::from(threshold) - i32::from(table) / 2).abs() <= 1);
        }
    }

    #[test]
    fn invalid_shares_are_refused_by_key() {
        let broken = ColorThreshold { max_area_ratio: 1.5, ..ColorThreshold::default() };
        let error = broken.validate().unwrap_err();
        assert_eq!(error.key, "max_area_ratio");
    }
}
