//! The pinhole camera: intrinsics with distortion, and extrinsics.

use nalgebra::{Isometry3, Point2, Point3, Vector3};
use serde::{Deserialize, Serialize};

/// Brown-Conrady lens distortion in OpenCV's order `(k1, k2, p1, p2, k3)`; all zero for none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Distortion {
    /// Radial, second order.
    pub k1: f64,
    /// Radial, fourth order.
    pub k2: f64,
    /// Tangential.
    pub p1: f64,
    /// Tangential.
    pub p2: f64,
    /// Radial, sixth order.
    pub k3: f64,
}

impl Distortion {
    /// Distorts normalized image coordinates `(X/Z, Y/Z)`.
    fn distort(&self, ideal: Point2<f64>) -> Point2<f64> {
        let (x, y) = (ideal.x, ideal.y);
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3));
        Point2::new(
            x * radial + 2.0 * self.p1 * x * y + self.p2 * (r2 + 2.0 * x * x),
            y * radial + self.p1 * (r2 + 2.0 * y * y) + 2.0 * self.p2 * x * y,
        )
    }

    /// Inverts [`Self::distort`] by fixed-point iteration, as OpenCV's `undistortPoints` does.
    #[inline]
    fn undistort(&self, distorted: Point2<f64>) -> Point2<f64> {
        if *self == Self::default() {
            return distorted;
        }
        let mut ideal = distorted;
        for _ in 0..MAX_UNDISTORT_ITERATIONS {
            let step = distorted - self.distort(ideal);
            ideal += step;
            if step.norm() < 1e-12 {
                break;
            }
        }
        ideal
    }
}

/// Enough for lenses that distort the image by a third; the loop stops once it has converged.
const MAX_UNDISTORT_ITERATIONS: usize = 100;

/// A pinhole camera's intrinsics, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intrinsics {
    /// Image width.
    pub width: u32,
    /// Image height.
    pub height: u32,
    /// Focal length along `u`.
    pub fx: f64,
    /// Focal length along `v`.
    pub fy: f64,
    /// Principal point, `u`.
    pub cx: f64,
    /// Principal point, `v`.
    pub cy: f64,
    /// Lens distortion.
    #[serde(default)]
    pub distortion: Distortion,
}

/// Why intrinsics are invalid.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum IntrinsicsError {
    /// The image has no pixels.
    #[error("the image size is {width} x {height}; both must be at least 1")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A focal length is not a positive number.
    #[error("{key} is {value}, expected a positive focal length in pixels")]
    FocalLength {
        /// `fx` or `fy`.
        key: &'static str,
        /// The invalid value.
        value: f64,
    },
    /// The distortion is not invertible everywhere in the image.
    #[error(
        "the distortion {distortion:?} is not invertible at pixel ({u}, {v}); its coefficients belong to another camera or image size"
    )]
    Distortion {
        /// The coefficients.
        distortion: Distortion,
        /// The pixel's `u`.
        u: f64,
        /// The pixel's `v`.
        v: f64,
    },
    /// The principal point lies outside the image.
    #[error("{key} is {value}, expected a principal point inside the image, 0 to {size}")]
    PrincipalPoint {
        /// `cx` or `cy`.
        key: &'static str,
        /// The invalid value.
        value: f64,
        /// The image's extent in that direction.
        size: u32,
    },
}

impl Intrinsics {
    /// Checks that the intrinsics are valid.
    ///
    /// # Errors
    /// An empty image, a focal length that is not positive, a principal point outside the image, or a
    /// distortion that is not invertible.
    pub fn validate(&self) -> Result<(), IntrinsicsError> {
        if self.width == 0 || self.height == 0 {
            return Err(IntrinsicsError::Size { width: self.width, height: self.height });
        }
        for (key, value) in [("fx", self.fx), ("fy", self.fy)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(IntrinsicsError::FocalLength { key, value });
            }
        }
        for (key, value, size) in [("cx", self.cx, self.width), ("cy", self.cy, self.height)] {
            if !(0.0..=f64::from(size)).contains(&value) {
                return Err(IntrinsicsError::PrincipalPoint { key, value, size });
            }
        }
        // Distortion is largest at the border.
        let (right, bottom) = (f64::from(self.width - 1), f64::from(self.height - 1));
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            for (u, v) in [
                (share * right, 0.0),
                (share * right, bottom),
                (0.0, share * bottom),
                (right, share * bottom),
            ] {
                let back = self.project(self.unproject(Point2::new(u, v), 1.0));
                let returns = back.is_some_and(|back| (back - Point2::new(u, v)).norm() < 0.1);
                if !returns {
                    return Err(IntrinsicsError::Distortion { distortion: self.distortion, u, v });
                }
            }
        }
        Ok(())
    }

    /// The pixel that sees a point in the camera frame; `None` for points that are not in front of the camera.
    pub fn project(&self, point_in_camera: Point3<f64>) -> Option<Point2<f64>> {
        if point_in_camera.z <= 0.0 {
            return None;
        }
        let distorted = self.distortion.distort(Point2::new(
            point_in_camera.x / point_in_camera.z,
            point_in_camera.y / point_in_camera.z,
        ));
        Some(Point2::new(self.fx * distorted.x + self.cx, self.fy * distorted.y + self.cy))
    }

    /// The point at `depth_m` along the optical axis that a pixel sees, Eq. 13.
    #[inline]
    pub fn unproject(&self, pixel: Point2<f64>, depth_m: f64) -> Point3<f64> {
        // Eq. 13: X = (u - c_x) Z / f_x, Y = (v - c_y) Z / f_y, after the distortion is removed
        let ideal = self
            .distortion
            .undistort(Point2::new((pixel.x - self.cx) / self.fx, (pixel.y - self.cy) / self.fy));
        Point3::new(ideal.x * depth_m, ideal.y * depth_m, depth_m)
    }
}

