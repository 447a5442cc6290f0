//! Camera drift: its configuration, and how it is read from the corners of a board.
//!
//! Cameras sag and warm up: users of the D435 report 4 mm in a day. A policy cannot tell that from its
//! own error, and the reward cannot either, because the same camera sees target and outcome.

use nalgebra::{Point2, Rotation2, Vector2};
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use rmrl_vision::{BoxError, Chessboard, CornerCount};
use serde::{Deserialize, Serialize};

/// A board fixed in the camera's view, and how much seeming motion of it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// The board is looked for in one trial of so many. Default 10: half an hour on a robot. It costs
    /// milliseconds, because the frame is taken anyway.
    #[key(at_least = 1, limit = 1_000_000)]
    pub every_trials: u32,
    /// The board. Default: 5 x 4 inner corners and squares of 15 mm, which fits beside the workspace.
    #[key(nested)]
    pub board: Chessboard,
    /// Height of its face in the world, in meters. Default 0: on the table.
    #[key(at_least = -10, at_most = 10)]
    pub height_m: f64,
    /// Trials are marked as suspect while the board seems to have moved by more, in meters. Default
    /// 0.001: the accuracy that plates are placed with.
    #[key(above = 0, limit = 1)]
    pub suspect_m: f64,
    /// The run stops where it seems to have moved by more, in meters. Default 0.003: candidates of a
    /// few millimeters no longer reach the plate.
    #[key(above = 0, limit = 1)]
    pub stop_m: f64,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            every_trials: 10,
            board: Chessboard { corners: CornerCount { columns: 5, rows: 4 }, square_m: 0.015 },
            height_m: 0.0,
            suspect_m: 0.001,
            stop_m: 0.003,
        }
    }
}

impl DriftConfig {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        check.require("stop_m", self.stop_m, self.stop_m >= self.suspect_m, "suspect_m or more")
    }
}

/// How far the board seems to have moved since the target was recorded, in the plane of its face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftReading {
    /// Of the board's middle, along the world's x, in meters.
    pub dx_m: f64,
    /// Of the board's middle, along the world's y, in meters.
    pub dy_m: f64,
    /// Of the board about its middle, counterclockwise, in radians.
    pub dyaw_rad: f64,
    /// Of the corner that moved farthest, in meters.
    pub drift_m: f64,
}

/// Why the board gave no reading.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriftError {
    /// A part of it is hidden, or all of it.
    #[error(
        "the reference board of {corners} corners is not in view; is something lying on it, or was \
         it taken away?"
    )]
    NotSeen {
        /// The board's inner corners.
        corners: CornerCount,
    },
    /// The camera does not look down on it.
    #[error("the camera does not look down on the reference board; check its extrinsics")]
    NotOverhead,
    /// The corner finder failed.
    #[error("the search for the corners of the reference board failed: {0}")]
    Finder(#[source] BoxError),
}

/// A reference that does not belong to the board: a motion read against it would mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It belongs to another board, or lacks corners.
    #[error("reference has {found} corners, camera.drift.board has {expected}")]
    Corners {
        /// Corners of the reference.
        found: usize,
        /// Corners of the board.
        expected: usize,
    },
    /// It has a coordinate that is not a finite number.
    #[error("reference has a corner whose coordinates are no numbers")]
    NotFinite,
}

/// The rigid motion in the plane that takes `from` to `to` with the least squares (Kabsch).
pub(crate) fn motion_between(from: &[Point2<f64>], to: &[Point2<f64>]) -> DriftReading {
    let middle = |points: &[Point2<f64>]| {
        points.iter().map(|point| point.coords).sum::<Vector2<f64>>() / points.len() as f64
    };
    let (from_middle, to_middle) = (middle(from), middle(to));
    let (mut along, mut across) = (0.0, 0.0);
    for (from, to) in from.iter().zip(to) {
        let (from, to) = (from.coords - from_middle, to.coords - to_middle);
        along += from.dot(&to);
        across += from.perp(&to);
    }
    let dyaw_rad = across.atan2(along);
    let shift = to_middle - from_middle;
    let turn = Rotation2::new(dyaw_rad);
    let drift_m = from
        .iter()
        .map(|point| {
            let arm = point.coords - from_middle;
            (shift + turn * arm - arm).norm()
        })
        .fold(0.0, f64::max);
    DriftReading { dx_m: shift.x, dy_m: shift.y, dyaw_rad, drift_m }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_motion_is_read_from_the_corners() {
        let board = DriftConfig::default().board;
        let from: Vec<_> = board.points().iter().map(|point| point.xy()).collect();
        let turn = Rotation2::new(0.02);
        let about = board.center().xy();
        let to: Vec<_> = from
            .iter()
            .map(|point| about + turn * (point - about) + Vector2::new(0.001, -0.002))
            .collect();
        let reading = motion_between(&from, &to);
        assert!((reading.dx_m - 0.001).abs() < 1e-12 && (reading.dy_m + 0.002).abs() < 1e-12);
        assert!((reading.dyaw_rad - 0.02).abs() < 1e-12);
        let farthest =
            from.iter().zip(&to).map(|(from, to)| (to - from).norm()).fold(0.0, f64::max);
        assert!((reading.drift_m - farthest).abs() < 1e-12);
        assert_eq!(motion_between(&from, &from).drift_m, 0.0);
    }

    #[test]
    fn invalid_values_are_refused_by_key() {
        let refused = |config: DriftConfig| config.validate().unwrap_err().to_string();
        let good = DriftConfig::default();
        assert_eq!(good.validate(), Ok(()));
        assert!(refused(DriftConfig { every_trials: 0, ..good }).contains("every_trials"));
        assert!(refused(DriftConfig { stop_m: 0.0005, ..good }).contains("stop_m"));
        assert!(refused(DriftConfig { suspect_m: f64::NAN, ..good }).contains("suspect_m"));
        let board = Chessboard { square_m: -0.1, ..good.board };
        assert!(refused(DriftConfig { board, ..good }).contains("board.square_m is -0.1"));
    }
}
