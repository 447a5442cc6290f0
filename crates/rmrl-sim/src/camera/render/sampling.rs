//! Where in its pixel a ray goes, and which part of a lamp it looks at.

use std::f32::consts::TAU;

/// Color rays of a pixel.
pub(super) const SAMPLES: usize = ROTATED_GRID.len();
/// Where in the pixel they go: no two in a row or column, so that edges along either are smooth.
const ROTATED_GRID: [[f32; 2]; 4] =
    [[0.125, 0.625], [0.375, 0.125], [0.625, 0.875], [0.875, 0.375]];

/// One color ray of a pixel.
pub(super) struct Sample {
    /// Where it goes, from the middle of the pixel, in pixels.
    pub offset: [f64; 2],
    /// The point of each light that it looks at, in the light's radii.
    pub disc: [f32; 2],
}

/// The color rays of a pixel.
pub(super) fn samples(u: usize, v: usize) -> impl Iterator<Item = Sample> {
    let turn = interleaved_gradient_noise(u as f32, v as f32);
    let shift = [unit_hash(u as u32, v as u32), unit_hash(v as u32, !(u as u32))];
    ROTATED_GRID.iter().enumerate().map(move |(sample, point)| {
        // Shifting the grid from pixel to pixel keeps an edge along a row of pixels from covering
        // all of them in quarters.
        let offset = |axis: usize| f64::from(fraction(point[axis] + shift[axis]) - 0.5);
        // Each ray looks at another part of the lamp; turning the pattern from pixel to pixel
        // makes penumbras of it instead of bands.
        let angle = TAU * ((sample as f32 + turn) / SAMPLES as f32);
        let radius = ((sample as f32 + 0.5) / SAMPLES as f32).sqrt();
        Sample {
            offset: [offset(0), offset(1)],
            disc: [radius * angle.cos(), radius * angle.sin()],
        }
    })
}

/// Jimenez' interleaved gradient noise in `[0, 1)`: neighboring pixels differ as much as they can,
/// so a penumbra sampled by four rays a pixel looks smooth from a little way off.
fn interleaved_gradient_noise(u: f32, v: f32) -> f32 {
    fraction(52.982_918 * fraction(0.067_110_56 * u + 0.005_837_15 * v))
}

/// The fraction of a small number that is not negative; `f32::fract` is a call into the C library.
fn fraction(number: f32) -> f32 {
    number - number as i32 as f32
}

/// A fixed pseudo-random number in `[0, 1)` for a pair of integers.
pub(super) fn unit_hash(a: u32, b: u32) -> f32 {
    let mut hash = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
    (hash >> 8) as f32 / (1u32 << 24) as f32
}
