//! Winograd's F(2 x 2, 3 x 3): four pixels of a 3 x 3 convolution from 16 multiplications per channel
//! instead of 36 (Lavin and Gray 2016, <https://arxiv.org/abs/1509.09308>).
//!
//! `Y = A' [(G g G') * (B' d B)] A` for a tile of 2 x 2 output pixels, the 4 x 4 input pixels `d`
//! around it and the kernel `g`. Summed over channels, the middle is 16 matrix products.

mod kernel;
mod tiles;
mod transforms;

use std::array;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

pub(crate) use kernel::Kernel;
use kernel::transform_kernels_back;
use tiles::{PLANE_GAP, POINTS, Tiles, plane};
use transforms::{Gradient, Input, TransformOutput, TransformTiles};

use super::buffer_pool::PooledBuffer;
use super::epilogue::Epilogue;
use super::gemm::{Accumulate, Multiply};
use super::packing::{cut, lanes};
use super::partition::{Chunk, partition};
use super::shape::ConvShape;
use super::weight_layout::by_channels;

/// Tiles of a chunk times channels: 64 bytes each, and both sides of the product stay in the cache.
const TILES_TIMES_CHANNELS: usize = 8 * 1024;

/// A convolution of `x`, `[batch, height, width, channels_in]`, by a transformed kernel.
pub(crate) fn run(
    shape: &ConvShape,
    x: &[f32],
    kernel: &Kernel,
    y: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    let ConvShape { height, width, channels_in, channels_out, .. } = *shape;
    let tiles = Tiles::new(shape);
    let at_once = (TILES_TIMES_CHANNELS / (channels_in + channels_out)).max(32);
    let row = width * channels_out;
    let chunks = partition(y, height * row, 2 * row, tiles.lines, at_once.div_ceil(tiles.line));
    let zeros = &vec![0.0; channels_in][..];
    chunks.into_par_iter().for_each(|chunk| {
        let Chunk { units, offset, values } = chunk;
        let count = units.len() * tiles.line;
        let input = &mut *PooledBuffer::arbitrary(POINTS * plane(count, channels_in));
        let output = &mut *PooledBuffer::arbitrary(POINTS * plane(count, channels_out));
        let arch = Arch::new();
        arch.dispatch(TransformTiles {
            transform: PhantomData::<Input>,
            tiles,
            channels: channels_in,
            lines: units.clone(),
            before: 1,
            x,
            zeros,
            to: input,
            places: (0..channels_in / lanes()).map(|v| (v, channels_in / lanes())).collect(),
        });
        multiply_points(kernel, count, [channels_in, channels_out], input, output);
        arch.dispatch(TransformOutput {
            tiles,
            channels: channels_out,
            lines: units,
            from: output,
            epilogue: epilogue.of_chunk(offset, values.len()),
            y: values,
        });
    });
}

/// The 16 matrix products of transformed tiles with a transformed kernel.
fn multiply_points(
    kernel: &Kernel,
    tiles: usize,
    [channels_in, channels_out]: [usize; 2],
    input: &[f32],
    output: &mut [f32],
) {
    let rows_in = &(0..tiles).map(|tile| tile * channels_in).collect::<Vec<_>>();
    let rows_out = &(0..tiles).map(|tile| tile * channels_out).collect::<Vec<_>>();
    let planes_in = input.chunks_exact(plane(tiles, channels_in));
    let planes_out = output.chunks_exact_mut(plane(tiles, channels_out));
    for (point, (plane_in, plane_out)) in planes_in.zip(planes_out).enumerate() {
        Arch::new().dispatch(Multiply {
            x: plane_in,
            bases: rows_in,
            pitch: 0,
            rows: 1,
            run: channels_in,
            panels: &kernel.0,
            first: point * channels_in,
            y: plane_out,
            places: rows_out,
            epilogue: Epilogue::default(),
        });
    }
}

/// Tiles that one thread transforms, and that are multiplied together.
const TILES_OF_GROUP: usize = 64;
/// Values that are transformed before they are multiplied.
const TRANSFORMED_VALUES: usize = 2 * 1024 * 1024;

/// The gradient of the weights: `G' [Σ (B' d B) * (A dy A')] G` over all tiles.
pub(crate) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let ConvShape { batch, channels_in, channels_out, .. } = *shape;
    let tiles = Tiles::new(shape);
    let lines: Vec<usize> = (0..batch * tiles.lines).collect();
    let lines_of_group = TILES_OF_GROUP.div_ceil(tiles.line);
    let groups_at_once =
        (TRANSFORMED_VALUES / (TILES_OF_GROUP * POINTS * (channels_in + channels_out))).max(2);

    let mut sums = PooledBuffer::zeroed(POINTS * channels_in * channels_out);
    for lines in lines.chunks(groups_at_once * lines_of_group) {
        let transformed: Vec<[PooledBuffer; 2]> = lines
            .par_chunks(lines_of_group)
            .map(|lines| transform_group(shape, x, dy, lines[0]..lines[0] + lines.len()))
            .collect();
        let of_points = sums.par_chunks_mut(channels_in * channels_out);
        of_points.enumerate().for_each(|(point, sums)| {
            for [input, gradient] in &transformed {
                let [a, b] = [input, gradient].map(|values| {
                    let plane = values.len() / POINTS;
                    &values[point * plane..][..plane - PLANE_GAP]
                });
                let pixels = a.len() / channels_in;
                Arch::new().dispatch(Accumulate { a, b, pixels, columns: channels_out, sums });
            }
        });
    }

    let of_point: Vec<&[f32]> = sums.chunks_exact(channels_in * channels_out).collect();
    by_channels(dw, shape, |panel, channel, taps| {
        let row = panel.first * channels_in + channel * panel.width();
        let points: [&[f32]; POINTS] =
            array::from_fn(|point| &of_point[point][row..][..panel.count]);
        Arch::new().dispatch(
            #[inline(always)]
            || transform_kernels_back(&points, taps, panel.count),
        );
    });
}

/// The transformed tiles of some lines: `B' d B` in columns of vectors, and `A dy A'` in panels.
fn transform_group(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    lines: Range<usize>,
) -> [PooledBuffer; 2] {
    let ConvShape { channels_in, channels_out, .. } = *shape;
    let (tiles, lanes) = (Tiles::new(shape), lanes());
    let count = lines.len() * tiles.line;
    let zeros = vec![0.0; channels_in.max(channels_out)];
    let arch = Arch::new();
    let mut input = PooledBuffer::arbitrary(POINTS * plane(count, channels_in));
    arch.dispatch(TransformTiles {
        transform: PhantomData::<Input>,
        tiles,
        channels: channels_in,
        lines: lines.clone(),
        before: 1,
        x,
        zeros: &zeros,
        to: &mut input,
        places: (0..channels_in / lanes).map(|v| (v * count, 1)).collect(),
    });
    let mut gradient = PooledBuffer::arbitrary(POINTS * plane(count, channels_out));
    let vectors = cut(channels_out).flat_map(|part| {
        let first = part.first / lanes * count;
        (0..part.vectors).map(move |v| (first + v, part.vectors))
    });
    arch.dispatch(TransformTiles {
        transform: PhantomData::<Gradient>,
        tiles,
        channels: channels_out,
        lines,
        before: 0,
        x: dy,
        zeros: &zeros,
        to: &mut gradient,
        places: vectors.collect(),
    });
    [input, gradient]
}
