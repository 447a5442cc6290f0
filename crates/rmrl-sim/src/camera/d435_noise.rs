//! From the ideal frame to what an Intel RealSense D435 delivers.
//!
//! Depth: disparity is smoothed by the matching window, gets noise that is correlated over
//! neighbors, and is rounded to 1/32 pixel. Pixels that the second imager cannot see, and patches of
//! black surfaces, have no depth. Sources: librealsense issues 3904, 7806, 9737, 10476, 13085.

use std::sync::Arc;

use image::RgbImage;
use rand::Rng as _;
use rayon::prelude::*;
use rmrl_core::Rng;
use rmrl_vision::{DEPTH_UNIT_M, DepthImage, RgbdFrame};

use super::depth_noise::{
    WINDOW_HALF, correlated_noise, find_hidden, patch_noise, patch_quantile, smooth,
};
use super::ideal_frame::IdealFrame;
use super::normal_noise::NormalNoise;
use super::pixel_region::PixelRegion;
use crate::config::SensorNoise;

/// Distance between the two imagers, in meters.
const BASELINE_M: f32 = 0.05;
/// Focal length of the depth imagers by the width of the image: 384 px at 640.
const DEPTH_FOCAL_PER_WIDTH: f32 = 0.6;
/// Disparities are multiples of this, in pixels.
const DISPARITY_STEP_PX: f32 = 1.0 / 32.0;
/// The number of disparity steps whose depth is tabulated: all depths beyond a third of a meter, for
/// usual images.
const TABULATED_STEPS: i32 = 2048;
/// The number of image rows whose depth noise is made together.
const NOISE_BLOCK_ROWS: usize = 32;

/// The image formation of a D435, for one cell.
#[derive(Debug, Clone)]
pub(crate) struct D435 {
    noise: SensorNoise,
    /// The error of every depth, in meters.
    depth_bias_m: f64,
    /// Below this value of the patches' noise, black surfaces have no depth.
    patch_threshold: f32,
    /// Focal length times baseline: disparity times depth, in pixel meters.
    disparity_depth: f32,
    /// The depth value of each disparity step; depths of nearer surfaces are computed.
    depth_of_steps: Vec<u16>,
    empty: EmptyExposure,
    whole: PixelRegion,
}

/// The empty cell, as far as it does not depend on noise.
#[derive(Debug, Clone)]
struct EmptyExposure {
    color: Vec<[f32; 3]>,
    disparity: Vec<f32>,
    /// The disparity after the matching window.
    smoothed: Vec<f32>,
    /// Which pixels the second imager cannot see.
    hidden: Vec<bool>,
}

impl D435 {
    pub(super) fn new(noise: SensorNoise, depth_bias_m: f64, empty: &IdealFrame) -> Self {
        let whole = empty.region;
        let disparity_depth = DEPTH_FOCAL_PER_WIDTH * whole.width() as f32 * BASELINE_M;
        let disparity: Vec<f32> =
            empty.depth_m.iter().map(|depth_m| disparity_depth / depth_m).collect();
        let mut hidden = vec![false; disparity.len()];
        let rows = disparity.chunks(whole.width());
        for (hidden, disparity) in hidden.chunks_mut(whole.width()).zip(rows) {
            find_hidden(hidden, disparity.iter());
        }
        let mut sensor = Self {
            noise,
            depth_bias_m,
            patch_threshold: patch_quantile(noise.black_dropout),
            disparity_depth,
            depth_of_steps: Vec::new(),
            empty: EmptyExposure {
                color: empty.color.clone(),
                smoothed: smooth(&disparity, whole, whole),
                disparity,
                hidden,
            },
            whole,
        };
        sensor.depth_of_steps = (0..TABULATED_STEPS).map(|steps| sensor.depth_of(steps)).collect();
        sensor
    }

    /// The depth value of a number of disparity steps; 0 for none.
    fn depth_of(&self, steps: i32) -> u16 {
        if steps <= 0 {
            return 0;
        }
        let disparity = steps as f32 * DISPARITY_STEP_PX;
        let depth_m = f64::from(self.disparity_depth / disparity) + self.depth_bias_m;
        (depth_m / DEPTH_UNIT_M + 0.5) as u16
    }

    /// The frame that the camera delivers. `ideal` is the region that differs from the empty cell.
    pub(super) fn expose(&self, ideal: &IdealFrame, rng: &mut Rng) -> RgbdFrame {
        let seeds = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        RgbdFrame {
            color: Arc::new(self.color(ideal, seeds[0])),
            depth: self.depth(ideal, seeds[1], seeds[2]),
        }
    }

