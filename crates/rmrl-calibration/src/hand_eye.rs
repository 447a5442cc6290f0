//! The pose of a camera on an arm's flange, from views of a board that does not move.

use nalgebra::{
    DMatrix, DVector, Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3,
};
use rmrl_vision::Intrinsics;
use serde::Serialize;

use crate::bundle::{Bundle, WristView, pixel_noise};
use crate::error::VIEWS;
use crate::posed::{Seen, fitting};
use crate::selection::{check_views, median, reject_blurred};
use crate::{Board, CalibrationError, PoseNoise, PosedView, Rejected, RejectedReason};

/// The pose of a camera on the flange, and its uncertainty.
#[derive(Debug, Clone, PartialEq)]
pub struct HandEyeCalibration {
    /// The hand-eye transform.
    pub flange_from_camera: Isometry3<f64>,
    /// Standard deviation of the translation along each axis, in meters.
    pub deviation_m: f64,
    /// Standard deviation of the rotation about each axis, in radians.
    pub deviation_rad: f64,
    /// The pose of the board.
    pub world_from_board: Isometry3<f64>,
    /// The differences between reported poses and those that the camera's views imply: the arm's error.
    pub views: Vec<PoseError>,
    /// The views that were not used.
    pub rejected: Vec<Rejected>,
}

/// The difference between a reported pose and the one that the view implies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoseError {
    /// The image.
    pub name: String,
    /// Distance in millimeters.
    pub off_mm: f64,
    /// Angle in degrees.
    pub off_deg: f64,
}

/// The least number of views: with fewer, a wrong one cannot be detected.
pub const LEAST_HAND_EYE_VIEWS: usize = 5;
/// The least root mean square rotation between two poses about the second principal axis, in degrees.
pub const LEAST_ROTATION_DEG: f64 = 5.0;

/// Calibrates the pose of a camera on the flange.
///
/// First, `A X = X B` is solved in closed form (rotation, then translation) for triples of views. The triple
/// that most other views agree with is the start; views that disagree are rejected. Then a refinement fits
/// all remaining views over the transform, the board's pose and, weighted by the arm's `noise`, every flange
/// pose.
///
/// # Errors
/// The board is invalid, the views differ in size, too few views are usable, or there is too little rotation.
pub fn hand_eye(
    views: &[PosedView],
    camera: &Intrinsics,
    board: &Board,
    noise: PoseNoise,
) -> Result<HandEyeCalibration, CalibrationError> {
    board.validate()?;
    check_views(views.iter().map(|view| &view.view), board)?;
    let (sharp, mut rejected) = reject_blurred(views.iter().collect(), |posed| &posed.view);
    let (fitted, misfits) = fitting(sharp, |posed| &posed.view, camera, board);
    rejected.extend(misfits);
    check_usable(&fitted, views.len(), &rejected)?;
    let start = consensus(&fitted)
        .ok_or(CalibrationError::NoFit { what: "no three poses agree about the camera" })?;
    let (mut used, mut outside) = split(fitted, &start, coarse_gate);
    loop {
        let names: Vec<Rejected> = outside.iter().map(|(_, rejected)| rejected.clone()).collect();
        let so_far = [rejected.as_slice(), &names].concat();
        check_usable(&used, views.len(), &so_far)?;
        let start = linear(&used).unwrap_or(start.flange_from_camera);
        let hypothesis = Hypothesis::new(start, &used);
        let found = bundle(&used, &hypothesis, camera, board, noise).solved();
        let refined = Hypothesis {
            flange_from_camera: found.problem.flange_from_wrist,
            world_from_board: found.problem.world_from_boards[0],
        };
        let errors: Vec<[f64; 2]> = used.iter().map(|seen| refined.off(seen)).collect();
        let gate = fine_gate(&errors, noise);
        // Only the worst view is rejected, then all is fitted again.
        if let Some(worst) = worst_outside(&errors, gate) {
            let seen = used.remove(worst);
            let reason = refined.reason(&seen);
            outside.push((seen, reason));
            continue;
        }
        let covariance = found
            .inverse_hessian
            .ok_or(CalibrationError::NoFit { what: "the camera's pose remains undetermined" })?;
        let [deviation_m, deviation_rad] = Bundle::deviations(&covariance);
        rejected.extend(with_hints(outside, &refined, gate));
        return Ok(HandEyeCalibration {
            flange_from_camera: refined.flange_from_camera,
            deviation_m,
            deviation_rad,
            world_from_board: refined.world_from_board,
            views: pose_errors(&used, &errors),
            rejected,
        });
    }
}

