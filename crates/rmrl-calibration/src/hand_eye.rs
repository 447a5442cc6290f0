//! The pose of a camera on an arm's flange, from views of a board that does not move.

use nalgebra::Isometry3;
use rmrl_vision::Intrinsics;
use serde::Serialize;

use crate::bundle::{Bundle, WristView, pixel_noise};
use crate::error::VIEWS;
use crate::hand_eye_start::{
    Hypothesis, board_scale, check_rotation, coarse_gate, consensus, linear,
};
use crate::median::median;
use crate::other_reading::unless_read_wrongly;
use crate::pose_warning::pose_warnings;
use crate::posed::{Seen, fitting, poses, rejected_pose, rejected_poses};
use crate::selection::{check_views, reject_blurred};
use crate::{Board, CalibrationError, PoseNoise, PoseWarning, PosedView, Rejected};

/// The pose of a camera on the flange, and its uncertainty.
#[derive(Debug, Clone, PartialEq)]
pub struct HandEyeCalibration {
    /// The hand-eye transform.
    pub flange_from_camera: Isometry3<f64>,
    /// Standard deviation of the translation along each axis, in meters. Where `misfit` exceeds 1 it is scaled by it.
    pub deviation_m: f64,
    /// Standard deviation of the rotation about each axis, in radians; scaled likewise.
    pub deviation_rad: f64,
    /// The arm's error in units of the noise that was assumed.
    pub misfit: f64,
    /// What is suspicious about the poses or the board.
    pub warnings: Vec<PoseWarning>,
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
    let bundle = |used: &[Seen<_>], start: &_| bundle(used, start, camera, board, noise);
    let found = refine(fitted.clone(), rejected, views.len(), bundle, noise);
    let quality = |found: &HandEyeCalibration| (found.misfit, found.views.len());
    unless_read_wrongly(found, quality, &poses(&fitted), |pair| pair)
}

/// From the closed form to the refinement over all views that agree. `given` is the number of all
/// views.
fn refine<'a>(
    fitted: Vec<Seen<&'a PosedView>>,
    mut rejected: Vec<Rejected>,
    given: usize,
    bundle: impl Fn(&[Seen<&'a PosedView>], &Hypothesis) -> Bundle<'a>,
    noise: PoseNoise,
) -> Result<HandEyeCalibration, CalibrationError> {
    check_usable(&fitted, given, &rejected)?;
    let start = consensus(&poses(&fitted))
        .ok_or(CalibrationError::NoFit { what: "no three poses agree about the camera" })?;
    let (mut used, mut outside): (Vec<_>, Vec<_>) =
        fitted.into_iter().partition(|seen| coarse_gate(start.off(&seen.poses())));
    let mut so_far = rejected.clone();
    so_far.extend(outside.iter().map(|seen| start.rejected(seen)));
    loop {
        check_usable(&used, given, &so_far)?;
        let start = linear(&poses(&used)).unwrap_or(start.flange_from_camera);
        let found = bundle(&used, &Hypothesis::new(start, &poses(&used))).solved();
        let refined = Hypothesis {
            flange_from_camera: found.problem.flange_from_wrist,
            world_from_board: found.problem.world_from_boards[0],
        };
        let errors: Vec<[f64; 2]> = used.iter().map(|seen| refined.off(&seen.poses())).collect();
        let gate = fine_gate(&errors, noise);
        // Only the worst view is rejected, then all is fitted again.
        if let Some(worst) = worst_outside(&errors, gate) {
            let seen = used.remove(worst);
            so_far.push(refined.rejected(&seen));
            outside.push(seen);
            continue;
        }
        let covariance = found
            .inverse_hessian
            .ok_or(CalibrationError::NoFit { what: "the camera's pose remains undetermined" })?;
        let misfit = found.problem.misfit();
        let deviations = Bundle::deviations(&covariance).map(|value| value * misfit.max(1.0));
        let expected = |pair: &_| refined.world_from_flange(pair);
        rejected.extend(rejected_poses(&outside, expected, gate));
        return Ok(HandEyeCalibration {
            flange_from_camera: refined.flange_from_camera,
            deviation_m: deviations[0],
            deviation_rad: deviations[1],
            misfit,
            warnings: pose_warnings(
                misfit,
                board_scale(&poses(&used), &refined.flange_from_camera),
            ),
            world_from_board: refined.world_from_board,
            views: pose_errors(&used, &errors),
            rejected,
        });
    }
}

/// Checks that there are enough usable views and enough rotation between them.
pub(crate) fn check_usable(
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
    check_rotation(&poses(usable))
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

impl Hypothesis {
    fn rejected(&self, seen: &Seen<&PosedView>) -> Rejected {
        rejected_pose(seen, &self.world_from_flange(&seen.poses()))
    }
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
