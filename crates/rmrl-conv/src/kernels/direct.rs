//! The convolution as a sum over its window, and its gradients: any kernel, any stride.

use std::ops::{Deref, Range};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::jobs::{Job, jobs};
use super::multiply::{Accumulate, Finish, Multiply};
use super::panels::{Columns, Panels, WIDEST, cut, lanes, room};
use super::room::Room;
use super::shape::ConvShape;

/// Correlations of the same images that together make up an output. The convolution is one; the
/// gradient of the input of a convolution of stride `s` has one for each of `s` x `s` kinds of
/// pixels, which see different parts of the kernel.
pub(crate) struct Correlations {
    parts: Vec<Correlation>,
    /// Input pixels between neighboring windows.
    stride: usize,
    /// Output pixels between neighboring pixels of one kind.
    step: usize,
}

/// A correlation: which output pixels it makes, from which windows, with which weights.
struct Correlation {
    /// Row and column of its first output pixel.
    origin: [usize; 2],
    /// Rows and columns of its windows.
    window: [usize; 2],
    /// Row and column of its first window in the image; may lie outside.
    first: [isize; 2],
    /// `[window rows * window columns * channels_in, channels_out]`; `None` for an empty window.
    panels: Option<Panels>,
}

/// Images as they go in and come out: height, width and channels.
type Extent = [usize; 3];

impl Correlations {
    /// The convolution, with weights scaled by output channel.
    pub(crate) fn forward(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        let ConvShape { channels_in, channels_out, kernel, padding, .. } = *shape;
        let taps = kernel * kernel;
        let panels = Panels::new(taps * channels_in, channels_out, |columns, panel| {
            let width = columns.width();
            // Some channels at once, so that what is read and what is written lies in pieces.
            let mut tile = vec![0.0; taps * CHANNELS_AT_ONCE * width];
            for first in (0..channels_in).step_by(CHANNELS_AT_ONCE) {
                let channels = CHANNELS_AT_ONCE.min(channels_in - first);
                for j in 0..columns.count {
                    let out = columns.first + j;
                    let scale = scale.map_or(1.0, |scale| scale[out]);
                    let kernels = &weight[(out * channels_in + first) * taps..][..channels * taps];
                    for (channel, kernel) in kernels.chunks_exact(taps).enumerate() {
                        for (tap, weight) in kernel.iter().enumerate() {
                            tile[(tap * CHANNELS_AT_ONCE + channel) * width + j] = weight * scale;
                        }
                    }
                }
                for (tap, rows) in tile.chunks_exact(CHANNELS_AT_ONCE * width).enumerate() {
                    let place = (tap * channels_in + first) * width;
                    panel[place..][..channels * width].copy_from_slice(&rows[..channels * width]);
                }
            }
        });
        let part = Correlation {
            origin: [0, 0],
            window: [kernel, kernel],
            first: [-(padding as isize); 2],
            panels: Some(panels),
        };
        Self { parts: vec![part], stride: shape.stride, step: 1 }
    }

    /// What takes the output's gradient to the input's.
    pub(crate) fn input_gradient(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        let stride = shape.stride;
        let kinds = (0..stride).flat_map(|row| (0..stride).map(move |column| [row, column]));
        let parts = kinds.map(|origin| Self::gradient_of_kind(shape, weight, scale, origin));
        Self { parts: parts.collect(), stride: 1, step: stride }
    }

