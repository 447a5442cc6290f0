//! The projection of a point, with its derivatives with respect to point and camera.

use nalgebra::{Isometry3, Matrix2x3, Matrix3, Point2, Point3, SMatrix, SVector};
use rmrl_vision::{Distortion, Intrinsics};

/// A pixel with its derivatives.
pub(crate) struct Projection {
    pub pixel: Point2<f64>,
    pub by_point: Matrix2x3<f64>,
    /// Derivatives with respect to `(fx, fy, cx, cy, k1, k2, p1, p2, k3)`.
    pub by_intrinsics: SMatrix<f64, 2, 9>,
}

/// [`Intrinsics::project`] with derivatives; `None` behind the camera.
pub(crate) fn project(intrinsics: &Intrinsics, point_in_camera: Point3<f64>) -> Option<Projection> {
    if point_in_camera.z <= 0.0 {
        return None;
    }
    let Distortion { k1, k2, p1, p2, k3 } = intrinsics.distortion;
    let (fx, fy) = (intrinsics.fx, intrinsics.fy);
    let (x, y) = (point_in_camera.x / point_in_camera.z, point_in_camera.y / point_in_camera.z);
    let r2 = x * x + y * y;
    let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
    let radial_by_r2 = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
    let distorted_x = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x);
    let distorted_y = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y;
    // Derivatives with respect to the normalized coordinates x = X / Z and y = Y / Z.
    let cross = 2.0 * (x * y * radial_by_r2 + p1 * x + p2 * y);
    let x_by_x = radial + 2.0 * (x * x * radial_by_r2 + p1 * y) + 6.0 * p2 * x;
    let y_by_y = radial + 2.0 * (y * y * radial_by_r2 + p2 * x) + 6.0 * p1 * y;
    let inverse_z = 1.0 / point_in_camera.z;
    let by_point = Matrix2x3::new(
        fx * x_by_x * inverse_z,
        fx * cross * inverse_z,
        -fx * (x_by_x * x + cross * y) * inverse_z,
        fy * cross * inverse_z,
        fy * y_by_y * inverse_z,
        -fy * (cross * x + y_by_y * y) * inverse_z,
    );
    let (r4, r6) = (r2 * r2, r2 * r2 * r2);
    #[rustfmt::skip]
    let by_intrinsics = SMatrix::<f64, 2, 9>::from_row_slice(&[
        distorted_x, 0.0, 1.0, 0.0,
        fx * x * r2, fx * x * r4, fx * 2.0 * x * y, fx * (r2 + 2.0 * x * x), fx * x * r6,
        0.0, distorted_y, 0.0, 1.0,
        fy * y * r2, fy * y * r4, fy * (r2 + 2.0 * y * y), fy * 2.0 * x * y, fy * y * r6,
    ]);
    Some(Projection {
        pixel: Point2::new(fx * distorted_x + intrinsics.cx, fy * distorted_y + intrinsics.cy),
        by_point,
        by_intrinsics,
    })
}

/// `Exp(step)`: a small motion, translation first, then the rotation's axis times its angle.
pub(crate) fn motion(step: &SVector<f64, 6>) -> Isometry3<f64> {
    Isometry3::new(step.fixed_rows::<3>(0).into(), step.fixed_rows::<3>(3).into())
}

/// The derivative of a moved point with respect to the motion: `Exp(step) p ≈ p + [1 | -[p]x] step`.
pub(crate) fn point_by_motion(point: Point3<f64>) -> SMatrix<f64, 3, 6> {
    let mut derivative = SMatrix::<f64, 3, 6>::zeros();
    derivative.fixed_columns_mut::<3>(0).copy_from(&Matrix3::identity());
    derivative.fixed_columns_mut::<3>(3).copy_from(&-point.coords.cross_matrix());
    derivative
}

/// Intrinsics changed by a step in the order of [`Projection::by_intrinsics`].
pub(crate) fn moved_intrinsics(intrinsics: &Intrinsics, step: &SVector<f64, 9>) -> Intrinsics {
    let Distortion { k1, k2, p1, p2, k3 } = intrinsics.distortion;
    Intrinsics {
        fx: intrinsics.fx + step[0],
        fy: intrinsics.fy + step[1],
        cx: intrinsics.cx + step[2],
        cy: intrinsics.cy + step[3],
        distortion: Distortion {
            k1: k1 + step[4],
            k2: k2 + step[5],
            p1: p1 + step[6],
            p2: p2 + step[7],
            k3: k3 + step[8],
        },
        ..*intrinsics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Intrinsics = Intrinsics {
        width: 640,
        height: 480,
        fx: 612.0,
        fy: 611.0,
        cx: 321.5,
        cy: 238.0,
        distortion: Distortion { k1: 0.12, k2: -0.25, p1: 0.001, p2: -0.0007, k3: 0.05 },
    };

    #[test]
    fn derivatives_match_finite_differences() {
        let point = Point3::new(0.2, -0.13, 0.7);
        let projection = project(&CAMERA, point).unwrap();
        assert!((projection.pixel - CAMERA.project(point).unwrap()).norm() < 1e-9);
        const STEP: f64 = 1e-6;
        for index in 0..9 {
            let mut step = SVector::<f64, 9>::zeros();
            step[index] = STEP;
            let moved = moved_intrinsics(&CAMERA, &step).project(point).unwrap();
            let slope = (moved - projection.pixel) / STEP;
            assert!((slope - projection.by_intrinsics.column(index)).norm() < 1e-3, "{index}");
        }
        for index in 0..6 {
            let mut step = SVector::<f64, 6>::zeros();
            step[index] = STEP;
            let slope = (CAMERA.project(motion(&step) * point).unwrap() - projection.pixel) / STEP;
            let expected = projection.by_point * point_by_motion(point).column(index);
            assert!((slope - expected).norm() < 1e-2, "{index}: {slope} {expected}");
        }
        assert!(project(&CAMERA, Point3::new(0.1, 0.1, -1.0)).is_none());
    }
}
