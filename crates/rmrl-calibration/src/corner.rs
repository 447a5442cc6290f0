//! The exact position of a corner, by a blurred X that is fitted to the pixels around it.

use image::GrayImage;
use nalgebra::{DVector, Point2, Vector2};

use crate::least_squares::{LeastSquares, NormalEquations, solve};

/// A corner, and the sharpness of the image there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FittedCorner {
    pub pixel: Point2<f64>,
    /// Standard deviation of the blur across its edges, in pixels.
    pub edge_px: f64,
}

/// Fits a corner near `start`, whose two edges run along `edges` (not normalized) towards the next
/// corners. `None` if there is no corner, or it is too close to the image's border.
///
/// The model of the level at a pixel `p`, with `d_i` its distances to two lines through the corner `c`, is
/// `m + a E(d_1 / s, d_2 / s)`, where `E` is a blurred X ([`blurred`]). Least squares over all pixels, with weights
/// that fall towards the window's edge, averages the noise. The model is symmetric under half a turn about `c`, so
/// effects with the same symmetry (the camera's tone curve, sharpening, a wrong blur) do not shift the corner.
pub(crate) fn fit_corner(
    image: &GrayImage,
    start: Point2<f64>,
    edges: [Vector2<f64>; 2],
) -> Option<FittedCorner> {
    fit_corner_within(image, start, edges, RADIUS_PX[1])
}

/// Like [`fit_corner`], by the pixels up to `largest_px` from the corner, beyond which something else is printed.
pub(crate) fn fit_corner_within(
    image: &GrayImage,
    start: Point2<f64>,
    edges: [Vector2<f64>; 2],
    largest_px: f64,
) -> Option<FittedCorner> {
    let radius = window_radius(edges)?.min(largest_px.max(RADIUS_PX[0]));
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let mut from = start;
    // The window follows the corner: centered there, errors of the model are balanced.
    for _ in 0..MAX_MOVES {
        let inside = from.x - radius >= 0.0
            && from.y - radius >= 0.0
            && from.x + radius <= width - 1.0
            && from.y + radius <= height - 1.0;
        if !inside {
            return None;
        }
        let fit = solve(Junction::start(image, from, edges, radius)).problem;
        let moved = (fit.center - from).norm();
        if moved < 0.05 {
            return fit.accepted(start, radius);
        }
        if moved > radius {
            return None;
        }
        from = fit.center;
    }
    None
}

/// How often the window may follow its corner.
const MAX_MOVES: usize = 5;
/// The least and the largest radius of a window. Smaller windows have too few pixels for seven unknowns; larger
/// ones reach the next corner or contain lines that the lens has bent.
const RADIUS_PX: [f64; 2] = [2.5, 10.0];
/// The radius of a window, as a share of the distance to the next lines.
const WINDOW_SHARE: f64 = 0.7;

fn window_radius(edges: [Vector2<f64>; 2]) -> Option<f64> {
    let [first, second] = edges;
    // The distance between neighboring lines: the area of a square over the side along them.
    let apart = first.perp(&second).abs() / first.norm().max(second.norm());
    let radius = (WINDOW_SHARE * apart).min(RADIUS_PX[1]);
    (radius >= RADIUS_PX[0]).then_some(radius)
}

/// The model of one corner.
#[derive(Clone)]
struct Junction<'a> {
    image: &'a GrayImage,
    /// The middle of the window, and its radius, in pixels.
    window: (Point2<f64>, f64),
    center: Point2<f64>,
    /// Directions of the two lines, in radians.
    angles: [f64; 2],
    mean: f64,
    amplitude: f64,
    /// The logarithm of `s`.
    log_blur: f64,
}

impl<'a> Junction<'a> {
    fn start(
        image: &'a GrayImage,
        center: Point2<f64>,
        edges: [Vector2<f64>; 2],
        radius: f64,
    ) -> Self {
        let mut junction = Self {
            image,
            window: (center, radius),
            center,
            angles: edges.map(|edge| edge.y.atan2(edge.x)),
            mean: 0.0,
            amplitude: 0.0,
            log_blur: 0.0,
        };
        // Mean and amplitude are linear in the levels: these are their best values for the initial shape.
        let (mut count, mut sums) = (0.0, [0.0; 4]);
        junction.for_each_pixel(|offset, level, _| {
            let shape = junction.shape(offset);
            count += 1.0;
            for (sum, term) in sums.iter_mut().zip([level, shape, level * shape, shape * shape]) {
                *sum += term;
            }
        });
        let [level, shape, product, square] = sums;
        let spread = count * square - shape * shape;
        junction.amplitude =
            if spread > 0.0 { (count * product - shape * level) / spread } else { 0.0 };
        junction.mean = (level - junction.amplitude * shape) / count;
        junction
    }

    /// `E` at an offset from the corner.
    fn shape(&self, offset: Vector2<f64>) -> f64 {
        let blur = self.log_blur.exp();
        let [first, second] = self.angles;
        blurred(self.angles.map(|angle| distance(offset, angle) / blur), (first - second).cos()).0
    }

