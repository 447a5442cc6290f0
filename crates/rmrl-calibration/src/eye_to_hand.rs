//! The pose of a camera above the table, from views of a board that the arm holds.

use nalgebra::{Isometry3, Point3};
use rmrl_vision::Intrinsics;

use crate::bundle::pixel_noise;
use crate::hand_eye::{
    self, LEAST_HAND_EYE_VIEWS, PoseError, fine_gate, pose_errors, worst_outside,
};
use crate::hand_eye_start::{Hypothesis, board_scale, check_rotation, consensus, linear};
use crate::held_bundle::{HeldBundle, HeldView};
use crate::median::median;
use crate::other_reading::unless_read_wrongly;
use crate::pose_warning::pose_warnings;
use crate::posed::{PosePair, Seen, fitting, motion_between, poses, rejected_pose, rejected_poses};
use crate::selection::{check_views, reject_blurred};
use crate::{Board, CalibrationError, PoseNoise, PoseWarning, PosedView, Rejected};

/// The pose of a camera above the table, and of the board on the flange, with their uncertainties.
#[derive(Debug, Clone, PartialEq)]
pub struct EyeToHandCalibration {
    /// The extrinsics `(R, t)` of Eq. 14.
    pub world_from_camera: Isometry3<f64>,
    /// Where the arm holds the board.
    pub flange_from_board: Isometry3<f64>,
    /// Standard deviations of the camera's translation along each axis, in meters, and rotation, in radians.
    pub camera_deviations: [f64; 2],
    /// Standard deviations of the board's translation along each axis, in meters, and rotation, in radians.
    pub board_deviations: [f64; 2],
    /// The arm's error in units of the noise that was assumed. Above 1 the standard deviations are scaled by it.
    pub misfit: f64,
    /// What is suspicious about the poses or the board.
    pub warnings: Vec<PoseWarning>,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
    /// The differences between reported poses and those that fit all views best: the arm's error.
    pub views: Vec<PoseError>,
    /// The views that were not used.
    pub rejected: Vec<Rejected>,
}

/// Calibrates the pose of a camera above the table from views of a board that the arm holds; the views have the poses
/// of the flange. The board does not move on the flange, and where it is there is found as well.
///
/// For `W = world_from_flange`, `Z = world_from_camera`, `C = camera_from_board` and `X = flange_from_board`,
/// `inverse(W) Z C = X` in each view: hand-eye with inverted poses. Its closed form for the triple of views that
/// most others agree with is the start. Views that disagree are rejected. Then a refinement fits all remaining views
/// over `Z`, `X` and, weighted by the arm's `noise`, every pose of the flange.
///
/// # Errors
/// The board is invalid, the views differ in size, too few views are usable, or the board was turned about one axis
/// only.
pub fn eye_to_hand(
    views: &[PosedView],
    camera: &Intrinsics,
    board: &Board,
    noise: PoseNoise,
) -> Result<EyeToHandCalibration, CalibrationError> {
    board.validate()?;
    check_views(views.iter().map(|view| &view.view), board)?;
    let (sharp, mut rejected) = reject_blurred(views.iter().collect(), |posed| &posed.view);
    let (fitted, misfits) = fitting(sharp, |posed| &posed.view, camera, board);
    rejected.extend(misfits);
    let found = refine(fitted.clone(), rejected, views.len(), (camera, board, noise));
    let quality = |found: &EyeToHandCalibration| (found.misfit, found.views.len());
    unless_read_wrongly(found, quality, &poses(&fitted), PosePair::inverted)
}

/// From the closed form to the refinement over all views that agree. `given` is the number of all views.
fn refine(
    fitted: Vec<Seen<&PosedView>>,
    mut rejected: Vec<Rejected>,
    given: usize,
    (camera, board, noise): (&Intrinsics, &Board, PoseNoise),
) -> Result<EyeToHandCalibration, CalibrationError> {
    check_usable(&fitted, given, &rejected)?;
    let points = board.points();
    let start = Hold::agreed(&fitted)?.concentrated(&fitted, camera, &points, noise);
    let offs: Vec<[f64; 2]> = fitted.iter().map(|seen| start.off(&seen.poses())).collect();
    let limits = coarse_gate(&offs);
    let is_near = |seen: &Seen<&PosedView>| {
        let off = start.off(&seen.poses());
        off[0] <= limits[0] && off[1] <= limits[1]
    };
    let (mut used, mut outside): (Vec<_>, Vec<_>) = fitted.into_iter().partition(is_near);
    loop {
        let so_far: Vec<Rejected> = outside
            .iter()
            .map(|seen| rejected_pose(seen, &start.expected(&seen.poses())))
            .collect();
        check_usable(&used, given, &[rejected.as_slice(), &so_far].concat())?;
        let start = Hold::of_all(&used).unwrap_or(start);
        let found = start.bundle(&used, camera, &points, noise).solved();
        let refined = Hold {
            world_from_camera: found.problem.world_from_camera,
            flange_from_board: found.problem.flange_from_board,
        };
        let errors = found.problem.errors();
        let gate = fine_gate(&errors, noise);
        // Only the worst view is rejected, then all is fitted again.
        if let Some(worst) = worst_outside(&errors, gate) {
            outside.push(used.remove(worst));
            continue;
        }
        let covariance = found
            .inverse_hessian
            .ok_or(CalibrationError::NoFit { what: "the camera's pose remains undetermined" })?;
        let misfit = found.problem.misfit();
        let scaled = |deviations: [f64; 2]| deviations.map(|value| value * misfit.max(1.0));
        let [camera_deviations, board_deviations] =
            found.problem.deviations(&covariance).map(scaled);
        rejected.extend(rejected_poses(&outside, |pair| refined.expected(pair), gate));
        return Ok(EyeToHandCalibration {
            world_from_camera: refined.world_from_camera,
            flange_from_board: refined.flange_from_board,
            camera_deviations,
            board_deviations,
            misfit,
            warnings: pose_warnings(misfit, refined.board_scale(&used)),
            reprojection_px: found.problem.reprojection_px(),
            views: pose_errors(&used, &errors),
            rejected,
        });
    }
}

