//! From images of a printed board to cameras (Sec. 4.1).
//!
//! A [`Board`] is a chessboard or a ChArUco board, and finds its corners in an image. [`intrinsics`] calibrates a camera from many such
//! views, after Zhang. [`eye_to_hand`] finds the pose of a camera above the table by a board that the arm holds.
//! Where there is a second camera on the arm, [`hand_eye`] finds its pose, and [`overhead`] that of the camera
//! above the table, by boards that both cameras see at once. [`check_held`] and [`check`] measure the overhead
//! camera's error with boards that were not used to calibrate it.
//!
//! The world is the robot's base. Transforms are named `target_from_source`: `flange_from_camera` maps
//! a point in the camera's frame to the flange's.
//!
//! - `board.rs`, `finder.rs`, `charuco.rs`, `corner_grid.rs`, `corner.rs`: boards and their corners, from the grid to a
//!   fraction of a pixel.
//! - `board_corner.rs`, `view.rs`, `selection.rs`, `posed.rs`: views, which of them are used, and the poses of their boards.
//! - `intrinsics.rs`, `intrinsics_fit.rs`, `lens_model.rs`, `coverage.rs`: a camera's numbers, how many coefficients its
//!   lens gets, and where the image was not seen.
//! - `eye_to_hand.rs`, `held_check.rs`: the steps of a calibration with a board on the arm.
//! - `hand_eye.rs`, `overhead.rs`, `check.rs`: the further steps with a camera on the arm.
//! - `hand_eye_start.rs`: closed forms, and which views agree. `pose_reading.rs`, `other_reading.rs`, `pose_warning.rs`: how a table of poses was
//!   meant, and what is suspicious about it.
//! - `bundle.rs`, `held_bundle.rs`, `least_squares.rs`: the refinements over all views, and their solver.
//! - `planar.rs`, `projection.rs`: closed forms for a plane, and the derivatives of the projection.
//! - `error.rs`: why a calibration fails.

mod board;
mod board_corner;
mod bundle;
mod charuco;
mod check;
mod corner;
mod corner_grid;
mod coverage;
mod error;
mod eye_to_hand;
mod finder;
mod hand_eye;
mod hand_eye_start;
mod held_bundle;
mod held_check;
mod intrinsics;
mod intrinsics_fit;
mod least_squares;
mod lens_model;
mod median;
mod other_reading;
mod overhead;
mod planar;
mod pose_reading;
mod pose_warning;
mod posed;
mod projection;
mod selection;
mod view;

pub use board::Board;
pub use board_corner::BoardCorner;
pub use charuco::{CharucoBoard, MarkerDictionary, UnknownDictionary};
pub use check::{Check, CheckedPlacement, Inconclusive, Residual, check};
pub use error::CalibrationError;
pub use eye_to_hand::{EyeToHandCalibration, eye_to_hand};
pub use finder::{BoardMissing, BoardSighting, ChessboardFinder};
pub use hand_eye::{HandEyeCalibration, LEAST_HAND_EYE_VIEWS, PoseError, hand_eye};
pub use hand_eye_start::LEAST_ROTATION_DEG;
pub use held_check::check_held;
pub use intrinsics::{
    IntrinsicsCalibration, IntrinsicsDeviations, IntrinsicsWarning, LEAST_INTRINSICS_VIEWS,
    LEAST_TILT_DEG, ViewError, intrinsics,
};
pub use lens_model::{LensChoice, LensModel, PassedOver, Unusable};
pub use overhead::{OverheadCalibration, PlacementError, WristCamera, chain, overhead};
pub use pose_reading::{AngleOrder, PoseReading};
pub use pose_warning::PoseWarning;
pub use view::{Placement, PoseNoise, PosedView, Rejected, RejectedReason, View};
