//! Whether the depth image shows a plate where the mask is.

use image::Luma;
use nalgebra::Vector2;

use crate::mask::Moments;
use crate::plate_depth::{PlateDepth, Surface};
use crate::surroundings::Surroundings;
use crate::{CameraModel, LocalizeError, RgbdFrame};

/// A smaller share of the depth that agrees is no majority to rely on.
const MIN_AGREEING_SHARE: f64 = 0.6;
/// At a larger share, and a smaller tilt in radians, nothing suggests that the depth image shows the plate elsewhere.
/// Plates in simulated cells have 0.98 and 0.02 (one degree).
const SURE_SHARE: f64 = 0.95;
const LEVEL_RAD: f64 = 0.03;
/// No plate on the wall of a box or slot leans by more, in radians: 15 degrees. It would also appear 3 % too short.
const MAX_TILT_RAD: f64 = 0.26;
/// A plate whose surface should rise by less, in meters, cannot be distinguished from what it lies on.
const MIN_RISE_M: f64 = 0.003;
/// The least share of the surroundings that has to lie lower than the plate. Walls, a shelf and other objects do not;
/// in simulated cells nine tenths do, in images 160 pixels wide 0.43 or more.
const MIN_LOWER_SHARE: f64 = 0.2;
/// Fewer patches with a depth do not show the surroundings.
const MIN_PATCHES: usize = 6;

/// Checks that the depth over a mask is that of a plate, with what lies around it. `rise_m` is how far the surface of a plate lies above what it
/// stands on, in meters; `min_rise_ratio` is the share of it that must be seen, 0 for no check.
///
/// # Errors
/// The depth image shows the plate elsewhere, no plane, a steep one, or one that does not rise.
pub(crate) fn check_depth(
    around: &Surroundings<'_>,
    camera: &CameraModel,
    depth: &PlateDepth,
    [rise_m, min_rise_ratio]: [f64; 2],
) -> Result<(), LocalizeError> {
    let Surroundings { frame, moments, .. } = *around;
    let agreeing = depth.agreeing_share;
    let tilt_rad = depth.surface.tilt_rad(camera);
    let is_odd = agreeing < SURE_SHARE || depth.is_rough || tilt_rad > LEVEL_RAD;
    if is_odd
        && rise_m >= MIN_RISE_M
        && let Some(shift) = shift_of_depth(frame, moments, &depth.surface, rise_m)
    {
        return Err(LocalizeError::DepthNotAligned { shift_px: [shift.x, shift.y] });
    }
    if agreeing < MIN_AGREEING_SHARE || !depth.standard_error_m.is_finite() {
        return Err(LocalizeError::InconsistentDepth { agreeing, expected: MIN_AGREEING_SHARE });
    }
    if tilt_rad > MAX_TILT_RAD {
        let [tilt_deg, most_deg] = [tilt_rad, MAX_TILT_RAD].map(f64::to_degrees);
        return Err(LocalizeError::Tilted { tilt_deg, most_deg });
    }
    let least_m = min_rise_ratio * rise_m;
    if min_rise_ratio == 0.0 || rise_m < MIN_RISE_M {
        return Ok(());
    }
    let mut below_m = around.patches_below_m();
    let lower = below_m.iter().filter(|below_m| **below_m >= least_m).count();
    if below_m.len() < MIN_PATCHES || lower as f64 >= MIN_LOWER_SHARE * below_m.len() as f64 {
        return Ok(());
    }
    let middle = below_m.len() / 2;
    let (_, median_m, _) = below_m.select_nth_unstable_by(middle, f64::total_cmp);
    Err(LocalizeError::NotRaised { rise_m: *median_m, expected_m: rise_m })
}

/// Where else, from the mask, the depth image shows the plate, in pixels; `None` if it fits best where the mask is.
/// The plate's surface should lie `rise_m` above its surroundings.
fn shift_of_depth(
    frame: &RgbdFrame,
    moments: &Moments,
    surface: &Surface,
    rise_m: f64,
) -> Option<Vector2<f64>> {
    let grid = Grid::over(moments);
    let contrast = |shift| grid.contrast(frame, surface, shift, CLIP_RISES * rise_m);
    let here = contrast(Vector2::zeros())?;
    let step_px = SEARCH_RATIO * grid.width_px() / f64::from(SEARCH_STEPS);
    let steps = -SEARCH_STEPS..=SEARCH_STEPS;
    let shifts = steps.clone().flat_map(|down| steps.clone().map(move |right| (right, down)));
    let better_m = BETTER_BY * rise_m + BETTER_ERRORS * here.standard_error_m;
    shifts
        .map(|(right, down)| Vector2::new(f64::from(right), f64::from(down)) * step_px)
        .filter_map(|shift| Some((contrast(shift)?.rise_m, shift)))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(there_m, _)| *there_m > here.rise_m + better_m)
        .map(|(_, shift)| shift)
}