/// The share of views from which the start is refined: more wrong ones than the rest leave no calibration.
const CONCENTRATED_SHARE: f64 = 0.6;
/// A pose may be off from the start by this many medians,
const COARSE_MEDIANS: f64 = 8.0;
/// and by this much, in meters and radians. One view of a small board is not more exact.
const COARSE: [f64; 2] = [0.003, 0.01];

/// The largest error of a pose against the start.
fn coarse_gate(offs: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|kind| {
        let usual = median(offs.iter().map(|off| off[kind]).collect());
        f64::max(COARSE[kind], COARSE_MEDIANS * usual)
    })
}

/// Checks that there are enough usable views and enough rotation between them.
fn check_usable(
    usable: &[Seen<&PosedView>],
    given: usize,
    rejected: &[Rejected],
) -> Result<(), CalibrationError> {
    hand_eye::check_usable(usable, given, rejected).map_err(|error| match error {
        CalibrationError::TooLittleRotation { first_deg, second_deg, needed_deg } => {
            CalibrationError::TurnsAboutOneAxis { first_deg, second_deg, needed_deg }
        }
        error => error,
    })
}

/// Where the camera hangs, and where the arm holds the board.
#[derive(Clone, Copy)]
struct Hold {
    world_from_camera: Isometry3<f64>,
    flange_from_board: Isometry3<f64>,
}

impl From<Hypothesis> for Hold {
    /// With inverted poses the world takes the flange's part: hand-eye's camera on the flange is the camera in the
    /// world, and its board in the world is the board on the flange.
    fn from(inverted: Hypothesis) -> Self {
        Self {
            world_from_camera: inverted.flange_from_camera,
            flange_from_board: inverted.world_from_board,
        }
    }
}

impl Hold {
    /// The closed form of the three views that most others agree with.
    fn agreed(seen: &[Seen<&PosedView>]) -> Result<Self, CalibrationError> {
        consensus(&inverted(seen))
            .map(Self::from)
            .ok_or(CalibrationError::NoFit { what: "no three poses agree about the camera" })
    }

    /// Refined over the views that agree best. A few views that are wrong by the same little, as after the board
    /// slipped, would otherwise pull the refinement of all views towards them.
    fn concentrated(
        self,
        seen: &[Seen<&PosedView>],
        camera: &Intrinsics,
        points: &[Point3<f64>],
        noise: PoseNoise,
    ) -> Self {
        let excess = |seen: &Seen<&PosedView>| {
            let [off_m, off_rad] = self.off(&seen.poses());
            f64::max(off_m / COARSE[0], off_rad / COARSE[1])
        };
        let mut best: Vec<_> = seen.to_vec();
        best.sort_by(|a, b| excess(a).total_cmp(&excess(b)));
        let count = (CONCENTRATED_SHARE * seen.len() as f64).ceil() as usize;
        best.truncate(count.max(LEAST_HAND_EYE_VIEWS));
        if check_rotation(&poses(&best)).is_err() {
            return self;
        }
        let start = Self::of_all(&best).unwrap_or(self);
        let found = start.bundle(&best, camera, points, noise).solved().problem;
        Self {
            world_from_camera: found.world_from_camera,
            flange_from_board: found.flange_from_board,
        }
    }

    /// The closed form of all views.
    fn of_all(seen: &[Seen<&PosedView>]) -> Option<Self> {
        let inverted = inverted(seen);
        Some(Hypothesis::new(linear(&inverted)?, &inverted).into())
    }

    /// How much larger the board is than it was given, with its standard deviation, by the arm's motions.
    fn board_scale(&self, seen: &[Seen<&PosedView>]) -> Option<(f64, f64)> {
        board_scale(&inverted(seen), &self.world_from_camera)
    }

    /// The pose of the flange that a view implies.
    fn expected(&self, seen: &PosePair) -> Isometry3<f64> {
        self.world_from_camera * seen.camera_from_board * self.flange_from_board.inverse()
    }

    /// How far a view's pose is off: meters and radians.
    fn off(&self, seen: &PosePair) -> [f64; 2] {
        motion_between(&self.expected(seen), &seen.world_from_flange)
    }

    fn bundle<'a>(
        &self,
        used: &[Seen<&'a PosedView>],
        camera: &'a Intrinsics,
        points: &'a [Point3<f64>],
        noise: PoseNoise,
    ) -> HeldBundle<'a> {
        let views = used.iter().map(|seen| HeldView {
            world_from_flange: seen.view.world_from_flange,
            corners: &seen.view.view.corners,
            correction: Isometry3::identity(),
        });
        HeldBundle {
            points,
            camera,
            views: views.collect(),
            noise,
            pixel_noise: pixel_noise(used.iter().map(|seen| seen.reprojection_px)),
            world_from_camera: self.world_from_camera,
            flange_from_board: self.flange_from_board,
        }
    }
}

/// The poses of views, inverted for hand-eye's closed form.
fn inverted(seen: &[Seen<&PosedView>]) -> Vec<PosePair> {
    seen.iter().map(|seen| seen.poses().inverted()).collect()
}
