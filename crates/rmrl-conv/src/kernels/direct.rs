//! The convolution as a sum over its window, and the gradient of its input, for any kernel and stride.

use std::array;
use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::epilogue::Epilogue;
use super::gemm::Multiply;
use super::packing::Panels;
use super::partition::{Chunk, partition};
use super::shape::ConvShape;
use super::weight_layout::CHANNELS_AT_ONCE;

/// Correlations of the same images that together produce an output. A convolution is one correlation. The
/// gradient of the input of a convolution of stride `s` has one for each of `s` x `s` kinds of pixels, because
/// these see different parts of the kernel.
pub(crate) struct Correlations {
    parts: Vec<Correlation>,
    /// Input pixels between neighboring windows.
    stride: usize,
    /// Output pixels between neighboring pixels of one kind.
    step: usize,
}

/// A correlation: the output pixels that it computes, their windows, and the weights.
struct Correlation {
    /// Row and column of the first output pixel.
    origin: [usize; 2],
    /// Rows and columns of a window.
    window: [usize; 2],
    /// Row and column of the first window in the input image; may lie outside.
    first: [isize; 2],
    /// `[window rows * window columns * channels_in, channels_out]`; `None` for an empty window.
    panels: Option<Panels>,
}

/// The extent of an image: height, width and channels.
type Extent = [usize; 3];

/// The input of all correlations, and the extents and steps that they share.
struct Geometry<'a> {
    /// `[batch, x_extent]`
    x: &'a [f32],
    x_extent: Extent,
    y_extent: Extent,
    stride: usize,
    step: usize,
}

/// Buffers that a thread uses again.
#[derive(Default)]
struct Scratch {
    /// The rows of the windows, padded with zeros.
    padded: Vec<f32>,
    /// Where each window begins in `padded`.
    bases: Vec<usize>,
    /// Where each output pixel begins in its chunk.
    places: Vec<usize>,
}

/// Pixels of a chunk times channels of the input: values that are read repeatedly stay in the cache.
const PIXELS_TIMES_CHANNELS: usize = 32 * 1024;

