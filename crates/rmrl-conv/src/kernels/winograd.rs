//! Winograd's F(2 x 2, 3 x 3): four pixels of a 3 x 3 convolution from 16 multiplications a channel
//! instead of 36 (Lavin and Gray 2016, <https://arxiv.org/abs/1509.09308>).
//!
//! `Y = A' [(G g G') * (B' d B)] A` for a tile of 2 x 2 output pixels, the 4 x 4 input pixels `d`
//! around it and the kernel `g`. Summed over channels, the middle is 16 matrix products.

use std::array;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::direct::by_channels;
use super::jobs::{Job, jobs};
use super::multiply::{Accumulate, Finish, Multiply};
use super::panels::{Panels, WIDEST, cut, lanes};
use super::room::Room;
use super::shape::ConvShape;

/// Points of a transformed tile.
const POINTS: usize = 16;

/// A transformed kernel: for each point the matrix `[channels_in, channels_out]`, one below the
/// other.
pub(crate) struct Kernel(Panels);

impl Kernel {
    /// `G g G'`, with weights scaled by output channel.
    pub(crate) fn forward(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        let channels_in = shape.channels_in;
        Self::new([channels_in, shape.channels_out], |channel, out, taps| {
            let scale = scale.map_or(1.0, |scale| scale[out]);
            let kernel = &weight[(out * channels_in + channel) * 9..][..9];
            for (to, tap) in taps.iter_mut().zip(kernel) {
                *to = tap * scale;
            }
        })
    }

    /// The same of the kernel that takes the output's gradient to the input's: turned by half a
    /// circle, the channels exchanged.
    pub(crate) fn input_gradient(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        let channels_in = shape.channels_in;
        Self::new([shape.channels_out, channels_in], |out, channel, taps| {
            let scale = scale.map_or(1.0, |scale| scale[out]);
            let kernel = &weight[(out * channels_in + channel) * 9..][..9];
            for (to, tap) in taps.iter_mut().zip(kernel.iter().rev()) {
                *to = tap * scale;
            }
        })
    }

    /// Transforms the kernels that `fill` writes for an input and an output channel.
    fn new(
        [depth, columns]: [usize; 2],
        fill: impl Fn(usize, usize, &mut [f32; 9]) + Sync,
    ) -> Self {
        Self(Panels::new(POINTS * depth, columns, |part, panel| {
            let width = part.width();
            let mut taps = [[0.0; WIDEST]; 9];
            let mut points = [[0.0; WIDEST]; POINTS];
            for row in 0..depth {
                for j in 0..part.count {
                    let mut kernel = [0.0; 9];
                    fill(row, part.first + j, &mut kernel);
                    for (taps, value) in taps.iter_mut().zip(kernel) {
                        taps[j] = value;
                    }
                }
                Arch::new().dispatch(
                    #[inline(always)]
                    || transform_kernels(&taps, &mut points),
                );
                for (point, values) in points.iter().enumerate() {
                    let place = (point * depth + row) * width;
                    panel[place..][..part.count].copy_from_slice(&values[..part.count]);
                }
            }
        }))
    }
}

/// `G g G'` of many kernels, with the rows of `G` `(1, 0, 0)`, `(1, 1, 1) / 2`, `(1, -1, 1) / 2` and
/// `(0, 0, 1)`.
#[inline(always)]
fn transform_kernels(taps: &[[f32; WIDEST]; 9], points: &mut [[f32; WIDEST]; POINTS]) {
    for j in 0..WIDEST {
        let mut columns = [[0.0; 4]; 3];
        for v in 0..3 {
            columns[v] = kernel_line([taps[v][j], taps[3 + v][j], taps[6 + v][j]]);
        }
        for u in 0..4 {
            let row = kernel_line([columns[0][u], columns[1][u], columns[2][u]]);
            for v in 0..4 {
                points[4 * u + v][j] = row[v];
            }
        }
    }
}

#[inline(always)]
fn kernel_line([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + c + b), 0.5 * (a + c - b), c]
}

