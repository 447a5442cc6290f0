//! The two matrix multiplications behind all convolutions. Each keeps a tile of sums in registers and reads
//! its operands in place: rows of images are never copied into a matrix of windows.

// Loops over indices with constant bounds keep `sums` in registers; loops over iterators do not.
#![allow(clippy::needless_range_loop)]

use std::array;

use pulp::{Simd, WithSimd};

use super::epilogue::Epilogue;
use super::packing::{Panel, Panels, cut};

/// `y[places[i] + j] = epilogue(Σ_r Σ_k x[bases[i] + r * pitch + k] * panels[first + r * run + k][j])`
///
/// This is a convolution at output pixel `i`: `rows` rows of its window, each with `run` contiguous values.
pub(crate) struct Multiply<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) bases: &'a [usize],
    /// Values from one row of a window to the next.
    pub(crate) pitch: usize,
    pub(crate) rows: usize,
    pub(crate) run: usize,
    pub(crate) panels: &'a Panels,
    /// The first row of the panels to use.
    pub(crate) first: usize,
    pub(crate) y: &'a mut [f32],
    pub(crate) places: &'a [usize],
    pub(crate) epilogue: Epilogue<'a>,
}

/// Rows of a panel that are used for all pixels before the next rows: they stay in the cache.
const BLOCK: usize = 640;

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        assert_eq!(self.bases.len(), self.places.len());
        for panel in self.panels.below(self.first) {
            match (panel.vectors, panel.columns == panel.vectors * S::F32_LANES) {
                (1, true) => self.panel::<S, 1, true>(simd, panel),
                (1, false) => self.panel::<S, 1, false>(simd, panel),
                (_, true) => self.panel::<S, 2, true>(simd, panel),
                (_, false) => self.panel::<S, 2, false>(simd, panel),
            }
        }
    }
}

/// The rows of the window that one pass covers, and whether they include the first and the last one.
#[derive(Clone, Copy)]
struct Pass {
    from: usize,
    to: usize,
    first: bool,
    last: bool,
}

impl Multiply<'_> {
    #[inline(always)]
    fn panel<S: Simd, const V: usize, const WHOLE: bool>(&mut self, simd: S, panel: Panel<'_>) {
        let rows_at_once = (BLOCK / self.run).max(1);
        for from in (0..self.rows).step_by(rows_at_once) {
            let to = (from + rows_at_once).min(self.rows);
            let pass = Pass { from, to, first: from == 0, last: to == self.rows };
            let (mut pixel, pixels) = (0, self.bases.len());
            // Eight rows of sums if there are enough registers.
            while S::F32_LANES >= 16 && pixel + 8 <= pixels {
                self.tile::<S, 8, V, WHOLE>(simd, panel, pass, pixel);
                pixel += 8;
            }
            while pixel + 4 <= pixels {
                self.tile::<S, 4, V, WHOLE>(simd, panel, pass, pixel);
                pixel += 4;
            }
            while pixel < pixels {
                self.tile::<S, 1, V, WHOLE>(simd, panel, pass, pixel);
                pixel += 1;
            }
        }
    }

    /// Computes a tile of `R` pixels by `V` vectors of columns.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        panel: Panel<'_>,
        pass: Pass,
        pixel: usize,
    ) {
        let bases: [usize; R] = array::from_fn(|r| self.bases[pixel + r]);
        let places: [usize; R] = array::from_fn(|r| self.places[pixel + r] + panel.first_column);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if !pass.first {
            for r in 0..R {
                sums[r] = load::<S, V, WHOLE>(simd, &self.y[places[r]..][..panel.columns]);
            }
        }
        let mut sums = self.sums::<S, R, V>(simd, panel, pass, bases, sums);
        if pass.last {
            sums = self.apply_epilogue::<S, R, V, WHOLE>(simd, panel, places, sums);
        }
        for r in 0..R {
            let target = &mut self.y[places[r]..][..panel.columns];
            store::<S, V, WHOLE>(simd, target, sums[r]);
        }
    }

    /// Adds the products of a pass to `sums`.
    #[inline(always)]
    fn sums<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        panel: Panel<'_>,
        pass: Pass,
        bases: [usize; R],
        mut sums: [[S::f32s; V]; R],
    ) -> [[S::f32s; V]; R] {
        let run = self.run;
        let panel_rows = S::as_simd_f32s(panel.values).0.as_chunks::<V>().0;
        for row in pass.from..pass.to {
            let b = &panel_rows[row * run..][..run];
            let a: [&[f32]; R] = array::from_fn(|r| &self.x[bases[r] + row * self.pitch..][..run]);
            for k in 0..run {
                let b = b[k];
                for r in 0..R {
                    let value = simd.splat_f32s(a[r][k]);
                    for v in 0..V {
                        sums[r][v] = simd.mul_add_e_f32s(value, b[v], sums[r][v]);
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn apply_epilogue<S: Simd, const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        panel: Panel<'_>,
        places: [usize; R],
        mut sums: [[S::f32s; V]; R],
    ) -> [[S::f32s; V]; R] {
        if let Some(bias) = self.epilogue.bias {
            let bias = load::<S, V, WHOLE>(simd, &bias[panel.first_column..][..panel.columns]);
            for r in 0..R {
                for v in 0..V {
                    sums[r][v] = simd.add_f32s(sums[r][v], bias[v]);
                }
            }
        }
        if let Some(residual) = self.epilogue.residual {
            for r in 0..R {
                let residual = load::<S, V, WHOLE>(simd, &residual[places[r]..][..panel.columns]);
                for v in 0..V {
                    sums[r][v] = simd.add_f32s(sums[r][v], residual[v]);
                }
            }
        }
        if self.epilogue.relu {
            for r in 0..R {
                for v in 0..V {
                    // In this order NaN stays NaN.
                    sums[r][v] = simd.max_f32s(simd.splat_f32s(0.0), sums[r][v]);
                }
            }
        }
        sums
    }
}

/// `sums[k][j] += Σ_i a[i][k] * b[i][j]`: the gradient of a convolution's weights, where `a` are windows of the
/// input and `b` is the output's gradient at the same pixels.
///
/// Both are cut into contiguous columns. They are read again and again, so their distance must not be a power of
/// two: they would share one set of the cache.
pub(crate) struct Accumulate<'a> {
    /// `[vectors of k, pixels, lanes]`
    pub(crate) a: &'a [f32],
    /// The panels of `columns`, each `[pixels, width]`.
    pub(crate) b: &'a [f32],
    pub(crate) pixels: usize,
    pub(crate) columns: usize,
    /// The panels of `columns`, each `[vectors of k * lanes, width]`.
    pub(crate) sums: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, mut b, pixels, columns, mut sums } = self;
        let depth = a.len() / pixels;
        for part in cut(columns) {
            let width = part.vectors * S::F32_LANES;
            let of_panel;
            (of_panel, b) = b.split_at(pixels * width);
            let sums = sums.split_off_mut(..depth * width).expect("sums of each panel");
            match part.vectors {
                1 => accumulate::<S, 1>(simd, a, of_panel, sums),
                _ => accumulate::<S, 2>(simd, a, of_panel, sums),
            }
        }
    }
}