    /// Input pixel `s * i + origin` is seen by output pixel `o` at tap `k = s * i + origin + padding
    /// - s * o`: by taps `k ≡ origin + padding (mod s)`, the largest by the first `o`.
    fn gradient_of_kind(
        shape: &ConvShape,
        weight: &[f32],
        scale: Option<&[f32]>,
        origin: [usize; 2],
    ) -> Correlation {
        let ConvShape { channels_in, channels_out, kernel, stride, padding, .. } = *shape;
        let taps = kernel * kernel;
        let smallest = origin.map(|offset| (offset + padding) % stride);
        let window = smallest.map(|tap| kernel.saturating_sub(tap).div_ceil(stride));
        let first = std::array::from_fn(|axis| {
            let same_as = (origin[axis] + padding - smallest[axis]) / stride;
            same_as as isize - (window[axis] as isize - 1)
        });
        let panels = (window[0] * window[1] > 0).then(|| {
            let depth = window[0] * window[1] * channels_out;
            // The tap of each place of the window.
            let tap = |place: usize| {
                let places = [place / window[1], place % window[1]];
                let [u, v]: [usize; 2] = std::array::from_fn(|axis| {
                    smallest[axis] + stride * (window[axis] - 1 - places[axis])
                });
                u * kernel + v
            };
            let seen: Vec<usize> = (0..window[0] * window[1]).map(tap).collect();
            Panels::new(depth, channels_in, |columns, panel| {
                let width = columns.width();
                for out in 0..channels_out {
                    let scale = scale.map_or(1.0, |scale| scale[out]);
                    let kernels = &weight[(out * channels_in + columns.first) * taps..];
                    let kernels = kernels[..columns.count * taps].chunks_exact(taps);
                    for (j, kernel) in kernels.enumerate() {
                        for (place, tap) in seen.iter().enumerate() {
                            panel[(place * channels_out + out) * width + j] = kernel[*tap] * scale;
                        }
                    }
                }
            })
        });
        Correlation { origin, window, first, panels }
    }

    /// Makes `y`, `[batch, y_extent]`, of `x`, `[batch, x_extent]`.
    pub(crate) fn run(
        &self,
        x: &[f32],
        x_extent: Extent,
        y: &mut [f32],
        y_extent: Extent,
        finish: Finish<'_>,
    ) {
        let [height, width, channels_out] = y_extent;
        // Rows of output that are computed together; those of one step have all kinds of pixels.
        let row = width * channels_out;
        let units = height.div_ceil(self.step);
        let pixels = (PIXELS_TIMES_CHANNELS / x_extent[2]).clamp(64, 256);
        let unit_rows = pixels.div_ceil(width * self.step);
        let jobs = jobs(y, height * row, self.step * row, units, unit_rows);
        jobs.into_par_iter().for_each_init(Scratch::default, |scratch, job| {
            let Job { units: range, offset, values } = job;
            let finish = Finish {
                residual: finish.residual.map(|residual| &residual[offset..][..values.len()]),
                ..finish
            };
            for part in &self.parts {
                part.run(self, scratch, x, x_extent, values, y_extent, range.clone(), finish);
            }
        });
    }
}

/// Pixels of a job times channels of the input: what is read again and again shall stay in the cache.
const PIXELS_TIMES_CHANNELS: usize = 32 * 1024;

/// Room that a thread uses again.
#[derive(Default)]
struct Scratch {
    padded: Vec<f32>,
    bases: Vec<usize>,
    places: Vec<usize>,
}

impl Correlation {
    /// Makes its pixels of the rows `units`, counted in steps over all images.
    #[allow(clippy::too_many_arguments)] // Two images with their extents, and what is done to them.
    fn run(
        &self,
        all: &Correlations,
        scratch: &mut Scratch,
        x: &[f32],
        [x_height, x_width, channels_in]: Extent,
        y: &mut [f32],
        [y_height, y_width, channels_out]: Extent,
        units: Range<usize>,
        finish: Finish<'_>,
    ) {
        let units_of_image = y_height.div_ceil(all.step);
        let columns = (y_width.saturating_sub(self.origin[1])).div_ceil(all.step);
        let Scratch { padded, bases, places } = scratch;
        bases.clear();
        places.clear();
        padded.clear();
        let run = self.window[1] * channels_in;
        let padded_width = (columns.max(1) - 1) * all.stride + self.window[1];
        let mut row_start = 0;
        for unit in units {
            let (image, i) = (unit / units_of_image, unit % units_of_image);
            let rows = (y_height - i * all.step).min(all.step);
            let row = self.origin[0];
            if row < rows {
                let place = row_start + (row * y_width + self.origin[1]) * channels_out;
                places.extend((0..columns).map(|j| place + j * all.step * channels_out));
                // The rows of its windows, with zeros where they lie outside.
                let top = self.first[0] + (i * all.stride) as isize;
                let start = padded.len();
                padded.resize(start + self.window[0] * padded_width * channels_in, 0.0);
                for u in 0..self.window[0] {
                    let Some(line) =
                        usize::try_from(top + u as isize).ok().filter(|v| *v < x_height)
                    else {
                        continue;
                    };
                    let from = self.first[1].max(0) as usize;
                    let to = (self.first[1] + padded_width as isize).clamp(0, x_width as isize);
                    let to = to as usize;
                    if from < to {
                        let source = ((image * x_height + line) * x_width + from) * channels_in;
                        let shift = (from as isize - self.first[1]) as usize;
                        let target = start + (u * padded_width + shift) * channels_in;
                        let count = (to - from) * channels_in;
                        padded[target..][..count].copy_from_slice(&x[source..][..count]);
                    }
                }
                bases.extend((0..columns).map(|j| start + j * all.stride * channels_in));
            }
            row_start += rows * y_width * channels_out;
        }
        let Some(panels) = &self.panels else {
            for place in places.iter() {
                y[*place..][..channels_out].fill(0.0);
            }
            return;
        };
        Arch::new().dispatch(Multiply {
            x: padded,
            bases,
            pitch: padded_width * channels_in,
            rows: self.window[0],
            run,
            panels,
            first: 0,
            y,
            places,
            finish,
        });
    }
}