/// `G' u G` of many: gradients of kernels from those of the transformed ones.
#[inline(always)]
fn transform_kernels_back(points: &[&[f32]; POINTS], taps: &mut [[f32; WIDEST]], count: usize) {
    for j in 0..count {
        let mut rows = [[0.0; 3]; 4];
        for u in 0..4 {
            rows[u] = kernel_line_back([
                points[4 * u][j],
                points[4 * u + 1][j],
                points[4 * u + 2][j],
                points[4 * u + 3][j],
            ]);
        }
        for v in 0..3 {
            let column = kernel_line_back([rows[0][v], rows[1][v], rows[2][v], rows[3][v]]);
            for u in 0..3 {
                taps[3 * u + v][j] = column[u];
            }
        }
    }
}

#[inline(always)]
fn kernel_line_back([a, b, c, d]: [f32; 4]) -> [f32; 3] {
    let (even, odd) = (0.5 * (b + c), 0.5 * (b - c));
    [a + even, odd, even + d]
}

/// Tiles that lie in lines over images: the lines of an image, and the tiles of a line.
#[derive(Clone, Copy)]
struct Tiles {
    height: usize,
    width: usize,
    lines: usize,
    line: usize,
}

impl Tiles {
    fn new(shape: &ConvShape) -> Self {
        let ConvShape { height, width, .. } = *shape;
        Self { height, width, lines: height.div_ceil(2), line: width.div_ceil(2) }
    }

    /// Image, row and column of the first pixel of each tile in some lines.
    fn corners(self, lines: Range<usize>) -> impl Iterator<Item = [usize; 3]> {
        lines.flat_map(move |line| {
            let (image, row) = (line / self.lines, 2 * (line % self.lines));
            (0..self.line).map(move |column| [image, row, 2 * column])
        })
    }
}

/// Numbers of one point: a vector more than needed, so that the 16 points of a tile do not fall
/// into one set of the cache.
fn plane(tiles: usize, channels: usize) -> usize {
    tiles * channels + PLANE_GAP
}

const PLANE_GAP: usize = 16;

/// A convolution of `x`, `[batch, height, width, channels_in]`, by a transformed kernel.
pub(crate) fn run(
    shape: &ConvShape,
    x: &[f32],
    kernel: &Kernel,
    y: &mut [f32],
    finish: Finish<'_>,
) {
    let ConvShape { height, width, channels_in, channels_out, .. } = *shape;
    let tiles = Tiles::new(shape);
    let at_once = (TILES_TIMES_CHANNELS / (channels_in + channels_out)).max(32);
    let row = width * channels_out;
    let jobs = jobs(y, height * row, 2 * row, tiles.lines, at_once.div_ceil(tiles.line));
    let zeros = &vec![0.0; channels_in][..];
    jobs.into_par_iter().for_each(|job| {
        let Job { units, offset, values } = job;
        let count = units.len() * tiles.line;
        let input = &mut *Room::of_any(POINTS * plane(count, channels_in));
        let output = &mut *Room::of_any(POINTS * plane(count, channels_out));
        let rows_in = &(0..count).map(|tile| tile * channels_in).collect::<Vec<_>>();
        let rows_out = &(0..count).map(|tile| tile * channels_out).collect::<Vec<_>>();
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
        let planes_in = input.chunks_exact(plane(count, channels_in));
        let planes_out = output.chunks_exact_mut(plane(count, channels_out));
        for (point, (plane_in, plane_out)) in planes_in.zip(planes_out).enumerate() {
            arch.dispatch(Multiply {
                x: plane_in,
                bases: rows_in,
                pitch: 0,
                rows: 1,
                run: channels_in,
                panels: &kernel.0,
                first: point * channels_in,
                y: plane_out,
                places: rows_out,
                finish: Finish::default(),
            });
        }
        let finish = Finish {
            residual: finish.residual.map(|residual| &residual[offset..][..values.len()]),
            ..finish
        };
        arch.dispatch(TransformOutput {
            tiles,
            channels: channels_out,
            lines: units,
            from: output,
            finish,
            y: values,
        });
    });
}

