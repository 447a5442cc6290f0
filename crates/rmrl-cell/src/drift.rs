//! Whether the camera still sees the world where it did: a board that never moves, seen again and
//! again.
//!
//! Cameras sag and warm up: users of the D435 report 4 mm in a day. A policy cannot tell that from its
//! own error, and the reward cannot either, for target and outcome are seen by the same camera.

use image::RgbImage;
use nalgebra::Point2;
use rmrl_vision::{BoxError, CameraModel, Chessboard, ChessboardError, CornerFinder};
use serde::{Deserialize, Serialize};

/// A board fixed in the camera's view, and what its seeming motion means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// The board is looked at in every so many trials. Default 10: half an hour on a robot; it costs
    /// milliseconds, for it is in the picture that is taken anyway.
    pub every_trials: u32,
    /// The board. Default: 5 x 4 inner corners and squares of 15 mm, which fits beside the workspace.
    pub board: Chessboard,
    /// Height of its face in the world, in metres. Default 0: on the table.
    pub height_m: f64,
    /// Trials are marked as suspect while the board seems to have moved by more, in metres. Default
    /// 0.001: what a plate is to be placed within.
    pub suspect_m: f64,
    /// The run stops where it seems to have moved by more, in metres. Default 0.003: candidates of a
    /// few millimetres no longer reach the plate.
    pub stop_m: f64,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            every_trials: 10,
            board: Chessboard {
                corners: rmrl_vision::CornerCount { columns: 5, rows: 4 },
                square_m: 0.015,
            },
            height_m: 0.0,
            suspect_m: 0.001,
            stop_m: 0.003,
        }
    }
}

/// A value that makes no drift watch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DriftConfigError {
    /// The board.
    #[error("board: {0}")]
    Board(#[from] ChessboardError),
    /// Another value.
    #[error("{key} is {value}, expected {expected}")]
    Value {
        /// The configuration's key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
}

impl DriftConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn validate(&self) -> Result<(), DriftConfigError> {
        self.board.validate()?;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        for (key, value, valid, expected) in [
            ("every_trials", f64::from(self.every_trials), self.every_trials > 0, "1 or more"),
            ("height_m", self.height_m, self.height_m.is_finite(), "a height in metres"),
            ("suspect_m", self.suspect_m, positive(self.suspect_m), "a positive length in metres"),
            (
                "stop_m",
                self.stop_m,
                self.stop_m >= self.suspect_m && self.stop_m.is_finite(),
                "at least suspect_m",
            ),
        ] {
            if !valid {
                return Err(DriftConfigError::Value { key, value, expected });
            }
        }
        Ok(())
    }
}

/// How far the board seems to have moved since the target was recorded, in the plane of its face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftReading {
    /// Of its middle, along the world's x, in metres.
    pub dx_m: f64,
    /// The same along y.
    pub dy_m: f64,
    /// Its turn, counterclockwise, in radians.
    pub dyaw_rad: f64,
    /// What both come to at the farthest corner, in metres.
    pub drift_m: f64,
}

/// Why the board gave no reading.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// It is not wholly to be seen.
    #[error(
        "the reference board of {corners} corners is not to be seen; is something lying on it, or was \
         it taken away?"
    )]
    NotSeen {
        /// Its inner corners.
        corners: rmrl_vision::CornerCount,
    },
    /// The camera does not look down on it.
    #[error("the camera does not look down on the reference board; check its extrinsics")]
    NotOverhead,
    /// The corner finder failed.
    #[error("the corners of the reference board could not be looked for: {0}")]
    Finder(#[source] BoxError),
}

/// A reference that is none of the board: a motion read against it would mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Of another board, or a part of one.
    #[error("reference has {found} corners, camera.drift.board has {expected}")]
    Corners {
        /// Corners of the reference.
        found: usize,
        /// Corners of the board.
        expected: usize,
    },
    /// No places.
    #[error("reference has a corner whose coordinates are no numbers")]
    NotFinite,
}

/// Looks at the board, and remembers where it was.
pub struct DriftWatch {
    config: DriftConfig,
    finder: Box<dyn CornerFinder>,
    reference: Option<Vec<Point2<f64>>>,
}

impl DriftWatch {
    /// A watch that has not seen its board yet.
    ///
    /// # Errors
    /// A value that cannot be.
    pub fn new(
        config: DriftConfig,
        finder: Box<dyn CornerFinder>,
    ) -> Result<Self, DriftConfigError> {
        config.validate()?;
        Ok(Self { config, finder, reference: None })
    }

    /// How it is configured.
    pub fn config(&self) -> &DriftConfig {
        &self.config
    }

    /// Where the corners were seen when the target was recorded, world frame, in metres; `None`
    /// before.
    pub fn reference(&self) -> Option<&[Point2<f64>]> {
        self.reference.as_deref()
    }

