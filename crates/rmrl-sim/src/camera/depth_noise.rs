//! The parts of a depth camera's noise: matching windows, correlated noise, lost patches, and pixels
//! that the second imager cannot see.

use super::normal_noise::{NormalNoise, splitmix};
use super::pixel_region::PixelRegion;

/// Half the width of the matching window, in pixels at any resolution: the camera matches pixels.
pub(super) const WINDOW_HALF: usize = 3;
/// Side of the patches that black surfaces lose, in pixels at any resolution.
const PATCH_PX: usize = 6;

/// Averages `disparity`, stored for `stored`, over the matching window, for the pixels of `region`.
pub(super) fn smooth(disparity: &[f32], stored: PixelRegion, region: PixelRegion) -> Vec<f32> {
    let reach = |position: usize, low: usize, high: usize| {
        position.saturating_sub(WINDOW_HALF).max(low)..(position + WINDOW_HALF + 1).min(high)
    };
    let columns = region.width();
    let rows = reach(region.top, stored.top, stored.bottom).start
        ..reach(region.bottom.max(1) - 1, stored.top, stored.bottom).end;
    let first = rows.start;
    let mut sums = vec![0.0f32; columns * rows.len()];
    for (v, sums) in rows.zip(sums.chunks_mut(columns.max(1))) {
        let offset = (v - stored.top) * stored.width();
        for (u, sum) in (region.left..region.right).zip(sums) {
            let window = reach(u, stored.left, stored.right);
            let count = window.len() as f32;
            let pixels = offset + window.start - stored.left..offset + window.end - stored.left;
            *sum = disparity[pixels].iter().sum::<f32>() / count;
        }
    }
    let mut smoothed = vec![0.0f32; columns * region.height()];
    for (v, row) in (region.top..region.bottom).zip(smoothed.chunks_mut(columns.max(1))) {
        let window = reach(v, stored.top, stored.bottom);
        let count = window.len() as f32;
        for v in window {
            let sums = &sums[(v - first) * columns..(v - first + 1) * columns];
            for (value, sum) in row.iter_mut().zip(sums) {
                *value += sum / count;
            }
        }
    }
    smoothed
}

/// Standard normal noise for image rows `first..first + rows`, correlated over three pixels in both
/// directions.
pub(super) fn correlated_noise(seed: u64, first: usize, rows: usize, width: usize) -> Vec<f32> {
    let mut across = vec![0.0f32; width * (rows + 2)];
    let mut noise = vec![0.0f32; width + 2];
    for (v, row) in across.chunks_mut(width).enumerate() {
        NormalNoise::new(seed, first + v).fill(&mut noise);
        for (value, noise) in row.iter_mut().zip(noise.windows(3)) {
            *value = noise[0] + noise[1] + noise[2];
        }
    }
    let mut both = vec![0.0f32; width * rows];
    for (v, row) in both.chunks_mut(width).enumerate() {
        let [above, here, below] = [0, 1, 2].map(|row| &across[(v + row) * width..][..width]);
        for (((value, above), here), below) in row.iter_mut().zip(above).zip(here).zip(below) {
            // The sum of nine unit normals has a standard deviation of 3.
            *value = (above + here + below) / 3.0;
        }
    }
    both
}

/// Marks the pixels of a row that the second imager cannot see: the band at the left edge, and what
/// nearer surfaces to the right hide.
pub(super) fn find_hidden<'a>(
    hidden: &mut [bool],
    disparity: impl DoubleEndedIterator<Item = &'a f32>,
) {
    /// Matching bridges smaller gaps.
    const TOLERANCE_PX: f32 = 0.5;
    let mut leftmost = f32::MAX;
    for ((u, hidden), disparity) in hidden.iter_mut().enumerate().rev().zip(disparity.rev()) {
        let seen_at = u as f32 - disparity;
        *hidden = seen_at < 0.0 || seen_at > leftmost + TOLERANCE_PX;
        leftmost = leftmost.min(seen_at);
    }
}

/// Uniform noise at the corners of patches, interpolated between them.
pub(super) fn patch_noise(seed: u64, u: usize, v: usize) -> f32 {
    let corner = |i: usize, j: usize| {
        let hash = splitmix(seed ^ ((i as u64) << 32 | j as u64));
        (hash >> 40) as f32 / (1u64 << 24) as f32
    };
    let (i, j) = (u / PATCH_PX, v / PATCH_PX);
    let across = (u % PATCH_PX) as f32 / PATCH_PX as f32;
    let down = (v % PATCH_PX) as f32 / PATCH_PX as f32;
    let upper = corner(i, j) * (1.0 - across) + corner(i + 1, j) * across;
    let lower = corner(i, j + 1) * (1.0 - across) + corner(i + 1, j + 1) * across;
    upper * (1.0 - down) + lower * down
}

/// The value below which a share of the patches' noise lies. Interpolation makes the distribution
/// bell-shaped, without a simple closed form, so the value is taken from a sample.
pub(super) fn patch_quantile(share: f64) -> f32 {
    const SIDE: usize = 80 * PATCH_PX;
    if share >= 1.0 {
        return f32::INFINITY;
    }
    let mut sample: Vec<f32> =
        (0..SIDE * SIDE).map(|index| patch_noise(0, index % SIDE, index / SIDE)).collect();
    let rank = (share * sample.len() as f64) as usize;
    *sample.select_nth_unstable_by(rank, f32::total_cmp).1
}
