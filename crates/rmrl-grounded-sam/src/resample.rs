//! Pillow's bilinear resize, bit for bit, because the models were trained with it.
//!
//! Pillow 13 resizes columns before rows if that is faster, so some values differ by one; the models were trained
//! with earlier versions.
//!
//! A smaller image averages over a triangle as wide as the merged pixels (anti-aliasing); a larger image is
//! interpolated. Weights and sums are integers, rows before columns, rounded to 8 bits in between.

use image::RgbImage;

/// Fractional bits of a weight: with a byte and the carries of a sum they fit into 32 bits.
const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// The image resized to `width` x `height` pixels. Neither the image nor the result may be empty.
pub(crate) fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let [from_width, from_height] = [image.width(), image.height()].map(|side| side as usize);
    let [to_width, to_height] = [width, height].map(|side| side as usize);
    let columns = windows(from_width, to_width);
    let rows = windows(from_height, to_height);

    let mut narrowed = vec![0u8; from_height * to_width * 3];
    let lines = image.as_raw().chunks_exact(3 * from_width);
    for (line, out) in lines.zip(narrowed.chunks_exact_mut(3 * to_width)) {
        for (window, pixel) in columns.iter().zip(out.chunks_exact_mut(3)) {
            let mut sums = [ROUNDING; 3];
            for (weight, from) in
                window.weights.iter().zip(line[3 * window.first..].chunks_exact(3))
            {
                for (sum, value) in sums.iter_mut().zip(from) {
                    *sum += weight * i32::from(*value);
                }
            }
            for (value, sum) in pixel.iter_mut().zip(sums) {
                *value = to_byte(sum);
            }
        }
    }

    let mut resized = vec![0u8; to_height * to_width * 3];
    let mut sums = vec![0i32; 3 * to_width];
    for (window, out) in rows.iter().zip(resized.chunks_exact_mut(3 * to_width)) {
        sums.fill(ROUNDING);
        let lines = narrowed[3 * to_width * window.first..].chunks_exact(3 * to_width);
        for (weight, line) in window.weights.iter().zip(lines) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += weight * i32::from(*value);
            }
        }
        for (value, sum) in out.iter_mut().zip(&sums) {
            *value = to_byte(*sum);
        }
    }
    RgbImage::from_raw(width, height, resized).expect("three bytes for each pixel were allocated")
}

/// Half of the last bit that is kept.
const ROUNDING: i32 = 1 << (WEIGHT_BITS - 1);

fn to_byte(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// The old pixels that make up a new pixel, with their weights.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    // Half the width of the triangle, in old pixels.
    let support = scale.max(1.0);
    (0..to)
        .map(|index| {
            let center = (index as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let triangle = |pixel: usize| {
                let distance = (pixel as f64 - center + 0.5) / support;
                (1.0 - distance.abs()).max(0.0)
            };
            let weights: Vec<f64> = (first..end).map(triangle).collect();
            let total: f64 = weights.iter().sum();
            let one = f64::from(1 << WEIGHT_BITS);
            let weights =
                weights.iter().map(|weight| (weight / total * one + 0.5) as i32).collect();
            Window { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::images::{expected, fnv, image};

    /// Compared with Pillow: smaller, larger, squashed, one side only.
    #[test]
    fn every_byte_matches_pillow() {
        let expected = expected();
        let cases = expected["resized"].as_array().unwrap();
        assert!(cases.len() >= 4);
        for case in cases {
            let side = |key: &str| u32::try_from(case[key].as_u64().unwrap()).unwrap();
            let name = case["picture"].as_str().unwrap();
            let resized = resize(&image(name), side("width"), side("height"));
            assert_eq!(fnv(resized.as_raw()), case["fnv"], "{case}");
        }
    }

    #[test]
    fn an_image_of_one_color_keeps_it() {
        let gray = RgbImage::from_pixel(37, 23, Rgb([200, 3, 255]));
        for (width, height) in [(1, 1), (37, 23), (12, 64), (100, 7)] {
            let resized = resize(&gray, width, height);
            assert_eq!(resized.dimensions(), (width, height));
            assert!(resized.pixels().all(|pixel| *pixel == Rgb([200, 3, 255])));
        }
    }
}