    fn accepted(&self, start: Point2<f64>, radius: f64) -> Option<FittedCorner> {
        let blur = self.log_blur.exp();
        let (mut weights, mut squares) = (0.0, 0.0);
        self.for_each_residual(|residual, _, weight| {
            weights += weight;
            squares += weight * residual * residual;
        });
        let rms: f64 = f64::sqrt(squares / weights);
        let apart = (self.angles[0] - self.angles[1]).sin().abs();
        let is_junction = self.amplitude.abs() > LEAST_AMPLITUDE
            && rms < LARGEST_MISFIT * self.amplitude.abs()
            && apart > LEAST_ANGLE_SINE
            && blur < radius;
        (is_junction && (self.center - start).norm() < radius).then_some(FittedCorner {
            pixel: self.center,
            // erf(d / s) is the blur of standard deviation s / √2.
            edge_px: blur * std::f64::consts::FRAC_1_SQRT_2,
        })
    }

    fn for_each_pixel(&self, mut visit: impl FnMut(Vector2<f64>, f64, f64)) {
        let (middle, radius) = self.window;
        let range = |value: f64| (value - radius).ceil() as u32..=(value + radius).floor() as u32;
        for v in range(middle.y) {
            for u in range(middle.x) {
                let pixel = Point2::new(f64::from(u), f64::from(v));
                let weight = 1.0 - (pixel - middle).norm_squared() / (radius * radius);
                if weight > 0.0 {
                    let level = f64::from(self.image.get_pixel(u, v).0[0]);
                    visit(pixel - self.center, level, weight);
                }
            }
        }
    }

    fn for_each_residual(&self, mut visit: impl FnMut(f64, [f64; 7], f64)) {
        let blur = self.log_blur.exp();
        let normals = self.angles.map(|angle| Vector2::new(-angle.sin(), angle.cos()));
        self.for_each_pixel(|offset, level, weight| {
            let scaled = normals.map(|normal| normal.dot(&offset) / blur);
            let (shape, slopes) = blurred(scaled, normals[0].dot(&normals[1]));
            // Derivatives with respect to d_1 / s and d_2 / s.
            let by = slopes.map(|slope| self.amplitude * slope);
            let by_center = -(normals[0] * by[0] + normals[1] * by[1]) / blur;
            let by_angle = [0, 1].map(|line| {
                let angle: f64 = self.angles[line];
                -by[line] * (angle.cos() * offset.x + angle.sin() * offset.y) / blur
            });
            visit(
                self.mean + self.amplitude * shape - level,
                [
                    by_center.x,
                    by_center.y,
                    by_angle[0],
                    by_angle[1],
                    1.0,
                    shape,
                    -by[0] * scaled[0] - by[1] * scaled[1],
                ],
                weight,
            );
        });
    }
}

/// The least half difference between black and white at a corner, in levels of 255.
const LEAST_AMPLITUDE: f64 = 8.0;
/// The largest misfit of the model, relative to the amplitude. Images of boards stay below 0.2, even noisy ones;
/// windows over other objects have 0.5 and more.
const LARGEST_MISFIT: f64 = 0.35;
/// The sine of the smallest angle between the lines: that of a board seen at 80 degrees from perpendicular.
const LEAST_ANGLE_SINE: f64 = 0.17;

impl LeastSquares for Junction<'_> {
    fn unknowns(&self) -> usize {
        7
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        self.for_each_residual(|residual, derivatives, weight| {
            let root = weight.sqrt();
            let row = std::array::from_fn::<_, 7, _>(|index| (index, root * derivatives[index]));
            equations.add(root * residual, &row);
        });
    }

    fn cost(&self) -> f64 {
        let mut sum = 0.0;
        self.for_each_residual(|residual, _, weight| sum += weight * residual * residual);
        sum
    }

    fn moved(&self, step: &DVector<f64>) -> Self {
        Self {
            center: self.center + Vector2::new(step[0], step[1]),
            angles: [self.angles[0] + step[2], self.angles[1] + step[3]],
            mean: self.mean + step[4],
            amplitude: self.amplitude + step[5],
            log_blur: (self.log_blur + step[6].clamp(-1.0, 1.0)).max(SHARPEST_LOG_BLUR),
            ..self.clone()
        }
    }
}

/// No image is sharper than its pixels: the logarithm of `s` for a pixel's width, √2 / √12.
const SHARPEST_LOG_BLUR: f64 = -0.9;

fn distance(offset: Vector2<f64>, angle: f64) -> f64 {
    angle.cos() * offset.y - angle.sin() * offset.x
}

