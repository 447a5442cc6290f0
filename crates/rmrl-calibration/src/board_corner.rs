//! The corners of a board in an image.

use nalgebra::{Point2, Point3};

/// A corner of a board, as an image shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoardCorner {
    /// Its index in [`rmrl_vision::Chessboard::points`].
    pub index: usize,
    /// The pixel.
    pub pixel: Point2<f64>,
}

/// Corners with their places on the board.
pub(crate) fn matches<'a>(
    corners: &'a [BoardCorner],
    points: &'a [Point3<f64>],
) -> impl Iterator<Item = (Point3<f64>, Point2<f64>)> {
    corners.iter().map(|corner| (points[corner.index], corner.pixel))
}