/// The gradient of the weights, `[channels_out, channels_in, kernel, kernel]`, from the input and
/// the output's gradient.
pub(crate) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let lanes = lanes();
    let windows = Windows::new(shape, x);
    let pixels = dy.len() / shape.channels_out;
    let gradients = in_panels(dy, shape.channels_out);

    // Every job has some numbers of all windows, and the sums of their products with all channels.
    let vectors = shape.kernel * windows.run / lanes;
    let vectors_of_job = vectors.div_ceil(WEIGHT_JOBS).max(WEIGHT_VECTORS);
    let width_of_all = shape.channels_out.next_multiple_of(lanes);
    let starts: Vec<usize> = (0..vectors).step_by(vectors_of_job).collect();
    let sums: Vec<Room> = starts
        .par_iter()
        .map(|&first| {
            let count = vectors_of_job.min(vectors - first);
            let mut sums = Room::of_zeros(count * lanes * width_of_all);
            let mut numbers = Room::of_any(count * lanes * PIXELS_AT_ONCE);
            for (chunk, gradients) in gradients.iter().enumerate() {
                let start = chunk * PIXELS_AT_ONCE;
                let pixels = PIXELS_AT_ONCE.min(pixels - start);
                let numbers = &mut numbers[..count * lanes * pixels];
                let range = start..start + pixels;
                let room = &mut *numbers;
                Arch::new().dispatch(Gather { windows: &windows, pixels: range, first, room });
                Arch::new().dispatch(Accumulate {
                    a: numbers,
                    b: gradients,
                    pixels,
                    columns: shape.channels_out,
                    sums: &mut sums,
                });
            }
            sums
        })
        .collect();

    // Back to PyTorch's order.
    let depth_of_job = vectors_of_job * lanes;
    let row = |panel: Columns, k: usize| {
        let sums = &sums[k / depth_of_job];
        let width = panel.vectors * lanes;
        &sums[panel.first * (sums.len() / width_of_all) + k % depth_of_job * width..][..panel.count]
    };
    by_channels(dw, shape, |panel, channel, taps| {
        for (tap, to) in taps.iter_mut().enumerate() {
            let (line, place) = (tap / shape.kernel, tap % shape.kernel);
            let k = line * windows.run + place * shape.channels_in + channel;
            to[..panel.count].copy_from_slice(row(panel, k));
        }
    });
}

/// Writes the gradient of weights from sums that lie in panels: `read` gives, for a panel of output
/// channels and an input channel, each tap of every output channel.
pub(crate) fn by_channels(
    dw: &mut [f32],
    shape: &ConvShape,
    read: impl Fn(Columns, usize, &mut [[f32; WIDEST]]) + Sync,
) {
    let taps = shape.kernel * shape.kernel;
    let of_channel = taps * shape.channels_in;
    let mut rest = dw;
    let mut parts = Vec::new();
    for panel in cut(shape.channels_out) {
        let part = rest.split_off_mut(..panel.count * of_channel).expect("weights of a panel");
        parts.push((panel, part));
    }
    parts.into_par_iter().for_each(|(panel, dw)| {
        let mut tile = vec![[0.0; WIDEST]; CHANNELS_AT_ONCE * taps];
        for first in (0..shape.channels_in).step_by(CHANNELS_AT_ONCE) {
            let channels = CHANNELS_AT_ONCE.min(shape.channels_in - first);
            for (channel, taps) in tile.chunks_exact_mut(taps).take(channels).enumerate() {
                read(panel, first + channel, taps);
            }
            for (j, dw) in dw.chunks_exact_mut(of_channel).enumerate() {
                let dw = &mut dw[first * taps..][..channels * taps];
                for (to, values) in dw.iter_mut().zip(&tile) {
                    *to = values[j];
                }
            }
        }
    });
}

