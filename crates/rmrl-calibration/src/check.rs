//! How far a calibrated camera is off, in millimeters on the table, by boards it was not calibrated with.

use nalgebra::Point3;
use rmrl_vision::{CameraModel, Chessboard};
use serde::{Serialize, Serializer};

use crate::overhead::{board_by_wrist, pairs};
use crate::{CalibrationError, Placement, PoseNoise, Rejected, RejectedReason, WristCamera};

/// What a camera's images of boards say that the arm and its camera deny.
///
/// At each corner, *lateral* is the distance along the table between where the overhead camera's ray
/// meets the height at which the wrist's chain has the corner, and where the chain has it. *Height* is
/// how much higher the overhead camera, by the board's pose in its own image, has the corner.
/// The arm's own error is part of both: one view of an arm with 0.05 degrees makes 0.3 mm at 0.4 m.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The largest lateral residual, in millimeters.
    pub residual_mm: f64,
    /// The lateral residuals' root mean square, in millimeters.
    pub residual_rms_mm: f64,
    /// The mean of the lateral residuals as vectors, in millimeters along x and y: what all share.
    pub residual_mean_mm: [f64; 2],
    /// The largest height residual, in millimeters, with its sign.
    pub height_mm: f64,
    /// The height residuals' root mean square, in millimeters.
    pub height_rms_mm: f64,
    /// The boards used.
    pub placements: Vec<CheckedPlacement>,
    /// The views not used.
    pub rejected: Vec<Rejected>,
    /// Why the numbers do not tell how good the camera is; `None` where they do.
    #[serde(serialize_with = "as_text")]
    pub inconclusive: Option<Inconclusive>,
}

/// Why a check does not tell how good a camera is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconclusive {
    /// Views from above were left out that the very camera in question does not fit.
    #[error(
        "the corners of {} do not fit the overhead camera's own intrinsics, and were left out of the \
         residuals: if the board was bent or moved there, take these views again; else calibrate the \
         intrinsics again with views that reach into the image's corners",
        names.join(", ")
    )]
    Misfits {
        /// The overhead images.
        names: Vec<String>,
    },
    /// Few boards say little about the rest of the workspace.
    #[error(
        "{usable} of {given} placements could be used, and at least {LEAST_CHECKED} are needed: lay the board \
         in more places all over the workspace"
    )]
    TooFew {
        /// Usable placements.
        usable: usize,
        /// All of them.
        given: usize,
    },
}

/// So many placements tell of a workspace: its four quarters.
const LEAST_CHECKED: usize = 4;

#[expect(clippy::ref_option, reason = "serde gives a reference")]
fn as_text<S: Serializer>(
    inconclusive: &Option<Inconclusive>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    inconclusive.as_ref().map(Inconclusive::to_string).serialize(serializer)
}

/// The residuals at one board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedPlacement {
    /// The overhead image.
    pub name: String,
    /// Views from the wrist.
    pub wrist_views: usize,
    /// The largest lateral residual, in millimeters.
    pub residual_mm: f64,
    /// One for each corner.
    pub corners: Vec<Residual>,
}

/// The residual at a corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Residual {
    /// Where the wrist's chain has the corner, in meters.
    pub point_in_world: Point3<f64>,
    /// From there to where the overhead camera sees it, along x and y, in millimeters.
    pub lateral_mm: [f64; 2],
    /// How much higher the overhead camera has it, in millimeters.
    pub height_mm: f64,
}

impl Residual {
    /// The length of the lateral residual, in millimeters.
    pub fn length_mm(&self) -> f64 {
        let [x, y] = self.lateral_mm;
        x.hypot(y)
    }
}

/// Checks a camera by placements that were not used to calibrate it.
///
/// Few placements, or views that do not fit the camera's intrinsics, leave the check inconclusive.
///
/// # Errors
/// A board without a frame, views of different sizes, no usable placement, or a corner that the camera
/// does not see on the table at all.
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
            let name = &pair.overhead.view.name;
            let world_from_board = board_by_wrist(pair, wrist, board, noise);
            let by_overhead = camera.world_from_camera * pair.overhead.camera_from_board;
            let corners = board.points().into_iter().zip(&pair.overhead.view.corners);
            let corners = corners
                .map(|(point, pixel)| {
                    let point_in_world = world_from_board * point;
                    let seen = camera
                        .intersect_plane(*pixel, point_in_world.z)
                        .ok_or_else(|| CalibrationError::OffTable { name: name.clone() })?;
                    Ok(Residual {
                        point_in_world,
                        lateral_mm: [0, 1].map(|axis| 1000.0 * (seen[axis] - point_in_world[axis])),
                        height_mm: 1000.0 * ((by_overhead * point).z - point_in_world.z),
                    })
                })
                .collect::<Result<Vec<_>, CalibrationError>>()?;
            Ok(CheckedPlacement {
                name: name.clone(),
                wrist_views: pair.wrist.len(),
                residual_mm: corners.iter().map(Residual::length_mm).fold(0.0, f64::max),
                corners,
            })
        })
        .collect::<Result<_, CalibrationError>>()?;
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
        inconclusive: inconclusive(placements, checked.len(), &rejected),
        placements: checked,
        rejected,
    })
}

fn inconclusive(
    placements: &[Placement],
    usable: usize,
    rejected: &[Rejected],
) -> Option<Inconclusive> {
    let misfit = |name: &String| {
        rejected
            .iter()
            .any(|view| view.name == *name && matches!(view.reason, RejectedReason::Corners { .. }))
    };
    let above = placements.iter().map(|placement| placement.overhead.name.clone());
    let names: Vec<String> = above.filter(misfit).collect();
    if !names.is_empty() {
        return Some(Inconclusive::Misfits { names });
    }
    (usable < LEAST_CHECKED).then_some(Inconclusive::TooFew { usable, given: placements.len() })
}
