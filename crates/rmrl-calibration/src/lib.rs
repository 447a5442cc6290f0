//! From pictures of a chessboard to cameras (Sec. 4.1).

mod corner;
mod finder;
mod least_squares;

pub use finder::{BoardMissing, BoardSighting, ChessboardFinder};