    fn color(&self, ideal: &IdealFrame, seed: u64) -> RgbImage {
        let (width, height) = (self.whole.width(), self.whole.height());
        let mut image = RgbImage::new(width as u32, height as u32);
        let sigma = self.noise.color_levels as f32;
        image.par_chunks_mut(3 * width).enumerate().for_each(|(v, row)| {
            let mut noise = vec![0.0; row.len()];
            NormalNoise::new(seed, v).fill(&mut noise);
            let (mut levels, mut noise) = (row, noise.as_slice());
            let empty = &self.empty.color[v * width..(v + 1) * width];
            for ideal in overlaid(empty, ideal.region, &ideal.color, v) {
                let ideal = ideal.as_flattened();
                let (these, rest) = levels.split_at_mut(ideal.len());
                for ((level, ideal), noise) in these.iter_mut().zip(ideal).zip(noise) {
                    // Rounds; casts of floats saturate.
                    *level = (ideal + sigma * noise + 0.5) as u8;
                }
                (levels, noise) = (rest, &noise[ideal.len()..]);
            }
        });
        image
    }

    fn depth(&self, ideal: &IdealFrame, noise_seed: u64, patch_seed: u64) -> DepthImage {
        let (width, height) = (self.whole.width(), self.whole.height());
        let disparity: Vec<f32> =
            ideal.depth_m.iter().map(|depth_m| self.disparity_depth / depth_m).collect();
        let changed = ideal.region.grown(WINDOW_HALF, self.whole);
        let around = changed.grown(WINDOW_HALF, self.whole);
        let local: Vec<f32> = (around.top..around.bottom)
            .flat_map(|v| {
                let empty = &self.empty.disparity[v * width..(v + 1) * width];
                let row = overlaid(empty, ideal.region, &disparity, v).into_iter().flatten();
                row.skip(around.left).take(around.width()).copied()
            })
            .collect();
        let smoothed = smooth(&local, around, changed);
        let mut image = DepthImage::new(width as u32, height as u32);
        image.par_chunks_mut(width * NOISE_BLOCK_ROWS).enumerate().for_each(|(block, rows)| {
            let first = block * NOISE_BLOCK_ROWS;
            let noise = correlated_noise(noise_seed, first, rows.len() / width, width);
            for (row, values) in rows.chunks_mut(width).enumerate() {
                let v = first + row;
                let empty = &self.empty.smoothed[v * width..(v + 1) * width];
                let noise = &noise[row * width..(row + 1) * width];
                let smoothed = overlaid(empty, changed, &smoothed, v).into_iter().flatten();
                self.write_noisy_depth(values, smoothed, noise);
                self.drop_unmatched(values, ideal, &disparity, patch_seed, v);
            }
        });
        image
    }

    /// Fills a row with the depth of a disparity and its noise.
    fn write_noisy_depth<'a>(
        &self,
        values: &mut [u16],
        smoothed: impl Iterator<Item = &'a f32>,
        noise: &[f32],
    ) {
        let sigma = self.noise.disparity_px as f32;
        for (value, (smoothed, noise)) in values.iter_mut().zip(smoothed.zip(noise)) {
            // Rounds; steps below 1, whose cast is not the floor, are no depth anyway.
            let steps = ((smoothed + sigma * noise) / DISPARITY_STEP_PX + 0.5) as i32;
            let tabulated = self.depth_of_steps.get(steps.max(0) as usize).copied();
            *value = tabulated.unwrap_or_else(|| self.depth_of(steps));
        }
    }

    /// Removes from row `v` the depth of patches of the plate, and of what the second imager cannot
    /// see.
    fn drop_unmatched(
        &self,
        values: &mut [u16],
        ideal: &IdealFrame,
        disparity: &[f32],
        patch_seed: u64,
        v: usize,
    ) {
        let width = self.whole.width();
        let pixels = v * width..(v + 1) * width;
        let mut hidden = &self.empty.hidden[pixels.clone()];
        let mut hidden_now = Vec::new();
        if let Some(stored) = ideal.region.row(v) {
            for (u, is_plate) in (ideal.region.left..).zip(&ideal.is_plate[stored]) {
                if *is_plate && self.is_patch(patch_seed, u, v) {
                    values[u] = 0;
                }
            }
            let row = overlaid(&self.empty.disparity[pixels], ideal.region, disparity, v);
            hidden_now.resize(width, false);
            find_hidden(&mut hidden_now, row.into_iter().flatten());
            hidden = &hidden_now;
        }
        for (value, is_hidden) in values.iter_mut().zip(hidden) {
            *value = if *is_hidden { 0 } else { *value };
        }
    }

    /// Whether black surfaces have no depth at this pixel: in soft patches, not single pixels.
    fn is_patch(&self, seed: u64, u: usize, v: usize) -> bool {
        patch_noise(seed, u, v) < self.patch_threshold
    }
}

