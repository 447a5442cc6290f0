//! From pictures of a chessboard to cameras (Sec. 4.1).
//!
//! [`ChessboardFinder`] finds a board's corners in a picture. [`intrinsics`] makes a camera of many such
//! views, after Zhang.

mod corner;
mod error;
mod finder;
mod intrinsics;
mod least_squares;
mod planar;
mod projection;
mod selection;
mod view;

pub use error::CalibrationError;
pub use finder::{BoardMissing, BoardSighting, ChessboardFinder};
pub use intrinsics::{
    IntrinsicsCalibration, IntrinsicsDeviations, LEAST_INTRINSICS_VIEWS, LEAST_TILT_DEG, ViewError,
    intrinsics,
};
pub use view::{Placement, PoseNoise, PosedView, Rejected, RejectedReason, View};
