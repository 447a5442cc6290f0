//! From the ideal picture to what an Intel RealSense D435 delivers.
//!
//! Depth: disparity is smoothed by the matching window, gets noise that is correlated over
//! neighbours, and is rounded to 1/32 pixel; pixels that the second imager cannot see, and patches
//! of black surfaces, have none. Sources: librealsense issues 3904, 7806, 9737, 10476, 13085.

use std::sync::{Arc, OnceLock};

use image::RgbImage;
use rand::Rng as _;
use rayon::prelude::*;
use rmrl_core::{Rng, random_stream};
use rmrl_vision::{DEPTH_UNIT_M, DepthImage, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::render::{Picture, PixelRegion};

/// The noise of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorNoise {
    /// Standard deviation of the colour's noise, in levels of 255. Default 1.5.
    pub color_levels: f64,
    /// Standard deviation of the disparity's noise, in pixels. Default 0.08, typical; 0.03 is the
    /// best seen. At 0.8 m it makes 2.7 mm.
    pub disparity_px: f64,
    /// The share of black surfaces without a depth. Default 0.08.
    pub black_dropout: f64,
}

impl Default for SensorNoise {
    fn default() -> Self {
        Self { color_levels: 1.5, disparity_px: 0.08, black_dropout: 0.08 }
    }
}

impl SensorNoise {
    /// A perfect sensor: no noise, no dropouts. Depth is still smoothed and rounded.
    pub const NONE: Self = Self { color_levels: 0.0, disparity_px: 0.0, black_dropout: 0.0 };
}

/// Distance between the two imagers, in metres.
const BASELINE_M: f32 = 0.05;
/// Focal length of the depth imagers by the width of the image: 384 px at 640.
const DEPTH_FOCAL_PER_WIDTH: f32 = 0.6;
/// Half the width of the matching window, in pixels at any resolution: the camera matches pixels.
const WINDOW_HALF: usize = 3;
/// Disparities are multiples of this, in pixels.
const DISPARITY_STEP_PX: f32 = 1.0 / 32.0;
/// So many depths are tabulated: of all farther than a third of a metre, for usual images.
const TABULATED_STEPS: i32 = 2048;
/// Side of the patches that black surfaces lose, in pixels at any resolution.
const PATCH_PX: usize = 6;

/// A D435's image formation, for one cell.
#[derive(Debug, Clone)]
pub(crate) struct Sensor {
    noise: SensorNoise,
    /// What every depth is off by, in metres.
    depth_bias_m: f64,
    /// Below this value of the patches' noise, black surfaces have no depth.
    patch_threshold: f32,
    /// Focal length times baseline: disparity times depth, in pixel metres.
    disparity_depth: f32,
    /// The empty cell: its colours, its disparity, and that after the matching window.
    empty_color: Vec<[f32; 3]>,
    empty_disparity: Vec<f32>,
    empty_smoothed: Vec<f32>,
    /// Its pixels that the second imager cannot see.
    empty_hidden: Vec<bool>,
    /// The depth value of each disparity, in steps of it; depths of nearer things are computed.
    depth_of_steps: Vec<u16>,
    whole: PixelRegion,
}

impl Sensor {
    pub(crate) fn new(noise: SensorNoise, depth_bias_m: f64, empty: &Picture) -> Self {
        let whole = empty.region;
        let disparity_depth = DEPTH_FOCAL_PER_WIDTH * whole.width() as f32 * BASELINE_M;
        let empty_disparity: Vec<f32> =
            empty.depth_m.iter().map(|depth_m| disparity_depth / depth_m).collect();
        let mut empty_hidden = vec![false; empty_disparity.len()];
        let rows = empty_disparity.chunks(whole.width());
        for (hidden, disparity) in empty_hidden.chunks_mut(whole.width()).zip(rows) {
            find_hidden(hidden, disparity.iter());
        }
        let mut sensor = Self {
            noise,
            depth_bias_m,
            patch_threshold: patch_quantile(noise.black_dropout),
            disparity_depth,
            empty_color: empty.color.clone(),
            empty_smoothed: smooth(&empty_disparity, whole, whole),
            empty_disparity,
            empty_hidden,
            depth_of_steps: Vec::new(),
            whole,
        };
        sensor.depth_of_steps = (0..TABULATED_STEPS).map(|steps| sensor.depth_of(steps)).collect();
        sensor
    }