impl Correlations {
    /// The convolution with weights scaled by output channel.
    pub(crate) fn forward(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        let ConvShape { channels_in, channels_out, kernel, padding, .. } = *shape;
        let taps = kernel * kernel;
        let panels = Panels::new(taps * channels_in, channels_out, |columns, panel| {
            let width = columns.width();
            // Some channels at once, so that reads and writes are both contiguous.
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

    /// The correlations that turn the output's gradient into the input's.
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
        let first = array::from_fn(|axis| {
            let last = (origin[axis] + padding - smallest[axis]) / stride;
            last as isize - (window[axis] as isize - 1)
        });
        let panels = (window[0] * window[1] > 0).then(|| {
            let depth = window[0] * window[1] * channels_out;
            // The tap at each place of the window.
            let tap = |place: usize| {
                let places = [place / window[1], place % window[1]];
                let [u, v]: [usize; 2] = array::from_fn(|axis| {
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

    /// Writes `y`, `[batch, y_extent]`, from `x`, `[batch, x_extent]`.
    pub(crate) fn run(
        &self,
        x: &[f32],
        x_extent: Extent,
        y: &mut [f32],
        y_extent: Extent,
        epilogue: Epilogue<'_>,
    ) {
        let [height, width, channels_out] = y_extent;
        // A unit is `step` rows of the output: it has pixels of all kinds.
        let row = width * channels_out;
        let units = height.div_ceil(self.step);
        let pixels = (PIXELS_TIMES_CHANNELS / x_extent[2]).clamp(64, 256);
        let units_per_chunk = pixels.div_ceil(width * self.step);
        let chunks = partition(y, height * row, self.step * row, units, units_per_chunk);
        let geometry = Geometry { x, x_extent, y_extent, stride: self.stride, step: self.step };
        chunks.into_par_iter().for_each_init(Scratch::default, |scratch, mut chunk| {
            let epilogue = epilogue.of_chunk(chunk.offset, chunk.values.len());
            for part in &self.parts {
                part.run(&geometry, scratch, &mut chunk, epilogue);
            }
        });
    }
}

impl Correlation {
    /// Computes this correlation's pixels of a chunk.
    fn run(
        &self,
        geometry: &Geometry<'_>,
        scratch: &mut Scratch,
        chunk: &mut Chunk<'_>,
        epilogue: Epilogue<'_>,
    ) {
        self.gather(geometry, chunk.units.clone(), scratch);
        let Scratch { padded, bases, places } = scratch;
        let ([.., channels_in], [.., channels_out]) = (geometry.x_extent, geometry.y_extent);
        let y = &mut *chunk.values;
        let Some(panels) = &self.panels else {
            for place in places.iter() {
                y[*place..][..channels_out].fill(0.0);
            }
            return;
        };
        Arch::new().dispatch(Multiply {
            x: padded,
            bases,
            pitch: self.padded_width(geometry) * channels_in,
            rows: self.window[0],
            run: self.window[1] * channels_in,
            panels,
            first: 0,
            y,
            places,
            epilogue,
        });
    }

    /// Collects this correlation's output pixels of some units, and the padded rows of their windows.
    fn gather(&self, geometry: &Geometry<'_>, units: Range<usize>, scratch: &mut Scratch) {
        let Geometry { x_extent, y_extent, stride, step, .. } = *geometry;
        let ([.., channels_in], [height, width, channels_out]) = (x_extent, y_extent);
        let units_per_image = height.div_ceil(step);
        let (columns, padded_width) = (self.columns(geometry), self.padded_width(geometry));
        let Scratch { padded, bases, places } = scratch;
        bases.clear();
        places.clear();
        padded.clear();
        let mut row_start = 0;
        for unit in units {
            let (image, i) = (unit / units_per_image, unit % units_per_image);
            let rows = (height - i * step).min(step);
            if self.origin[0] < rows {
                let place = row_start + (self.origin[0] * width + self.origin[1]) * channels_out;
                places.extend((0..columns).map(|j| place + j * step * channels_out));
                let start = padded.len();
                padded.resize(start + self.window[0] * padded_width * channels_in, 0.0);
                self.copy_rows(geometry, image, i, &mut padded[start..]);
                bases.extend((0..columns).map(|j| start + j * stride * channels_in));
            }
            row_start += rows * width * channels_out;
        }
    }

    /// Copies the rows of the windows of row `i` of an image; what lies outside of the image stays zero.
    fn copy_rows(&self, geometry: &Geometry<'_>, image: usize, i: usize, target: &mut [f32]) {
        let Geometry { x, x_extent: [height, width, channels], stride, .. } = *geometry;
        let padded_width = self.padded_width(geometry);
        let top = self.first[0] + (i * stride) as isize;
        let from = self.first[1].max(0) as usize;
        let to = (self.first[1] + padded_width as isize).clamp(0, width as isize) as usize;
        if from >= to {
            return;
        }
        let shift = (from as isize - self.first[1]) as usize;
        let count = (to - from) * channels;
        for u in 0..self.window[0] {
            let line = usize::try_from(top + u as isize).ok().filter(|line| *line < height);
            let Some(line) = line else { continue };
            let source = ((image * height + line) * width + from) * channels;
            let row = &mut target[(u * padded_width + shift) * channels..][..count];
            row.copy_from_slice(&x[source..][..count]);
        }
    }

    /// Columns of the output that this correlation computes.
    fn columns(&self, geometry: &Geometry<'_>) -> usize {
        geometry.y_extent[1].saturating_sub(self.origin[1]).div_ceil(geometry.step)
    }

    /// Columns of the input, with its padding, that the windows of a row cover.
    fn padded_width(&self, geometry: &Geometry<'_>) -> usize {
        (self.columns(geometry).max(1) - 1) * geometry.stride + self.window[1]
    }
}
