//! What surrounds a plate in the depth image.

use image::Luma;
use nalgebra::Vector2;

use crate::RgbdFrame;
use crate::mask::Moments;
use crate::plate_depth::Surface;

/// How far from the mask the surroundings begin, in pixels: depth cameras match windows, which blur edges.
const MARGIN_PX: f64 = 4.0;
/// How far they reach, as a share of the plate's width: beyond the walls of a box or a slot.
const REACH_RATIO: f64 = 0.5;
/// How many patches lie one behind the other, and how many along a short and a long side.
const RINGS: usize = 3;
const SHORT_SIDE: usize = 2;
const LONG_SIDE: usize = 3;
/// Samples of a patch, along and across the side.
const SAMPLES: [usize; 2] = [5, 4];

/// What lies around a mask with these moments, compared with the surface over the mask.
pub(crate) struct Surroundings<'a> {
    pub frame: &'a RgbdFrame,
    pub moments: &'a Moments,
    pub surface: &'a Surface,
    /// Whether a pixel shows another object, which says nothing about what the plate stands on.
    pub is_other: &'a dyn Fn(u32, u32) -> bool,
}

impl Surroundings<'_> {
    /// How far below the surface the patches around the mask lie, in meters. Patches of which less than half has a depth
    /// are left out.
    pub fn patches_below_m(&self) -> Vec<f64> {
        self.rings_below_m(RINGS)
    }

    /// The median of the patches next to the mask, in meters; `None` if most of them are left out.
    pub fn nearest_below_m(&self) -> Option<f64> {
        let mut below_m = self.rings_below_m(1);
        if below_m.len() < SHORT_SIDE + LONG_SIDE {
            return None;
        }
        let middle = below_m.len() / 2;
        Some(*below_m.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    fn rings_below_m(&self, rings: usize) -> Vec<f64> {
        let moments = self.moments;
        let (sin, cos) = moments.major_angle_rad.sin_cos();
        // The variance of a bar of length L is L²/12.
        let half = [moments.major_variance, moments.minor_variance].map(|v| (3.0 * v).sqrt());
        let along = [Vector2::new(cos, sin), Vector2::new(-sin, cos)];
        let ring_px = 2.0 * half[1] * REACH_RATIO / RINGS as f64;
        let mut patches = Vec::with_capacity(2 * rings * (SHORT_SIDE + LONG_SIDE));
        // A side lies across the axis `outward` and along the other one.
        for (outward, count) in [(0, SHORT_SIDE), (1, LONG_SIDE)] {
            let sideways = 1 - outward;
            let length_px = 2.0 * half[sideways] / count as f64;
            for sign in [-1.0, 1.0] {
                for (ring, part) in
                    (0..rings).flat_map(|ring| (0..count).map(move |part| (ring, part)))
                {
                    let at = |share: [f64; 2]| {
                        let out_px = half[outward] + MARGIN_PX + ring_px * (ring as f64 + share[1]);
                        let side_px = length_px * (part as f64 + share[0]) - half[sideways];
                        moments.centroid.coords
                            + along[outward] * (sign * out_px)
                            + along[sideways] * side_px
                    };
                    patches.extend(self.patch_below_m(at));
                }
            }
        }
        patches
    }

    /// The median over a patch; `at` gives the pixel at a share of its length and its depth.
    fn patch_below_m(&self, at: impl Fn([f64; 2]) -> Vector2<f64>) -> Option<f64> {
        let [across, deep] = SAMPLES;
        let mut below_m = Vec::with_capacity(across * deep);
        for index in 0..across * deep {
            let share = |index: usize, count: usize| (index as f64 + 0.5) / count as f64;
            let pixel = at([share(index % across, across), share(index / across, deep)]);
            if pixel.x < 0.0 || pixel.y < 0.0 {
                continue;
            }
            let (u, v) = ((pixel.x + 0.5) as u32, (pixel.y + 0.5) as u32);
            match self.frame.depth.get_pixel_checked(u, v) {
                Some(Luma([depth])) if *depth > 0 && !(self.is_other)(u, v) => {
                    below_m.push(self.surface.below_m(pixel, *depth));
                }
                _ => {}
            }
        }
        let middle = below_m.len() / 2;
        (2 * below_m.len() >= across * deep)
            .then(|| *below_m.select_nth_unstable_by(middle, f64::total_cmp).1)
    }
}
