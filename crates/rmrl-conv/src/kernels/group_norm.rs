//! Group normalization (Wu and He 2018) of images with channels last, with its epilogue in the same pass:
//! `y = relu((x - mean) / sqrt(variance + eps) * weight + bias + residual)`.

use pulp::Arch;
use rayon::prelude::*;

/// A group normalization of images `[batch, pixels, channels]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNormShape {
    /// The number of images.
    pub batch: usize,
    /// Pixels in an image.
    pub pixels: usize,
    /// The number of channels.
    pub channels: usize,
    /// Groups of neighboring channels that share their statistics; divides the channels.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// The mean and the reciprocal standard deviation of every group of every image.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics(Vec<[f32; 2]>);

/// The learned parameters, one value of each for every channel.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// The factor of the normalized value.
    pub weight: &'a [f32],
    /// The term added after it.
    pub bias: &'a [f32],
}

/// The gradients of weight and bias of [`group_norm`], `[channels]` each.
#[derive(Debug, Default)]
pub struct GroupNormGradients {
    /// The gradient of the weight.
    pub weight: Vec<f32>,
    /// The gradient of the bias.
    pub bias: Vec<f32>,
}

impl GroupNormShape {
    fn image_len(&self) -> usize {
        self.pixels * self.channels
    }

    fn check(&self, lengths: &[usize], affine: Affine<'_>) {
        assert!(self.groups > 0 && self.channels.is_multiple_of(self.groups), "{self:?}");
        assert!(lengths.iter().all(|len| *len == self.batch * self.image_len()), "{self:?}");
        assert_eq!([affine.weight.len(), affine.bias.len()], [self.channels; 2], "{self:?}");
    }
}

/// Pixels whose values are added in 32 bits before the sum continues in 64 bits.
const PIXELS_AT_ONCE: usize = 64;

/// Sums over pixels, by channel, of `x - x of the first pixel` and of its square.
#[inline(always)]
fn shifted_sums(x: &[f32], channels: usize) -> [Vec<f64>; 2] {
    let origin = &x[..channels];
    let mut totals = [vec![0.0f64; channels], vec![0.0f64; channels]];
    let (mut sum, mut squares) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    for x in x.chunks(PIXELS_AT_ONCE * channels) {
        sum.fill(0.0);
        squares.fill(0.0);
        for x in x.chunks_exact(channels) {
            let terms = sum.iter_mut().zip(&mut squares).zip(x).zip(origin);
            for (((sum, square), x), origin) in terms {
                let distance = x - origin;
                *sum += distance;
                *square += distance * distance;
            }
        }
        add(&mut totals, [&sum, &squares]);
    }
    totals
}

/// Sets gradients to zero where a ReLU returned zero, copies them, and returns the sums over pixels, by channel,
/// of `dz` and of `dz * (x - mean)`.
#[inline(always)]
fn gradient_sums(
    x: &[f32],
    y: Option<&[f32]>,
    dz: &mut [f32],
    mut copy: Option<&mut [f32]>,
    means: &[f32],
) -> [Vec<f64>; 2] {
    let channels = means.len();
    let mut totals = [vec![0.0f64; channels], vec![0.0f64; channels]];
    let (mut sum, mut products) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    let at_once = PIXELS_AT_ONCE * channels;
    for (chunk, (x, dz)) in x.chunks(at_once).zip(dz.chunks_mut(at_once)).enumerate() {
        if let Some(y) = y {
            for (dz, y) in dz.iter_mut().zip(&y[chunk * at_once..]) {
                *dz = if *y > 0.0 { *dz } else { 0.0 };
            }
        }
        if let Some(copy) = &mut copy {
            copy[chunk * at_once..][..dz.len()].copy_from_slice(dz);
        }
        sum.fill(0.0);
        products.fill(0.0);
        for (x, dz) in x.chunks_exact(channels).zip(dz.chunks_exact(channels)) {
            let terms = sum.iter_mut().zip(&mut products).zip(x).zip(dz).zip(means);
            for ((((sum, product), x), dz), mean) in terms {
                *sum += dz;
                *product += dz * (x - mean);
            }
        }
        add(&mut totals, [&sum, &products]);
    }
    totals
}

