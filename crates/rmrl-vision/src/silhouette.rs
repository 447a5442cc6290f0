//! The outline that a plate at a given pose should have in the image.

use nalgebra::{Point2, Point3};
use rmrl_core::PlanarPose;

use crate::{BoundingBox, CameraModel, Mask, PlateGeometry, mask::Moments};

/// The convex outline of a plate, in pixels, turning from the `u` axis towards `v`.
pub(crate) struct Silhouette {
    outline: Vec<Point2<f64>>,
}

impl Silhouette {
    /// The outline of a level plate whose body is centered at `pose` and `height_m`.
    ///
    /// A plate is a solid: the camera sees its top and side faces as one dark shape. `None` if a part of
    /// the plate lies behind the camera.
    pub(crate) fn of_plate(
        pose: PlanarPose,
        height_m: f64,
        plate: PlateGeometry,
        camera: &CameraModel,
    ) -> Option<Self> {
        let half_m = 0.5 * plate.height_m;
        Self::between(pose, &[height_m - half_m, height_m + half_m], plate, camera)
    }

    /// The outline of a plate's top, or of its bottom, at `height_m`. `None` if a part of it lies behind the camera.
    pub(crate) fn of_face(
        pose: PlanarPose,
        height_m: f64,
        plate: PlateGeometry,
        camera: &CameraModel,
    ) -> Option<Self> {
        Self::between(pose, &[height_m], plate, camera)
    }

    /// The outline of a plate's faces at some heights and of what lies between them.
    fn between(
        pose: PlanarPose,
        heights_m: &[f64],
        plate: PlateGeometry,
        camera: &CameraModel,
    ) -> Option<Self> {
        let (sin, cos) = pose.yaw_rad.sin_cos();
        let (half_length, half_width) = (0.5 * plate.length_m, 0.5 * plate.width_m);
        let base = [
            (half_length, half_width),
            (half_length, -half_width),
            (-half_length, -half_width),
            (-half_length, half_width - plate.chamfer_m),
            (-half_length + plate.chamfer_m, half_width),
        ];
        let mut corners = Vec::with_capacity(heights_m.len() * base.len());
        for (along, across) in base {
            for height_m in heights_m {
                corners.push(camera.project(Point3::new(
                    pose.x_m + cos * along - sin * across,
                    pose.y_m + sin * along + cos * across,
                    *height_m,
                ))?);
            }
        }
        Some(Self { outline: convex_hull(corners) })
    }

    /// The pixels of a mask that lie inside the outline.
    pub(crate) fn cut(&self, mask: &Mask) -> Mask {
        mask.between(|row| self.columns(row))
    }

    /// The columns of a row of pixels whose middles lie inside the outline, from the first to the last; `None` if none do.
    fn columns(&self, row: u32) -> Option<[f64; 2]> {
        let (mut first, mut last) = (f64::NEG_INFINITY, f64::INFINITY);
        for (index, corner) in self.outline.iter().enumerate() {
            let side = self.outline[(index + 1) % self.outline.len()] - corner;
            // Inside are pixels with side x (pixel - corner) >= 0.
            let down = f64::from(row) - corner.y;
            let limit = corner.x + side.x * down / side.y;
            if side.y > 0.0 {
                last = last.min(limit);
            } else if side.y < 0.0 {
                first = first.max(limit);
            } else if side.x * down < 0.0 {
                return None;
            }
        }
        (first <= last).then_some([first, last])
    }

    /// The corners of the outline.
    pub(crate) fn outline(&self) -> &[Point2<f64>] {
        &self.outline
    }

    /// Area, centroid and principal components of the region inside the outline, in closed form.
    pub(crate) fn moments(&self) -> Moments {
        let (mut area, mut first) = (0.0, Point2::origin());
        let (mut uu, mut uv, mut vv) = (0.0, 0.0, 0.0);
        // Green's theorem, edge by edge, about the first corner, because remote origins cost precision.
        let origin = self.outline[0];
        for (index, corner) in self.outline.iter().enumerate() {
            let (a, b) = (corner - origin, self.outline[(index + 1) % self.outline.len()] - origin);
            let cross = a.x * b.y - b.x * a.y;
            area += cross / 2.0;
            first += (a + b) * (cross / 6.0);
            uu += cross / 12.0 * (a.x * a.x + a.x * b.x + b.x * b.x);
            vv += cross / 12.0 * (a.y * a.y + a.y * b.y + b.y * b.y);
            uv += cross / 24.0 * (2.0 * a.x * a.y + a.x * b.y + b.x * a.y + 2.0 * b.x * b.y);
        }
        let center = first.coords / area;
        Moments::from_covariance(
            area,
            origin + center,
            [
                uu / area - center.x * center.x,
                uv / area - center.x * center.y,
                vv / area - center.y * center.y,
            ],
        )
    }

    /// The box around the outline.
    pub(crate) fn bounding_box(&self) -> BoundingBox {
        let extreme = |axis: usize, choose: fn(f64, f64) -> f64, start: f64| {
            self.outline.iter().fold(start, |value, corner| choose(value, corner[axis]))
        };
        BoundingBox {
            x_min: extreme(0, f64::min, f64::MAX),
            y_min: extreme(1, f64::min, f64::MAX),
            x_max: extreme(0, f64::max, f64::MIN),
            y_max: extreme(1, f64::max, f64::MIN),
        }
    }
}

/// The convex hull by Andrew's monotone chain.
fn convex_hull(mut points: Vec<Point2<f64>>) -> Vec<Point2<f64>> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let half = |points: &mut dyn Iterator<Item = Point2<f64>>| {
        let mut chain: Vec<Point2<f64>> = Vec::with_capacity(8);
        for point in points {
            while let [.., a, b] = chain[..] {
                let turn = (b - a).perp(&(point - a));
                if turn > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hull_of_a_cloud_is_its_outline() {
        let square = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)];
        let inside = [(1.0, 0.5), (0.5, 0.9), (1.0, 0.0)];
        let points = inside.iter().chain(&square).map(|&(x, y)| Point2::new(x, y)).collect();
        let hull = convex_hull(points);
        assert_eq!(hull, square.map(|(x, y)| Point2::new(x, y)));
    }

    #[test]
    fn moments_of_a_turned_rectangle_match_its_closed_form() {
        let angle = 0.7f64;
        let corners = [(-32.0, -20.0), (32.0, -20.0), (32.0, 20.0), (-32.0, 20.0)];
        let silhouette = Silhouette {
            outline: corners
                .map(|(x, y)| {
                    Point2::new(
                        400.0 + angle.cos() * x - angle.sin() * y,
                        300.0 + angle.sin() * x + angle.cos() * y,
                    )
                })
                .to_vec(),
        };
        let moments = silhouette.moments();
        assert!((moments.area - 64.0 * 40.0).abs() < 1e-9);
        assert!((moments.centroid - Point2::new(400.0, 300.0)).norm() < 1e-9);
        assert!((moments.major_variance - 64.0f64.powi(2) / 12.0).abs() < 1e-6);
        assert!((moments.minor_variance - 40.0f64.powi(2) / 12.0).abs() < 1e-6);
        assert!((moments.major_angle_rad - angle).abs() < 1e-9);
    }
}
