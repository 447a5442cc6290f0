//! From pictures of a chessboard to cameras (Sec. 4.1).
//!
//! [`ChessboardFinder`] finds a board's corners in a picture. [`intrinsics`] makes a camera of many such
//! views, after Zhang.

mod bundle;
mod corner;
mod error;
mod finder;
mod hand_eye;
mod intrinsics;
mod least_squares;
mod planar;
mod posed;
mod projection;
mod selection;
mod view;

pub use error::CalibrationError;
pub use finder::{BoardMissing, BoardSighting, ChessboardFinder};
pub use hand_eye::{
    HandEyeCalibration, LEAST_HAND_EYE_VIEWS, LEAST_ROTATION_DEG, PoseError, hand_eye,
};
pub use intrinsics::{
    IntrinsicsCalibration, IntrinsicsDeviations, LEAST_INTRINSICS_VIEWS, LEAST_TILT_DEG, ViewError,
    intrinsics,
};
pub use view::{Placement, PoseNoise, PosedView, Rejected, RejectedReason, View};
