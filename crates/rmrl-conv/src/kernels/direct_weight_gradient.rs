//! The gradient of a convolution's weights as a sum over its window, for any kernel and stride.

use std::ops::{Deref, Range};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::buffer_pool::PooledBuffer;
use super::gemm::Accumulate;
use super::packing::{Columns, cut, lanes, panel_buffer};
use super::shape::ConvShape;
use super::weight_layout::by_channels;

/// The most chunks that the weights are cut into, for as many threads.
const MAX_CHUNKS: usize = 16;
/// The least vectors of a chunk: every chunk reads the whole gradient of the output.
const MIN_VECTORS: usize = 4;
/// Pixels that are multiplied at once: their values stay in the first-level cache.
const PIXELS_AT_ONCE: usize = 128;

/// Writes the gradient of the weights, `[channels_out, channels_in, kernel, kernel]`, from the input and the
/// output's gradient.
pub(crate) fn run(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let lanes = lanes();
    let windows = Windows::new(shape, x);
    let gradients = in_panels(dy, shape.channels_out);

    // Every chunk has some values of all windows, and the sums of their products with all channels.
    let vectors = shape.kernel * windows.run / lanes;
    let chunk_vectors = vectors.div_ceil(MAX_CHUNKS).max(MIN_VECTORS);
    let starts: Vec<usize> = (0..vectors).step_by(chunk_vectors).collect();
    let sums: Vec<PooledBuffer> = starts
        .par_iter()
        .map(|&first| {
            let end = vectors.min(first + chunk_vectors);
            windows.products(first..end, &gradients, shape.channels_out)
        })
        .collect();

    // Back to PyTorch's order.
    let chunk_depth = chunk_vectors * lanes;
    let padded_channels = shape.channels_out.next_multiple_of(lanes);
    let row = |panel: Columns, k: usize| {
        let sums = &sums[k / chunk_depth];
        let width = panel.vectors * lanes;
        let depth = sums.len() / padded_channels;
        &sums[panel.first * depth + k % chunk_depth * width..][..panel.count]
    };
    by_channels(dw, shape, |panel, channel, taps| {
        for (tap, to) in taps.iter_mut().enumerate() {
            let (line, place) = (tap / shape.kernel, tap % shape.kernel);
            let k = line * windows.run + place * shape.channels_in + channel;
            to[..panel.count].copy_from_slice(row(panel, k));
        }
    });
}

/// Cuts pixels of `columns` channels into blocks of pixels, and each block into panels.
fn in_panels(pixels: &[f32], columns: usize) -> Vec<PooledBuffer> {
    let lanes = lanes();
    pixels
        .par_chunks(PIXELS_AT_ONCE * columns)
        .map(|pixels| {
            let count = pixels.len() / columns;
            let mut panels = panel_buffer(count, columns);
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
    /// Values of a padded line.
    line: usize,
    /// Values of a window's row, rounded up to whole vectors.
    run: usize,
    /// Where the window of each output pixel begins.
    starts: Vec<usize>,
}

enum Images<'a> {
    Borrowed(&'a [f32]),
    Padded(PooledBuffer),
}

impl Deref for Images<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Borrowed(images) => images,
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
            Images::Borrowed(x)
        } else {
            let mut padded = PooledBuffer::zeroed(batch * image + beyond);
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

    /// The products of some vectors of all windows with `gradients`, summed over the pixels.
    fn products(
        &self,
        vectors: Range<usize>,
        gradients: &[PooledBuffer],
        channels_out: usize,
    ) -> PooledBuffer {
        let (lanes, count) = (lanes(), vectors.len());
        let all_pixels = self.starts.len();
        let mut sums = PooledBuffer::zeroed(count * lanes * channels_out.next_multiple_of(lanes));
        let mut values = PooledBuffer::arbitrary(count * lanes * PIXELS_AT_ONCE);
        for (block, gradients) in gradients.iter().enumerate() {
            let start = block * PIXELS_AT_ONCE;
            let pixels = PIXELS_AT_ONCE.min(all_pixels - start);
            let values = &mut values[..count * lanes * pixels];
            Arch::new().dispatch(Gather {
                windows: self,
                pixels: start..start + pixels,
                first: vectors.start,
                target: &mut *values,
            });
            Arch::new().dispatch(Accumulate {
                a: values,
                b: gradients,
                pixels,
                columns: channels_out,
                sums: &mut sums,
            });
        }
        sums
    }
}

/// Copies values of the windows of some pixels, from vector `first` of a window on, until `target` is full:
/// `[vectors, pixels, lanes]`. A row of a window begins with a vector. The rest of its last vector holds further
/// values of the image, which are not used.
struct Gather<'a> {
    windows: &'a Windows<'a>,
    pixels: Range<usize>,
    first: usize,
    target: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { windows, pixels, first, target } = self;
        let (run, count) = (windows.run, pixels.len());
        let x = &windows.images[..];
        let starts = &windows.starts[pixels];
        let target = S::as_mut_simd_f32s(target).0;
        for (vector, targets) in target.chunks_exact_mut(count).enumerate() {
            let value = (first + vector) * S::F32_LANES;
            let offset = value / run * windows.line + value % run;
            for (target, start) in targets.iter_mut().zip(starts) {
                *target = S::as_simd_f32s(&x[start + offset..][..S::F32_LANES]).0[0];
            }
        }
    }
}
