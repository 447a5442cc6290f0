//! The distortion of a lens, its inverse, and how far the inverse exists.

use nalgebra::{Matrix2, Point2, Vector2};
use serde::{Deserialize, Serialize};

/// Brown-Conrady lens distortion in OpenCV's order `(k1, k2, p1, p2, k3)`; all zero for none.
///
/// The radial polynomial describes a lens only as far as it rises. Where it turns back (*folds*), two directions share
/// a pixel, and neither is the lens's. Fitted coefficients often fold beyond the outermost corner that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Distortion {
    /// Radial, second order.
    pub k1: f64,
    /// Radial, fourth order.
    pub k2: f64,
    /// Tangential.
    pub p1: f64,
    /// Tangential.
    pub p2: f64,
    /// Radial, sixth order.
    pub k3: f64,
}

impl Distortion {
    /// Distorts normalized image coordinates `(X/Z, Y/Z)`; `None` beyond the fold.
    pub(crate) fn distort(&self, ideal: Point2<f64>) -> Option<Point2<f64>> {
        if *self == Self::default() {
            return Some(ideal);
        }
        self.rises_to(ideal.coords.norm_squared()).then(|| self.polynomial(ideal))
    }

    fn polynomial(&self, ideal: Point2<f64>) -> Point2<f64> {
        let (x, y) = (ideal.x, ideal.y);
        let r2 = x * x + y * y;
        let radial = self.radial(r2);
        Point2::new(
            x * radial + 2.0 * self.p1 * x * y + self.p2 * (r2 + 2.0 * x * x),
            y * radial + self.p1 * (r2 + 2.0 * y * y) + 2.0 * self.p2 * x * y,
        )
    }

    /// The factor of the radial part at `s = r²`.
    fn radial(&self, s: f64) -> f64 {
        1.0 + s * (self.k1 + s * (self.k2 + s * self.k3))
    }

    /// Inverts [`Self::distort`]; `None` where there is no inverse.
    ///
    /// Fixed-point iteration, as OpenCV's `undistortPoints` does, and Newton's method where that does not converge.
    #[inline]
    pub(crate) fn undistort(&self, distorted: Point2<f64>) -> Option<Point2<f64>> {
        if *self == Self::default() {
            return Some(distorted);
        }
        let mut ideal = distorted;
        for _ in 0..MAX_FIXED_POINT_STEPS {
            let step = distorted - self.polynomial(ideal);
            ideal += step;
            if step.norm() < CONVERGED {
                return self.rises_to(ideal.coords.norm_squared()).then_some(ideal);
            }
        }
        self.undistort_by_newton(distorted)
    }

    /// The inverse by Newton's method. It starts at the inverse of the radial part, which is found by bisection.
    fn undistort_by_newton(&self, distorted: Point2<f64>) -> Option<Point2<f64>> {
        let goal = distorted.coords.norm();
        // At the fold itself Newton's method has no slope to follow.
        let mut bracket = [0.0, self.fold_radius().map_or(LARGEST_RADIUS, |fold| 0.97 * fold)];
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (bracket[0] + bracket[1]);
            bracket[usize::from(middle * self.radial(middle * middle) > goal)] = middle;
        }
        let mut ideal = distorted * (bracket[0] / goal);
        for _ in 0..NEWTON_STEPS {
            let error = distorted - self.polynomial(ideal);
            if error.norm() < CONVERGED {
                return self.rises_to(ideal.coords.norm_squared()).then_some(ideal);
            }
            ideal += self.slope(ideal).try_inverse()? * error;
        }
        None
    }

    /// The derivative of [`Self::distort`], by differences.
    fn slope(&self, at: Point2<f64>) -> Matrix2<f64> {
        const STEP: f64 = 1e-6;
        let column = |step: Vector2<f64>| {
            (self.polynomial(at + step) - self.polynomial(at - step)) / (2.0 * STEP)
        };
        Matrix2::from_columns(&[column(Vector2::new(STEP, 0.0)), column(Vector2::new(0.0, STEP))])
    }

    /// `d/dr (r radial(r))` at `s = r²`: `1 + 3 k1 s + 5 k2 s² + 7 k3 s³`.
    fn radial_slope(&self, s: f64) -> f64 {
        1.0 + s * (3.0 * self.k1 + s * (5.0 * self.k2 + s * 7.0 * self.k3))
    }

    /// Where the slope of the radial part turns, as `s = r²` in rising order.
    fn turns(&self) -> impl Iterator<Item = f64> + use<> {
        // 3 k1 + 10 k2 s + 21 k3 s² = 0, in the form that does not cancel.
        let (a, half_b, c) = (21.0 * self.k3, 5.0 * self.k2, 3.0 * self.k1);
        let root = (half_b * half_b - a * c).sqrt();
        let q = -(half_b + root.copysign(half_b));
        let (first, second) = (q / a, c / q);
        [first.min(second), first.max(second)].into_iter().filter(|s| *s > 0.0 && s.is_finite())
    }

    /// Whether the radial part rises from the center to `r2`, exactly.
    fn rises_to(&self, r2: f64) -> bool {
        let rises = |s: f64| self.radial_slope(s) > 0.0;
        rises(r2) && self.turns().all(|turn| turn >= r2 || rises(turn))
    }

    /// The ideal radius `r = √(X² + Y²) / Z` at which the radial part turns back; `None` if it does not within
    /// 84 degrees of the optical axis.
    pub(crate) fn fold_radius(&self) -> Option<f64> {
        let limit = LARGEST_RADIUS * LARGEST_RADIUS;
        let mut low = 0.0;
        for high in self.turns().filter(|turn| *turn < limit).chain([limit]) {
            if self.radial_slope(high) <= 0.0 {
                let mut bracket = [low, high];
                for _ in 0..BISECTIONS {
                    let middle = 0.5 * (bracket[0] + bracket[1]);
                    bracket[usize::from(self.radial_slope(middle) <= 0.0)] = middle;
                }
                return Some(bracket[0].sqrt());
            }
            low = high;
        }
        None
    }

    /// The distorted radius at the fold: no pixel farther from the principal point, in units of the focal length, can
    /// be undistorted. `None` without a fold.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.fold_radius().map(|r| r * self.radial(r * r))
    }
}