/// Tiles of a job times channels: 64 bytes each, and both sides of the product shall stay in the
/// cache.
const TILES_TIMES_CHANNELS: usize = 8 * 1024;

/// The gradient of the weights: `G' [Σ (B' d B) * (A dy A')] G` over all tiles.
pub(crate) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let ConvShape { batch, channels_in, channels_out, .. } = *shape;
    let (tiles, lanes) = (Tiles::new(shape), lanes());
    let lines: Vec<usize> = (0..batch * tiles.lines).collect();
    let lines_of_group = TILES_OF_GROUP.div_ceil(tiles.line);
    let groups_at_once =
        (WEIGHT_NUMBERS / (TILES_OF_GROUP * POINTS * (channels_in + channels_out))).max(2);

    let mut sums = Room::of_zeros(POINTS * channels_in * channels_out);
    for lines in lines.chunks(groups_at_once * lines_of_group) {
        let transformed: Vec<[Room; 2]> = lines
            .par_chunks(lines_of_group)
            .map(|lines| {
                let lines = lines[0]..lines[0] + lines.len();
                let count = lines.len() * tiles.line;
                let zeros = vec![0.0; channels_in.max(channels_out)];
                let arch = Arch::new();
                // A column of vectors after the other, and a panel after the other.
                let mut input = Room::of_any(POINTS * plane(count, channels_in));
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
                let mut gradient = Room::of_any(POINTS * plane(count, channels_out));
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
            })
            .collect();
        let of_points = sums.par_chunks_mut(channels_in * channels_out);
        of_points.enumerate().for_each(|(point, sums)| {
            for [input, gradient] in &transformed {
                let [a, b] = [input, gradient].map(|numbers| {
                    let plane = numbers.len() / POINTS;
                    &numbers[point * plane..][..plane - PLANE_GAP]
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

/// Tiles that are transformed by one thread, and multiplied in one go.
const TILES_OF_GROUP: usize = 64;
/// Numbers that are transformed before they are multiplied.
const WEIGHT_NUMBERS: usize = 2 * 1024 * 1024;

/// A line of one of the transforms, from `N` to `M` numbers; done in both directions of a tile it is
/// the whole.
trait Line<const N: usize, const M: usize> {
    fn apply<S: Simd>(simd: S, line: [S::f32s; N]) -> [S::f32s; M];
}

/// `B'` with the rows `(1, 0, -1, 0)`, `(0, 1, 1, 0)`, `(0, -1, 1, 0)` and `(0, 1, 0, -1)`.
struct Input;

impl Line<4, 4> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }
}

/// `A'` with the rows `(1, 1, 1, 0)` and `(0, 1, -1, -1)`.
struct Output;

impl Line<4, 2> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
    }
}

/// `A`.
struct Gradient;

impl Line<2, 4> for Gradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
        let negative = simd.sub_f32s(simd.splat_f32s(0.0), b);
        [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), negative]
    }
}

/// `T d T'` for the transform `T` that `L` is a line of.
#[inline(always)]
fn both_ways<S: Simd, L: Line<N, M>, const N: usize, const M: usize>(
    simd: S,
    tile: [[S::f32s; N]; N],
) -> [[S::f32s; M]; M] {
    let zero = simd.splat_f32s(0.0);
    let mut rows = [[zero; M]; N];
    for u in 0..N {
        rows[u] = L::apply(simd, tile[u]);
    }
    let mut transformed = [[zero; M]; M];
    for v in 0..M {
        let mut column = [zero; N];
        for u in 0..N {
            column[u] = rows[u][v];
        }
        let column = L::apply(simd, column);
        for u in 0..M {
            transformed[u][v] = column[u];
        }
    }
    transformed
}

/// Transforms `N` x `N` pixels of each tile in some lines to its 16 points: `B' d B` or `A dy A'`.
struct TransformTiles<'a, L, const N: usize> {
    transform: PhantomData<L>,
    tiles: Tiles,
    channels: usize,
    lines: Range<usize>,
    /// Rows and columns of a tile before its first pixel of output.
    before: usize,
    /// `[batch, height, width, channels]`
    x: &'a [f32],
    /// What lies outside of an image.
    zeros: &'a [f32],
    /// A plane for each point.
    to: &'a mut [f32],
    /// Where in a plane each vector of channels begins, and how far it is to the next tile's, in
    /// vectors.
    places: Vec<(usize, usize)>,
}

