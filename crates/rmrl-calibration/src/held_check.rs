//! The error of a calibrated camera, in millimeters, from boards that the arm held and that were not used to calibrate
//! it.

use nalgebra::Isometry3;
use rmrl_vision::CameraModel;

use crate::check::{Check, CheckedPlacement, Residual, residuals, summary};
use crate::error::VIEWS;
use crate::posed::fitting;
use crate::selection::{check_views, reject_blurred};
use crate::{Board, CalibrationError, PosedView};

/// Checks a camera with views of a board on the arm that were not used to calibrate it. `flange_from_board` is from the
/// same calibration.
///
/// The residuals are those of [`check`](crate::check), with the arm alone in place of the wrist camera: each contains
/// the arm's error at one pose, and 0.05 degrees are 0.2 mm where the board is 0.25 m beside the flange.
///
/// # Errors
/// The board is invalid, the views differ in size, no view is usable, or the camera does not see a corner where the arm
/// has it.
pub fn check_held(
    views: &[PosedView],
    camera: &CameraModel,
    flange_from_board: &Isometry3<f64>,
    board: &Board,
) -> Result<Check, CalibrationError> {
    board.validate()?;
    check_views(views.iter().map(|view| &view.view), board)?;
    let (sharp, mut rejected) = reject_blurred(views.iter().collect(), |posed| &posed.view);
    let (fitted, misfits) = fitting(sharp, |posed| &posed.view, &camera.intrinsics, board);
    rejected.extend(misfits);
    let checked = fitted.iter().map(|seen| {
        let view = &seen.view.view;
        let by_arm = seen.view.world_from_flange * flange_from_board;
        let by_overhead = camera.world_from_camera * seen.camera_from_board;
        let corners = residuals(view, camera, [&by_arm, &by_overhead], board)?;
        Ok(CheckedPlacement {
            name: view.name.clone(),
            wrist_views: 0,
            residual_mm: corners.iter().map(Residual::length_mm).fold(0.0, f64::max),
            corners,
        })
    });
    let checked = checked.collect::<Result<Vec<_>, CalibrationError>>()?;
    let given: Vec<&str> = views.iter().map(|view| view.view.name.as_str()).collect();
    summary(checked, &given, rejected, VIEWS)
}
