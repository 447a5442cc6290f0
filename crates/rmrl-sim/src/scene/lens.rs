//! What the lens of a cell's camera does beyond the model that software has of it.

use rand::RngExt;
use rmrl_core::{random_stream, standard_normal};
use rmrl_vision::Distortion;

/// The width of the image in which a residual is given, in pixels.
pub(crate) const REFERENCE_WIDTH_PX: f64 = 640.0;
/// The color camera's focal length in that image, in pixels: a D435's.
pub(crate) const REFERENCE_FOCAL_PX: f64 = 612.0;
/// Half the extents of the image at a distance of one focal length.
const HALF_EXTENTS: [f64; 2] = [
    0.5 * REFERENCE_WIDTH_PX / REFERENCE_FOCAL_PX,
    0.375 * REFERENCE_WIDTH_PX / REFERENCE_FOCAL_PX,
];
/// The displacement is examined at so many points from the middle to each border.
const GRID: i32 = 12;

/// The distortion of the lens of a cell, smooth over the image: `k1`, `p1` and `p2`, whose displacements at the
/// corners have the same deviation. Its largest displacement in the image is within `[least, most]` pixels of an image of
/// 640 pixels.
pub(super) fn draw_lens([least_px, most_px]: [f64; 2], seed: u64) -> Distortion {
    if most_px == 0.0 {
        return Distortion::default();
    }
    let mut rng = random_stream(seed, "lens", [0, 0]);
    let residual_px = least_px + (most_px - least_px) * rng.random::<f64>();
    let corner2 = HALF_EXTENTS[0].powi(2) + HALF_EXTENTS[1].powi(2);
    let mut normal = || standard_normal(&mut rng);
    let drawn = Distortion {
        k1: normal() / (corner2 * corner2.sqrt()),
        p1: normal() / (3.0 * corner2),
        p2: normal() / (3.0 * corner2),
        ..Distortion::default()
    };
    // The displacement is linear in the coefficients.
    let scale = residual_px / (REFERENCE_FOCAL_PX * largest_displacement(&drawn));
    Distortion { k1: scale * drawn.k1, p1: scale * drawn.p1, p2: scale * drawn.p2, ..drawn }
}

/// The largest displacement in the image, at a distance of one focal length.
fn largest_displacement(lens: &Distortion) -> f64 {
    let steps = || (-GRID..=GRID).map(|step| f64::from(step) / f64::from(GRID));
    let points = steps().flat_map(|right| {
        steps().map(move |down| [right * HALF_EXTENTS[0], down * HALF_EXTENTS[1]])
    });
    points.map(|point| displacement(lens, point)).fold(0.0, f64::max)
}

/// How far a lens with `k1`, `p1` and `p2` alone moves a point, at a distance of one focal length.
fn displacement(lens: &Distortion, [x, y]: [f64; 2]) -> f64 {
    // Brown-Conrady: d = k1 r² (x, y) + (2 p1 x y + p2 (r² + 2 x²), p1 (r² + 2 y²) + 2 p2 x y)
    let r2 = x * x + y * y;
    let right = lens.k1 * r2 * x + 2.0 * lens.p1 * x * y + lens.p2 * (r2 + 2.0 * x * x);
    let down = lens.k1 * r2 * y + lens.p1 * (r2 + 2.0 * y * y) + 2.0 * lens.p2 * x * y;
    right.hypot(down)
}

#[cfg(test)]
mod tests {
    use nalgebra::Point3;
    use rmrl_vision::Intrinsics;

    use super::*;

    /// The displacement by the camera model itself, in pixels of a 640 pixels wide image.
    fn largest_px(lens: Distortion) -> f64 {
        let ideal = Intrinsics {
            width: 640,
            height: 480,
            fx: 612.0,
            fy: 612.0,
            cx: 319.5,
            cy: 239.5,
            distortion: Distortion::default(),
        };
        let distorted = Intrinsics { distortion: lens, ..ideal };
        let mut largest_px: f64 = 0.0;
        for u in (0..=640).step_by(8) {
            for v in (0..=480).step_by(8) {
                let at = |pixel: i32, middle: f64| (f64::from(pixel) - middle) / 612.0;
                let ray = Point3::new(at(u, 320.0), at(v, 240.0), 1.0);
                let apart = distorted.project(ray).unwrap() - ideal.project(ray).unwrap();
                largest_px = largest_px.max(apart.norm());
            }
        }
        largest_px
    }

    #[test]
    fn the_largest_displacement_is_the_drawn_one_and_cells_differ() {
        let mut all = Vec::new();
        for seed in 0..200 {
            let exactly = draw_lens([0.3; 2], seed);
            assert!((largest_px(exactly) - 0.3).abs() < 0.003, "{}", largest_px(exactly));
            all.push(largest_px(draw_lens([0.1, 0.4], seed)));
        }
        assert!(all.iter().all(|px| (0.099..0.401).contains(px)));
        let mean_px = all.iter().sum::<f64>() / 200.0;
        assert!((mean_px - 0.25).abs() < 0.02, "{mean_px}");
        assert_ne!(draw_lens([0.3; 2], 0), draw_lens([0.3; 2], 1));
        assert_eq!(draw_lens([0.0; 2], 0), Distortion::default());
    }
}