/// Checks that there are enough usable views and enough rotation between them.
fn check_usable(
    usable: &[Seen<&PosedView>],
    given: usize,
    rejected: &[Rejected],
) -> Result<(), CalibrationError> {
    if usable.len() < LEAST_HAND_EYE_VIEWS {
        return Err(CalibrationError::TooFew {
            what: VIEWS,
            usable: usable.len(),
            given,
            needed: LEAST_HAND_EYE_VIEWS,
            rejected: rejected.to_vec(),
        });
    }
    check_rotation(usable)
}

/// The largest error of a pose that is accepted: meters and radians.
pub(crate) fn fine_gate(errors: &[[f64; 2]], noise: PoseNoise) -> [f64; 2] {
    let usual = [0, 1].map(|kind| median(errors.iter().map(|off| off[kind]).collect()));
    let sigmas = [noise.translation_m, noise.rotation_rad];
    [0, 1].map(|kind| f64::max(GATE_SIGMAS * sigmas[kind], GATE_MEDIANS * usual[kind]))
}

/// The view whose pose exceeds the gate by most; `None` if all are within it.
pub(crate) fn worst_outside(errors: &[[f64; 2]], gate: [f64; 2]) -> Option<usize> {
    let excess = |off: &[f64; 2]| f64::max(off[0] / gate[0], off[1] / gate[1]);
    let worst =
        (0..errors.len()).max_by(|a, b| excess(&errors[*a]).total_cmp(&excess(&errors[*b])));
    worst.filter(|worst| excess(&errors[*worst]) > 1.0)
}

pub(crate) fn pose_errors(used: &[Seen<&PosedView>], errors: &[[f64; 2]]) -> Vec<PoseError> {
    let errors = used.iter().zip(errors).map(|(seen, [off_m, off_rad])| PoseError {
        name: seen.view.view.name.clone(),
        off_mm: 1000.0 * off_m,
        off_deg: off_rad.to_degrees(),
    });
    errors.collect()
}

/// A pose may be off by this many standard deviations of the arm, over all axes together,
const GATE_SIGMAS: f64 = 6.0;
/// or by this many medians, because arms are worse than specified.
const GATE_MEDIANS: f64 = 5.0;

/// The transforms that views are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Hypothesis {
    pub(crate) flange_from_camera: Isometry3<f64>,
    pub(crate) world_from_board: Isometry3<f64>,
}

impl Hypothesis {
    /// Takes the pose of the board that most views agree with.
    pub(crate) fn new(flange_from_camera: Isometry3<f64>, seen: &[Seen<&PosedView>]) -> Self {
        let boards: Vec<Isometry3<f64>> = seen
            .iter()
            .map(|seen| seen.view.world_from_flange * flange_from_camera * seen.camera_from_board)
            .collect();
        let spread = |candidate: &Isometry3<f64>| {
            median(boards.iter().map(|other| excess(motion_between(candidate, other))).collect())
        };
        let middle = boards.iter().min_by(|a, b| spread(a).total_cmp(&spread(b)));
        let world_from_board = middle.copied().unwrap_or_else(Isometry3::identity);
        Self { flange_from_camera, world_from_board }
    }

    /// The pose of the flange that a view implies.
    fn world_from_flange(&self, seen: &Seen<&PosedView>) -> Isometry3<f64> {
        self.world_from_board * (self.flange_from_camera * seen.camera_from_board).inverse()
    }

    /// How far a view's pose is off: meters and radians.
    fn off(&self, seen: &Seen<&PosedView>) -> [f64; 2] {
        motion_between(&self.world_from_flange(seen), &seen.view.world_from_flange)
    }

