//! Masks: the pixels that belong to an object.

use image::{GrayImage, Luma};
use nalgebra::Point2;

use crate::BoundingBox;

/// An object's pixels: a rectangle of the image, and which of its pixels are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    left: u32,
    top: u32,
    /// 255 inside the object, 0 outside; `[height, width]` of the rectangle.
    pixels: GrayImage,
}

/// Second-order statistics of a mask, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    /// The number of pixels.
    pub area: f64,
    /// The mean position of the pixels.
    pub centroid: Point2<f64>,
    /// Variance along the first principal component.
    pub major_variance: f64,
    /// Variance along the second principal component.
    pub minor_variance: f64,
    /// Direction of the first principal component, from the `u` axis towards `v`.
    pub major_angle_rad: f64,
}

impl Mask {
    /// A mask whose rectangle begins at `(left, top)` of the image; pixels above 0 are set.
    pub fn new(left: u32, top: u32, pixels: GrayImage) -> Self {
        Self { left, top, pixels }
    }

    /// The mask moved right and down: turns the coordinates of a window into those of the image.
    #[must_use]
    pub(crate) fn translated(self, right: u32, down: u32) -> Self {
        Self { left: self.left + right, top: self.top + down, ..self }
    }

    /// The pixels of the mask between the columns, first and last, that `columns` gives for their row of the image.
    #[must_use]
    pub(crate) fn between(&self, columns: impl Fn(u32) -> Option<[f64; 2]>) -> Self {
        let mut pixels = self.pixels.clone();
        let width = (pixels.width() as usize).max(1);
        for (row, values) in (self.top..).zip(pixels.chunks_exact_mut(width)) {
            let columns = columns(row);
            for (column, value) in (self.left..).zip(values) {
                let is_inside = columns
                    .is_some_and(|[first, last]| (first..=last).contains(&f64::from(column)));
                *value *= u8::from(is_inside);
            }
        }
        Self { pixels, ..*self }
    }

    /// The image coordinates of every set pixel, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.pixels
            .enumerate_pixels()
            .filter(|(_, _, value)| value.0[0] > 0)
            .map(|(u, v, _)| (self.left + u, self.top + v))
    }

    /// Whether the pixel `(u, v)` of the image is set.
    pub fn contains(&self, u: u32, v: u32) -> bool {
        u.checked_sub(self.left)
            .zip(v.checked_sub(self.top))
            .and_then(|(u, v)| self.pixels.get_pixel_checked(u, v))
            .is_some_and(|value| *value != Luma([0]))
    }

    /// The number of set pixels.
    pub fn area(&self) -> usize {
        self.pixels().count()
    }

    /// The smallest box around the set pixels; `None` if none is set.
    pub fn bounding_box(&self) -> Option<BoundingBox> {
        let (mut left, mut top) = (u32::MAX, u32::MAX);
        let (mut right, mut bottom) = (0, 0);
        for (u, v) in self.pixels() {
            left = left.min(u);
            right = right.max(u);
            top = top.min(v);
            bottom = bottom.max(v);
        }
        (left <= right).then(|| BoundingBox {
            x_min: f64::from(left),
            y_min: f64::from(top),
            x_max: f64::from(right),
            y_max: f64::from(bottom),
        })
    }

    /// Area, centroid and principal components; `None` if no pixel is set.
    pub(crate) fn moments(&self) -> Option<Moments> {
        let (mut area, mut sum_u, mut sum_v) = (0.0, 0.0, 0.0);
        for (u, v) in self.pixels() {
            area += 1.0;
            sum_u += f64::from(u);
            sum_v += f64::from(v);
        }
        if area == 0.0 {
            return None;
        }
        let centroid = Point2::new(sum_u / area, sum_v / area);
        let (mut uu, mut uv, mut vv) = (0.0, 0.0, 0.0);
        for (u, v) in self.pixels() {
            let (du, dv) = (f64::from(u) - centroid.x, f64::from(v) - centroid.y);
            uu += du * du;
            uv += du * dv;
            vv += dv * dv;
        }
        // Each pixel is a unit square, which itself has a variance of 1/12.
        let (uu, uv, vv) = (uu / area + 1.0 / 12.0, uv / area, vv / area + 1.0 / 12.0);
        Some(Moments::from_covariance(area, centroid, [uu, uv, vv]))
    }
}

impl Moments {
    /// Moments from the covariance `[uu, uv, vv]`.
    pub(crate) fn from_covariance(
        area: f64,
        centroid: Point2<f64>,
        [uu, uv, vv]: [f64; 3],
    ) -> Self {
        // Closed form of the eigenvalues and the first eigenvector of a symmetric 2 x 2 matrix.
        let half_trace = 0.5 * (uu + vv);
        let spread = (0.25 * (uu - vv).powi(2) + uv * uv).sqrt();
        Self {
            area,
            centroid,
            major_variance: half_trace + spread,
            minor_variance: half_trace - spread,
            major_angle_rad: 0.5 * (2.0 * uv).atan2(uu - vv),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A filled rectangle of `length` x `width` pixels about `(60, 50)`, turned by `angle`.
    fn rectangle(length: f64, width: f64, angle: f64) -> Mask {
        Mask::new(
            10,
            5,
            GrayImage::from_fn(100, 90, |u, v| {
                let (x, y) = (f64::from(u + 10) - 60.0, f64::from(v + 5) - 50.0);
                let along = x * angle.cos() + y * angle.sin();
                let across = -x * angle.sin() + y * angle.cos();
                Luma([u8::from(along.abs() <= length / 2.0 && across.abs() <= width / 2.0) * 255])
            }),
        )
    }

    #[test]
    fn principal_components_of_a_rectangle_match_its_closed_form() {
        for degrees in [-80.0f64, -45.0, -10.0, 0.0, 3.0, 30.0, 89.0] {
            let moments = rectangle(64.0, 40.0, degrees.to_radians()).moments().unwrap();
            assert!((moments.centroid - Point2::new(60.0, 50.0)).norm() < 0.05);
            assert!((moments.major_angle_rad.to_degrees() - degrees).abs() < 0.5, "{moments:?}");
            // A uniform bar of length L has the variance L^2 / 12.
            assert!((moments.major_variance / (64.0f64.powi(2) / 12.0) - 1.0).abs() < 0.05);
            assert!((moments.minor_variance / (40.0f64.powi(2) / 12.0) - 1.0).abs() < 0.06);
        }
    }

    #[test]
    fn pixels_are_counted_in_image_coordinates() {
        let mut pixels = GrayImage::new(4, 3);
        pixels.put_pixel(1, 2, Luma([255]));
        pixels.put_pixel(3, 0, Luma([1]));
        let mask = Mask::new(100, 200, pixels);
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [(103, 200), (101, 202)]);
        assert!(mask.contains(101, 202) && !mask.contains(100, 202) && !mask.contains(0, 0));
        assert_eq!(mask.area(), 2);
        let bounds = mask.bounding_box().unwrap();
        assert_eq!((bounds.x_min, bounds.x_max), (101.0, 103.0));
        assert_eq!((bounds.y_min, bounds.y_max), (200.0, 202.0));
    }

    #[test]
    fn an_empty_mask_has_neither_box_nor_moments() {
        let mask = Mask::new(0, 0, GrayImage::new(5, 5));
        assert_eq!(mask.bounding_box(), None);
        assert_eq!(mask.moments(), None);
    }
}
