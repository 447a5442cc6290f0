//! Where a calibrated camera sees what truly lies elsewhere, and back.

use nalgebra::{Isometry3, Point3, Vector3};
use rmrl_core::PlanarPose;
use rmrl_vision::CameraModel;

/// What one camera believes of a point that another one, of the same image, has at its pixel and depth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CameraError {
    rigid: Isometry3<f64>,
    /// From which camera to which; `None` if both have the same intrinsics.
    lenses: Option<[CameraModel; 2]>,
}

/// Half the distance of the two points that a direction is taken from, in meters: about half a plate.
const HALF_LENGTH_M: f64 = 0.06;

impl CameraError {
    /// From points as the camera `from` has them to points as `to` has them.
    pub(super) fn new(from: CameraModel, to: CameraModel) -> Self {
        Self {
            rigid: to.world_from_camera * from.world_from_camera.inverse(),
            lenses: (from.intrinsics != to.intrinsics).then_some([from, to]),
        }
    }

    /// From points as the second camera has them to points as the first has them.
    pub(super) fn inverse(&self) -> Self {
        Self { rigid: self.rigid.inverse(), lenses: self.lenses.map(|[from, to]| [to, from]) }
    }

    /// Where the second camera has a point that the first has at `point`. Both see it at the same pixel and depth.
    pub(super) fn of_point(&self, point: Point3<f64>) -> Point3<f64> {
        let through_lenses = || {
            let [from, to] = self.lenses?;
            let in_camera = from.world_from_camera.inverse_transform_point(&point);
            let pixel = from.intrinsics.project(in_camera)?;
            Some(to.world_from_camera * to.intrinsics.unproject(pixel, in_camera.z)?)
        };
        through_lenses().unwrap_or_else(|| self.rigid * point)
    }

    /// Where the second camera has a horizontal direction at `point`: its yaw, in radians.
    pub(super) fn of_yaw(&self, point: Point3<f64>, yaw_rad: f64) -> f64 {
        let (sin, cos) = yaw_rad.sin_cos();
        let ahead = Vector3::new(cos, sin, 0.0);
        let seen = match self.lenses {
            Some(_) => {
                let end = |side: f64| self.of_point(point + side * HALF_LENGTH_M * ahead);
                end(1.0) - end(-1.0)
            }
            None => self.rigid * ahead,
        };
        seen.y.atan2(seen.x)
    }
}

/// Where one camera sees a plate that another one of the same image sees at `plate`; both take its middle to be at `height_m`.
/// `None` where one of them does not see the place.
pub(crate) fn seen_by(
    from: &CameraModel,
    to: &CameraModel,
    plate: PlanarPose,
    height_m: f64,
) -> Option<PlanarPose> {
    let (sin, cos) = plate.yaw_rad.sin_cos();
    let ahead = Vector3::new(cos, sin, 0.0);
    let at = |along_m: f64| {
        let point = Point3::new(plate.x_m, plate.y_m, height_m) + along_m * ahead;
        to.intersect_plane(from.project(point)?, height_m)
    };
    let [middle, front, back] = [at(0.0)?, at(HALF_LENGTH_M)?, at(-HALF_LENGTH_M)?];
    let direction = front - back;
    Some(PlanarPose::new(middle.x, middle.y, direction.y.atan2(direction.x)))
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};
    use rmrl_vision::{Distortion, Intrinsics};

    use super::*;

    #[test]
    fn a_lens_moves_a_point_by_its_displacement_and_back() {
        let intrinsics = Intrinsics {
            width: 640,
            height: 480,
            fx: 612.0,
            fy: 612.0,
            cx: 319.5,
            cy: 239.5,
            distortion: Distortion::default(),
        };
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let world_from_camera = Isometry3::from_parts(Translation3::new(0.0, 0.0, 0.8), down);
        let believed = CameraModel { intrinsics, world_from_camera };
        let distortion = Distortion { k1: 0.003, ..Distortion::default() };
        let truly = CameraModel { intrinsics: Intrinsics { distortion, ..intrinsics }, ..believed };
        let error = CameraError::new(truly, believed);
        let point = Point3::new(0.2, 0.0, 0.0);
        let seen = error.of_point(point);
        // At r = 0.2 / 0.8 of the image, k1 r³ times the distance of 0.8 m.
        assert!(
            (seen - point - Vector3::new(0.003 * 0.25f64.powi(3) * 0.8, 0.0, 0.0)).norm() < 1e-12
        );
        assert!((error.inverse().of_point(seen) - point).norm() < 1e-12);
        assert!(error.of_yaw(point, 0.0).abs() < 1e-12);
        let turned_rad = error.of_yaw(Point3::new(0.1, 0.1, 0.0), 0.0);
        assert!(turned_rad.abs() > 1e-6, "a radial lens bends a line beside the middle");
        assert_eq!(CameraError::new(believed, believed).of_point(point), point);
    }
}
