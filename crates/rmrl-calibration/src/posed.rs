//! Views with the pose of their board.

use nalgebra::Isometry3;
use rmrl_vision::Intrinsics;

use crate::median::median;
use crate::planar::board_pose;
use crate::{Board, PosedView, Rejected, RejectedReason, View};

/// A view, and the pose of the board in it.
#[derive(Clone)]
pub(crate) struct Seen<T> {
    pub view: T,
    pub camera_from_board: Isometry3<f64>,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
}

/// What hand-eye takes from a view: the arm's pose, and the board's in the camera.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PosePair {
    pub world_from_flange: Isometry3<f64>,
    pub camera_from_board: Isometry3<f64>,
}

impl PosePair {
    /// The pair with the pose of the world in the flange.
    pub(crate) fn inverted(self) -> Self {
        Self { world_from_flange: self.world_from_flange.inverse(), ..self }
    }
}

impl Seen<&PosedView> {
    pub(crate) fn poses(&self) -> PosePair {
        PosePair {
            world_from_flange: self.view.world_from_flange,
            camera_from_board: self.camera_from_board,
        }
    }
}

/// The poses of views.
pub(crate) fn poses(seen: &[Seen<&PosedView>]) -> Vec<PosePair> {
    seen.iter().map(Seen::poses).collect()
}

/// How far a pose is from another one: meters and radians.
pub(crate) fn motion_between(a: &Isometry3<f64>, b: &Isometry3<f64>) -> [f64; 2] {
    let motion = a.inverse() * b;
    [motion.translation.vector.norm(), motion.rotation.angle()]
}

/// A view whose pose is not the expected one.
pub(crate) fn rejected_pose(seen: &Seen<&PosedView>, expected: &Isometry3<f64>) -> Rejected {
    let [off_m, off_rad] = motion_between(expected, &seen.view.world_from_flange);
    let (off_mm, off_deg) = (1000.0 * off_m, off_rad.to_degrees());
    let reason = RejectedReason::Pose { off_mm, off_deg, fits: None };
    Rejected { name: seen.view.view.name.clone(), reason }
}

/// Views whose poses are not the expected ones, and which of their poses would fit them within `gate`.
pub(crate) fn rejected_poses(
    outside: &[Seen<&PosedView>],
    expected: impl Fn(&PosePair) -> Isometry3<f64>,
    gate: [f64; 2],
) -> Vec<Rejected> {
    let reject = |seen: &Seen<&PosedView>| {
        let expected = expected(&seen.poses());
        let mut rejected = rejected_pose(seen, &expected);
        let owner = outside.iter().find(|other| {
            let off = motion_between(&expected, &other.view.world_from_flange);
            off[0] <= gate[0] && off[1] <= gate[1]
        });
        if let (RejectedReason::Pose { fits, .. }, Some(other)) = (&mut rejected.reason, owner) {
            *fits = Some(format!("the pose of {}", other.view.view.name));
        }
        rejected
    };
    outside.iter().map(reject).collect()
}

/// Finds the pose of the board in all views, and rejects the views that do not fit.
pub(crate) fn fitting<T>(
    views: Vec<T>,
    view_of: impl Fn(&T) -> &View,
    camera: &Intrinsics,
    board: &Board,
) -> (Vec<Seen<T>>, Vec<Rejected>) {
    let points = board.points();
    let poses: Vec<_> =
        views.iter().map(|view| board_pose(camera, &points, &view_of(view).corners)).collect();
    let errors = poses.iter().map(|pose| pose.map_or(f64::INFINITY, |(_, error)| error));
    let usual_px = median(errors.collect());
    let limit_px = (WORST_VIEW * usual_px).max(LEAST_REJECTED_PX);
    let (mut fitting, mut rejected) = (Vec::new(), Vec::new());
    for (view, pose) in views.into_iter().zip(poses) {
        match pose {
            Some((camera_from_board, reprojection_px)) if reprojection_px <= limit_px => {
                fitting.push(Seen { view, camera_from_board, reprojection_px });
            }
            pose => {
                let reprojection_px = pose.map_or(f64::INFINITY, |(_, error)| error);
                let reason = RejectedReason::Corners { reprojection_px, usual_px };
                rejected.push(Rejected { name: view_of(&view).name.clone(), reason });
            }
        }
    }
    (fitting, rejected)
}

/// A view is rejected if its error is more than this many medians,
const WORST_VIEW: f64 = 4.0;
/// and more than this, in pixels.
const LEAST_REJECTED_PX: f64 = 0.5;
