//! The tiles of an image, and where their transformed points lie.

use std::ops::Range;

use crate::kernels::shape::ConvShape;

/// Points of a transformed tile.
pub(super) const POINTS: usize = 16;

/// How images are cut into lines of tiles.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Rows of an image.
    pub(super) height: usize,
    /// Columns of an image.
    pub(super) width: usize,
    /// Lines of tiles in an image.
    pub(super) lines: usize,
    /// Tiles in a line.
    pub(super) line: usize,
}

impl Tiles {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let ConvShape { height, width, .. } = *shape;
        Self { height, width, lines: height.div_ceil(2), line: width.div_ceil(2) }
    }

    /// The image, row and column of the first pixel of each tile in some lines.
    pub(super) fn corners(self, lines: Range<usize>) -> impl Iterator<Item = [usize; 3]> {
        lines.flat_map(move |line| {
            let (image, row) = (line / self.lines, 2 * (line % self.lines));
            (0..self.line).map(move |column| [image, row, 2 * column])
        })
    }
}

/// Values of one point of all tiles: a vector more than needed, so that the 16 points of a tile do not share
/// one set of the cache.
pub(super) fn plane(tiles: usize, channels: usize) -> usize {
    tiles * channels + PLANE_GAP
}

/// The unused values at the end of a plane.
pub(super) const PLANE_GAP: usize = 16;
