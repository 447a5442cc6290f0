//! The depth of a plate's surface, from the depth image over its mask.
//!
//! Depth cameras lie in places: a reflection is too far, a glint too near, black plastic has no depth at all. One
//! pixel in fifty of a reflection moves the mean of Eq. 12 by centimeters. Here the mask is divided into a few
//! hundred blocks, a plane is fitted to those that agree, and the plane fills the others in.

use nalgebra::{Matrix3, Vector2, Vector3};

use crate::mask::Moments;
use crate::{CameraModel, DEPTH_UNIT_M, LocalizeError, Mask, RgbdFrame};

/// The depth of a plate's surface, and how well the depth image shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlateDepth {
    /// Eq. 12: the mean over the mask's pixels with a depth, in meters.
    pub mean_m: f64,
    /// The mean over the mask after the surface that most of the depth agrees on has replaced the rest, in meters.
    robust_m: f64,
    /// The surface that most of the depth agrees on.
    pub surface: Surface,
    /// The share of the mask whose depth agrees with the surface, of the part that has a depth.
    pub agreeing_share: f64,
    /// The standard error of `robust_m`, in meters.
    pub standard_error_m: f64,
    /// Whether blocks differ from the surface by more than a sensor's noise.
    pub is_rough: bool,
}

/// A plane in the depth image, relative to a level one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surface {
    leveling: Leveling,
    /// Leveled depth at the mask's center, in meters.
    depth_m: f64,
    /// How leveled depth rises along `u` and `v`, in meters per pixel.
    slope: Vector2<f64>,
}

/// Turns the depth of a pixel into that of the mask's center if both lie at the same height in the world.
#[derive(Debug, Clone, Copy)]
struct Leveling {
    center: Vector2<f64>,
    /// How the factor changes along `u` and `v`, per pixel. Distortion is linear enough over a plate.
    slope: Vector2<f64>,
}

impl Leveling {
    /// `None` where the distortion has no inverse.
    fn new(camera: &CameraModel, moments: &Moments) -> Option<Self> {
        // The height of what a pixel sees is that of the camera plus depth times this.
        let fall = |du: f64, dv: f64| {
            let pixel = moments.centroid + Vector2::new(du, dv);
            let in_camera = camera.intrinsics.unproject(pixel, 1.0)?;
            Some((camera.world_from_camera * in_camera.coords).z)
        };
        let reach_px = moments.minor_variance.sqrt();
        let along = |du: f64, dv: f64| {
            Some((fall(du, dv)? - fall(-du, -dv)?) / (2.0 * reach_px * fall(0.0, 0.0)?))
        };
        let slope = Vector2::new(along(reach_px, 0.0)?, along(0.0, reach_px)?);
        Some(Self { center: moments.centroid.coords, slope })
    }

    /// The leveled depth of a pixel, in meters, and where the pixel lies from the mask's center.
    fn level(&self, at: Vector2<f64>, depth: u16) -> (f64, Vector2<f64>) {
        let from_center = at - self.center;
        let factor = 1.0 + self.slope.dot(&from_center);
        (f64::from(depth) * DEPTH_UNIT_M * factor, from_center)
    }
}

impl Surface {
    /// How far below the surface the depth image sees something at a pixel, in meters.
    pub fn below_m(&self, at: Vector2<f64>, depth: u16) -> f64 {
        let (leveled_m, from_center) = self.leveling.level(at, depth);
        leveled_m - self.at(from_center)
    }

    /// How far below the surface's middle something lies in the world that the depth image sees at a pixel, in meters.
    pub fn below_middle_m(&self, at: Vector2<f64>, depth: u16) -> f64 {
        self.leveling.level(at, depth).0 - self.depth_m
    }

    /// The angle between the surface and a level one, in radians.
    pub fn tilt_rad(&self, camera: &CameraModel) -> f64 {
        let focal = Vector2::new(camera.intrinsics.fx, camera.intrinsics.fy);
        (self.slope.component_mul(&focal).norm() / self.depth_m).atan()
    }

