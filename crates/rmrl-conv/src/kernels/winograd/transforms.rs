//! The transforms of tiles: of the input, of the output, and of the output's gradient.

// Loops over indices with constant bounds keep tiles in registers; loops over iterators do not.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::tiles::{Tiles, plane};
use crate::kernels::epilogue::Epilogue;

/// One line of a transform, from `N` to `M` values. Applied in both directions of a tile, it makes up the whole
/// transform.
pub(super) trait Line<const N: usize, const M: usize> {
    fn apply<S: Simd>(simd: S, line: [S::f32s; N]) -> [S::f32s; M];
}

/// `B'` with the rows `(1, 0, -1, 0)`, `(0, 1, 1, 0)`, `(0, -1, 1, 0)` and `(0, 1, 0, -1)`.
pub(super) struct Input;

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

/// `A`, the transpose of [`Output`]'s.
pub(super) struct Gradient;

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
pub(super) struct TransformTiles<'a, L, const N: usize> {
    pub(super) transform: PhantomData<L>,
    pub(super) tiles: Tiles,
    pub(super) channels: usize,
    pub(super) lines: Range<usize>,
    /// Rows and columns of a tile before its first pixel of output.
    pub(super) before: usize,
    /// `[batch, height, width, channels]`
    pub(super) x: &'a [f32],
    /// A pixel outside of the image.
    pub(super) zeros: &'a [f32],
    /// A plane for each point.
    pub(super) to: &'a mut [f32],
    /// Where in a plane each vector of channels begins, and the distance to the next tile's, in vectors.
    pub(super) places: Vec<(usize, usize)>,
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

/// `epilogue(A' m A)` of every tile in some lines of the output.
pub(super) struct TransformOutput<'a> {
    pub(super) tiles: Tiles,
    pub(super) channels: usize,
    pub(super) lines: Range<usize>,
    /// `m`, by point, tile and channel.
    pub(super) from: &'a [f32],
    pub(super) epilogue: Epilogue<'a>,
    /// The rows of the lines, `[rows, width, channels]`.
    pub(super) y: &'a mut [f32],
}

impl WithSimd for TransformOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, channels, lines, from, epilogue, y } = self;
        let Tiles { height, width, .. } = tiles;
        let vectors = channels / S::F32_LANES;
        let plane = plane(lines.len() * tiles.line, channels) / S::F32_LANES;
        let from = S::as_simd_f32s(from).0;
        let bias = epilogue.bias.map_or(&[][..], |bias| S::as_simd_f32s(bias).0);
        let residual = epilogue.residual.map_or(&[][..], |values| S::as_simd_f32s(values).0);
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
                        if epilogue.bias.is_some() {
                            pixels[u][v] = simd.add_f32s(pixels[u][v], bias[vector]);
                        }
                        if epilogue.residual.is_some() {
                            pixels[u][v] = simd.add_f32s(pixels[u][v], residual[place]);
                        }
                        if epilogue.relu {
                            // In this order NaN stays NaN.
                            pixels[u][v] = simd.max_f32s(simd.splat_f32s(0.0), pixels[u][v]);
                        }
                        y[place] = pixels[u][v];
                    }
                }
            }
        }
    }
}