    /// The depth value of a disparity, in steps of it; 0 for none.
    fn depth_of(&self, steps: i32) -> u16 {
        if steps <= 0 {
            return 0;
        }
        let disparity = steps as f32 * DISPARITY_STEP_PX;
        let depth_m = f64::from(self.disparity_depth / disparity) + self.depth_bias_m;
        (depth_m / DEPTH_UNIT_M + 0.5) as u16
    }

    /// What the camera delivers of the cell, `picture` being what differs from the empty one.
    pub(crate) fn expose(&self, picture: &Picture, rng: &mut Rng) -> RgbdFrame {
        let seeds = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        RgbdFrame {
            color: Arc::new(self.color(picture, seeds[0])),
            depth: self.depth(picture, seeds[1], seeds[2]),
        }
    }

    fn color(&self, picture: &Picture, seed: u64) -> RgbImage {
        let (width, height) = (self.whole.width(), self.whole.height());
        let mut image = RgbImage::new(width as u32, height as u32);
        let sigma = self.noise.color_levels as f32;
        image.par_chunks_mut(3 * width).enumerate().for_each(|(v, row)| {
            let mut noise = vec![0.0; row.len()];
            NormalNoise::new(seed, v).fill(&mut noise);
            let (mut levels, mut noise) = (row, noise.as_slice());
            let empty = &self.empty_color[v * width..(v + 1) * width];
            for ideal in overlaid(empty, picture.region, &picture.color, v) {
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

    fn depth(&self, picture: &Picture, noise_seed: u64, patch_seed: u64) -> DepthImage {
        let (width, height) = (self.whole.width(), self.whole.height());
        let disparity: Vec<f32> =
            picture.depth_m.iter().map(|depth_m| self.disparity_depth / depth_m).collect();
        let changed = picture.region.grown(WINDOW_HALF, self.whole);
        let around = changed.grown(WINDOW_HALF, self.whole);
        let local: Vec<f32> = (around.top..around.bottom)
            .flat_map(|v| {
                let empty = &self.empty_disparity[v * width..(v + 1) * width];
                let row = overlaid(empty, picture.region, &disparity, v).into_iter().flatten();
                row.skip(around.left).take(around.width()).copied()
            })
            .collect();
        let smoothed = smooth(&local, around, changed);
        let sigma = self.noise.disparity_px as f32;
        let mut image = DepthImage::new(width as u32, height as u32);
        image.par_chunks_mut(width * NOISE_BLOCK_ROWS).enumerate().for_each(|(block, rows)| {
            let first = block * NOISE_BLOCK_ROWS;
            let noise = correlated_noise(noise_seed, first, rows.len() / width, width);
            for (row, values) in rows.chunks_mut(width).enumerate() {
                let v = first + row;
                let pixels = v * width..(v + 1) * width;
                let empty = &self.empty_smoothed[pixels.clone()];
                let noise = &noise[row * width..(row + 1) * width];
                let smoothed = overlaid(empty, changed, &smoothed, v).into_iter().flatten();
                for (value, (smoothed, noise)) in values.iter_mut().zip(smoothed.zip(noise)) {
                    // Rounds; steps below 1, whose cast is not the floor, are no depth anyway.
                    let steps = ((smoothed + sigma * noise) / DISPARITY_STEP_PX + 0.5) as i32;
                    let tabulated = self.depth_of_steps.get(steps.max(0) as usize).copied();
                    *value = tabulated.unwrap_or_else(|| self.depth_of(steps));
                }
                let mut hidden = &self.empty_hidden[pixels.clone()];
                let mut hidden_anew = Vec::new();
                if let Some(stored) = picture.region.row(v) {
                    for (u, is_plate) in (picture.region.left..).zip(&picture.is_plate[stored]) {
                        if *is_plate && self.is_patch(patch_seed, u, v) {
                            values[u] = 0;
                        }
                    }
                    let row =
                        overlaid(&self.empty_disparity[pixels], picture.region, &disparity, v);
                    hidden_anew.resize(width, false);
                    find_hidden(&mut hidden_anew, row.into_iter().flatten());
                    hidden = &hidden_anew;
                }
                for (value, is_hidden) in values.iter_mut().zip(hidden) {
                    *value = if *is_hidden { 0 } else { *value };
                }
            }
        });
        image
    }

    /// Whether black surfaces have no depth at this pixel: in soft patches, not single pixels.
    fn is_patch(&self, seed: u64, u: usize, v: usize) -> bool {
        patch_noise(seed, u, v) < self.patch_threshold
    }
}

/// Uniform noise at the corners of patches, interpolated between them.
fn patch_noise(seed: u64, u: usize, v: usize) -> f32 {
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

/// The value below which a share of the patches' noise lies. Interpolation makes it bell-shaped, with
/// no closed form worth having, so it is read off a sample.
fn patch_quantile(share: f64) -> f32 {
    const SIDE: usize = 80 * PATCH_PX;
    if share >= 1.0 {
        return f32::INFINITY;
    }
    let mut sample: Vec<f32> =
        (0..SIDE * SIDE).map(|index| patch_noise(0, index % SIDE, index / SIDE)).collect();
    let rank = (share * sample.len() as f64) as usize;
    *sample.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// Row `v` of an image, in three pieces: `row`, with what `values` hold of `region` laid over it.
fn overlaid<'a, T>(row: &'a [T], region: PixelRegion, values: &'a [T], v: usize) -> [&'a [T]; 3] {
    match region.row(v) {
        Some(stored) => [&row[..region.left], &values[stored], &row[region.right..]],
        None => [row, &[], &[]],
    }
}

/// Averages `disparity`, stored for `stored`, over the matching window, for the pixels of `region`.
fn smooth(disparity: &[f32], stored: PixelRegion, region: PixelRegion) -> Vec<f32> {
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

/// Rows of depth noise that are made together.
const NOISE_BLOCK_ROWS: usize = 32;

/// Standard normal noise for image rows `first..first + rows`, correlated over three pixels in both
/// directions.
fn correlated_noise(seed: u64, first: usize, rows: usize, width: usize) -> Vec<f32> {
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
/// nearer things to the right of it hide.
fn find_hidden<'a>(hidden: &mut [bool], disparity: impl DoubleEndedIterator<Item = &'a f32>) {
    /// Matching bridges smaller gaps.
    const TOLERANCE_PX: f32 = 0.5;
    let mut leftmost = f32::MAX;
    for ((u, hidden), disparity) in hidden.iter_mut().enumerate().rev().zip(disparity.rev()) {
        let seen_at = u as f32 - disparity;
        *hidden = seen_at < 0.0 || seen_at > leftmost + TOLERANCE_PX;
        leftmost = leftmost.min(seen_at);
    }
}

/// A fast stream of standard normal numbers: random indices into a table of them.
pub(crate) struct NormalNoise {
    table: &'static [f32; TABLE_SIZE],
    state: u64,
}

const TABLE_SIZE: usize = 1 << 16;

impl NormalNoise {
    /// The stream of one image row.
    pub(crate) fn new(seed: u64, row: usize) -> Self {
        Self {
            table: normal_table(),
            state: splitmix(seed ^ (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }

    /// Fills `values` with the stream, from its beginning.
    pub(crate) fn fill(mut self, values: &mut [f32]) {
        // Each number of 64 random bits makes four indices, the lowest bits first.
        for values in values.chunks_mut(4) {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let bits = splitmix(self.state);
            for (place, value) in values.iter_mut().enumerate() {
                *value = self.table[(bits >> (16 * place)) as usize % TABLE_SIZE];
            }
        }
    }
}

fn normal_table() -> &'static [f32; TABLE_SIZE] {
    static TABLE: OnceLock<Box<[f32; TABLE_SIZE]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rng = random_stream(0, "normal table", [0, 0]);
        let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
        let mut table = Box::new([0.0; TABLE_SIZE]);
        for pair in table.chunks_exact_mut(2) {
            // Box-Muller
            let (radius, angle) =
                ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
            pair[0] = (radius * angle.cos()) as f32;
            pair[1] = (radius * angle.sin()) as f32;
        }
        table
    })
}

/// SplitMix64's output function.
fn splitmix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bare table at 0.8 m.
    fn table(width: usize, height: usize) -> Picture {
        Picture {
            region: PixelRegion::whole(width, height),
            color: vec![[150.0; 3]; width * height],
            depth_m: vec![0.8; width * height],
            is_plate: vec![false; width * height],
        }
    }

    fn expose(picture: &Picture, noise: SensorNoise, seed: u64) -> RgbdFrame {
        let mut rng = random_stream(seed, "sensor test", [0, 0]);
        Sensor::new(noise, 0.0, picture).expose(picture, &mut rng)
    }

    #[test]
    fn depth_noise_has_the_datasheets_size_and_reach() {
        let picture = table(640, 480);
        let frame = expose(&picture, SensorNoise::default(), 1);
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
    fn the_left_band_and_the_lee_of_objects_have_no_depth() {
        let mut picture = table(640, 20);
        for v in 0..20 {
            for u in 300..400 {
                picture.depth_m[v * 640 + u] = 0.7;
            }
        }
        let frame = expose(&picture, SensorNoise::NONE, 1);
        let valid: Vec<bool> = (0..640).map(|u| frame.depth.get_pixel(u, 10).0[0] > 0).collect();
        // f B / z = 384 * 0.05 / 0.8 = 24 px at the left edge.
        assert!(valid[..24].iter().all(|valid| !valid));
        assert!(valid[26..290].iter().all(|valid| *valid));
        // An object 0.1 m nearer shifts by 27.4 instead of 24 px and hides 3 px to its left.
        assert!(!valid[298] && !valid[299]);
        assert!(valid[300..640].iter().all(|valid| *valid));
    }

    #[test]
    fn a_perfect_sensor_keeps_colours_and_rounds_depth_to_its_steps() {
        let frame = expose(&table(64, 8), SensorNoise::NONE, 1);
        assert!(frame.color.pixels().all(|pixel| pixel.0 == [150; 3]));
        // 384/10 px focal length: a disparity of 2.4 px is rounded to 77/32, which is 798 mm.
        let step = |disparity: f32| (disparity * 32.0).round() / 32.0;
        let expected = (38.4 * 0.05 / step(38.4 * 0.05 / 0.8) * 1000.0).round() as u16;
        assert_eq!(frame.depth.get_pixel(40, 4).0, [expected]);
    }

    #[test]
    fn black_surfaces_lose_patches() {
        let mut picture = table(640, 480);
        picture.is_plate.fill(true);
        let frame = expose(&picture, SensorNoise::default(), 3);
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
        assert!(lost_pairs / lost > 0.7, "patches, not specks");
        for asked in [0.0, 0.3, 0.5, 1.0] {
            let noise = SensorNoise { black_dropout: asked, ..SensorNoise::default() };
            let depth = expose(&picture, noise, 3).depth;
            let lost = depth.enumerate_pixels().filter(|(u, _, depth)| *u >= 30 && depth.0[0] == 0);
            let share = lost.count() as f64 / f64::from(610 * 480);
            assert!((share - asked).abs() < 0.025, "{asked}: {share}");
        }
    }

    #[test]
    fn noise_repeats_with_its_seed() {
        let picture = table(64, 48);
        let frames = [1, 1, 2].map(|seed| expose(&picture, SensorNoise::default(), seed));
        assert_eq!(frames[0].color, frames[1].color);
        assert_eq!(frames[0].depth, frames[1].depth);
        assert_ne!(frames[0].color, frames[2].color);
        assert_ne!(frames[0].depth, frames[2].depth);
    }
}