    fn at(&self, from_center: Vector2<f64>) -> f64 {
        self.depth_m + self.slope.dot(&from_center)
    }
}

/// A pixel of the mask: `u`, `v`, and what the depth image has there.
type Pixel = (u32, u32, u16);

/// A part of the mask.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Pixels of the mask.
    pixels: f64,
    /// The mean of their places, from the mask's center.
    middle: Vector2<f64>,
    /// Pixels with a depth.
    valid: f64,
    /// Pixels with a depth near that of most.
    near: f64,
    /// The mean leveled depth of those, in meters.
    depth_m: f64,
}

impl Block {
    /// Whether enough of the block has a depth to say something about it.
    fn is_seen(&self) -> bool {
        self.valid >= MIN_BLOCK_SHARE * self.pixels
    }

    /// Whether the block's depth may be that of the surface.
    fn is_usable(&self) -> bool {
        self.is_seen() && self.near >= 0.5 * self.valid
    }
}

/// A block has as many pixels as a hundredth of those that are looked at: 5 x 5, so that the mask of a plate at 0.8 m has
/// about 260 blocks. Larger ones do not show where depth lies, smaller ones do not average noise.
const BLOCKS: f64 = 100.0;
/// A block of which a smaller share has a depth is not used.
const MIN_BLOCK_SHARE: f64 = 0.25;
/// The pixels of the mask that are looked at: a third of a plate's at 0.8 m, because noise reaches over three pixels.
const SAMPLE_PIXELS: usize = 2000;
/// The pixels that the first guess is made from.
const GUESS_PIXELS: usize = 250;
/// Half the window around the depth of most pixels, as a share of the depth: 36 mm at 0.8 m. Wells, edges, a plate
/// that leans on a wall and five times the noise of a D435 are within it.
const WINDOW_RATIO: f64 = 0.045;
/// A block agrees with the surface within this share of the depth, 4 mm at 0.8 m, or within four standard deviations of
/// all blocks. Half the depth of a well, because a block holds parts of several. But blocks that differ by more than
/// 12 mm at 0.8 m never agree: four times the noise of a D435 makes that of three deviations.
const BLOCK_RATIO: f64 = 0.005;
const MAX_BLOCK_RATIO: f64 = 0.015;
const BLOCK_DEVIATIONS: f64 = 4.0;
/// In simulated cells blocks agree within 2.6 times the smaller tolerance.
const ROUGH: f64 = 2.7;
/// The mean is doubted if it differs by this share of the depth, 0.4 mm at 0.8 m, and by two standard errors. In
/// simulated cells it differs by 0.12 mm at most, with four times the sensor's noise by 0.3 mm.
const MEAN_RATIO: f64 = 0.0005;
const MEAN_DEVIATIONS: f64 = 2.0;
/// A plane is fitted to at least as many blocks.
const MIN_BLOCKS: usize = 6;
/// Iterations of the fit to the better half of the blocks, and then to all that agree.
const HALF_ITERATIONS: usize = 3;
const ITERATIONS: usize = 3;

impl PlateDepth {
    /// Measures the depth over `mask`, whose moments are `moments`.
    ///
    /// # Errors
    /// Fewer pixels than `min_valid_ratio` of the mask have a depth.
    pub fn measure(
        frame: &RgbdFrame,
        mask: &Mask,
        moments: &Moments,
        camera: &CameraModel,
        min_valid_ratio: f64,
    ) -> Result<Self, LocalizeError> {
        let (mean_m, pixels) =
            mean_and_sample(frame, mask, moments.area as usize, min_valid_ratio)?;
        let leveling = Leveling::new(camera, moments).ok_or(LocalizeError::NotOverhead)?;
        let guess_m = depth_of_most(&pixels, &leveling);
        let blocks = blocks(&pixels, &leveling, guess_m);
        let (surface, standard_error_m) = fit(&blocks, leveling, guess_m);
        let (mut sum, mut pixels, mut seen, mut agreeing) = (0.0, 0.0, 0.0, 0.0);
        let tolerance_m = tolerance_m(&blocks, &surface);
        for block in &blocks {
            let expected_m = surface.at(block.middle);
            let agrees = block.is_usable() && (block.depth_m - expected_m).abs() <= tolerance_m;
            sum += block.pixels * if agrees { block.depth_m } else { expected_m };
            pixels += block.pixels;
            seen += f64::from(u8::from(block.is_seen())) * block.pixels;
            agreeing += f64::from(u8::from(agrees)) * block.pixels;
        }
        let agreeing_share = if seen > 0.0 { agreeing / seen } else { 0.0 };
        let is_rough = tolerance_m > ROUGH * BLOCK_RATIO * surface.depth_m;
        let robust_m = sum / pixels;
        Ok(Self { mean_m, robust_m, surface, agreeing_share, standard_error_m, is_rough })
    }