impl<L: Line<N, 4>, const N: usize> WithSimd for TransformTiles<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { transform: _, tiles, channels, lines, before, x, zeros, to, places } = self;
        let Tiles { height, width, .. } = tiles;
        let vectors = channels / S::F32_LANES;
        let plane = plane(lines.len() * tiles.line, channels) / S::F32_LANES;
        let zeros = &S::as_simd_f32s(zeros).0[..vectors];
        let x = S::as_simd_f32s(x).0;
        let to = S::as_mut_simd_f32s(to).0;
        for (tile, [image, row, column]) in tiles.corners(lines).enumerate() {
            let mut pixels = [[zeros; N]; N];
            for u in 0..N {
                let line = (row + u).wrapping_sub(before);
                for v in 0..N {
                    let place = (column + v).wrapping_sub(before);
                    if line < height && place < width {
                        let pixel = (image * height + line) * width + place;
                        pixels[u][v] = &x[pixel * vectors..][..vectors];
                    }
                }
            }
            for (vector, (first, step)) in places.iter().enumerate() {
                let mut tile_pixels = [[simd.splat_f32s(0.0); N]; N];
                for u in 0..N {
                    for v in 0..N {
                        tile_pixels[u][v] = pixels[u][v][vector];
                    }
                }
                let points = both_ways::<S, L, N, 4>(simd, tile_pixels);
                for u in 0..4 {
                    for v in 0..4 {
                        to[(4 * u + v) * plane + first + tile * step] = points[u][v];
                    }
                }
            }
        }
    }
}

/// `finish(A' m A)` of every tile in some lines of output.
struct TransformOutput<'a> {
    tiles: Tiles,
    channels: usize,
    lines: Range<usize>,
    /// By point, tile and channel.
    from: &'a [f32],
    finish: Finish<'a>,
    /// The lines' rows, `[rows, width, channels]`.
    y: &'a mut [f32],
}

impl WithSimd for TransformOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, channels, lines, from, finish, y } = self;
        let Tiles { height, width, .. } = tiles;
        let vectors = channels / S::F32_LANES;
        let plane = plane(lines.len() * tiles.line, channels) / S::F32_LANES;
        let from = S::as_simd_f32s(from).0;
        let bias = finish.bias.map_or(&[][..], |bias| S::as_simd_f32s(bias).0);
        let residual = finish.residual.map_or(&[][..], |values| S::as_simd_f32s(values).0);
        let y = S::as_mut_simd_f32s(y).0;
        let first = (lines.start / tiles.lines) * height + 2 * (lines.start % tiles.lines);
        for (tile, [image, row, column]) in tiles.corners(lines).enumerate() {
            let rows = (height - row).min(2);
            let columns = (width - column).min(2);
            let corner = (image * height + row - first) * width + column;
            for vector in 0..vectors {
                let mut points = [[simd.splat_f32s(0.0); 4]; 4];
                for u in 0..4 {
                    for v in 0..4 {
                        points[u][v] = from[(4 * u + v) * plane + tile * vectors + vector];
                    }
                }
                let mut pixels = both_ways::<S, Output, 4, 2>(simd, points);
                for u in 0..2 {
                    for v in 0..2 {
                        let place = (corner + u * width + v) * vectors + vector;
                        if u >= rows || v >= columns {
                            continue;
                        }
                        if finish.bias.is_some() {
                            pixels[u][v] = simd.add_f32s(pixels[u][v], bias[vector]);
                        }
                        if finish.residual.is_some() {
                            pixels[u][v] = simd.add_f32s(pixels[u][v], residual[place]);
                        }
                        if finish.relu {
                            // In this order what is not a number stays none.
                            pixels[u][v] = simd.max_f32s(simd.splat_f32s(0.0), pixels[u][v]);
                        }
                        y[place] = pixels[u][v];
                    }
                }
            }
        }
    }
}
