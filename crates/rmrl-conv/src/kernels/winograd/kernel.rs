//! The transforms of kernels.

// Loops over indices with constant bounds are unrolled; loops over iterators are not.
#![allow(clippy::needless_range_loop)]

use pulp::Arch;

use super::tiles::POINTS;
use crate::kernels::packing::{MAX_PANEL_WIDTH, Panels};
use crate::kernels::shape::ConvShape;

/// A transformed kernel: for each point the matrix `[channels_in, channels_out]`, one below the
/// other.
pub(crate) struct Kernel(pub(super) Panels);

impl Kernel {
    /// `G g G'` with weights scaled by output channel.
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

    /// The transformed kernel that turns the output's gradient into the input's: the kernel is rotated by half a
    /// turn, and its channels are exchanged.
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

    /// Transforms the kernels that `fill` writes, one for each input and output channel.
    fn new(
        [depth, columns]: [usize; 2],
        fill: impl Fn(usize, usize, &mut [f32; 9]) + Sync,
    ) -> Self {
        Self(Panels::new(POINTS * depth, columns, |part, panel| {
            let width = part.width();
            let mut taps = [[0.0; MAX_PANEL_WIDTH]; 9];
            let mut points = [[0.0; MAX_PANEL_WIDTH]; POINTS];
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
fn transform_kernels(
    taps: &[[f32; MAX_PANEL_WIDTH]; 9],
    points: &mut [[f32; MAX_PANEL_WIDTH]; POINTS],
) {
    for j in 0..MAX_PANEL_WIDTH {
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

/// `G g` for a line of a kernel.
#[inline(always)]
fn kernel_line([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + c + b), 0.5 * (a + c - b), c]
}

/// `G' u G` of many kernels: the gradients of kernels from those of the transformed kernels.
#[inline(always)]
pub(super) fn transform_kernels_back(
    points: &[&[f32]; POINTS],
    taps: &mut [[f32; MAX_PANEL_WIDTH]],
    count: usize,
) {
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

/// `G' u` for a line of a transformed kernel.
#[inline(always)]
fn kernel_line_back([a, b, c, d]: [f32; 4]) -> [f32; 3] {
    let (even, odd) = (0.5 * (b + c), 0.5 * (b - c));
    [a + even, odd, even + d]
}