    /// The depth, in meters: the mean where the depth image gives no reason to doubt it, because it averages best and
    /// because `mean_surface_depth_m` was measured with it.
    pub fn estimate_m(&self) -> f64 {
        let tolerance_m = (MEAN_RATIO * self.robust_m).max(MEAN_DEVIATIONS * self.standard_error_m);
        let is_doubted = (self.mean_m - self.robust_m).abs() > tolerance_m;
        if is_doubted { self.robust_m } else { self.mean_m }
    }
}

/// Mean depth over the mask, in meters, without the pixels that have none; and a part of the pixels with their depths.
fn mean_and_sample(
    frame: &RgbdFrame,
    mask: &Mask,
    area: usize,
    min_valid_ratio: f64,
) -> Result<(f64, Vec<Pixel>), LocalizeError> {
    let (mut sum, mut valid, mut pixels) = (0.0, 0usize, 0usize);
    let mut sample = Vec::with_capacity(SAMPLE_PIXELS);
    let step = (area / SAMPLE_PIXELS).max(1);
    for (u, v) in mask.pixels() {
        let depth = frame.depth.get_pixel(u, v).0[0];
        sum += f64::from(depth);
        valid += usize::from(depth > 0);
        if pixels.is_multiple_of(step) {
            sample.push((u, v, depth));
        }
        pixels += 1;
    }
    let expected = pixels as f64 * min_valid_ratio;
    if valid == 0 || (valid as f64) < expected {
        return Err(LocalizeError::NoValidDepth { valid, pixels, expected });
    }
    // Eq. 12: Z = mean(I_depth ⊙ M)
    Ok((sum / valid as f64 * DEPTH_UNIT_M, sample))
}

fn place((u, v): (u32, u32)) -> Vector2<f64> {
    Vector2::new(f64::from(u), f64::from(v))
}

/// The leveled depth around which most of the mask lies: the middle of the fullest window.
fn depth_of_most(pixels: &[Pixel], leveling: &Leveling) -> f64 {
    // A step that shares no factor with the rows of a mask spreads the sample over it.
    let step = (pixels.len() / GUESS_PIXELS).max(1) | 1;
    let valid = pixels.iter().filter(|(_, _, depth)| *depth > 0);
    let mut sample: Vec<f64> =
        valid.step_by(step).map(|&(u, v, depth)| leveling.level(place((u, v)), depth).0).collect();
    sample.sort_by(f64::total_cmp);
    let (mut first, mut fullest) = (0, 0..0);
    for last in 0..sample.len() {
        while sample[last] - sample[first] > WINDOW_RATIO * sample[last] {
            first += 1;
        }
        if last + 1 - first > fullest.len() {
            fullest = first..last + 1;
        }
    }
    let fullest = &sample[fullest];
    fullest[fullest.len() / 2]
}