/// How far the search for a plate elsewhere goes, as a share of the plate's width, and its steps to each side.
const SEARCH_RATIO: f64 = 0.9;
const SEARCH_STEPS: i32 = 6;
/// The depth image shows the plate elsewhere if it rises more there, by this share of what it should rise and by so many
/// standard errors.
const BETTER_BY: f64 = 0.12;
const BETTER_ERRORS: f64 = 5.0;
/// Depth is clipped to so many times what the plate should rise, so that reflections and a shelf's edge count little.
const CLIP_RISES: f64 = 1.5;

/// Points over the plate and its surroundings.
struct Grid {
    center: Vector2<f64>,
    /// From the center to the middle of a short and of a long side, in pixels.
    half: [Vector2<f64>; 2],
}

/// How far the middle of the points inside of an outline lies above that of the points around it.
struct Contrast {
    rise_m: f64,
    standard_error_m: f64,
}

impl Grid {
    fn over(moments: &Moments) -> Self {
        let (sin, cos) = moments.major_angle_rad.sin_cos();
        // The variance of a bar of length L is L²/12.
        let [long_px, short_px] =
            [moments.major_variance, moments.minor_variance].map(|v| (3.0 * v).sqrt());
        let half = [Vector2::new(cos, sin) * long_px, Vector2::new(-sin, cos) * short_px];
        Self { center: moments.centroid.coords, half }
    }

    fn width_px(&self) -> f64 {
        2.0 * self.half[1].norm()
    }

    /// `None` if a quarter of the points or more has no depth.
    fn contrast(
        &self,
        frame: &RgbdFrame,
        surface: &Surface,
        shift: Vector2<f64>,
        clip_m: f64,
    ) -> Option<Contrast> {
        // Sum, sum of squares and count of points inside and outside.
        let mut sums = [[0.0f64; 3]; 2];
        let share = |index: usize| GRID_RATIO * (2.0 * (index as f64 + 0.5) / POINTS as f64 - 1.0);
        for (row, column) in
            (0..POINTS).flat_map(|row| (0..POINTS).map(move |column| (row, column)))
        {
            let (x, y) = (share(column), share(row));
            let at = self.center + shift + self.half[0] * x + self.half[1] * y;
            if at.x < 0.0 || at.y < 0.0 {
                continue;
            }
            let (u, v) = ((at.x + 0.5) as u32, (at.y + 0.5) as u32);
            if let Some(Luma([depth])) = frame.depth.get_pixel_checked(u, v)
                && *depth > 0
            {
                let below_m = surface.below_middle_m(at, *depth);
                let below_m = below_m.clamp(-clip_m, clip_m);
                let sums = &mut sums[usize::from(x.abs() > 1.0 || y.abs() > 1.0)];
                sums[0] += below_m;
                sums[1] += below_m * below_m;
                sums[2] += 1.0;
            }
        }
        let [[inside, squares, count], [outside, _, count_outside]] = sums;
        let least = MIN_POINTS_RATIO * 0.5 * POINTS_ALL;
        if count < least || count_outside < least {
            return None;
        }
        let variance = (squares / count - (inside / count).powi(2)).max(0.0);
        // Where points are closer than the noise reaches, fewer of them are independent.
        let pixels_of_point =
            (2.0 * GRID_RATIO).powi(2) * self.half[0].norm() * self.half[1].norm() / POINTS_ALL;
        let independent = count * (pixels_of_point / NOISE_PX.powi(2)).min(1.0);
        Some(Contrast {
            rise_m: outside / count_outside - inside / count,
            standard_error_m: (variance / independent).sqrt(),
        })
    }
}

/// The points in a row and a column of the grid.
const POINTS: usize = 16;
const POINTS_ALL: f64 = (POINTS * POINTS) as f64;
/// How far the noise of a depth camera reaches, in pixels.
const NOISE_PX: f64 = 3.0;
/// The extent of the grid, in plates: half of its points lie inside of the outline.
const GRID_RATIO: f64 = 1.4;
/// The least share of the points inside and outside that must have a depth.
const MIN_POINTS_RATIO: f64 = 0.25;
