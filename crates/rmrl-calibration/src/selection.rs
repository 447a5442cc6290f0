//! Selects the views that are used.

use crate::median::median;
use crate::{Board, CalibrationError, Rejected, RejectedReason, View};

/// Checks that all views have one size and all of the board's corners.
pub(crate) fn check_views<'a>(
    views: impl IntoIterator<Item = &'a View>,
    board: &Board,
) -> Result<(), CalibrationError> {
    let mut expected = None;
    for view in views {
        let size = *expected.get_or_insert(view.size);
        if view.size != size {
            let name = view.name.clone();
            return Err(CalibrationError::Size { name, size: view.size, expected: size });
        }
        let (corners, expected) = (view.corners.len(), board.points().len());
        let indices = || view.corners.iter().map(|corner| corner.index);
        let in_order = indices().zip(indices().skip(1)).all(|(before, after)| before < after);
        if corners == 0 || !in_order || indices().any(|index| index >= expected) {
            let name = view.name.clone();
            return Err(CalibrationError::Corners { name, corners, expected });
        }
    }
    Ok(())
}

/// Rejects views of another size than most.
pub(crate) fn reject_sizes(views: &[View]) -> (Vec<&View>, Vec<Rejected>) {
    let count = |size: [u32; 2]| views.iter().filter(|view| view.size == size).count();
    let Some(usual) = views.iter().map(|view| view.size).max_by_key(|size| count(*size)) else {
        return (Vec::new(), Vec::new());
    };
    let (used, others): (Vec<&View>, Vec<&View>) =
        views.iter().partition(|view| view.size == usual);
    let rejected = others.into_iter().map(|view| Rejected {
        name: view.name.clone(),
        reason: RejectedReason::Size { size: view.size, usual },
    });
    (used, rejected.collect())
}

/// Rejects views that are much more blurred than the median.
pub(crate) fn reject_blurred<T>(
    views: Vec<T>,
    view_of: impl Fn(&T) -> &View,
) -> (Vec<T>, Vec<Rejected>) {
    let usual_px = median(views.iter().map(|view| view_of(view).edge_px).collect());
    let limit_px = (BLURRED * usual_px).max(LEAST_BLURRED_PX);
    let (sharp, blurred): (Vec<T>, Vec<T>) =
        views.into_iter().partition(|view| view_of(view).edge_px <= limit_px);
    let rejected = blurred.iter().map(view_of).map(|view| Rejected {
        name: view.name.clone(),
        reason: RejectedReason::Blurred { edge_px: view.edge_px, usual_px },
    });
    let rejected = rejected.collect();
    (sharp, rejected)
}

/// A view is rejected if it is blurred by more than this many medians, as by motion,
const BLURRED: f64 = 2.5;
/// and by more than this, in pixels.
const LEAST_BLURRED_PX: f64 = 1.5;