    fn reason(&self, seen: &Seen<&PosedView>) -> Rejected {
        let [off_m, off_rad] = self.off(seen);
        let (off_mm, off_deg) = (1000.0 * off_m, off_rad.to_degrees());
        let reason = RejectedReason::Pose { off_mm, off_deg, fits: None };
        Rejected { name: seen.view.view.name.clone(), reason }
    }
}

pub(crate) fn motion_between(a: &Isometry3<f64>, b: &Isometry3<f64>) -> [f64; 2] {
    let motion = a.inverse() * b;
    [motion.translation.vector.norm(), motion.rotation.angle()]
}

/// How far a pose is off, relative to the error of a closed form from three noisy poses.
fn excess([off_m, off_rad]: [f64; 2]) -> f64 {
    f64::max(off_m / COARSE_M, off_rad / COARSE_RAD)
}

/// The tolerance of poses against a start from three views: far above any arm's error, below that of a wrong row.
const COARSE_M: f64 = 0.01;
const COARSE_RAD: f64 = 0.025;

fn coarse_gate(off: [f64; 2]) -> bool {
    excess(off) <= 1.0
}

type Parted<'a> = (Vec<Seen<&'a PosedView>>, Vec<(Seen<&'a PosedView>, Rejected)>);

/// Parts the views that a hypothesis explains from the rest.
fn split<'a>(
    seen: Vec<Seen<&'a PosedView>>,
    hypothesis: &Hypothesis,
    gate: impl Fn([f64; 2]) -> bool,
) -> Parted<'a> {
    let (used, outside): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|seen| gate(hypothesis.off(seen)));
    let outside = outside.into_iter().map(|seen| {
        let reason = hypothesis.reason(&seen);
        (seen, reason)
    });
    (used, outside.collect())
}

/// Says of rejected views whose pose fits them.
fn with_hints(
    outside: Vec<(Seen<&PosedView>, Rejected)>,
    refined: &Hypothesis,
    gate: [f64; 2],
) -> Vec<Rejected> {
    outside
        .iter()
        .map(|(seen, _)| {
            let mut rejected = refined.reason(seen);
            let expected = refined.world_from_flange(seen);
            let owner = outside.iter().find(|(other, _)| {
                let off = motion_between(&expected, &other.view.world_from_flange);
                off[0] <= gate[0] && off[1] <= gate[1]
            });
            if let (RejectedReason::Pose { fits, .. }, Some((other, _))) =
                (&mut rejected.reason, owner)
            {
                *fits = Some(format!("the pose of {}", other.view.view.name));
            }
            rejected
        })
        .collect()
}

/// The hypothesis of three views that explains most of all.
pub(crate) fn consensus(seen: &[Seen<&PosedView>]) -> Option<Hypothesis> {
    let mut best: Option<(usize, f64, Hypothesis)> = None;
    for triple in triples(seen.len()) {
        let three: Vec<Seen<&PosedView>> =
            triple.iter().map(|index| seen[*index].clone()).collect();
        if check_rotation(&three).is_err() {
            continue;
        }
        let Some(flange_from_camera) = linear(&three) else { continue };
        let hypothesis = Hypothesis::new(flange_from_camera, seen);
        let offs: Vec<f64> = seen.iter().map(|seen| excess(hypothesis.off(seen))).collect();
        let within = offs.iter().filter(|off| **off <= 1.0).count();
        let sum = offs.iter().map(|off| off.min(1.0)).sum::<f64>();
        if best.as_ref().is_none_or(|(count, least, _)| (within, -sum) > (*count, -*least)) {
            best = Some((within, sum, hypothesis));
        }
    }
    best.filter(|(within, ..)| *within > 3).map(|(.., hypothesis)| hypothesis)
}

/// Triples of `count` views: all of them, or evenly spaced ones if there are too many.
fn triples(count: usize) -> Vec<[usize; 3]> {
    let all: Vec<[usize; 3]> = (0..count)
        .flat_map(|a| (a + 1..count).flat_map(move |b| (b + 1..count).map(move |c| [a, b, c])))
        .collect();
    let step = all.len().div_ceil(MOST_TRIPLES).max(1);
    all.into_iter().step_by(step).collect()
}