/// Divides the mask into blocks.
fn blocks(pixels: &[Pixel], leveling: &Leveling, guess_m: f64) -> Vec<Block> {
    let side = ((pixels.len() as f64 / BLOCKS).sqrt().round() as u32).max(1);
    let least = |value: fn(&Pixel) -> u32| pixels.iter().map(value).min().unwrap_or(0);
    let (left, top) = (least(|pixel| pixel.0), least(|pixel| pixel.1));
    let right = pixels.iter().map(|pixel| pixel.0).max().unwrap_or(0);
    let columns = ((right - left) / side + 1) as usize;
    let mut blocks: Vec<Block> = Vec::new();
    let window_m = WINDOW_RATIO * guess_m;
    for &(u, v, depth) in pixels {
        let index = ((v - top) / side) as usize * columns + ((u - left) / side) as usize;
        if index >= blocks.len() {
            blocks.resize(index + 1, Block::default());
        }
        let block = &mut blocks[index];
        let (leveled_m, from_center) = leveling.level(place((u, v)), depth);
        block.pixels += 1.0;
        block.middle += from_center;
        if depth > 0 {
            block.valid += 1.0;
            if (leveled_m - guess_m).abs() <= window_m {
                block.near += 1.0;
                block.depth_m += leveled_m;
            }
        }
    }
    blocks.retain(|block| block.pixels > 0.0);
    for block in &mut blocks {
        block.middle /= block.pixels;
        block.depth_m /= block.near.max(1.0);
    }
    blocks
}

/// The surface that most blocks agree on, and the standard error of its depth at the mask's center, in meters. A
/// level surface at `guess_m` if there are too few of them.
fn fit(blocks: &[Block], leveling: Leveling, guess_m: f64) -> (Surface, f64) {
    let mut usable: Vec<Block> = blocks.iter().copied().filter(Block::is_usable).collect();
    let mut surface = Surface { leveling, depth_m: guess_m, slope: Vector2::zeros() };
    let mut standard_error_m = f64::INFINITY;
    if usable.len() < MIN_BLOCKS {
        return (surface, standard_error_m);
    }
    usable.sort_by(|a, b| a.depth_m.total_cmp(&b.depth_m));
    surface.depth_m = usable[usable.len() / 2].depth_m;
    for iteration in 0..HALF_ITERATIONS + ITERATIONS {
        let tolerance_m = match iteration < HALF_ITERATIONS {
            // Least trimmed squares: the better half decides, so that a third that lies together does not.
            true => median_residual_m(&usable, &surface),
            false => tolerance_m(&usable, &surface),
        };
        let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
        let (mut squares, mut count) = (0.0, 0usize);
        for block in &usable {
            let residual_m = block.depth_m - surface.at(block.middle);
            if residual_m.abs() <= tolerance_m {
                // min Σ n (d - a - b·u - c·v)²
                let row = Vector3::new(1.0, block.middle.x, block.middle.y);
                normal += row * row.transpose() * block.near;
                right += row * (block.near * residual_m);
                squares += block.near * residual_m * residual_m;
                count += 1;
            }
        }
        let Some(inverse) = normal.try_inverse().filter(|_| count >= MIN_BLOCKS) else {
            return (surface, f64::INFINITY);
        };
        let step = inverse * right;
        surface.depth_m += step.x;
        surface.slope += Vector2::new(step.y, step.z);
        let variance = (squares - right.dot(&step)).max(0.0) / (count - 3) as f64;
        standard_error_m = (variance * inverse.m11).sqrt();
    }
    (surface, standard_error_m)
}

/// How far a block's depth may be from the surface to agree with it, in meters.
fn tolerance_m(blocks: &[Block], surface: &Surface) -> f64 {
    // 1.4826 makes a standard deviation of normal noise from the median of its size.
    let deviation_m = 1.4826 * median_residual_m(blocks, surface);
    let [least_m, most_m] = [BLOCK_RATIO, MAX_BLOCK_RATIO].map(|ratio| ratio * surface.depth_m);
    (BLOCK_DEVIATIONS * deviation_m).clamp(least_m, most_m)
}