/// Row `v` of an image, in three pieces: `row`, with the part that `values` cover of `region` replaced.
fn overlaid<'a, T>(row: &'a [T], region: PixelRegion, values: &'a [T], v: usize) -> [&'a [T]; 3] {
    match region.row(v) {
        Some(stored) => [&row[..region.left], &values[stored], &row[region.right..]],
        None => [row, &[], &[]],
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::random_stream;

    use super::*;

    /// A bare table at 0.8 m.
    fn table(width: usize, height: usize) -> IdealFrame {
        IdealFrame {
            region: PixelRegion::whole(width, height),
            color: vec![[150.0; 3]; width * height],
            depth_m: vec![0.8; width * height],
            is_plate: vec![false; width * height],
        }
    }

    fn expose(ideal: &IdealFrame, noise: SensorNoise, seed: u64) -> RgbdFrame {
        let mut rng = random_stream(seed, "sensor test", [0, 0]);
        D435::new(noise, 0.0, ideal).expose(ideal, &mut rng)
    }

    #[test]
    fn depth_noise_has_the_size_and_reach_of_the_datasheet() {
        let ideal = table(640, 480);
        let frame = expose(&ideal, SensorNoise::default(), 1);
        let at = |u: u32, v: u32| f64::from(frame.depth.get_pixel(u, v).0[0]) - 800.0;
        let (mut variance, mut near, mut far, mut count) = (0.0, 0.0, 0.0, 0.0);
        for v in 0..470 {
            for u in 30..620 {
                variance += at(u, v) * at(u, v);
                near += at(u, v) * at(u + 1, v);
                far += at(u, v) * at(u + 4, v);
                count += 1.0;
            }
        }
        // sigma_z = z^2 s / (f B) = 0.8^2 * 0.08 / (384 * 0.05) = 2.7 mm
        let sigma_mm = f64::sqrt(variance / count);
        assert!((sigma_mm - 2.67).abs() < 0.15, "{sigma_mm}");
        assert!((near / variance - 2.0 / 3.0).abs() < 0.05, "{}", near / variance);
        assert!((far / variance).abs() < 0.05, "{}", far / variance);
    }

    #[test]
    fn the_left_band_and_the_shadow_side_of_objects_have_no_depth() {
        let mut ideal = table(640, 20);
        for v in 0..20 {
            for u in 300..400 {
                ideal.depth_m[v * 640 + u] = 0.7;
            }
        }
        let frame = expose(&ideal, SensorNoise::NONE, 1);
        let valid: Vec<bool> = (0..640).map(|u| frame.depth.get_pixel(u, 10).0[0] > 0).collect();
        // f B / z = 384 * 0.05 / 0.8 = 24 px at the left edge.
        assert!(valid[..24].iter().all(|valid| !valid));
        assert!(valid[26..290].iter().all(|valid| *valid));
        // An object 0.1 m nearer shifts by 27.4 instead of 24 px and hides 3 px to its left.
        assert!(!valid[298] && !valid[299]);
        assert!(valid[300..640].iter().all(|valid| *valid));
    }

    #[test]
    fn a_perfect_sensor_keeps_colors_and_rounds_depth_to_its_steps() {
        let frame = expose(&table(64, 8), SensorNoise::NONE, 1);
        assert!(frame.color.pixels().all(|pixel| pixel.0 == [150; 3]));
        // 384/10 px focal length: a disparity of 2.4 px is rounded to 77/32, which is 798 mm.
        let step = |disparity: f32| (disparity * 32.0).round() / 32.0;
        let expected = (38.4 * 0.05 / step(38.4 * 0.05 / 0.8) * 1000.0).round() as u16;
        assert_eq!(frame.depth.get_pixel(40, 4).0, [expected]);
    }

    #[test]
    fn black_surfaces_lose_patches() {
        let mut ideal = table(640, 480);
        ideal.is_plate.fill(true);
        let frame = expose(&ideal, SensorNoise::default(), 3);
        let seen = |u: u32, v: u32| frame.depth.get_pixel(u, v).0[0] > 0;
        let (mut lost, mut lost_pairs, mut count) = (0.0, 0.0, 0.0);
        for v in 0..480 {
            for u in 30..639 {
                count += 1.0;
                lost += f64::from(!seen(u, v));
                lost_pairs += f64::from(!seen(u, v) && !seen(u + 1, v));
            }
        }
        let share = lost / count;
        assert!((0.06..0.10).contains(&share), "{share}");
        assert!(lost_pairs / lost > 0.7, "dropouts are patches, not single pixels");
        for expected in [0.0, 0.3, 0.5, 1.0] {
            let noise = SensorNoise { black_dropout: expected, ..SensorNoise::default() };
            let depth = expose(&ideal, noise, 3).depth;
            let lost = depth.enumerate_pixels().filter(|(u, _, depth)| *u >= 30 && depth.0[0] == 0);
            let share = lost.count() as f64 / f64::from(610 * 480);
            assert!((share - expected).abs() < 0.025, "{expected}: {share}");
        }
    }

    #[test]
    fn noise_repeats_with_its_seed() {
        let ideal = table(64, 48);
        let frames = [1, 1, 2].map(|seed| expose(&ideal, SensorNoise::default(), seed));
        assert_eq!(frames[0].color, frames[1].color);
        assert_eq!(frames[0].depth, frames[1].depth);
        assert_ne!(frames[0].color, frames[2].color);
        assert_ne!(frames[0].depth, frames[2].depth);
    }
}
