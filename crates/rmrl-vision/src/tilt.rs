//! The tilt of a plate, from the depth over its mask.

use nalgebra::{Matrix3, Point2, Point3, Vector3};

use crate::frame::DEPTH_UNIT_M;
use crate::{CameraModel, Mask, RgbdFrame};

/// The angle between the world's upward direction and the normal of the surface under `mask`, in radians;
/// `None` if the pixels with a depth are fewer than three or lie in one line.
///
/// The surface is the plane that fits best by least squares. A plate with one side on a wall 12 mm high is
/// tilted by 5 degrees or more; calibration and the depth camera's noise add a fraction of one degree.
pub fn tilt_rad(frame: &RgbdFrame, mask: &Mask, camera: &CameraModel) -> Option<f64> {
    let points = || {
        mask.pixels().filter_map(|(u, v)| {
            let depth = frame.depth.get_pixel_checked(u, v)?.0[0];
            let pixel = Point2::new(f64::from(u), f64::from(v));
            if depth == 0 {
                return None;
            }
            camera.world_point(pixel, f64::from(depth) * DEPTH_UNIT_M)
        })
    };
    let count = points().count() as f64;
    let mean = points().map(|point| point.coords).sum::<Vector3<f64>>() / count;
    // min Σ (z - a x - b y - c)², by its normal equations about the mean point
    let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
    for Point3 { coords } in points() {
        let from_mean = coords - mean;
        let row = Vector3::new(from_mean.x, from_mean.y, 1.0);
        normal += row * row.transpose();
        right += row * from_mean.z;
    }
    // Points in one line, or no points, define no plane.
    let (across, along) = (normal.m11 * normal.m22 - normal.m12.powi(2), normal.m11 + normal.m22);
    if across.is_nan() || across <= 1e-6 * along.powi(2) {
        return None;
    }
    let slopes = normal.lu().solve(&right)?;
    let tilt_rad = slopes.x.hypot(slopes.y).atan();
    tilt_rad.is_finite().then_some(tilt_rad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use image::{GrayImage, Luma, RgbImage};
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};

    use crate::{DepthImage, Distortion, Intrinsics};

    /// A camera 0.8 m above the table that looks straight down.
    fn camera() -> CameraModel {
        let looking_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        CameraModel {
            intrinsics: Intrinsics {
                width: 160,
                height: 120,
                fx: 153.0,
                fy: 153.0,
                cx: 79.5,
                cy: 59.5,
                distortion: Distortion::default(),
            },
            world_from_camera: Isometry3::from_parts(
                Translation3::new(0.3, 0.0, 0.8),
                looking_down,
            ),
        }
    }

    /// The depth image of an infinite plane `z = 0.02 + slope (x - 0.3)`, in closed form.
    fn plane(slope: f64) -> RgbdFrame {
        let depth = DepthImage::from_fn(160, 120, |u, _| {
            // Along the ray x - 0.3 = d (u - cx) / fx and z = 0.8 - d.
            let ray = (f64::from(u) - 79.5) / 153.0;
            let depth_m = 0.78 / (1.0 + slope * ray);
            Luma([(depth_m / DEPTH_UNIT_M).round() as u16])
        });
        RgbdFrame { color: Arc::new(RgbImage::new(160, 120)), depth }
    }

    fn mask(pixels: &[(u32, u32)]) -> Mask {
        let mut mask = GrayImage::new(160, 120);
        pixels.iter().for_each(|(u, v)| mask.put_pixel(*u, *v, Luma([255])));
        Mask::new(0, 0, mask)
    }

    #[test]
    fn the_tilt_of_a_plane_is_found_to_a_tenth_of_a_degree() {
        let whole: Vec<(u32, u32)> =
            (60..100).flat_map(|u| (40..80).map(move |v| (u, v))).collect();
        for degrees in [0.0_f64, 1.0, 5.4, -8.0] {
            let frame = plane(degrees.to_radians().tan());
            let found = tilt_rad(&frame, &mask(&whole), &camera()).unwrap().to_degrees();
            assert!((found - degrees.abs()).abs() < 0.1, "{degrees}: {found}");
        }
    }

    #[test]
    fn a_surface_that_was_not_seen_has_no_tilt() {
        let line: Vec<(u32, u32)> = (60..100).map(|u| (u, 50)).collect();
        for pixels in [&[][..], &[(3, 4)], &[(3, 4), (50, 60)], &line] {
            let found = tilt_rad(&plane(0.0), &mask(pixels), &camera());
            assert_eq!(found, None, "{} pixels", pixels.len());
        }
        let mut unseen = plane(0.0);
        unseen.depth = DepthImage::new(160, 120);
        assert_eq!(tilt_rad(&unseen, &mask(&line), &camera()), None);
    }
}
