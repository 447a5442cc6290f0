//! The pinhole camera: intrinsics with distortion, and extrinsics.

use std::fmt;

use nalgebra::{Isometry3, Point2, Point3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

use crate::Distortion;

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
    /// The distortion has no inverse in most of the image.
    #[error(
        "the distortion {distortion:?} has an inverse in {:.0} % of the image only, expected {:.0} % or more; its \
         coefficients belong to another camera or image size",
        100.0 * share, 100.0 * LEAST_INVERTIBLE_SHARE
    )]
    Distortion {
        /// The coefficients.
        distortion: Distortion,
        /// The share of the image where the distortion has an inverse.
        share: f64,
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
    /// distortion that has no inverse in most of the image. Where it has none in a part, see [`Self::lens_limit`].
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
        let distortion = self.distortion;
        let share = self.lens_limit().map_or(1.0, |limit| limit.share);
        if share < LEAST_INVERTIBLE_SHARE {
            return Err(IntrinsicsError::Distortion { distortion, share });
        }
        Ok(())
    }

    /// How far the distortion has an inverse; `None` if it has one in the whole image.
    pub fn lens_limit(&self) -> Option<LensLimit> {
        let is_known = |u: f64, v: f64| self.unproject(Point2::new(u, v), 1.0).is_some();
        let (right, bottom) = (f64::from(self.width) - 1.0, f64::from(self.height) - 1.0);
        let mut steps = (0..=LIMIT_STEPS).map(|step| f64::from(step) / f64::from(LIMIT_STEPS));
        // Distortion is largest at the border.
        if steps.all(|share| {
            [0.0, bottom].into_iter().all(|v| is_known(share * right, v))
                && [0.0, right].into_iter().all(|u| is_known(u, share * bottom))
        }) {
            return None;
        }
        let middles = (0..LIMIT_STEPS).map(|step| (f64::from(step) + 0.5) / f64::from(LIMIT_STEPS));
        let cells = middles.clone().flat_map(|u| middles.clone().map(move |v| (u, v)));
        let known = cells.filter(|(u, v)| is_known(u * right, v * bottom)).count();
        Some(LensLimit {
            center_px: [self.cx, self.cy],
            radius_px: self.distortion.limit().map_or(0.0, |r| r * self.fx.min(self.fy)),
            share: known as f64 / f64::from(LIMIT_STEPS.pow(2)),
        })
    }

    /// The pixel that sees a point in the camera frame; `None` for points that are not in front of the camera, or so far
    /// from its axis that the distortion has folded there.
    pub fn project(&self, point_in_camera: Point3<f64>) -> Option<Point2<f64>> {
        if point_in_camera.z <= 0.0 {
            return None;
        }
        let distorted = self.distortion.distort(Point2::new(
            point_in_camera.x / point_in_camera.z,
            point_in_camera.y / point_in_camera.z,
        ))?;
        Some(Point2::new(self.fx * distorted.x + self.cx, self.fy * distorted.y + self.cy))
    }

    /// The point at `depth_m` along the optical axis that a pixel sees, Eq. 13; `None` where the distortion has no
    /// inverse.
    #[inline]
    pub fn unproject(&self, pixel: Point2<f64>, depth_m: f64) -> Option<Point3<f64>> {
        // Eq. 13: X = (u - c_x) Z / f_x, Y = (v - c_y) Z / f_y, after the distortion is removed
        let ideal = self
            .distortion
            .undistort(Point2::new((pixel.x - self.cx) / self.fx, (pixel.y - self.cy) / self.fy))?;
        Some(Point3::new(ideal.x * depth_m, ideal.y * depth_m, depth_m))
    }
}

/// The least share of an image in which a lens has to be known.
const LEAST_INVERTIBLE_SHARE: f64 = 0.5;
/// The image is examined at this many steps along each side, from border to border.
const LIMIT_STEPS: u32 = 40;

/// The region in which a distortion has an inverse, where that is not the whole image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LensLimit {
    /// The region's center, the principal point, in pixels.
    pub center_px: [f64; 2],
    /// The region's radius, in pixels.
    pub radius_px: f64,
    /// The share of the image that it covers, 0 to 1.
    pub share: f64,
}

