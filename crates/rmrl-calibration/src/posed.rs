//! Views whose board has a pose.

use nalgebra::Isometry3;
use rmrl_vision::{Chessboard, Intrinsics};

use crate::planar::board_pose;
use crate::selection::median;
use crate::{Rejected, RejectedReason, View};

/// A view, and where its camera sees the board.
#[derive(Clone)]
pub(crate) struct Seen<T> {
    pub view: T,
    pub camera_from_board: Isometry3<f64>,
    /// Root mean square distance between corners seen and expected, in pixels.
    pub reprojection_px: f64,
}

/// Poses the boards of all views, and parts those that do not fit one.
pub(crate) fn fitting<T>(
    views: Vec<T>,
    view_of: impl Fn(&T) -> &View,
    camera: &Intrinsics,
    board: &Chessboard,
) -> (Vec<Seen<T>>, Vec<Rejected>) {
    let poses: Vec<_> =
        views.iter().map(|view| board_pose(camera, board, &view_of(view).corners)).collect();
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

/// A view may be so many times as bad as the middle one.
const WORST_VIEW: f64 = 4.0;
/// But no view as good as this is rejected, in pixels.
const LEAST_REJECTED_PX: f64 = 0.5;
