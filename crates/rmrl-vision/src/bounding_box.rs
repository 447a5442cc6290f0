//! A box in an image.

use nalgebra::Point2;
use serde::{Deserialize, Serialize};

/// A box in an image, in pixel coordinates; both corners belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x_min: f64,
    /// Top edge.
    pub y_min: f64,
    /// Right edge.
    pub x_max: f64,
    /// Bottom edge.
    pub y_max: f64,
}

impl BoundingBox {
    /// The center `(u, v)` of the box (Sec. 3.4).
    pub fn center(&self) -> Point2<f64> {
        Point2::new(0.5 * (self.x_min + self.x_max), 0.5 * (self.y_min + self.y_max))
    }

    /// The whole pixels of an image of `width` x `height` that the box, grown by `margin` pixels on
    /// every side, covers: `[left, top, width, height]`. Empty boxes have a width or height of 0.
    pub(crate) fn pixels_within(&self, width: u32, height: u32, margin: f64) -> [u32; 4] {
        let clamp = |value: f64, limit: u32| value.clamp(0.0, f64::from(limit)) as u32;
        let left = clamp((self.x_min - margin).floor(), width);
        let top = clamp((self.y_min - margin).floor(), height);
        let right = clamp((self.x_max + margin).floor() + 1.0, width);
        let bottom = clamp((self.y_max + margin).floor() + 1.0, height);
        [left, top, right.saturating_sub(left), bottom.saturating_sub(top)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_clipped_to_the_image() {
        let bounds = BoundingBox { x_min: -3.0, y_min: 10.5, x_max: 700.0, y_max: 20.0 };
        assert_eq!(bounds.pixels_within(640, 480, 0.0), [0, 10, 640, 11]);
        let outside = BoundingBox { x_min: 800.0, x_max: 900.0, ..bounds };
        assert_eq!(outside.pixels_within(640, 480, 0.0)[2], 0);
    }
}
