//! The chessboard for calibrating cameras, and the trait for finding its corners in an image.

use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use nalgebra::{Point2, Point3};
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use crate::BoxError;

/// A flat chessboard, described by its inner corners, where four squares meet.
///
/// Board frame: origin at the first corner, x along a row of corners, y from row to row, z = x × y.
/// The square with its far corner at the origin is black. One number of corners must be even and the other
/// odd: such a board looks different after half a turn, so an image determines its frame. Other boards are
/// refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(deny_unknown_fields)]
pub struct Chessboard {
    /// Inner corners along a row and number of rows, such as `9x6`.
    #[key(kind = "corner count")]
    pub corners: CornerCount,
    /// Side of a square, in meters.
    #[key(above = 0, limit = 1)]
    pub square_m: f64,
}

/// The number of inner corners along a row, and of rows; written `9x6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CornerCount {
    /// Corners along a row.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
}

/// The text is no number of corners.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no number of corners, expected the inner corners along both sides, such as 9x6"
)]
pub struct CornerCountError {
    /// The invalid text.
    pub text: String,
}

/// Finds all inner corners of a board in an image.
pub trait CornerFinder: Send {
    /// The pixels of the corners, row by row in the order of [`Chessboard::points`]; `None` unless the whole
    /// board is visible.
    ///
    /// # Errors
    /// The finder cannot examine the image.
    fn find(
        &mut self,
        image: &RgbImage,
        board: &Chessboard,
    ) -> Result<Option<Vec<Point2<f64>>>, BoxError>;
}

impl Chessboard {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let CornerCount { columns, rows } = self.corners;
        let is_valid = columns.min(rows) >= 3 && self.has_unique_frame();
        let expected = "at least 3 inner corners each way, and one even and one odd number, because \
                        otherwise the board looks the same after half a turn";
        check.require("corners", self.corners, is_valid, expected)
    }

    /// Checks the board for uses where its frame does not matter: it may look the same after half a turn.
    ///
    /// # Errors
    /// The board has too few corners, or a square has no size.
    pub fn validate_size(&self) -> Result<(), InvalidKey> {
        let CornerCount { columns, rows } = self.corners;
        if columns.min(rows) < 3 {
            let expected = "at least 3 inner corners each way";
            return Err(InvalidKey::new("corners", self.corners, expected));
        }
        if !(self.square_m > 0.0 && self.square_m <= 1.0) {
            return Err(InvalidKey::new("square_m", self.square_m, "more than 0 and at most 1"));
        }
        Ok(())
    }

    /// Whether the board looks different after half a turn, so that an image determines its frame.
    pub fn has_unique_frame(&self) -> bool {
        !(self.corners.columns + self.corners.rows).is_multiple_of(2)
    }

    /// The inner corners in the board's frame, row by row, in meters.
    pub fn points(&self) -> Vec<Point3<f64>> {
        let CornerCount { columns, rows } = self.corners;
        (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (column, row)))
            .map(|(column, row)| {
                Point3::new(column as f64 * self.square_m, row as f64 * self.square_m, 0.0)
            })
            .collect()
    }

    /// The middle of the board, in its own frame.
    pub fn center(&self) -> Point3<f64> {
        let half = |count: usize| 0.5 * (count - 1) as f64 * self.square_m;
        Point3::new(half(self.corners.columns), half(self.corners.rows), 0.0)
    }

    /// Length and width over all squares, in meters, without the white margin around them.
    pub fn size_m(&self) -> [f64; 2] {
        [self.corners.columns, self.corners.rows].map(|count| (count + 1) as f64 * self.square_m)
    }

    /// The color at a point of the board's plane; `None` beside the board. A white margin of width `margin_m`
    /// belongs to the board.
    pub fn print_at(&self, x_m: f64, y_m: f64, margin_m: f64) -> Option<Print> {
        // Squares are counted from the square before the first corner.
        let place = [x_m, y_m].map(|value| value / self.square_m + 1.0);
        let counts = [self.corners.columns, self.corners.rows].map(|count| (count + 1) as f64);
        let margin = margin_m / self.square_m;
        let within = |reach: f64| {
            place.iter().zip(counts).all(|(place, count)| (-reach..count + reach).contains(place))
        };
        if within(0.0) {
            let square = (place[0].floor() + place[1].floor()) as i64;
            Some(if square.rem_euclid(2) == 0 { Print::Black } else { Print::White })
        } else {
            within(margin).then_some(Print::White)
        }
    }
}

/// The color of a point of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// A black square.
    Black,
    /// A white square, or the margin.
    White,
}

impl fmt::Display for CornerCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

impl FromStr for CornerCount {
    type Err = CornerCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|count| *count <= 100);
        text.split_once(['x', 'X'])
            .and_then(|(columns, rows)| {
                Some(Self { columns: number(columns)?, rows: number(rows)? })
            })
            .ok_or_else(|| CornerCountError { text: text.to_string() })
    }
}

impl From<CornerCount> for String {
    fn from(count: CornerCount) -> Self {
        count.to_string()
    }
}

impl TryFrom<String> for CornerCount {
    type Error = CornerCountError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_change_at_every_corner_and_distinguish_the_ends() {
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 };
        board.validate().unwrap();
        let print = |x: f64, y: f64| board.print_at(x, y, 0.01);
        for corner in board.points() {
            let around = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
                .map(|(x, y)| print(corner.x + 0.001 * x, corner.y + 0.001 * y).unwrap());
            assert!(around[0] == around[2] && around[1] == around[3] && around[0] != around[1]);
        }
        assert_eq!(print(-0.001, -0.001), Some(Print::Black));
        let far = board.points()[53];
        assert_eq!(print(far.x + 0.001, far.y + 0.001), Some(Print::White));
        assert_eq!(print(-0.030, 0.0), Some(Print::White));
        assert_eq!(print(-0.036, 0.0), None);
        let [length_m, width_m] = board.size_m();
        assert!((length_m - 0.25).abs() < 1e-12 && (width_m - 0.175).abs() < 1e-12);
    }

    #[test]
    fn boards_without_a_unique_frame_are_refused() {
        for (text, usable) in
            [("9x6", true), ("4x3", true), ("8x6", false), ("7x5", false), ("2x3", false)]
        {
            let board = Chessboard { corners: text.parse().unwrap(), square_m: 0.02 };
            assert_eq!(board.validate().is_ok(), usable, "{text}");
            assert_eq!(board.corners.to_string(), text);
        }
        for text in ["", "9", "9x", "-9x6", "9x6x2", "9 by 6", "999x6"] {
            assert!(text.parse::<CornerCount>().is_err(), "{text}");
        }
        let flat = Chessboard { corners: "9x6".parse().unwrap(), square_m: f64::NAN };
        assert_eq!(flat.validate().unwrap_err().key, "square_m");
    }
}
