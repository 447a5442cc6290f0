//! Where a camera shows a plate, from its pose and height alone.

use nalgebra::Point3;
use rmrl_core::{PlanarPose, PlateInImage};

use crate::{CameraModel, LocalizerConfig};

/// Where a camera shows a plate that lies at a known height.
///
/// The localizer measures the height of each plate by its depth, and [`crate::Localization::in_image`] follows from it. Without
/// a depth image this gives the same for a plate at `height_m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateProjection {
    /// The camera.
    pub camera: CameraModel,
    /// The plate's diagonal, in meters.
    pub diagonal_m: f64,
    /// The height of the point that stands for the plate, world frame, in meters: [`crate::Localization::height_m`].
    pub height_m: f64,
    /// How far the surface that the depth camera sees lies above that point, in meters.
    pub surface_above_m: f64,
}

impl PlateProjection {
    /// The projection of a localizer's plate at `height_m`.
    pub fn new(camera: CameraModel, localizer: &LocalizerConfig, height_m: f64) -> Self {
        let plate = localizer.plate;
        // A fitted outline is that of a solid, whose center lies below the surface; else the surface itself is projected.
        let surface_above_m = match localizer.fit_outline {
            true => 0.5 * plate.height_m - localizer.mean_surface_depth_m,
            false => 0.0,
        };
        let diagonal_m = plate.length_m.hypot(plate.width_m);
        Self { camera, diagonal_m, height_m, surface_above_m }
    }

    /// Where the image shows a plate at `pose`; `None` for one that is not in front of the camera, or beyond where the lens
    /// is known.
    pub fn in_image(&self, pose: PlanarPose) -> Option<PlateInImage> {
        let at = |height_m| Point3::new(pose.x_m, pose.y_m, height_m);
        let center = self.camera.project(at(self.height_m))?;
        let surface = at(self.height_m + self.surface_above_m);
        let depth_m = self.camera.world_from_camera.inverse_transform_point(&surface).z;
        (depth_m > 0.0).then(|| PlateInImage {
            u_px: center.x,
            v_px: center.y,
            diagonal_px: self.camera.intrinsics.fx * self.diagonal_m / depth_m,
        })
    }

    /// The height of a plate that the localizer saw at `pose`, by how large the image shows it. `height_m` does not count.
    pub fn height_of(&self, pose: PlanarPose, seen: PlateInImage) -> f64 {
        let depth_m = self.camera.intrinsics.fx * self.diagonal_m / seen.diagonal_px;
        let depth_at = |height_m| {
            let point = Point3::new(pose.x_m, pose.y_m, height_m);
            self.camera.world_from_camera.inverse_transform_point(&point).z
        };
        // The depth along the optical axis falls linearly with the height.
        let at_zero_m = depth_at(0.0);
        (at_zero_m - depth_m) / (at_zero_m - depth_at(1.0)) - self.surface_above_m
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};

    use super::*;
    use crate::{Distortion, Intrinsics};

    #[test]
    fn a_plate_at_the_height_that_was_seen_appears_where_it_was_seen() {
        let camera = CameraModel {
            intrinsics: Intrinsics {
                width: 640,
                height: 480,
                fx: 612.0,
                fy: 611.0,
                cx: 321.5,
                cy: 238.0,
                distortion: Distortion { k1: 0.12, k2: -0.25, p1: 0.001, p2: -0.0007, k3: 0.05 },
            },
            world_from_camera: Isometry3::from_parts(
                Translation3::new(0.36, 0.0, 0.8),
                UnitQuaternion::from_euler_angles(3.1, 0.05, 1.5),
            ),
        };
        let localizer = LocalizerConfig::default();
        let projection = PlateProjection::new(camera, &localizer, 0.013);
        let pose = PlanarPose::new(0.3, -0.05, 0.2);
        let seen = projection.in_image(pose).unwrap();
        let other = PlateProjection { height_m: 0.0, ..projection };
        assert!((other.height_of(pose, seen) - 0.013).abs() < 1e-12);
        let center = camera.project(Point3::new(0.3, -0.05, 0.013)).unwrap();
        assert_eq!([seen.u_px, seen.v_px], [center.x, center.y]);
        assert!(other.in_image(pose).unwrap().diagonal_px < seen.diagonal_px, "nearer is larger");
        let above = PlateProjection { height_m: 2.0, ..projection };
        assert_eq!(above.in_image(pose), None);
    }
}