/// Fixed-point steps: enough for lenses that distort the image by a third.
const MAX_FIXED_POINT_STEPS: usize = 100;
/// Newton's steps from a start without the tangential part, which is small.
const NEWTON_STEPS: usize = 20;
/// The bisections of a double's 52 bits.
const BISECTIONS: usize = 60;
/// The last step of an inversion, in units of the focal length.
const CONVERGED: f64 = 1e-12;
/// The largest ideal radius of a pinhole camera here: 84 degrees from the optical axis.
const LARGEST_RADIUS: f64 = 10.0;

/// A published camera: 20 views of 1920 x 1080 pixels, 0.114 px. Its image's border cannot be undone.
#[cfg(test)]
pub(crate) const PUBLISHED: Distortion = Distortion {
    k1: 4.399_896_677_583_693_5e-3,
    k2: 1.682_129_058_075_948_2e-1,
    p1: 7.011_801_734_885_592e-5,
    p2: -9.684_489_903_986_765e-4,
    k3: -3.743_371_625_011_884e-1,
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// numpy.roots of the slope's cubic: 0.933 569 for the published camera; the others by hand.
    #[test]
    fn folds_are_where_the_slope_vanishes() {
        let none = Distortion::default();
        for (lens, fold) in [
            (none, None),
            (Distortion { k1: 0.1, k2: 0.02, ..none }, None),
            (Distortion { k1: -1.0 / 3.0, ..none }, Some(1.0)),
            (Distortion { k2: -0.2, ..none }, Some(1.0)),
            // 1 - 2.5 s + s² = (1 - 2 s)(1 - s / 2): it rises again at √2.
            (Distortion { k1: -2.5 / 3.0, k2: 0.2, ..none }, Some(0.5_f64.sqrt())),
        ] {
            match (lens.fold_radius(), fold) {
                (Some(found), Some(expected)) => {
                    assert!((found - expected).abs() < 1e-9, "{lens:?}")
                }
                (found, expected) => assert_eq!(found, expected, "{lens:?}"),
            }
        }
        let fold = PUBLISHED.fold_radius().unwrap();
        assert!(PUBLISHED.radial_slope(fold * fold).abs() < 1e-9, "{fold}");
    }

    #[test]
    fn beyond_the_fold_is_no_inverse() {
        let limit = PUBLISHED.limit().unwrap();
        for (share, exists) in [(0.5, true), (0.99, true), (1.01, false), (1.3, false)] {
            for angle in [0.0_f64, 1.0, 2.5, 4.0] {
                let pixel = Point2::new(angle.cos(), angle.sin()) * (share * limit);
                assert_eq!(PUBLISHED.undistort(pixel).is_some(), exists, "{share} at {angle}");
            }
        }
        let fold = PUBLISHED.fold_radius().unwrap();
        assert!(PUBLISHED.distort(Point2::new(0.99 * fold, 0.0)).is_some());
        assert!(PUBLISHED.distort(Point2::new(1.01 * fold, 0.0)).is_none());
    }

    proptest! {
        /// Strong lenses, too, on which OpenCV's iteration does not converge.
        #[test]
        fn undistorting_inverts_distorting(
            k1 in -0.5..1.0f64, k2 in -0.5..1.0f64, k3 in -0.5..1.0f64,
            p1 in -0.01..0.01f64, p2 in -0.01..0.01f64, x in -0.8..0.8f64, y in -0.8..0.8f64,
        ) {
            let lens = Distortion { k1, k2, p1, p2, k3 };
            let ideal = Point2::new(x, y);
            // At the fold itself the inverse is undetermined.
            if let Some(distorted) = lens.distort(ideal)
                && lens.slope(ideal).determinant() > 0.05
            {
                let back = lens.undistort(distorted);
                prop_assert!(back.is_some_and(|back| (back - ideal).norm() < 1e-6), "{back:?}");
            }
        }
    }
}
