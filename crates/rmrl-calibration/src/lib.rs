//! From images of a chessboard to cameras (Sec. 4.1).
//!
//! [`ChessboardFinder`] finds a board's corners in an image. [`intrinsics`] makes a camera of many such
//! views, after Zhang; [`hand_eye`] tells where it sits on the arm. [`overhead`] tells where a camera
//! above hangs, by way of the one on the arm: both see one board at once. [`check`] tells how far it is
//! off, by boards that it was not calibrated with.
//!
//! The world is the robot's base. Transforms are named `target_from_source`: `flange_from_camera` takes
//! a point in the camera's frame to the flange's.

mod bundle;
mod check;
mod corner;
mod error;
mod finder;
mod hand_eye;
mod intrinsics;
mod least_squares;
mod overhead;
mod planar;
mod posed;
mod projection;
mod selection;
mod view;

pub use check::{Check, CheckedPlacement, Inconclusive, Residual, check};
pub use error::CalibrationError;
pub use finder::{BoardMissing, BoardSighting, ChessboardFinder};
pub use hand_eye::{
    HandEyeCalibration, LEAST_HAND_EYE_VIEWS, LEAST_ROTATION_DEG, PoseError, hand_eye,
};
pub use intrinsics::{
    IntrinsicsCalibration, IntrinsicsDeviations, LEAST_INTRINSICS_VIEWS, LEAST_TILT_DEG, ViewError,
    intrinsics,
};
pub use overhead::{OverheadCalibration, PlacementError, WristCamera, chain, overhead};
pub use view::{Placement, PoseNoise, PosedView, Rejected, RejectedReason, View};