#[inline(always)]
fn add(totals: &mut [Vec<f64>; 2], sums: [&[f32]; 2]) {
    for (totals, sums) in totals.iter_mut().zip(sums) {
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += f64::from(*sum);
        }
    }
}

/// Normalizes images. All of `y` is written.
///
/// # Panics
/// The length of a slice does not match the shape.
pub fn group_norm(
    shape: &GroupNormShape,
    x: &[f32],
    affine: Affine<'_>,
    residual: Option<&[f32]>,
    relu: bool,
    y: &mut [f32],
) -> Statistics {
    shape.check(&[x.len(), y.len(), residual.map_or(x.len(), <[f32]>::len)], affine);
    let image = shape.image_len();
    let statistics = x.par_chunks_exact(image).zip(y.par_chunks_exact_mut(image)).enumerate();
    let statistics = statistics.map(|(index, (x, y))| {
        let residual = residual.map(|residual| &residual[index * image..][..image]);
        Arch::new().dispatch(
            #[inline(always)]
            || normalize(shape, x, affine, residual, relu, y),
        )
    });
    Statistics(statistics.collect::<Vec<_>>().concat())
}

#[inline(always)]
fn normalize(
    shape: &GroupNormShape,
    x: &[f32],
    affine: Affine<'_>,
    residual: Option<&[f32]>,
    relu: bool,
    y: &mut [f32],
) -> Vec<[f32; 2]> {
    let channels = shape.channels;
    let width = channels / shape.groups;
    let count = (shape.pixels * width) as f64;
    // Squares of the difference from the first pixel, because the squares of a large mean would cancel the
    // variance.
    let [sum, squares] = shifted_sums(x, channels);
    let statistics: Vec<[f32; 2]> = (0..shape.groups)
        .map(|group| {
            let range = group * width..(group + 1) * width;
            let pixels = shape.pixels as f64;
            let mean_of = |c: usize| f64::from(x[c]) + sum[c] / pixels;
            let mean = range.clone().map(mean_of).sum::<f64>() / width as f64;
            // Σ (x - mean)²: about each channel's mean, then shifted to the group's mean.
            let squares = range.map(|c| {
                let apart = mean_of(c) - mean;
                squares[c] - sum[c] * sum[c] / pixels + pixels * apart * apart
            });
            let variance = (squares.sum::<f64>() / count).max(0.0);
            [mean as f32, (1.0 / (variance + f64::from(shape.epsilon)).sqrt()) as f32]
        })
        .collect();

    // One multiplication and one addition per value.
    let factor: Vec<f32> =
        (0..channels).map(|c| affine.weight[c] * statistics[c / width][1]).collect();
    let offset: Vec<f32> =
        (0..channels).map(|c| affine.bias[c] - statistics[c / width][0] * factor[c]).collect();
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    for (index, (x, y)) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)).enumerate() {
        let terms = y.iter_mut().zip(x).zip(&factor).zip(&offset);
        if let Some(residual) = residual {
            let residual = &residual[index * channels..][..channels];
            for ((((y, x), factor), offset), residual) in terms.zip(residual) {
                let value = x * factor + offset + residual;
                *y = if value < floor { floor } else { value };
            }
        } else {
            for (((y, x), factor), offset) in terms {
                let value = x * factor + offset;
                *y = if value < floor { floor } else { value };
            }
        }
    }
    statistics
}

/// What the gradients of [`group_norm`] need of its forward pass.
#[derive(Debug, Clone, Copy)]
pub struct GroupNormForward<'a> {
    /// The input, `[batch, pixels, channels]`.
    pub x: &'a [f32],
    /// The statistics of the input.
    pub statistics: &'a Statistics,
    /// The output, `[batch, pixels, channels]`, if it went through a ReLU.
    pub y: Option<&'a [f32]>,
}

