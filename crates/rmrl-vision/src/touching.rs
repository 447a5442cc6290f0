//! Finds a plate in a mask that other objects belong to, too.
//!
//! Black plates a few millimeters apart are one dark object to a camera: it sees the side of one plate through the gap
//! beside the other. Each still has an outline of its own against the table, except where the other one is.

use nalgebra::Vector2;
use rmrl_core::PlanarPose;

use crate::silhouette::Silhouette;
use crate::{CameraModel, ExpectedPlate, Mask, PlateGeometry};

/// How far the yaw may be from the expected one, in radians: 20 degrees.
const YAW_REACH_RAD: f64 = 0.35;
/// Steps of the search: coarse ones over all poses, and finer ones around the best.
const COARSE_PX: f64 = 2.0;
const FINE_PX: [f64; 3] = [1.0, 0.5, 0.25];
/// How far from the outline an edge is looked for in the coarse search, in pixels.
const COARSE_MARGIN_PX: f64 = 2.5;
const FINE_MARGIN_PX: f64 = 1.25;
/// The least share of the outline beyond which the mask must end: one long side may be hidden, but not two sides.
const MIN_VISIBLE_SHARE: f64 = 0.65;
/// The least share of the outline inside of which the mask must be, and of the plate.
const MIN_COVERED_SHARE: f64 = 0.97;
/// Where the mask does not reach this share of the outline, there is no plate.
const MOST_UNCOVERED_SHARE: f64 = 0.15;
/// A pose is another one, and another plate overlaps, from so many coarse steps on.
const RIVAL_STEPS: i32 = 3;
/// Distance of the probes along the outline in pixels, and their number over the plate along one side.
const PROBE_STEP_PX: f64 = 3.0;
const GRID: u32 = 9;

/// The pose of the expected plate whose outline ends where `mask` does on most sides; `None` if there is none, or more than
/// one that overlap. Right to about a pixel.
pub(crate) fn find_in(
    mask: &Mask,
    expected: &ExpectedPlate,
    camera: &CameraModel,
) -> Option<PlanarPose> {
    let search = Search { mask, expected, camera };
    let outline = search.outline(expected.pose)?;
    if (mask.area() as f64) < MIN_COVERED_SHARE * outline.moments().area {
        return None;
    }
    let best = search.coarse()?;
    let best = FINE_PX.iter().fold(best, |best, step_px| search.finer(best, *step_px));
    let is_sure = search.seen(best, FINE_MARGIN_PX)?.is_plate()
        && search.filled(best)? >= MIN_COVERED_SHARE
        && best.distance_m(expected.pose) <= expected.within_m
        && !search.has_rival(best);
    is_sure.then_some(best)
}

struct Search<'a> {
    mask: &'a Mask,
    expected: &'a ExpectedPlate,
    camera: &'a CameraModel,
}

/// Shares of an outline, 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Where the mask ends at the outline.
    visible: f64,
    /// Where the mask reaches the outline.
    covered: f64,
}

impl Seen {
    /// Whether a plate may have this outline.
    fn is_plate(self) -> bool {
        self.visible >= MIN_VISIBLE_SHARE && self.covered >= MIN_COVERED_SHARE
    }

    /// What the search maximizes: a mask that does not reach the outline says more against a pose than one that goes on.
    fn score(self) -> f64 {
        self.visible - 3.0 * (1.0 - self.covered)
    }
}

