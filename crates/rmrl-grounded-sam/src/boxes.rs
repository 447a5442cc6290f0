//! The boxes of Grounding DINO.

use rmrl_vision::BoundingBox;

/// A box by its edges, in pixels from the image's upper left corner: the first pixel extends from 0
/// to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edges {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Edges {
    /// The edges from center and size as shares of an image of `width` x `height`.
    pub fn from_shares([x, y, wide, high]: [f64; 4], width: u32, height: u32) -> Self {
        let (width, height) = (f64::from(width), f64::from(height));
        Self {
            left: (x - 0.5 * wide) * width,
            top: (y - 0.5 * high) * height,
            right: (x + 0.5 * wide) * width,
            bottom: (y + 0.5 * high) * height,
        }
    }

    /// The first and the last pixel between the edges. An edge at 50 is the left side of pixel 50 and the right side
    /// of pixel 49; both boxes have the same center.
    pub fn pixels(self) -> BoundingBox {
        BoundingBox {
            x_min: self.left,
            y_min: self.top,
            x_max: self.right - 1.0,
            y_max: self.bottom - 1.0,
        }
    }

    fn area(self) -> f64 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// Intersection over union; 0 for boxes without an area.
    pub fn iou(self, other: Self) -> f64 {
        let common = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        let intersection = common.area();
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }
}

/// Non-maximum suppression: the indices of the kept boxes, best first. A box is dropped if its intersection over
/// union with a better kept box exceeds `iou`.
pub(crate) fn suppress_duplicates(boxes: &[(Edges, f64)], iou: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|a, b| boxes[*b].1.total_cmp(&boxes[*a].1));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        if kept.iter().all(|other| boxes[*other].0.iou(boxes[index].0) <= iou) {
            kept.push(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(left: f64, top: f64, side: f64) -> Edges {
        Edges { left, top, right: left + side, bottom: top + side }
    }

    #[test]
    fn edges_become_the_pixels_between_them() {
        // Pixels 50 to 113 and 80 to 122 of 640 x 480, as rmrl-vision's own detector reports them.
        let shares =
            [(50.0 + 114.0) / 2.0 / 640.0, (80.0 + 123.0) / 2.0 / 480.0, 0.1, 43.0 / 480.0];
        let found = Edges::from_shares(shares, 640, 480).pixels();
        for (value, expected) in
            [(found.x_min, 50.0), (found.x_max, 113.0), (found.y_min, 80.0), (found.y_max, 122.0)]
        {
            assert!((value - expected).abs() < 1e-9, "{found:?}");
        }
    }

    /// Two plates side by side at 45 degrees, as close as possible, and the first one twice.
    #[test]
    fn duplicates_are_merged_and_neighbors_are_not() {
        let diagonal = std::f64::consts::FRAC_1_SQRT_2;
        let (side, apart) = ((127.76 + 85.48) * diagonal, 85.48 * diagonal);
        let boxes = [
            (square(0.0, 0.0, side), 0.6),
            (square(apart, -apart, side), 0.5),
            (square(3.0, 2.0, side - 4.0), 0.7),
        ];
        assert!((0.2..0.3).contains(&boxes[0].0.iou(boxes[1].0)));
        assert_eq!(suppress_duplicates(&boxes, 0.5), [2, 1]);
        assert_eq!(suppress_duplicates(&boxes, 1.0), [2, 0, 1]);
        assert_eq!(square(0.0, 0.0, 0.0).iou(square(0.0, 0.0, 0.0)), 0.0);
    }
}