    /// Takes up a reference that was seen earlier.
    ///
    /// # Errors
    /// It is none of the board's.
    pub fn resume(&mut self, reference: Vec<Point2<f64>>) -> Result<(), ReferenceError> {
        let (found, expected) = (reference.len(), self.config.board.points().len());
        if found != expected {
            return Err(ReferenceError::Corners { found, expected });
        }
        if !reference.iter().flat_map(|corner| corner.iter()).all(|value| value.is_finite()) {
            return Err(ReferenceError::NotFinite);
        }
        self.reference = Some(reference);
        Ok(())
    }

    /// Whether a trial's start is to be looked at for the board.
    pub(crate) fn is_due(&self, trial: u32) -> bool {
        (trial - 1).is_multiple_of(self.config.every_trials)
    }

    /// Sees the board for the first time.
    pub(crate) fn begin(
        &mut self,
        image: &RgbImage,
        camera: &CameraModel,
    ) -> Result<(), DriftError> {
        self.reference = Some(self.corners(image, camera)?);
        Ok(())
    }

    /// How far the board seems to have moved since it was first seen, which may be now.
    pub(crate) fn read(
        &mut self,
        image: &RgbImage,
        camera: &CameraModel,
    ) -> Result<DriftReading, DriftError> {
        let seen = self.corners(image, camera)?;
        Ok(motion_between(self.reference.get_or_insert_with(|| seen.clone()), &seen))
    }

    /// The corners on the plane of the board's face.
    fn corners(
        &mut self,
        image: &RgbImage,
        camera: &CameraModel,
    ) -> Result<Vec<Point2<f64>>, DriftError> {
        let pixels = self
            .finder
            .find(image, &self.config.board)
            .map_err(DriftError::Finder)?
            .ok_or(DriftError::NotSeen { corners: self.config.board.corners })?;
        let on_plane = |pixel| {
            let point = camera.intersect_plane(pixel, self.config.height_m);
            point.map(|point| point.xy()).ok_or(DriftError::NotOverhead)
        };
        pixels.into_iter().map(on_plane).collect()
    }
}

/// The rigid motion in the plane that takes `from` to `to` with the least squares (Kabsch).
fn motion_between(from: &[Point2<f64>], to: &[Point2<f64>]) -> DriftReading {
    let middle = |points: &[Point2<f64>]| {
        points.iter().map(|point| point.coords).sum::<nalgebra::Vector2<f64>>()
            / points.len() as f64
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
    let turn = nalgebra::Rotation2::new(dyaw_rad);
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
        let turn = nalgebra::Rotation2::new(0.02);
        let about = board.center().xy();
        let to: Vec<_> = from
            .iter()
            .map(|point| about + turn * (point - about) + nalgebra::Vector2::new(0.001, -0.002))
            .collect();
        let reading = motion_between(&from, &to);
        assert!((reading.dx_m - 0.001).abs() < 1e-12 && (reading.dy_m + 0.002).abs() < 1e-12);
        assert!((reading.dyaw_rad - 0.02).abs() < 1e-12);
        let farthest =
            from.iter().zip(&to).map(|(from, to)| (to - from).norm()).fold(0.0, f64::max);
        assert!((reading.drift_m - farthest).abs() < 1e-12);
        assert_eq!(motion_between(&from, &from).drift_m, 0.0);
    }

    /// Nobody finds a board in any picture.
    struct Blind;

    impl CornerFinder for Blind {
        fn find(
            &mut self,
            _: &RgbImage,
            _: &Chessboard,
        ) -> Result<Option<Vec<Point2<f64>>>, BoxError> {
            Ok(None)
        }
    }

    /// Against no corners, or some that are no numbers, every reading was a drift of zero.
    #[test]
    fn a_damaged_reference_is_refused() {
        let mut watch = DriftWatch::new(DriftConfig::default(), Box::new(Blind)).unwrap();
        let whole: Vec<_> = watch.config.board.points().iter().map(|point| point.xy()).collect();
        let expected = whole.len();
        for found in [0, 1, expected - 1] {
            let refused = watch.resume(whole[..found].to_vec());
            assert_eq!(refused, Err(ReferenceError::Corners { found, expected }));
        }
        let mut odd = whole.clone();
        odd[3].y = f64::NAN;
        assert_eq!(watch.resume(odd), Err(ReferenceError::NotFinite));
        assert_eq!(watch.reference(), None);
        assert_eq!(watch.resume(whole), Ok(()));
    }

    #[test]
    fn nonsense_is_refused_by_key() {
        let refused = |config: DriftConfig| config.validate().unwrap_err().to_string();
        let good = DriftConfig::default();
        assert_eq!(good.validate(), Ok(()));
        assert!(refused(DriftConfig { every_trials: 0, ..good }).contains("every_trials"));
        assert!(refused(DriftConfig { stop_m: 0.0005, ..good }).contains("stop_m"));
        assert!(refused(DriftConfig { suspect_m: f64::NAN, ..good }).contains("suspect_m"));
        let board = Chessboard { square_m: -0.1, ..good.board };
        assert!(refused(DriftConfig { board, ..good }).contains("board: square_m"));
    }
}
