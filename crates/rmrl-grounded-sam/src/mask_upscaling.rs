//! Upscales the decoder's small mask to a mask of the image.

use image::{GrayImage, Luma};

/// A plane of values, row by row.
pub(crate) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// Upscales a mask of logits to the encoder's square of `square` pixels, crops the padding, upscales the rest to
/// `width` x `height` and sets the pixels above 0. These are upstream's two steps, in its order. `unpadded` is width
/// and height of the image within the square.
pub(crate) fn upscale_mask(
    low: &Plane,
    square: usize,
    unpadded: (usize, usize),
    (width, height): (u32, u32),
) -> GrayImage {
    // Cropping before or after the interpolation gives the same; cropped rows are not computed.
    let square = resize(low, (square, square), unpadded);
    let size = (width as usize, height as usize);
    let full = resize(&square, size, size);
    GrayImage::from_fn(width, height, |u, v| {
        let inside = full.values[v as usize * full.width + u as usize] > 0.0;
        Luma([if inside { 255 } else { 0 }])
    })
}

/// The upper left `part` of a plane that is resized to `size`, bilinearly and without aligned corners
/// (`torch.nn.functional.interpolate`). Sizes are width and height.
fn resize(plane: &Plane, size: (usize, usize), part: (usize, usize)) -> Plane {
    let columns: Vec<_> = (0..part.0).map(|at| neighbors(at, plane.width, size.0)).collect();
    let mut values = Vec::with_capacity(part.0 * part.1);
    for row in 0..part.1 {
        let (above, below, down) = neighbors(row, plane.height, size.1);
        let line = |index: usize| &plane.values[index * plane.width..][..plane.width];
        let (above, below) = (line(above), line(below));
        values.extend(columns.iter().map(|&(left, right, across)| {
            let upper = above[left] * (1.0 - across) + above[right] * across;
            let lower = below[left] * (1.0 - across) + below[right] * across;
            upper * (1.0 - down) + lower * down
        }));
    }
    Plane { width: part.0, height: part.1, values }
}

/// The two old pixels beside the new pixel `at`, and the weight of the second.
fn neighbors(at: usize, from: usize, to: usize) -> (usize, usize, f32) {
    let scale = from as f32 / to as f32;
    let place = ((at as f32 + 0.5) * scale - 0.5).max(0.0);
    let first = (place as usize).min(from - 1);
    (first, (first + 1).min(from - 1), place - first as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{Tensors, iou};

    /// SAM's true sizes, compared with torch: 256 -> 1024 -> the first 765 rows -> 641 x 479.
    #[test]
    fn full_size_masks_match_upstream() {
        let values = (0..256 * 256).map(|index| {
            let (u, v) = (index % 256, index / 256);
            let blob = (u - 128) * (u - 128) + (v - 90) * (v - 90) * 2 - 5000;
            -((blob + (u * 31 + v * 17) % 257 * 20) as f32 / 256.0)
        });
        let low = Plane { width: 256, height: 256, values: values.collect() };
        let mask = upscale_mask(&low, 1024, (1024, 765), (641, 479));
        let ours: Vec<bool> = mask.pixels().map(|pixel| pixel.0[0] > 0).collect();
        let mut theirs = Tensors::open("segment_anything.safetensors").mask("full_size_upscaling");
        theirs.truncate(ours.len());
        let agreement = iou(&ours, &theirs);
        assert!(agreement >= 0.999, "{agreement}");
    }

    #[test]
    fn a_half_plane_stays_a_half_plane() {
        let values = (0..64).map(|index| if index % 8 < 4 { 1.0 } else { -1.0 }).collect();
        let low = Plane { width: 8, height: 8, values };
        // A landscape: the lower quarter of the square is padding.
        let mask = upscale_mask(&low, 32, (32, 24), (200, 150));
        for (u, v, value) in mask.enumerate_pixels() {
            assert_eq!(value.0[0] > 0, u < 100, "({u}, {v})");
        }
    }
}