/// The gradients of [`group_norm`]. `dy` is the gradient of the output; the gradient of the input replaces it.
/// The gradient of the residual is written to all of `residual`.
///
/// # Panics
/// The length of a slice does not match the shape.
pub fn group_norm_gradients(
    shape: &GroupNormShape,
    affine: Affine<'_>,
    forward: GroupNormForward<'_>,
    dy: &mut [f32],
    mut residual: Option<&mut [f32]>,
) -> GroupNormGradients {
    let GroupNormForward { x, statistics, y } = forward;
    let lengths = [y.map(<[f32]>::len), residual.as_deref().map(<[f32]>::len)];
    shape.check(&[x.len(), dy.len()], affine);
    shape.check(&lengths.map(|len| len.unwrap_or(x.len())), affine);
    let (image, channels) = (shape.image_len(), shape.channels);
    let copies: Vec<Option<&mut [f32]>> = match &mut residual {
        Some(residual) => residual.chunks_exact_mut(image).map(Some).collect(),
        None => (0..shape.batch).map(|_| None).collect(),
    };
    let images = x
        .par_chunks_exact(image)
        .zip(dy.par_chunks_exact_mut(image))
        .zip(copies)
        .zip(statistics.0.par_chunks_exact(shape.groups));
    let parts: Vec<[Vec<f64>; 2]> = images
        .enumerate()
        .map(|(index, (((x, dy), copy), statistics))| {
            let y = y.map(|y| &y[index * image..][..image]);
            let forward = ImageForward { x, statistics, y };
            Arch::new().dispatch(
                #[inline(always)]
                || gradients(shape, affine, forward, dy, copy),
            )
        })
        .collect();
    // Images are added in order, so the bits do not depend on the number of threads.
    let total = |which: usize| {
        let mut total = vec![0.0f64; channels];
        for part in &parts {
            for (total, value) in total.iter_mut().zip(&part[which]) {
                *total += value;
            }
        }
        total.into_iter().map(|value| value as f32).collect()
    };
    GroupNormGradients { weight: total(0), bias: total(1) }
}

/// The part of a [`GroupNormForward`] that belongs to one image.
struct ImageForward<'a> {
    x: &'a [f32],
    statistics: &'a [[f32; 2]],
    y: Option<&'a [f32]>,
}

/// With `n = (x - mean) / deviation`:
/// `dx = (w dz - mean(w dz) - n * mean(w dz n)) / deviation`, means over the group.
#[inline(always)]
fn gradients(
    shape: &GroupNormShape,
    affine: Affine<'_>,
    forward: ImageForward<'_>,
    dz: &mut [f32],
    copy: Option<&mut [f32]>,
) -> [Vec<f64>; 2] {
    let ImageForward { x, statistics, y } = forward;
    let channels = shape.channels;
    let width = channels / shape.groups;
    let count = (shape.pixels * width) as f64;
    let means: Vec<f32> = (0..channels).map(|c| statistics[c / width][0]).collect();
    let [of_bias, mut of_weight] = gradient_sums(x, y, dz, copy, &means);
    for (c, sum) in of_weight.iter_mut().enumerate() {
        *sum *= f64::from(statistics[c / width][1]);
    }
    let (mut factor, mut slope, mut offset) =
        (vec![0.0f32; channels], vec![0.0f32; channels], vec![0.0f32; channels]);
    for (group, statistics) in statistics.iter().enumerate() {
        let [mean, reciprocal] = statistics.map(f64::from);
        let range = group * width..(group + 1) * width;
        let mean_of = |values: &[f64]| {
            let weighted = range.clone().map(|c| f64::from(affine.weight[c]) * values[c]);
            weighted.sum::<f64>() / count
        };
        let (mean_dz, mean_dz_n) = (mean_of(&of_bias), mean_of(&of_weight));
        for c in range.clone() {
            factor[c] = (f64::from(affine.weight[c]) * reciprocal) as f32;
            slope[c] = (-reciprocal * reciprocal * mean_dz_n) as f32;
            offset[c] = (reciprocal * (reciprocal * mean_dz_n * mean - mean_dz)) as f32;
        }
    }
    for (x, dz) in x.chunks_exact(channels).zip(dz.chunks_exact_mut(channels)) {
        let terms = dz.iter_mut().zip(x).zip(&factor).zip(&slope).zip(&offset);
        for ((((dz, x), factor), slope), offset) in terms {
            *dz = *dz * factor + (x * slope + offset);
        }
    }
    [of_weight, of_bias]
}
