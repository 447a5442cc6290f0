//! The corners of a board as a grid in the image.

use std::collections::HashMap;

use nalgebra::{Point2, Vector2};

/// Corners by their column and row in a grid.
pub(crate) struct CornerGrid {
    /// The numbers of columns and rows.
    pub size: [usize; 2],
    pub corners: HashMap<[usize; 2], Point2<f64>>,
}

/// A pixel of an image, in the pixels of one that is `scale` times as large.
pub(crate) fn pixel_at_full_size(pixel: Point2<f32>, scale: f64) -> Point2<f64> {
    // Pixel coordinates refer to the pixels' centers.
    pixel.map(|value| (f64::from(value) + 0.5) * scale - 0.5)
}

impl CornerGrid {
    /// Where a corner's neighbors expect it: on a line or at a parallelogram's corner.
    pub(crate) fn expected(&self, [column, row]: [usize; 2]) -> Option<Point2<f64>> {
        let at = |right: isize, down: isize| {
            let place = [column.checked_add_signed(right)?, row.checked_add_signed(down)?];
            self.corners.get(&place).copied()
        };
        let mut guesses = Vec::new();
        for (right, down) in [(1, 0), (0, 1)] {
            if let (Some(before), Some(after)) = (at(-right, -down), at(right, down)) {
                guesses.push(nalgebra::center(&before, &after));
            }
        }
        for (right, down) in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
            if let (Some(beside), Some(below), Some(across)) =
                (at(right, 0), at(0, down), at(right, down))
            {
                guesses.push(beside + (below - across));
            }
        }
        let sum: Vector2<f64> = guesses.iter().map(|guess| guess.coords).sum();
        (!guesses.is_empty()).then(|| (sum / guesses.len() as f64).into())
    }

    /// The vectors from a corner to its neighbors along both directions; the shorter one if there are two.
    pub(crate) fn edges(&self, [column, row]: [usize; 2]) -> Option<[Vector2<f64>; 2]> {
        let here = self.corners.get(&[column, row])?;
        let shortest = |places: [Option<[usize; 2]>; 2], sign: [f64; 2]| {
            places
                .into_iter()
                .zip(sign)
                .filter_map(|(place, sign)| Some((self.corners.get(&place?)? - here) * sign))
                .min_by(|a, b| a.norm().total_cmp(&b.norm()))
        };
        let beside = [Some([column + 1, row]), column.checked_sub(1).map(|left| [left, row])];
        let below = [Some([column, row + 1]), row.checked_sub(1).map(|above| [column, above])];
        Some([shortest(beside, [1.0, -1.0])?, shortest(below, [1.0, -1.0])?])
    }
}
