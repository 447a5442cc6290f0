//! The boards that cameras are calibrated with.

use std::fmt;

use image::GrayImage;
use nalgebra::Point3;
use rmrl_core::InvalidKey;
use rmrl_vision::Chessboard;

use crate::charuco::CharucoBoard;
use crate::{BoardMissing, BoardSighting, ChessboardFinder};

/// A board that cameras are calibrated with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Board {
    /// A chessboard. The whole of it has to be visible.
    Chessboard(Chessboard),
    /// A chessboard with a marker in each white square. A part of it is enough.
    Charuco(CharucoBoard),
}

impl Board {
    /// The inner corners: their number and distances.
    pub fn corners(&self) -> Chessboard {
        match self {
            Self::Chessboard(board) => *board,
            Self::Charuco(board) => board.corners,
        }
    }

    /// The inner corners in the board's frame, row by row, in meters.
    pub fn points(&self) -> Vec<Point3<f64>> {
        self.corners().points()
    }

    /// The middle of the board, in its own frame.
    pub fn center(&self) -> Point3<f64> {
        self.corners().center()
    }

    /// Checks that an image determines the board's frame.
    ///
    /// # Errors
    /// The board is too small, looks the same after half a turn, or its markers are impossible.
    pub fn validate(&self) -> Result<(), InvalidKey> {
        match self {
            Self::Chessboard(board) => board.validate(),
            Self::Charuco(board) => board.validate(),
        }
    }

    /// Checks the board for uses where its frame does not matter, such as intrinsics: chessboards that look the same
    /// after half a turn are valid.
    ///
    /// # Errors
    /// The board is too small, or its markers are impossible.
    pub fn validate_size(&self) -> Result<(), InvalidKey> {
        match self {
            Self::Chessboard(board) => board.validate_size(),
            Self::Charuco(board) => board.validate(),
        }
    }

    /// Finds the board's corners in an image.
    ///
    /// # Errors
    /// The board, or enough of it, is not visible.
    pub fn look(&self, image: &GrayImage) -> Result<BoardSighting, BoardMissing> {
        match self {
            Self::Chessboard(board) => ChessboardFinder.look(image, board),
            Self::Charuco(board) => board.look(image),
        }
    }
}

impl From<Chessboard> for Board {
    fn from(board: Chessboard) -> Self {
        Self::Chessboard(board)
    }
}

impl From<CharucoBoard> for Board {
    fn from(board: CharucoBoard) -> Self {
        Self::Charuco(board)
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chessboard(board) => write!(f, "a chessboard of {} inner corners", board.corners),
            Self::Charuco(board) => write!(
                f,
                "a ChArUco board of {} inner corners with markers of {}",
                board.corners.corners, board.dictionary
            ),
        }
    }
}