impl Search<'_> {
    /// The best pose on a coarse grid.
    fn coarse(&self) -> Option<PlanarPose> {
        let ExpectedPlate { pose, within_m, geometry, .. } = *self.expected;
        let step_m = COARSE_PX * self.meters_per_pixel();
        // A turn by this moves the ends of a plate by as much as a step.
        let turn_rad = step_m / (0.5 * geometry.length_m);
        let reach = |most: f64, step: f64| (most / step).ceil() as i32;
        let (across, turns) = (reach(within_m, step_m), reach(YAW_REACH_RAD, turn_rad));
        let mut best: Option<(f64, PlanarPose)> = None;
        for turn in -turns..=turns {
            for (right, down) in (-across..=across)
                .flat_map(|right| (-across..=across).map(move |down| (right, down)))
            {
                let shift = Vector2::new(f64::from(right), f64::from(down)) * step_m;
                if shift.norm() > within_m + step_m {
                    continue;
                }
                let there = moved(pose, shift, f64::from(turn) * turn_rad);
                if let Some(seen) = self.seen(there, COARSE_MARGIN_PX)
                    && best.is_none_or(|(score, _)| seen.score() > score)
                {
                    best = Some((seen.score(), there));
                }
            }
        }
        best.map(|(_, pose)| pose)
    }

    /// The best pose among the neighbors of a pose, and theirs, until none is better.
    fn finer(&self, mut best: PlanarPose, step_px: f64) -> PlanarPose {
        let step_m = step_px * self.meters_per_pixel();
        let turn_rad = step_m / (0.5 * self.expected.geometry.length_m);
        let score = |pose| self.seen(pose, FINE_MARGIN_PX).map_or(f64::NEG_INFINITY, Seen::score);
        let mut highest = score(best);
        for _ in 0..MOST_STEPS {
            let from = best;
            for index in 0..27 {
                let [x, y, turn] =
                    [index % 3, index / 3 % 3, index / 9].map(|at| f64::from(at - 1));
                let there = moved(from, Vector2::new(x, y) * step_m, turn * turn_rad);
                let found = score(there);
                if found > highest {
                    (highest, best) = (found, there);
                }
            }
            if best == from {
                break;
            }
        }
        best
    }

    /// Whether a plate fits as well at a pose that overlaps with this one. Then the mask is that of a larger object, or of two
    /// plates of which one is hidden in part.
    fn has_rival(&self, pose: PlanarPose) -> bool {
        let PlateGeometry { length_m, width_m, .. } = self.expected.geometry;
        let step_m = COARSE_PX * self.meters_per_pixel();
        let steps = |side_m: f64| {
            let most = (side_m / step_m) as i32 - RIVAL_STEPS;
            -most..=most
        };
        let (sin, cos) = pose.yaw_rad.sin_cos();
        steps(length_m).any(|along| {
            steps(width_m).any(|across| {
                let is_other = along.abs().max(across.abs()) >= RIVAL_STEPS;
                let [along_m, across_m] = [along, across].map(|steps| f64::from(steps) * step_m);
                let shift =
                    Vector2::new(cos * along_m - sin * across_m, sin * along_m + cos * across_m);
                let there = moved(pose, shift, 0.0);
                is_other
                    && self.seen(there, COARSE_MARGIN_PX).is_some_and(Seen::is_plate)
                    && self.filled(there).is_some_and(|share| share >= MIN_COVERED_SHARE)
            })
        })
    }

    fn meters_per_pixel(&self) -> f64 {
        (self.camera.position().z - self.expected.height_m) / self.camera.intrinsics.fx
    }

    fn outline(&self, pose: PlanarPose) -> Option<Silhouette> {
        let ExpectedPlate { height_m, geometry, .. } = *self.expected;
        Silhouette::of_plate(pose, height_m, geometry, self.camera)
    }

    /// What the mask shows of the outline of a plate at `pose`; `None` if it does not reach much of it.
    fn seen(&self, pose: PlanarPose, margin_px: f64) -> Option<Seen> {
        let outline = self.outline(pose)?;
        let outline = outline.outline();
        let (mut visible, mut covered, mut all) = (0.0, 0.0, 0.0);
        let perimeter_px: f64 = outline
            .iter()
            .zip(outline.iter().cycle().skip(1))
            .map(|(from, to)| (to - from).norm())
            .sum();
        let most_uncovered = MOST_UNCOVERED_SHARE * perimeter_px / PROBE_STEP_PX;
        for (index, corner) in outline.iter().enumerate() {
            let side = outline[(index + 1) % outline.len()] - corner;
            let along = side / side.norm();
            // The outline turns from u towards v, so its inside lies to the left of each side.
            let outward = Vector2::new(along.y, -along.x) * margin_px;
            let mut position = PROBE_STEP_PX;
            while position <= side.norm() - PROBE_STEP_PX {
                let at = corner.coords + along * position;
                all += 1.0;
                if self.is_set(at - outward) {
                    covered += 1.0;
                    visible += f64::from(u8::from(!self.is_set(at + outward)));
                }
                if all - covered > most_uncovered {
                    return None;
                }
                position += PROBE_STEP_PX;
            }
        }
        (all > 0.0).then(|| Seen { visible: visible / all, covered: covered / all })
    }

    /// The share of a plate's top at `pose` over which the mask is.
    fn filled(&self, pose: PlanarPose) -> Option<f64> {
        let ExpectedPlate { height_m, geometry, .. } = *self.expected;
        let share = |index: u32| (f64::from(index) + 0.5) / f64::from(GRID) - 0.5;
        let (sin, cos) = pose.yaw_rad.sin_cos();
        let mut set = 0;
        for index in 0..GRID * GRID {
            let [along, across] =
                [share(index % GRID) * geometry.length_m, share(index / GRID) * geometry.width_m];
            let at = nalgebra::Point3::new(
                pose.x_m + cos * along - sin * across,
                pose.y_m + sin * along + cos * across,
                height_m + 0.5 * geometry.height_m,
            );
            set += u32::from(self.is_set(self.camera.project(at)?.coords));
        }
        Some(f64::from(set) / f64::from(GRID * GRID))
    }

    fn is_set(&self, at: Vector2<f64>) -> bool {
        let (u, v) = (at.x.round(), at.y.round());
        u >= 0.0 && v >= 0.0 && self.mask.contains(u as u32, v as u32)
    }
}

/// The search for a better pose ends after so many steps.
const MOST_STEPS: usize = 20;

fn moved(pose: PlanarPose, shift: Vector2<f64>, turn_rad: f64) -> PlanarPose {
    PlanarPose::new(pose.x_m + shift.x, pose.y_m + shift.y, pose.yaw_rad + turn_rad)
}