/// `sign(d_1) sign(d_2)` after a Gaussian blur, with its derivatives, at distances `x` and `y` from two lines in
/// units of the blur's `s`; `cosine` is the cosine between the lines.
///
/// It is the expected product of the signs of two normal numbers with that correlation: `erf(x) erf(y)` for
/// perpendicular lines; other lines add Mehler's series
/// `4 φ(u) φ(v) Σ ρ^(k+1) He_k(u) He_k(v) / (k+1)!`, with `u = √2 x` and `v = √2 y`.
fn blurred([x, y]: [f64; 2], cosine: f64) -> (f64, [f64; 2]) {
    let [step_x, step_y] = [x, y].map(erf);
    let [bell_x, bell_y] = [x, y].map(|x| std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
    let mut value = step_x * step_y;
    let mut slopes = [bell_x * step_y, step_x * bell_y];
    // 4 φ(u) φ(v) = bell_x bell_y / 2; far from both lines it vanishes.
    let peak = 0.5 * bell_x * bell_y;
    if peak > 1e-9 {
        let at = [x, y].map(|value| std::f64::consts::SQRT_2 * value);
        let (mut before, mut hermite) = ([0.0; 2], [1.0; 2]);
        let mut factor = peak;
        for order in 0..SERIES_TERMS {
            let order = f64::from(order);
            factor *= cosine / (order + 1.0);
            let next = [0, 1].map(|axis| at[axis] * hermite[axis] - order * before[axis]);
            value += factor * hermite[0] * hermite[1];
            // (φ He_k)' = -φ He_(k+1)
            slopes[0] -= std::f64::consts::SQRT_2 * factor * next[0] * hermite[1];
            slopes[1] -= std::f64::consts::SQRT_2 * factor * hermite[0] * next[1];
            (before, hermite) = (hermite, next);
        }
    }
    (value, slopes)
}

/// Enough for lines at 40 degrees, to within a level of 255; flatter views of boards are rare.
const SERIES_TERMS: u32 = 12;

/// The error function, by Abramowitz and Stegun 7.1.26: to 1.5e-7, far below a level of 255.
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let polynomial = series.into_iter().fold(0.0, |sum, term| sum * t + term) * t;
    (1.0 - polynomial * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_of_a_blurred_corner_match_finite_differences() {
        for (at, cosine) in [([0.3, -0.7], 0.6), ([-1.1, 0.2], -0.3), ([0.0, 0.4], 0.0)] {
            let (_, slopes) = blurred(at, cosine);
            for axis in 0..2 {
                let moved = |by: f64| {
                    let mut to = at;
                    to[axis] += by;
                    blurred(to, cosine).0
                };
                let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                assert!((slope - slopes[axis]).abs() < 1e-3, "{slope} against {}", slopes[axis]);
            }
        }
    }

    #[test]
    fn erf_agrees_with_tables() {
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (-2.0, -0.995_322_3)]
        {
            assert!((erf(x) - expected).abs() < 3e-7, "{x}");
        }
    }

    /// Black and white sectors, with 32 by 32 samples per pixel, spread over two pixels each way as by a lens.
    fn image(center: Point2<f64>, directions: [f64; 2]) -> GrayImage {
        GrayImage::from_fn(41, 41, |u, v| {
            let mut sum = 0.0;
            for sample in 0..1024 {
                let at = |index: i32| {
                    let share: f64 = (f64::from(index) + 0.5) / 16.0 - 1.0;
                    (1.0 - (1.0 - share.abs()).sqrt()).copysign(share)
                };
                let offset =
                    Point2::new(f64::from(u) + at(sample % 32), f64::from(v) + at(sample / 32))
                        - center;
                let sides = directions.map(|angle| distance(offset, angle) > 0.0);
                sum += if sides[0] == sides[1] { 30.0 } else { 210.0 };
            }
            image::Luma([(sum / 1024.0_f64).round() as u8])
        })
    }

    #[test]
    fn corners_are_found_to_hundredths_of_a_pixel() {
        for (x, y, first, second) in [
            (20.0, 20.0, 0.1, 1.7),
            (20.3, 19.6, 0.6, 2.0),
            (19.5, 20.45, 0.06, 1.63),
            (20.2, 20.8, 1.0, 1.8),
        ] {
            let center = Point2::new(x, y);
            let image = image(center, [first, second]);
            let edges = [first + 0.1, second - 0.1]
                .map(|angle| 14.0 * Vector2::new(angle.cos(), angle.sin()));
            let fit = fit_corner(&image, center + Vector2::new(1.3, -0.9), edges).unwrap();
            assert!((fit.pixel - center).norm() < 0.01, "{} for {center}", fit.pixel);
            assert!(fit.edge_px < 0.8, "{}", fit.edge_px);
        }
    }

    #[test]
    fn images_without_a_corner_give_none() {
        let edges = [Vector2::new(14.0, 0.0), Vector2::new(0.0, 14.0)];
        let middle = Point2::new(20.0, 20.0);
        let flat = GrayImage::from_pixel(41, 41, image::Luma([128]));
        let edge = GrayImage::from_fn(41, 41, |u, _| image::Luma([if u < 20 { 30 } else { 210 }]));
        for image in [flat, edge] {
            assert!(fit_corner(&image, middle, edges).is_none());
        }
        let corner = image(middle, [0.0, 1.5]);
        assert!(fit_corner(&corner, middle, edges).is_some());
        assert!(fit_corner(&corner, Point2::new(4.0, 20.0), edges).is_none());
    }
}