/// The median distance of the usable blocks from the surface, in meters.
fn median_residual_m(blocks: &[Block], surface: &Surface) -> f64 {
    let usable = blocks.iter().filter(|block| block.is_usable());
    let mut residuals: Vec<f64> =
        usable.map(|block| (block.depth_m - surface.at(block.middle)).abs()).collect();
    let middle = residuals.len() / 2;
    match residuals.is_empty() {
        true => 0.0,
        false => *residuals.select_nth_unstable_by(middle, f64::total_cmp).1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::{GrayImage, Luma, RgbImage};
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};

    use super::*;
    use crate::{DepthImage, Distortion, Intrinsics};

    const PLATE: std::ops::Range<u32> = 40..120;

    /// A camera 0.8 m above a plate of 80 x 80 pixels that leans by `slope` along the image's rows, and a depth image of
    /// it in closed form.
    fn plate(slope: f64, camera_tilt_rad: f64) -> (RgbdFrame, Mask, CameraModel) {
        let looking_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let tilt = UnitQuaternion::from_euler_angles(0.0, camera_tilt_rad, 0.0);
        let camera = CameraModel {
            intrinsics: Intrinsics {
                width: 160,
                height: 160,
                fx: 600.0,
                fy: 600.0,
                cx: 79.5,
                cy: 79.5,
                distortion: Distortion::default(),
            },
            world_from_camera: Isometry3::from_parts(
                Translation3::new(0.0, 0.0, 0.8),
                tilt * looking_down,
            ),
        };
        let depth = DepthImage::from_fn(160, 160, |u, v| {
            // z = slope * x along the ray.
            let pixel = nalgebra::Point2::new(u.into(), v.into());
            let ray = camera.viewing_direction(pixel).unwrap();
            let along_m = -0.8 / (ray.z - slope * ray.x);
            let axis = camera.world_from_camera.rotation * Vector3::z();
            Luma([(along_m * ray.dot(&axis) / DEPTH_UNIT_M).round() as u16])
        });
        let mask = GrayImage::from_fn(160, 160, |u, v| {
            Luma([u8::from(PLATE.contains(&u) && PLATE.contains(&v)) * 255])
        });
        let frame = RgbdFrame { color: Arc::new(RgbImage::new(160, 160)), depth };
        (frame, Mask::new(0, 0, mask), camera)
    }

    fn measured((frame, mask, camera): &(RgbdFrame, Mask, CameraModel)) -> PlateDepth {
        let moments = mask.moments().unwrap();
        PlateDepth::measure(frame, mask, &moments, camera, 0.3).unwrap()
    }

    #[test]
    fn a_leaning_plate_of_which_half_is_missing_has_the_depth_of_its_middle() {
        for (slope, camera_tilt_rad) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.3), (-0.1, -0.2)] {
            let mut plate = plate(slope, camera_tilt_rad);
            let whole = measured(&plate);
            assert_eq!(whole.agreeing_share, 1.0);
            let tilt_rad = whole.surface.tilt_rad(&plate.2);
            assert!((tilt_rad - slope.atan().abs()).abs() < 0.01, "{slope}: {tilt_rad}");
            for (u, _, depth) in plate.0.depth.enumerate_pixels_mut() {
                depth.0[0] *= u16::from(u < 80);
            }
            let half = measured(&plate);
            assert!((half.estimate_m() - whole.mean_m).abs() < 0.001, "{slope}: {half:?}");
        }
    }

    #[test]
    fn a_third_that_lies_together_does_not_count() {
        let mut plate = plate(0.0, 0.0);
        let whole = measured(&plate);
        assert_eq!(whole.estimate_m().to_bits(), whole.mean_m.to_bits());
        for millimeters in [15, 30, 300, 20_000] {
            for (u, _, depth) in plate.0.depth.enumerate_pixels_mut().filter(|it| it.0 < 66) {
                depth.0[0] = 800 + millimeters * u16::from(u >= PLATE.start);
            }
            let lying = measured(&plate);
            assert!((lying.estimate_m() - 0.8).abs() < 0.001, "{millimeters}: {lying:?}");
            assert!((0.6..0.75).contains(&lying.agreeing_share), "{millimeters}: {lying:?}");
        }
    }
}