#[inline(always)]
fn accumulate<S: Simd, const V: usize>(simd: S, a: &[f32], b: &[f32], sums: &mut [f32]) {
    let b = S::as_simd_f32s(b).0.as_chunks::<V>().0;
    let sums = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<V>().0;
    let vectors = a.chunks_exact(b.len() * S::F32_LANES);
    for (a, sums) in vectors.zip(sums.chunks_exact_mut(S::F32_LANES)) {
        // Eight rows of sums if there are enough registers.
        if S::F32_LANES >= 16 {
            for k in (0..S::F32_LANES).step_by(8) {
                accumulate_tile::<S, 8, V>(simd, a, b, k, sums);
            }
        } else {
            for k in (0..S::F32_LANES).step_by(4) {
                accumulate_tile::<S, 4, V>(simd, a, b, k, sums);
            }
        }
    }
}

#[inline(always)]
fn accumulate_tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    a: &[f32],
    b: &[[S::f32s; V]],
    k: usize,
    sums: &mut [[S::f32s; V]],
) {
    let kept: &mut [[S::f32s; V]; R] =
        sums[k..].first_chunk_mut().expect("a vector is a multiple of tiles");
    let mut sums = *kept;
    for (a, b) in a.chunks_exact(S::F32_LANES).zip(b) {
        let a: &[f32; R] = a[k..].first_chunk().expect("a vector is a multiple of tiles");
        for r in 0..R {
            let value = simd.splat_f32s(a[r]);
            for v in 0..V {
                sums[r][v] = simd.mul_add_e_f32s(value, b[v], sums[r][v]);
            }
        }
    }
    *kept = sums;
}

/// Loads values into vectors; pads them with zeros unless they are `WHOLE` vectors.
#[inline(always)]
fn load<S: Simd, const V: usize, const WHOLE: bool>(simd: S, values: &[f32]) -> [S::f32s; V] {
    let (vectors, rest) = S::as_simd_f32s(values);
    if WHOLE {
        return *vectors.first_chunk().expect("whole vectors");
    }
    array::from_fn(|v| match vectors.get(v) {
        Some(vector) => *vector,
        None if v == vectors.len() => simd.partial_load_f32s(rest),
        None => simd.splat_f32s(0.0),
    })
}

/// Stores as many values as `target` holds.
#[inline(always)]
fn store<S: Simd, const V: usize, const WHOLE: bool>(
    simd: S,
    target: &mut [f32],
    values: [S::f32s; V],
) {
    let (vectors, rest) = S::as_mut_simd_f32s(target);
    if WHOLE {
        *vectors.first_chunk_mut().expect("whole vectors") = values;
        return;
    }
    let whole = vectors.len().min(V);
    vectors[..whole].copy_from_slice(&values[..whole]);
    if let Some(last) = values.get(whole)
        && !rest.is_empty()
    {
        simd.partial_store_f32s(rest, *last);
    }
}