/// Channels whose weights change their order at once: they stay in the first cache.
const CHANNELS_AT_ONCE: usize = 16;

/// Jobs of a gradient of weights at most, for as many threads.
const WEIGHT_JOBS: usize = 16;
/// Vectors of a job at least: every job reads the whole gradient of the output.
const WEIGHT_VECTORS: usize = 4;
/// Pixels that are multiplied at once: their numbers stay in the first cache.
const PIXELS_AT_ONCE: usize = 128;

/// Pixels of `columns` channels in chunks, each cut into panels.
fn in_panels(pixels: &[f32], columns: usize) -> Vec<Room> {
    let lanes = lanes();
    pixels
        .par_chunks(PIXELS_AT_ONCE * columns)
        .map(|pixels| {
            let count = pixels.len() / columns;
            let mut panels = room(count, columns);
            for part in cut(columns) {
                let width = part.vectors * lanes;
                let panel = panels[count * part.first..].chunks_exact_mut(width);
                for (values, pixel) in panel.zip(pixels.chunks_exact(columns)) {
                    values[..part.count].copy_from_slice(&pixel[part.first..][..part.count]);
                }
            }
            panels
        })
        .collect()
}

/// The windows of a convolution in images with zeros around them.
struct Windows<'a> {
    images: Images<'a>,
    /// Numbers of a padded line.
    line: usize,
    /// Numbers of a window's row, with those after it that make up whole vectors.
    run: usize,
    /// Where the window of each output pixel begins.
    starts: Vec<usize>,
}

enum Images<'a> {
    AsTheyAre(&'a [f32]),
    Padded(Room),
}

impl Deref for Images<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::AsTheyAre(images) => images,
            Self::Padded(images) => images,
        }
    }
}

impl<'a> Windows<'a> {
    fn new(shape: &ConvShape, x: &'a [f32]) -> Self {
        let ConvShape { batch, height, width, channels_in, padding, .. } = *shape;
        let line = (width + 2 * padding) * channels_in;
        let image = (height + 2 * padding) * line;
        let run = (shape.kernel * channels_in).next_multiple_of(lanes());
        let beyond = run - shape.kernel * channels_in;
        let images = if padding == 0 && beyond == 0 {
            Images::AsTheyAre(x)
        } else {
            let mut padded = Room::of_zeros(batch * image + beyond);
            let images = padded.par_chunks_exact_mut(image).zip(x.par_chunks(x.len() / batch));
            images.for_each(|(padded, image)| {
                let targets = padded.chunks_exact_mut(line).skip(padding);
                for (target, source) in targets.zip(image.chunks_exact(width * channels_in)) {
                    target[padding * channels_in..][..source.len()].copy_from_slice(source);
                }
            });
            Images::Padded(padded)
        };
        let (rows, columns) = (shape.height_out(), shape.width_out());
        let places = (0..batch).flat_map(|n| {
            let of_row = move |row| (0..columns).map(move |column| (n, row, column));
            (0..rows).flat_map(of_row)
        });
        let start = |(n, row, column)| {
            n * image + row * shape.stride * line + column * shape.stride * channels_in
        };
        Self { images, line, run, starts: places.map(start).collect() }
    }
}

/// Copies numbers of the windows of some pixels, from vector `first` of a window on, as many as
/// there is room for: `[vectors, pixels, lanes]`. A row of a window begins with a vector; what
/// follows it in its last one is the image's, and meant by nobody.
struct Gather<'a> {
    windows: &'a Windows<'a>,
    pixels: Range<usize>,
    first: usize,
    room: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { windows, pixels, first, room } = self;
        let (run, count) = (windows.run, pixels.len());
        let x = &windows.images[..];
        let starts = &windows.starts[pixels];
        let room = S::as_mut_simd_f32s(room).0;
        for (vector, room) in room.chunks_exact_mut(count).enumerate() {
            let number = (first + vector) * S::F32_LANES;
            let offset = number / run * windows.line + number % run;
            for (room, start) in room.iter_mut().zip(starts) {
                *room = S::as_simd_f32s(&x[start + offset..][..S::F32_LANES]).0[0];
            }
        }
    }
}
