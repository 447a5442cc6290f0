//! Six joints: an xArm 6 or a UFACTORY 850.
//!
//! The axes of joints 5 and 6 of an xArm 6 pass each other at 76 mm, so the wrist is not spherical and
//! there is no closed form. But the angle of joint 6 leaves a closed form for all others, and one equation
//! in that single angle remains. Its roots over a full turn are all joint angles for a pose. A UFACTORY 850,
//! whose axes meet, is solved in the same way.

use std::f64::consts::{PI, TAU};

use nalgebra::{Isometry3, Vector3};

use super::branch::Branch;
use super::geometry::{Chain, Geometry};

/// Samples of joint 6 over a turn. Between two of them at most one root is expected.
const SAMPLES: u32 = 360;
/// Samples between two of those, wherever a finer search is needed.
const EDGE_SAMPLES: u32 = 16;
/// Below this, a minimum of the equation's absolute value may touch zero.
const NEARLY_ZERO: f64 = 0.05;

/// An angle of joint 6, and the value of the equation; none where the wrist is out of reach.
type Sample = (f64, Option<f64>);

/// Angles of joint 6 at or near which the other joints may put the flange at the pose.
pub(super) fn roots(
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    branch: Branch,
) -> Vec<f64> {
    let value =
        |angle_rad: f64| residual(geometry, base_from_flange, branch, angle_rad).map(|(f, _)| f);
    let mut roots = Vec::new();
    for window in sample(value).windows(3) {
        let [before, (at_rad, now), after] = *window else { continue };
        let Some(now) = now else { continue };
        let ((_, previous), (next_rad, next)) = (before, after);
        if next.is_some_and(|next| now == 0.0 || now * next < 0.0) {
            roots.push(bisect(value, at_rad, next_rad));
        }
        // A root that only touches, or one at the edge.
        let lowest = |other: Option<f64>| other.is_none_or(|other| now.abs() <= other.abs());
        if now.abs() < NEARLY_ZERO && lowest(next) && lowest(previous) {
            roots.push(at_rad);
            // Or two roots between samples, with the same sign on either side.
            for [from_rad, to_rad] in [[before.0, at_rad], [at_rad, next_rad]] {
                push_close_roots(&mut roots, value, from_rad, to_rad);
            }
        }
    }
    roots
}

/// The equation over a turn, with more samples near the edges of the wrist's reach.
fn sample(value: impl Fn(f64) -> Option<f64>) -> Vec<Sample> {
    let angle = |sample: u32| -PI + TAU * f64::from(sample) / f64::from(SAMPLES);
    let mut curve: Vec<Sample> = Vec::with_capacity(SAMPLES as usize + 3);
    // One sample more at each end, so that every sample has neighbors.
    for sample in 0..SAMPLES + 2 {
        let at_rad = angle(sample);
        let now = value(at_rad);
        if let Some(&(before_rad, before)) = curve.last()
            && before.is_some() != now.is_some()
        {
            // Where the wrist gets out of reach the equation has its steepest slopes.
            let (inside, outside) =
                if now.is_some() { (at_rad, before_rad) } else { (before_rad, at_rad) };
            let edge = last_within(|angle_rad| value(angle_rad).is_some(), inside, outside);
            let share = |step: u32| (f64::from(step) / f64::from(EDGE_SAMPLES)).powi(2);
            let mut closer: Vec<f64> =
                (0..EDGE_SAMPLES).map(|step| edge + share(step) * (inside - edge)).collect();
            if now.is_none() {
                closer.reverse();
            }
            let mut samples: Vec<_> = closer.into_iter().map(|near| (near, value(near))).collect();
            // Between the edge and what is beyond it.
            let beyond = (edge, None);
            if now.is_some() {
                samples.insert(0, beyond)
            } else {
                samples.push(beyond)
            }
            curve.extend(samples);
        }
        curve.push((at_rad, now));
    }
    curve
}

