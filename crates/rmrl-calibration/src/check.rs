//! How far a calibrated camera is off, in millimetres on the table, by boards it was not calibrated with.

use nalgebra::Point3;
use rmrl_vision::{CameraModel, Chessboard};
use serde::Serialize;

use crate::overhead::{board_by_wrist, pairs};
use crate::{CalibrationError, Placement, PoseNoise, Rejected, WristCamera};

/// What a camera's pictures of boards say that the arm and its camera deny.
///
/// At each corner, *lateral* is the distance along the table between where the overhead camera's ray
/// meets the height at which the wrist's chain has the corner, and where the chain has it. *Height* is
/// how much higher the overhead camera, by the board's pose in its own picture, has the corner.
/// The arm's own error is part of both: one view of an arm with 0.05 degrees makes 0.3 mm at 0.4 m.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The largest lateral residual, in millimetres.
    pub residual_mm: f64,
    /// The lateral residuals' root mean square, in millimetres.
    pub residual_rms_mm: f64,
    /// The mean of the lateral residuals as vectors, in millimetres along x and y: what all share.
    pub residual_mean_mm: [f64; 2],
    /// The largest height residual, in millimetres, with its sign.
    pub height_mm: f64,
    /// The height residuals' root mean square, in millimetres.
    pub height_rms_mm: f64,
    /// The boards used.
    pub placements: Vec<CheckedPlacement>,
    /// The views not used.
    pub rejected: Vec<Rejected>,
}

/// The residuals at one board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedPlacement {
    /// The overhead picture.
    pub name: String,
    /// Views from the wrist.
    pub wrist_views: usize,
    /// The largest lateral residual, in millimetres.
    pub residual_mm: f64,
    /// One for each corner.
    pub corners: Vec<Residual>,
}

/// The residual at a corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Residual {
    /// Where the wrist's chain has the corner, in metres.
    pub point_in_world: Point3<f64>,
    /// From there to where the overhead camera sees it, along x and y, in millimetres.
    pub lateral_mm: [f64; 2],
    /// How much higher the overhead camera has it, in millimetres.
    pub height_mm: f64,
}

impl Residual {
    /// The length of the lateral residual, in millimetres.
    pub fn length_mm(&self) -> f64 {
        let [x, y] = self.lateral_mm;
        x.hypot(y)
    }
}

/// Checks a camera by placements that were not used to calibrate it.
///
/// # Errors
/// A board without a frame, views of different sizes, or no usable placement.
pub fn check(
    placements: &[Placement],
    camera: &CameraModel,
    wrist: &WristCamera,
    board: &Chessboard,
    noise: PoseNoise,
) -> Result<Check, CalibrationError> {
    let (pairs, rejected) = pairs(placements, &camera.intrinsics, wrist, board)?;
    let checked: Vec<CheckedPlacement> = pairs
        .iter()
        .map(|pair| {
            let world_from_board = board_by_wrist(pair, wrist, board, noise);
            let by_overhead = camera.world_from_camera * pair.overhead.camera_from_board;
            let corners = board.points().into_iter().zip(&pair.overhead.view.corners);
            let corners: Vec<Residual> = corners
                .filter_map(|(point, pixel)| {
                    let point_in_world = world_from_board * point;
                    let seen = camera.intersect_plane(*pixel, point_in_world.z)?;
                    Some(Residual {
                        point_in_world,
                        lateral_mm: [0, 1].map(|axis| 1000.0 * (seen[axis] - point_in_world[axis])),
                        height_mm: 1000.0 * ((by_overhead * point).z - point_in_world.z),
                    })
                })
                .collect();
            CheckedPlacement {
                name: pair.overhead.view.name.clone(),
                wrist_views: pair.wrist.len(),
                residual_mm: corners.iter().map(Residual::length_mm).fold(0.0, f64::max),
                corners,
            }
        })
        .collect();
    let all: Vec<&Residual> = checked.iter().flat_map(|placement| &placement.corners).collect();
    if all.is_empty() {
        return Err(CalibrationError::TooFew {
            what: "pairs",
            usable: 0,
            given: placements.len(),
            needed: 1,
            rejected,
        });
    }
    let count = all.len() as f64;
    let mean =
        |value: &dyn Fn(&Residual) -> f64| all.iter().map(|one| value(one)).sum::<f64>() / count;
    Ok(Check {
        residual_mm: all.iter().map(|one| one.length_mm()).fold(0.0, f64::max),
        residual_rms_mm: mean(&|one| one.length_mm().powi(2)).sqrt(),
        residual_mean_mm: [0, 1].map(|axis| mean(&|one| one.lateral_mm[axis])),
        height_mm: all
            .iter()
            .map(|one| one.height_mm)
            .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a }),
        height_rms_mm: mean(&|one| one.height_mm.powi(2)).sqrt(),
        placements: checked,
        rejected,
    })
}