impl fmt::Display for LensLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the distortion has an inverse only within {:.0} px of ({:.0}, {:.0}), which is {:.0} % of the image; a plate \
             outside is refused",
            self.radius_px,
            self.center_px[0],
            self.center_px[1],
            100.0 * self.share
        )
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
    /// The point in the world that a pixel sees at `depth_m` along the optical axis, Eq. 13-14; `None` where the
    /// distortion has no inverse.
    pub fn world_point(&self, pixel: Point2<f64>, depth_m: f64) -> Option<Point3<f64>> {
        // Eq. 14: p_world = R p_camera + t
        Some(self.world_from_camera * self.intrinsics.unproject(pixel, depth_m)?)
    }

    /// The pixel that sees a point of the world; `None` for points behind the camera.
    pub fn project(&self, point_in_world: Point3<f64>) -> Option<Point2<f64>> {
        self.intrinsics.project(self.world_from_camera.inverse_transform_point(&point_in_world))
    }

    /// The camera's position, world frame.
    pub fn position(&self) -> Point3<f64> {
        self.world_from_camera.translation.vector.into()
    }

    /// The horizontal unit directions to the right and down in the image of a camera that looks down, world frame.
    pub fn image_axes(&self) -> [Vector2<f64>; 2] {
        [Vector3::x(), Vector3::y()].map(|axis| (self.world_from_camera * axis).xy().normalize())
    }

    /// An offset to the right and down in the image of a camera that looks down, such as a
    /// [`PictureReader`](rmrl_core::PictureReader) answers, along x and y of the world.
    pub fn along_world(&self, [right, down]: [f64; 2]) -> [f64; 2] {
        let [to_right, to_down] = self.image_axes();
        let offset = to_right * right + to_down * down;
        [offset.x, offset.y]
    }

    /// The unit direction of a pixel's ray, world frame; `None` where the distortion has no inverse.
    pub fn viewing_direction(&self, pixel: Point2<f64>) -> Option<Vector3<f64>> {
        let in_camera = self.intrinsics.unproject(pixel, 1.0)?;
        Some((self.world_from_camera * in_camera.coords).normalize())
    }

    /// Where the ray of a pixel meets the horizontal plane at `height_m`; `None` if it does not
    /// meet it in front of the camera, or where the distortion has no inverse.
    pub fn intersect_plane(&self, pixel: Point2<f64>, height_m: f64) -> Option<Point3<f64>> {
        let origin = self.position();
        let direction = self.viewing_direction(pixel)?;
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
                    distortion: Distortion { k1: -3.0, ..Distortion::default() },
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

    /// A published camera: 20 views, 0.114 px. Its radial polynomial turns back 866 px from the principal point.
    const PUBLISHED: Intrinsics = Intrinsics {
        width: 1920,
        height: 1080,
        fx: 1_048.331_837_603_218,
        fy: 1_048.362_450_716_887_7,
        cx: 945.285_288_339_225_3,
        cy: 560.972_475_866_083_9,
        distortion: crate::distortion::PUBLISHED,
    };

    #[test]
    fn a_camera_is_used_where_its_distortion_has_an_inverse() {
        assert_eq!(PUBLISHED.validate(), Ok(()));
        let limit = PUBLISHED.lens_limit().unwrap();
        // By numpy: the cubic's root, and the pixels within that radius.
        assert!((limit.radius_px - 865.0).abs() < 1.0, "{limit}");
        assert!((limit.share - 0.838).abs() < 0.02, "{limit}");
        for (u, v, inside) in [
            (945.0, 561.0, true),
            (1780.0, 561.0, true),
            (1919.0, 561.0, false),
            (0.0, 0.0, false),
            (300.0, 0.0, true),
        ] {
            let pixel = Point2::new(u, v);
            let ray = PUBLISHED.unproject(pixel, 1.0);
            assert_eq!(ray.is_some(), inside, "{pixel}");
            if let Some(ray) = ray {
                assert!((PUBLISHED.project(ray).unwrap() - pixel).norm() < 1e-6);
            }
        }
        assert_eq!(D435.lens_limit(), None);
    }

    proptest! {
        #[test]
        fn projecting_and_unprojecting_are_inverse(
            u in 0.0..640.0f64, v in 0.0..480.0f64, depth in 0.2..2.0f64,
        ) {
            let pixel = Point2::new(u, v);
            let back = D435.project(D435.unproject(pixel, depth).unwrap()).unwrap();
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
            let point = camera.world_point(pixel, depth).unwrap();
            prop_assert!((camera.project(point).unwrap() - pixel).norm() < 1e-6);
            let on_plane = camera.intersect_plane(pixel, point.z).unwrap();
            prop_assert!((on_plane - point).norm() < 1e-6);
        }
    }
}