/// Appends the roots between two neighboring samples, by a finer search.
fn push_close_roots(
    roots: &mut Vec<f64>,
    value: impl Fn(f64) -> Option<f64>,
    from_rad: f64,
    to_rad: f64,
) {
    let closer =
        |step: u32| from_rad + f64::from(step) / f64::from(EDGE_SAMPLES) * (to_rad - from_rad);
    for step in 0..EDGE_SAMPLES {
        let ends = [step, step + 1].map(closer);
        if let [Some(from), Some(to)] = ends.map(&value)
            && from * to < 0.0
        {
            roots.push(bisect(&value, ends[0], ends[1]));
        }
    }
}

/// The last angle from `inside` towards `outside` at which a condition still holds.
fn last_within(holds: impl Fn(f64) -> bool, mut inside: f64, mut outside: f64) -> f64 {
    for _ in 0..40 {
        let middle = 0.5 * (inside + outside);
        if holds(middle) { inside = middle } else { outside = middle }
    }
    inside
}

/// Halves an interval at whose ends the value has opposite signs.
fn bisect(value: impl Fn(f64) -> Option<f64>, mut from: f64, mut to: f64) -> f64 {
    let Some(at_from) = value(from) else { return from };
    // Coarse: the root is refined in all joints afterwards.
    for _ in 0..12 {
        let middle = 0.5 * (from + to);
        match value(middle) {
            Some(at_middle) if at_middle * at_from > 0.0 => from = middle,
            Some(_) => to = middle,
            None => break,
        }
    }
    0.5 * (from + to)
}

/// For an angle of joint 6, the cosine between the axes of joints 4 and 5, which are perpendicular in a
/// solution, and all joint angles; none where the wrist is out of reach.
pub(super) fn residual(
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    branch: Branch,
    joint6_rad: f64,
) -> Option<(f64, Chain)> {
    let (sin6, cos6) = joint6_rad.sin_cos();
    // The point where the axes of joints 4 and 5 meet, the axis of joint 5, and the direction from it to that
    // of joint 6.
    let &Geometry { d1_m, a5_m, d6_m, .. } = geometry;
    let wrist = base_from_flange * nalgebra::Point3::new(-a5_m * cos6, a5_m * sin6, -d6_m);
    let axis5 = base_from_flange.rotation * Vector3::new(-sin6, -cos6, 0.0);
    let towards6 = base_from_flange.rotation * Vector3::new(cos6, -sin6, 0.0);

    let ahead_m = wrist.x.hypot(wrist.y);
    let (joint1_rad, ahead_m) = if branch.backwards {
        (f64::atan2(-wrist.y, -wrist.x), -ahead_m)
    } else {
        (f64::atan2(wrist.y, wrist.x), ahead_m)
    };
    let (joint2_rad, joint3_rad) = branch.shoulder_and_elbow(geometry, ahead_m, d1_m - wrist.z)?;

    // The frame of the forearm, in the base's: its z along the forearm, which joint 4 turns about.
    let (sin1, cos1) = joint1_rad.sin_cos();
    let (sin23, cos23) = (joint2_rad + joint3_rad).sin_cos();
    let radial = Vector3::new(cos1, sin1, 0.0);
    let x3 = radial * cos23 - Vector3::z() * sin23;
    let z3 = -radial * sin23 - Vector3::z() * cos23;
    let y3 = z3.cross(&x3);
    let joint4_rad = f64::atan2(axis5.dot(&x3), -axis5.dot(&y3));
    let (sin4, cos4) = joint4_rad.sin_cos();
    let x4 = x3 * cos4 + y3 * sin4;
    let joint5_rad = f64::atan2(towards6.dot(&z3), towards6.dot(&x4));
    let joints = [joint1_rad, joint2_rad, joint3_rad, joint4_rad, joint5_rad, joint6_rad];
    Some((axis5.dot(&z3), joints))
}
