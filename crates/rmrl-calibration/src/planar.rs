//! Closed forms for a plane seen by a camera: homographies, focal lengths, and the plane's pose.

use nalgebra::{
    DMatrix, DVector, Isometry3, Matrix3, Point2, Point3, Rotation3, SVector, Translation3,
    UnitQuaternion, Vector3,
};
use rmrl_vision::Intrinsics;

use crate::BoardCorner;
use crate::board_corner::matches;
use crate::least_squares::{LeastSquares, NormalEquations, solve};
use crate::projection::{motion, point_by_motion, project};

/// The homography from a board's plane to an image, by the normalized direct linear transform.
pub(crate) fn homography(points: &[Point2<f64>], pixels: &[Point2<f64>]) -> Option<Matrix3<f64>> {
    let (from, to) = (normalizing(points)?, normalizing(pixels)?);
    let mut rows = DMatrix::zeros(2 * points.len(), 9);
    for (index, (point, pixel)) in points.iter().zip(pixels).enumerate() {
        let (p, q) = (from * point.to_homogeneous(), to * pixel.to_homogeneous());
        for axis in 0..2 {
            for column in 0..3 {
                rows[(2 * index + axis, 3 * axis + column)] = p[column];
                rows[(2 * index + axis, 6 + column)] = -q[axis] * p[column];
            }
        }
    }
    // The smallest right singular vector, by the normal matrix of only nine by nine.
    let eigen = (rows.transpose() * &rows).symmetric_eigen();
    let smallest = eigen.eigenvalues.imin();
    let h = Matrix3::from_row_slice(eigen.eigenvectors.column(smallest).as_slice());
    Some(to.try_inverse()? * h * from)
}

/// The transform that moves the points' mean to the origin and scales them to a mean distance of √2.
fn normalizing(points: &[Point2<f64>]) -> Option<Matrix3<f64>> {
    let count = points.len() as f64;
    let middle = points.iter().map(|point| point.coords).sum::<nalgebra::Vector2<f64>>() / count;
    let distance = points.iter().map(|point| (point.coords - middle).norm()).sum::<f64>() / count;
    let scale = std::f64::consts::SQRT_2 / distance;
    scale.is_finite().then(|| {
        Matrix3::new(scale, 0.0, -scale * middle.x, 0.0, scale, -scale * middle.y, 0.0, 0.0, 1.0)
    })
}

/// Zhang's closed form for focal lengths, with the principal point in the middle of the image and without
/// distortion: the start of the refinement.
pub(crate) fn focal_lengths(homographies: &[Matrix3<f64>], size: [u32; 2]) -> Option<[f64; 2]> {
    let middle = size.map(|side| 0.5 * (f64::from(side) - 1.0));
    let centered = Matrix3::new(1.0, 0.0, -middle[0], 0.0, 1.0, -middle[1], 0.0, 0.0, 1.0);
    let mut rows = DMatrix::zeros(2 * homographies.len(), 2);
    let mut values = DVector::zeros(2 * homographies.len());
    for (index, homography) in homographies.iter().enumerate() {
        let h = (centered * homography).normalize();
        let (first, second): (Vector3<f64>, Vector3<f64>) =
            (h.column(0).into(), h.column(1).into());
        // The columns of K⁻¹ H are perpendicular and equally long.
        let products = [(first, second), (first + second, first - second)];
        for (row, (a, b)) in products.into_iter().enumerate() {
            rows[(2 * index + row, 0)] = a[0] * b[0];
            rows[(2 * index + row, 1)] = a[1] * b[1];
            values[2 * index + row] = -a[2] * b[2];
        }
    }
    let inverse_squares = rows.svd(true, true).solve(&values, 1e-15).ok()?;
    let focal = [0, 1].map(|axis| inverse_squares[axis].recip().sqrt());
    focal.iter().all(|value| value.is_finite()).then_some(focal)
}

/// A board's pose `camera_from_board`, with the root mean square distance between detected and expected corners,
/// in pixels.
pub(crate) fn board_pose(
    intrinsics: &Intrinsics,
    points: &[Point3<f64>],
    corners: &[BoardCorner],
) -> Option<(Isometry3<f64>, f64)> {
    let on_board: Vec<Point2<f64>> =
        matches(corners, points).map(|(point, _)| point.xy()).collect();
    // The pixels without distortion, in normalized coordinates.
    let ideal: Vec<Point2<f64>> = corners
        .iter()
        .map(|corner| Some(intrinsics.unproject(corner.pixel, 1.0)?.xy()))
        .collect::<Option<_>>()?;
    let start = pose_of(homography(&on_board, &ideal)?)?;
    let found = solve(BoardPose { intrinsics, points, corners, camera_from_board: start });
    let rms = (found.cost / corners.len() as f64).sqrt();
    rms.is_finite().then_some((found.problem.camera_from_board, rms))
}

/// The pose that gives a homography in normalized coordinates.
pub(crate) fn pose_of(homography: Matrix3<f64>) -> Option<Isometry3<f64>> {
    let scale = 2.0 / (homography.column(0).norm() + homography.column(1).norm());
    // The board is in front of the camera.
    let h = homography * (scale * homography[(2, 2)].signum());
    let (x, y) = (h.column(0).clone_owned(), h.column(1).clone_owned());
    let svd = Matrix3::from_columns(&[x, y, x.cross(&y)]).svd(true, true);
    let nearest = svd.u? * svd.v_t?;
    let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(nearest));
    let translation: Vector3<f64> = h.column(2).clone_owned();
    translation
        .iter()
        .all(|value| value.is_finite())
        .then(|| Isometry3::from_parts(Translation3::from(translation), rotation))
}

/// The refinement of one pose.
#[derive(Clone)]
struct BoardPose<'a> {
    intrinsics: &'a Intrinsics,
    points: &'a [Point3<f64>],
    corners: &'a [BoardCorner],
    camera_from_board: Isometry3<f64>,
}

impl LeastSquares for BoardPose<'_> {
    fn unknowns(&self) -> usize {
        6
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        for (point, pixel) in matches(self.corners, self.points) {
            let point_in_camera = self.camera_from_board * point;
            let Some(seen) = project(self.intrinsics, point_in_camera) else { continue };
            let by = seen.by_point * point_by_motion(point_in_camera);
            for axis in 0..2 {
                let row: [(usize, f64); 6] =
                    std::array::from_fn(|index| (index, by[(axis, index)]));
                equations.add(seen.pixel[axis] - pixel[axis], &row);
            }
        }
    }

    fn cost(&self) -> f64 {
        matches(self.corners, self.points)
            .map(|(point, pixel)| {
                let seen = self.intrinsics.project(self.camera_from_board * point);
                seen.map_or(f64::INFINITY, |seen| (seen - pixel).norm_squared())
            })
            .sum()
    }

    fn moved(&self, step: &DVector<f64>) -> Self {
        let step = SVector::<f64, 6>::from_column_slice(step.as_slice());
        Self { camera_from_board: motion(&step) * self.camera_from_board, ..self.clone() }
    }
}
