//! The error of a calibrated camera, in millimeters on the table, from boards that were not used to calibrate it.

use nalgebra::{Isometry3, Point3};
use rmrl_vision::CameraModel;
use serde::{Serialize, Serializer};

use crate::error::PAIRS;
use crate::overhead::{Pair, board_by_wrist, pairs};
use crate::{
    Board, CalibrationError, Placement, PoseNoise, Rejected, RejectedReason, View, WristCamera,
};

/// How far the overhead camera and the arm with its wrist camera disagree about boards.
///
/// At each corner the *lateral* residual is a distance along the table. It goes from the corner's position
/// according to the wrist camera to the point where the overhead camera's ray reaches the corner's height. The
/// *height* residual is how much higher the corner is according to the board's pose in the overhead image.
/// Both contain the arm's own error: one view with an arm error of 0.05 degrees adds 0.3 mm at 0.4 m.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The largest lateral residual, in millimeters.
    pub residual_mm: f64,
    /// The lateral residuals' root mean square, in millimeters.
    pub residual_rms_mm: f64,
    /// The mean of the lateral residuals as vectors, in millimeters along x and y: the common offset.
    pub residual_mean_mm: [f64; 2],
    /// The largest height residual, in millimeters, with its sign.
    pub height_mm: f64,
    /// The height residuals' root mean square, in millimeters.
    pub height_rms_mm: f64,
    /// The placements that were used.
    pub placements: Vec<CheckedPlacement>,
    /// The views that were not used.
    pub rejected: Vec<Rejected>,
    /// Why the residuals do not measure the camera's accuracy; `None` if they do.
    #[serde(serialize_with = "as_text")]
    pub inconclusive: Option<Inconclusive>,
}

/// Why a check is inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconclusive {
    /// Some overhead views were rejected because they do not fit the intrinsics of the camera under test.
    #[error(
        "the corners of {} do not fit the overhead camera's own intrinsics, so they are not part of the \
         residuals: if the board was bent or moved there, take these views again; otherwise calibrate \
         the intrinsics again with views that reach into the image's corners",
        names.join(", ")
    )]
    Misfits {
        /// The overhead images.
        names: Vec<String>,
    },
    /// Too few boards to judge the whole workspace.
    #[error(
        "{usable} of {given} placements are usable, but at least {LEAST_CHECKED} are needed: show the board \
         in more places all over the workspace"
    )]
    TooFew {
        /// Usable placements.
        usable: usize,
        /// All placements.
        given: usize,
    },
}

/// The least number of placements that cover a workspace: its four quarters.
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
    /// The number of views from the wrist camera; 0 where the arm held the board.
    pub wrist_views: usize,
    /// The largest lateral residual, in millimeters.
    pub residual_mm: f64,
    /// The residuals of all corners.
    pub corners: Vec<Residual>,
}

/// The residual at a corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Residual {
    /// The corner's position according to the wrist camera, world frame, in meters.
    pub point_in_world: Point3<f64>,
    /// From there to the position that the overhead camera sees, along x and y, in millimeters.
    pub lateral_mm: [f64; 2],
    /// How much higher the corner is according to the overhead camera, in millimeters.
    pub height_mm: f64,
}

impl Residual {
    /// The length of the lateral residual, in millimeters.
    pub fn length_mm(&self) -> f64 {
        let [x, y] = self.lateral_mm;
        x.hypot(y)
    }
}

/// Checks a camera with placements that were not used to calibrate it.
///
/// The check is inconclusive if there are few placements, or if views do not fit the camera's intrinsics.
///
/// # Errors
/// The board is invalid, the views differ in size, no placement is usable, or the camera does not see a
/// corner on the table.
pub fn check(
    placements: &[Placement],
    camera: &CameraModel,
    wrist: &WristCamera,
    board: &Board,
    noise: PoseNoise,
) -> Result<Check, CalibrationError> {
    let (pairs, rejected) = pairs(placements, &camera.intrinsics, wrist, board)?;
    let checked: Vec<CheckedPlacement> = pairs
        .iter()
        .map(|pair| check_placement(pair, camera, wrist, board, noise))
        .collect::<Result<_, CalibrationError>>()?;
    let above: Vec<&str> =
        placements.iter().map(|placement| placement.overhead.name.as_str()).collect();
    summary(checked, &above, rejected, PAIRS)
}

/// The residuals over all checked boards. `given` are the names of all overhead views, used or not, and `what` names
/// them for messages.
pub(crate) fn summary(
    checked: Vec<CheckedPlacement>,
    given: &[&str],
    rejected: Vec<Rejected>,
    what: &'static str,
) -> Result<Check, CalibrationError> {
    let all: Vec<&Residual> = checked.iter().flat_map(|placement| &placement.corners).collect();
    if all.is_empty() {
        let given = given.len();
        return Err(CalibrationError::TooFew { what, usable: 0, given, needed: 1, rejected });
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
        inconclusive: inconclusive(given, checked.len(), &rejected),
        placements: checked,
        rejected,
    })
}

/// The residuals at the board of one placement.
fn check_placement(
    pair: &Pair,
    camera: &CameraModel,
    wrist: &WristCamera,
    board: &Board,
    noise: PoseNoise,
) -> Result<CheckedPlacement, CalibrationError> {
    let name = &pair.overhead.view.name;
    let world_from_board = board_by_wrist(pair, wrist, board, noise);
    let by_overhead = camera.world_from_camera * pair.overhead.camera_from_board;
    let corners = residuals(pair.overhead.view, camera, [&world_from_board, &by_overhead], board)?;
    Ok(CheckedPlacement {
        name: name.clone(),
        wrist_views: pair.wrist.len(),
        residual_mm: corners.iter().map(Residual::length_mm).fold(0.0, f64::max),
        corners,
    })
}

/// The residuals of all corners of a board: of its pose according to the arm, and of that according to the
/// overhead camera.
pub(crate) fn residuals(
    view: &View,
    camera: &CameraModel,
    [by_arm, by_overhead]: [&Isometry3<f64>; 2],
    board: &Board,
) -> Result<Vec<Residual>, CalibrationError> {
    let points = board.points();
    view.matches(&points)
        .map(|(point, pixel)| {
            let point_in_world = by_arm * point;
            let seen = camera
                .intersect_plane(pixel, point_in_world.z)
                .ok_or_else(|| CalibrationError::OffTable { name: view.name.clone() })?;
            Ok(Residual {
                point_in_world,
                lateral_mm: [0, 1].map(|axis| 1000.0 * (seen[axis] - point_in_world[axis])),
                height_mm: 1000.0 * ((by_overhead * point).z - point_in_world.z),
            })
        })
        .collect()
}

fn inconclusive(given: &[&str], usable: usize, rejected: &[Rejected]) -> Option<Inconclusive> {
    let misfit = |name: &&str| {
        rejected
            .iter()
            .any(|view| view.name == *name && matches!(view.reason, RejectedReason::Corners { .. }))
    };
    let names: Vec<String> =
        given.iter().copied().filter(misfit).map(|name| name.to_string()).collect();
    if !names.is_empty() {
        return Some(Inconclusive::Misfits { names });
    }
    (usable < LEAST_CHECKED).then_some(Inconclusive::TooFew { usable, given: given.len() })
}
