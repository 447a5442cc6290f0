//! Turns an image into the input tensor of both models.

use image::RgbImage;
use rten_tensor::Tensor;

use crate::GroundedSamError;
use crate::resample::resize;

/// ImageNet's mean and standard deviation of red, green and blue, for values from 0 to 1.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// The longest side of an image: no camera has more pixels, and more would need gigabytes.
pub(crate) const MAX_SIDE_PX: u32 = 8192;

/// Refuses images that cannot be resized.
pub(crate) fn check_size(image: &RgbImage) -> Result<(), GroundedSamError> {
    let (width, height) = image.dimensions();
    let sides = 1..=MAX_SIDE_PX;
    if sides.contains(&width) && sides.contains(&height) {
        Ok(())
    } else {
        Err(GroundedSamError::ImageSize { width, height, limit: MAX_SIDE_PX })
    }
}

/// The image, resized to `(width, height)` and normalized, in the upper left of a canvas of zeros:
/// `[1, 3, height, width]` of the canvas.
pub(crate) fn pixel_values(
    image: &RgbImage,
    (width, height): (u32, u32),
    canvas: (u32, u32),
) -> Tensor<f32> {
    let resized = resize(image, width, height);
    let [canvas_width, canvas_height] = [canvas.0 as usize, canvas.1 as usize];
    let plane = canvas_width * canvas_height;
    let mut values = vec![0.0; 3 * plane];
    for (u, v, pixel) in resized.enumerate_pixels() {
        let at = v as usize * canvas_width + u as usize;
        for channel in 0..3 {
            let share = f32::from(pixel.0[channel]) / 255.0;
            values[channel * plane + at] = (share - MEAN[channel]) / DEVIATION[channel];
        }
    }
    Tensor::from_data(&[1, 3, canvas_height, canvas_width], values)
}

/// Width and height of an image whose shorter side becomes `shortest`, unless its longer side would
/// exceed `longest`. Rounded as by upstream: to the nearest for the longest side's share, otherwise down.
pub(crate) fn size_by_edges(
    (width, height): (u32, u32),
    shortest: u32,
    longest: u32,
) -> (u32, u32) {
    let (short, long) = (width.min(height), width.max(height));
    let aspect = f64::from(long) / f64::from(short);
    let (short_to, long_to) = if aspect * f64::from(shortest) > f64::from(longest) {
        let exact = f64::from(longest) * f64::from(short) / f64::from(long);
        // Python rounds halves to the even number.
        (exact.round_ties_even(), exact * f64::from(long) / f64::from(short))
    } else {
        (f64::from(shortest), f64::from(shortest) * f64::from(long) / f64::from(short))
    };
    // If the shorter side has its length already, the size stays.
    if short_to as u32 == short {
        return (width, height);
    }
    let sides = [short_to, long_to].map(|side| (side as u32).max(1));
    if width < height { (sides[0], sides[1]) } else { (sides[1], sides[0]) }
}

#[cfg(test)]
mod tests {
    use rten_tensor::prelude::*;

    use super::*;
    use crate::images::{Tensors, difference, image};

    /// Compared with both processors of transformers, squashed and padded; every 97th value.
    #[test]
    fn pixel_values_match_upstream() {
        let dino = Tensors::open("grounding_dino.safetensors");
        let sam = Tensors::open("segment_anything.safetensors");
        for (file, key, name, size, canvas) in [
            (&dino, "landscape.squash", "landscape", (128, 96), (128, 96)),
            (&dino, "landscape.pad", "landscape", (127, 96), (128, 96)),
            (&dino, "portrait.pad", "portrait", (62, 96), (128, 96)),
            (&sam, "landscape", "landscape", (128, 96), (128, 128)),
            (&sam, "portrait", "portrait", (82, 128), (128, 128)),
        ] {
            let ours = pixel_values(&image(name), size, canvas).to_vec();
            let ours: Vec<f32> = ours.into_iter().step_by(97).collect();
            let apart = difference(&ours, &file.floats(&format!("{key}.pixels")));
            assert!(apart < 1e-5, "{key}: {apart}");
        }
    }

    /// Expected values from `get_size_with_aspect_ratio` of transformers 5.23.
    #[test]
    fn sizes_match_upstream() {
        for (size, expected) in [
            ((640, 480), (1066, 800)),
            ((641, 479), (1070, 800)),
            ((333, 517), (800, 1242)),
            ((1920, 1080), (1333, 750)),
            ((480, 1000), (640, 1333)),
            ((800, 800), (800, 800)),
            ((1280, 800), (1280, 800)),
        ] {
            assert_eq!(size_by_edges(size, 800, 1333), expected, "{size:?}");
        }
        assert_eq!(size_by_edges((641, 479), 96, 128), (127, 96));
        assert_eq!(size_by_edges((333, 517), 96, 96), (62, 96));
    }

    #[test]
    fn images_without_pixels_are_refused() {
        let empty = RgbImage::new(0, 7);
        assert!(matches!(check_size(&empty), Err(GroundedSamError::ImageSize { width: 0, .. })));
    }
}