/// The most triples that are tried: with a third of the views wrong, a quarter of the triples is right.
const MOST_TRIPLES: usize = 400;

/// `A X = X B` in closed form over all pairs of views, after Park and Martin: the rotation maps the axes of
/// the camera's motions to those of the flange's; then `(R_A - 1) t = R_X t_B - t_A`.
pub(crate) fn linear(seen: &[Seen<&PosedView>]) -> Option<Isometry3<f64>> {
    let pairs: Vec<[Isometry3<f64>; 2]> = pairs(seen.len())
        .map(|(i, j)| {
            let (a, b) = (&seen[i], &seen[j]);
            [
                a.view.world_from_flange.inverse() * b.view.world_from_flange,
                a.camera_from_board * b.camera_from_board.inverse(),
            ]
        })
        .collect();
    let correlation: Matrix3<f64> = pairs
        .iter()
        .map(|[flange, camera]| {
            flange.rotation.scaled_axis() * camera.rotation.scaled_axis().transpose()
        })
        .sum();
    let svd = correlation.svd(true, true);
    let (u, v_t) = (svd.u?, svd.v_t?);
    let handed = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, (u * v_t).determinant().signum()));
    let rotation = u * handed * v_t;
    let mut rows = DMatrix::zeros(3 * pairs.len(), 3);
    let mut values = DVector::zeros(3 * pairs.len());
    for (index, [flange, camera]) in pairs.iter().enumerate() {
        let turned = flange.rotation.to_rotation_matrix().into_inner() - Matrix3::identity();
        rows.fixed_view_mut::<3, 3>(3 * index, 0).copy_from(&turned);
        let value = rotation * camera.translation.vector - flange.translation.vector;
        values.fixed_rows_mut::<3>(3 * index).copy_from(&value);
    }
    let translation = rows.svd(true, true).solve(&values, 1e-9).ok()?;
    let rotation =
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(rotation));
    let translation = Translation3::new(translation[0], translation[1], translation[2]);
    Some(Isometry3::from_parts(translation, rotation))
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |i| (i + 1..count).map(move |j| (i, j)))
}

/// Checks that the flange rotated about two axes.
pub(crate) fn check_rotation(seen: &[Seen<&PosedView>]) -> Result<(), CalibrationError> {
    let mut scatter = Matrix3::zeros();
    for (i, j) in pairs(seen.len()) {
        let between = seen[i].view.world_from_flange.inverse() * seen[j].view.world_from_flange;
        let turn = between.rotation.scaled_axis();
        scatter += turn * turn.transpose();
    }
    let count = pairs(seen.len()).count().max(1) as f64;
    let mut turns_deg: Vec<f64> = scatter
        .symmetric_eigenvalues()
        .iter()
        .map(|value| (value.max(0.0) / count).sqrt().to_degrees())
        .collect();
    turns_deg.sort_by(|a, b| b.total_cmp(a));
    if turns_deg[1] < LEAST_ROTATION_DEG {
        return Err(CalibrationError::TooLittleRotation {
            first_deg: turns_deg[0],
            second_deg: turns_deg[1],
            needed_deg: LEAST_ROTATION_DEG,
        });
    }
    Ok(())
}

fn bundle<'a>(
    used: &[Seen<&'a PosedView>],
    start: &Hypothesis,
    camera: &Intrinsics,
    board: &Board,
    noise: PoseNoise,
) -> Bundle<'a> {
    Bundle {
        points: board.points(),
        wrist: *camera,
        overhead: *camera,
        wrist_views: used
            .iter()
            .map(|seen| WristView {
                board: 0,
                world_from_flange: seen.view.world_from_flange,
                corners: &seen.view.view.corners,
            })
            .collect(),
        overhead_views: Vec::new(),
        noise,
        pixel_noise: [pixel_noise(used.iter().map(|seen| seen.reprojection_px)); 2],
        flange_from_wrist: start.flange_from_camera,
        seeks_hand_eye: true,
        world_from_overhead: Isometry3::identity(),
        world_from_boards: vec![start.world_from_board],
        corrections: vec![Isometry3::identity(); used.len()],
    }
}
