//! ChArUco boards, and their corners in an image.

use std::fmt;
use std::str::FromStr;

use calib_targets_charuco::{
    CharucoBoardSpec, CharucoDetectError, CharucoDetector, CharucoParams, GrayImageView,
    resolve_dictionary,
};
use image::GrayImage;
use rmrl_core::InvalidKey;
use rmrl_vision::{Chessboard, CornerCount};

use crate::corner::{FittedCorner, fit_corner_within};
use crate::corner_grid::{CornerGrid, pixel_at_full_size};
use crate::finder::look_at_scales;
use crate::median::median;
use crate::{BoardCorner, BoardMissing, BoardSighting};

/// A ChArUco board: a chessboard with an ArUco marker in each white square, numbered row by row from the one beside the
/// black square at the first corner, as OpenCV prints it since version 4.6.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CharucoBoard {
    /// The inner corners.
    pub corners: Chessboard,
    /// Side of a marker with its black border, in meters.
    pub marker_m: f64,
    /// The markers.
    pub dictionary: MarkerDictionary,
}

/// A dictionary of markers, by OpenCV's name.
#[derive(Debug, Clone, Copy)]
pub struct MarkerDictionary(calib_targets_charuco::Dictionary);

impl PartialEq for MarkerDictionary {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl fmt::Display for MarkerDictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// The text names no dictionary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no dictionary of markers, expected OpenCV's name, such as DICT_4X4_50, DICT_5X5_100, DICT_6X6_250 or \
     DICT_APRILTAG_36h11"
)]
pub struct UnknownDictionary {
    /// The text.
    pub name: String,
}

impl FromStr for MarkerDictionary {
    type Err = UnknownDictionary;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        let upper = name.to_uppercase();
        let with_prefix = if upper.starts_with("DICT_") { upper } else { format!("DICT_{upper}") };
        // AprilTags have an h between their numbers.
        let names = [name.to_string(), with_prefix.clone(), with_prefix.replace('H', "h")];
        names
            .iter()
            .find_map(|name| resolve_dictionary(name))
            .map(Self)
            .ok_or_else(|| UnknownDictionary { name: text.to_string() })
    }
}

impl CharucoBoard {
    /// Checks the board.
    ///
    /// # Errors
    /// There are too few corners, the marker does not fit into its square, or the dictionary has too few markers.
    pub fn validate(&self) -> Result<(), InvalidKey> {
        self.corners.validate_size()?;
        let square_m = self.corners.square_m;
        if !(self.marker_m > 0.0 && self.marker_m < square_m) {
            let expected = format!("more than 0 and less than the square's {square_m}");
            return Err(InvalidKey::new("marker_m", self.marker_m, expected));
        }
        CharucoDetector::new(self.parameters()).map(|_| ()).map_err(|error| {
            InvalidKey::new("dictionary", self.dictionary, format!("another one: {error}"))
        })
    }

    fn parameters(&self) -> CharucoParams {
        let squares = |corners: usize| u32::try_from(corners + 1).unwrap_or(u32::MAX);
        CharucoParams::for_board(CharucoBoardSpec::new(
            squares(self.corners.corners.rows),
            squares(self.corners.corners.columns),
            (1000.0 * self.corners.square_m) as f32,
            (self.marker_m / self.corners.square_m) as f32,
            self.dictionary.0,
        ))
    }

    /// Finds the board's visible corners: those of a part of the board are enough.
    ///
    /// # Errors
    /// Too few corners are visible, or the markers do not belong to this board.
    pub fn look(&self, image: &GrayImage) -> Result<BoardSighting, BoardMissing> {
        look_at_scales(image, &SHRINKS, |image_at_scale, scale| {
            self.fitted(image, &self.detect(image_at_scale, scale)?)
        })
    }

    /// The corners by their index, in the pixels of an image that is `scale` times as large.
    fn detect(&self, image: &GrayImage, scale: f64) -> Result<Vec<BoardCorner>, BoardMissing> {
        let view = GrayImageView {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.as_raw(),
        };
        let detector =
            CharucoDetector::new(self.parameters()).map_err(|_| BoardMissing::Nothing)?;
        let found = detector.detect(&view).map_err(|error| match error {
            CharucoDetectError::NoMarkers => {
                BoardMissing::NoMarkers { dictionary: self.dictionary.to_string() }
            }
            CharucoDetectError::AlignmentFailed { inliers } => {
                BoardMissing::OtherMarkers { agreeing: inliers }
            }
            _ => BoardMissing::Nothing,
        })?;
        let (columns, rows) = (self.corners.corners.columns, self.corners.corners.rows);
        let mut corners: Vec<BoardCorner> = found
            .corners
            .iter()
            .filter_map(|corner| {
                let index =
                    usize::try_from(corner.id).ok().filter(|index| *index < columns * rows)?;
                Some(BoardCorner { index, pixel: pixel_at_full_size(corner.position, scale) })
            })
            .collect();
        corners.sort_by_key(|corner| corner.index);
        corners.dedup_by_key(|corner| corner.index);
        Ok(corners)
    }

    /// The corners, each fitted to the pixels around it.
    fn fitted(
        &self,
        image: &GrayImage,
        corners: &[BoardCorner],
    ) -> Result<BoardSighting, BoardMissing> {
        let expected = self.corners.points().len();
        // A marker begins this far from a corner, along the diagonal of its square.
        let gap = 0.5 * (1.0 - self.marker_m / self.corners.square_m);
        let CornerCount { columns, rows } = self.corners.corners;
        let place = |corner: &BoardCorner| [corner.index % columns, corner.index / columns];
        let grid = CornerGrid {
            size: [columns, rows],
            corners: corners.iter().map(|corner| (place(corner), corner.pixel)).collect(),
        };
        let fitted: Vec<(usize, FittedCorner)> = corners
            .iter()
            .filter_map(|corner| {
                let edges = grid.edges(place(corner))?;
                let largest_px = gap * edges[0].norm().min(edges[1].norm());
                Some((corner.index, fit_corner_within(image, corner.pixel, edges, largest_px)?))
            })
            .collect();
        let lines = |line: fn(usize, usize) -> usize| {
            let mut lines: Vec<usize> =
                fitted.iter().map(|(index, _)| line(*index, columns)).collect();
            lines.sort_unstable();
            lines.dedup();
            lines.len()
        };
        let (rows_seen, columns_seen) =
            (lines(|i, columns| i / columns), lines(|i, columns| i % columns));
        if fitted.len() < LEAST_CORNERS || rows_seen.min(columns_seen) < 3 {
            return Err(BoardMissing::TooFewCorners {
                seen: fitted.len(),
                expected,
                needed: LEAST_CORNERS,
            });
        }
        Ok(BoardSighting {
            edge_px: median(fitted.iter().map(|(_, corner)| corner.edge_px).collect()),
            corners: fitted
                .into_iter()
                .map(|(index, corner)| BoardCorner { index, pixel: corner.pixel })
                .collect(),
        })
    }
}

/// The detector examines images at full size, then at a half.
const SHRINKS: [u32; 2] = [1, 2];
/// A part of a board is used from this many corners on: the pose of fewer is poorly determined.
const LEAST_CORNERS: usize = 12;