/// A camera model: intrinsics and extrinsics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraModel {
    /// Focal lengths, principal point, distortion.
    pub intrinsics: Intrinsics,
    /// The extrinsics `(R, t)` of Eq. 14.
    pub world_from_camera: Isometry3<f64>,
}

impl CameraModel {
    /// The point in the world that a pixel sees at `depth_m` along the optical axis, Eq. 13-14.
    pub fn world_point(&self, pixel: Point2<f64>, depth_m: f64) -> Point3<f64> {
        // Eq. 14: p_world = R p_camera + t
        self.world_from_camera * self.intrinsics.unproject(pixel, depth_m)
    }

    /// The pixel that sees a point of the world; `None` for points behind the camera.
    pub fn project(&self, point_in_world: Point3<f64>) -> Option<Point2<f64>> {
        self.intrinsics.project(self.world_from_camera.inverse_transform_point(&point_in_world))
    }

    /// The camera's position, world frame.
    pub fn position(&self) -> Point3<f64> {
        self.world_from_camera.translation.vector.into()
    }

    /// The unit direction of a pixel's ray, world frame.
    pub fn viewing_direction(&self, pixel: Point2<f64>) -> Vector3<f64> {
        (self.world_from_camera * self.intrinsics.unproject(pixel, 1.0).coords).normalize()
    }

    /// Where the ray of a pixel meets the horizontal plane at `height_m`; `None` if it does not
    /// meet it in front of the camera.
    pub fn intersect_plane(&self, pixel: Point2<f64>, height_m: f64) -> Option<Point3<f64>> {
        let origin = self.position();
        let direction = self.viewing_direction(pixel);
        let distance_m = (height_m - origin.z) / direction.z;
        (distance_m.is_finite() && distance_m > 0.0).then(|| origin + direction * distance_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Translation3, UnitQuaternion};
    use proptest::prelude::*;

    const D435: Intrinsics = Intrinsics {
        width: 640,
        height: 480,
        fx: 612.0,
        fy: 611.0,
        cx: 321.5,
        cy: 238.0,
        distortion: Distortion { k1: 0.12, k2: -0.25, p1: 0.001, p2: -0.0007, k3: 0.05 },
    };

    /// Expected pixels from OpenCV 5.0.0 (`cv2.projectPoints` with the same numbers).
    #[test]
    fn projection_with_distortion_agrees_with_opencv() {
        for (point, u, v) in OPENCV_PROJECTIONS {
            let pixel = D435.project(Point3::from(point)).unwrap();
            assert!((pixel.x - u).abs() < 1e-6 && (pixel.y - v).abs() < 1e-6, "{pixel}");
        }
    }

    const OPENCV_PROJECTIONS: [([f64; 3], f64, f64); 3] = [
        ([0.1, -0.05, 0.8], 398.140_712_577, 199.750_015_508),
        ([-0.35, 0.25, 0.8], 49.277_000_790, 432.215_587_442),
        ([0.3, 0.3, 1.2], 476.181_685_156, 392.558_774_805),
    ];

    #[test]
    fn points_behind_the_camera_have_no_pixel() {
        assert_eq!(D435.project(Point3::new(0.1, 0.1, -0.5)), None);
        assert_eq!(D435.project(Point3::new(0.1, 0.1, 0.0)), None);
    }

    #[test]
    fn invalid_intrinsics_are_refused_by_key() {
        for (broken, named) in [
            (Intrinsics { width: 0, ..D435 }, "0 x 480"),
            (Intrinsics { fy: -1.0, ..D435 }, "fy"),
            (Intrinsics { fx: f64::NAN, ..D435 }, "fx"),
            (Intrinsics { cy: 481.0, ..D435 }, "cy"),
            (
                Intrinsics {
                    fx: 400.0,
                    distortion: Distortion { k1: 0.5, k2: 0.5, ..Distortion::default() },
                    ..D435
                },
                "distortion",
            ),
        ] {
            let message = broken.validate().unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
        assert_eq!(D435.validate(), Ok(()));
    }

    proptest! {
        #[test]
        fn projecting_and_unprojecting_are_inverse(
            u in 0.0..640.0f64, v in 0.0..480.0f64, depth in 0.2..2.0f64,
        ) {
            let pixel = Point2::new(u, v);
            let back = D435.project(D435.unproject(pixel, depth)).unwrap();
            prop_assert!((back - pixel).norm() < 1e-6, "{back}");
        }

        #[test]
        fn world_points_project_to_their_pixel(
            u in 0.0..640.0f64, v in 0.0..480.0f64, depth in 0.2..2.0f64,
            roll in 2.9..3.4f64, yaw in -3.0..3.0f64,
        ) {
            let camera = CameraModel {
                intrinsics: D435,
                world_from_camera: Isometry3::from_parts(
                    Translation3::new(0.3, -0.1, 0.9),
                    UnitQuaternion::from_euler_angles(roll, 0.05, yaw),
                ),
            };
            let pixel = Point2::new(u, v);
            let point = camera.world_point(pixel, depth);
            prop_assert!((camera.project(point).unwrap() - pixel).norm() < 1e-6);
            let on_plane = camera.intersect_plane(pixel, point.z).unwrap();
            prop_assert!((on_plane - point).norm() < 1e-6);
        }
    }
}
