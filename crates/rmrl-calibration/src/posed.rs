//! Views with the pose of their board.

use nalgebra::Isometry3;
use rmrl_vision::Intrinsics;

use crate::median::median;
use crate::planar::board_pose;
use crate::{Board, Rejected, RejectedReason, View};

/// A view, and the pose of the board in it.
#[derive(Clone)]
pub(crate) struct Seen<T> {
    pub view: T,
    pub camera_from_board: Isometry3<f64>,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
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
