//! Least squares over an overhead camera's views of a board that the arm holds.
//!
//! Minimizes the distances between detected and expected corners, in units of the images' noise, and the
//! corrections of the arm's poses, in units of the arm's noise. The noise acts in the flange's frame: a corner is
//! expected at `inverse(world_from_camera) world_from_flange correction flange_from_board`.

use nalgebra::{DMatrix, DVector, Isometry3, Matrix3, Point3, SMatrix, SVector};
use rmrl_vision::Intrinsics;

use crate::board_corner::matches;
use crate::least_squares::{LeastSquares, NormalEquations, Solution, solve};
use crate::projection::{motion, point_by_motion, project};
use crate::{BoardCorner, PoseNoise};

/// The problem, and its current solution.
#[derive(Clone)]
pub(crate) struct HeldBundle<'a> {
    /// The board's corners, in the board's frame.
    pub points: &'a [Point3<f64>],
    pub camera: &'a Intrinsics,
    pub views: Vec<HeldView<'a>>,
    pub noise: PoseNoise,
    /// Standard deviation of the corners, in pixels.
    pub pixel_noise: f64,
    pub world_from_camera: Isometry3<f64>,
    pub flange_from_board: Isometry3<f64>,
}

/// A view of the board.
#[derive(Clone)]
pub(crate) struct HeldView<'a> {
    pub world_from_flange: Isometry3<f64>,
    pub corners: &'a [BoardCorner],
    /// The correction of the arm's pose: the true flange in the frame of the reported one.
    pub correction: Isometry3<f64>,
}

/// The indices of the first unknowns of the camera, the board and the corrections.
const CAMERA: usize = 0;
const BOARD: usize = 6;
const CORRECTIONS: usize = 12;

impl HeldBundle<'_> {
    pub(crate) fn solved(self) -> Solution<Self> {
        solve(self)
    }

    /// The arm's error in units of the noise that was assumed: 1 or less where the assumption holds.
    pub(crate) fn misfit(&self) -> f64 {
        let squares: f64 =
            self.views.iter().map(|view| self.correction_residual(view).norm_squared()).sum();
        let freedom = (6 * self.views.len()).saturating_sub(CORRECTIONS).max(1);
        (squares / freedom as f64).sqrt()
    }

    /// How far the arm's poses are off: meters and radians.
    pub(crate) fn errors(&self) -> Vec<[f64; 2]> {
        let corrections = self.views.iter().map(|view| view.correction);
        corrections.map(|one| [one.translation.vector.norm(), one.rotation.angle()]).collect()
    }

    /// Root mean square distance between detected and expected corners, in pixels.
    pub(crate) fn reprojection_px(&self) -> f64 {
        let squares: f64 = self.views.iter().map(|view| self.squares(view)).sum();
        let corners: usize = self.views.iter().map(|view| view.corners.len()).sum();
        (squares / corners.max(1) as f64).sqrt()
    }

    /// Standard deviations of camera and board: translation in meters, rotation in radians; root mean square over
    /// the axes.
    pub(crate) fn deviations(&self, covariance: &DMatrix<f64>) -> [[f64; 2]; 2] {
        [(CAMERA, self.world_from_camera), (BOARD, self.flange_from_board)].map(|(place, pose)| {
            let covariance = covariance.fixed_view::<6, 6>(place, place);
            // An unknown rotation is about the origin, and moves what is away from it.
            let by_motion = point_by_motion(pose.translation.vector.into());
            let translation = by_motion * covariance * by_motion.transpose();
            let rotation = covariance.fixed_view::<3, 3>(3, 3);
            [(translation.trace() / 3.0).sqrt(), (rotation.trace() / 3.0).sqrt()]
        })
    }

    fn camera_from_flange(&self, view: &HeldView) -> Isometry3<f64> {
        self.world_from_camera.inverse() * view.world_from_flange * view.correction
    }

    /// A correction in units of the arm's noise.
    fn correction_residual(&self, view: &HeldView) -> SVector<f64, 6> {
        let translation = view.correction.translation.vector / self.noise.translation_m;
        let rotation = view.correction.rotation.scaled_axis() / self.noise.rotation_rad;
        SVector::from_iterator(translation.iter().chain(&rotation).copied())
    }

    /// The sum of the corners' squared distances in a view.
    fn squares(&self, view: &HeldView) -> f64 {
        let camera_from_board = self.camera_from_flange(view) * self.flange_from_board;
        let squares = matches(view.corners, self.points).map(|(point, corner)| {
            let seen = self.camera.project(camera_from_board * point);
            seen.map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
        });
        squares.sum()
    }
}

impl LeastSquares for HeldBundle<'_> {
    fn unknowns(&self) -> usize {
        CORRECTIONS + 6 * self.views.len()
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        let scale = 1.0 / self.pixel_noise;
        let camera_from_world = rotation(&self.world_from_camera.inverse());
        for (number, view) in self.views.iter().enumerate() {
            let corrections = CORRECTIONS + 6 * number;
            let camera_from_flange = self.camera_from_flange(view);
            let flange_in_camera = rotation(&camera_from_flange);
            for (point, corner) in matches(view.corners, self.points) {
                let in_flange = self.flange_from_board * point;
                let in_camera = camera_from_flange * in_flange;
                let in_world = self.world_from_camera * in_camera;
                let Some(seen) = project(self.camera, in_camera) else { continue };
                // A motion of the camera acts like the opposite motion of the board.
                let by_camera =
                    -(seen.by_point * camera_from_world * point_by_motion(in_world) * scale);
                // A correction acts like a motion of the board on the flange.
                let by_board =
                    seen.by_point * flange_in_camera * point_by_motion(in_flange) * scale;
                for axis in 0..2 {
                    let row: [(usize, f64); 18] = std::array::from_fn(|index| match index / 6 {
                        0 => (CAMERA + index, by_camera[(axis, index)]),
                        1 => (BOARD + index - 6, by_board[(axis, index - 6)]),
                        _ => (corrections + index - 12, by_board[(axis, index - 12)]),
                    });
                    equations.add(scale * (seen.pixel[axis] - corner[axis]), &row);
                }
            }
            let residual = self.correction_residual(view);
            let sigmas = [self.noise.translation_m, self.noise.rotation_rad];
            for index in 0..6 {
                equations.add(residual[index], &[(corrections + index, 1.0 / sigmas[index / 3])]);
            }
        }
    }

    fn cost(&self) -> f64 {
        let cost = self.views.iter().map(|view| {
            self.squares(view) / self.pixel_noise.powi(2)
                + self.correction_residual(view).norm_squared()
        });
        cost.sum()
    }

    fn moved(&self, step: &DVector<f64>) -> Self {
        let at = |place: usize| motion(&SMatrix::from(step.fixed_rows::<6>(place)));
        let mut next = self.clone();
        next.world_from_camera = at(CAMERA) * next.world_from_camera;
        next.flange_from_board = at(BOARD) * next.flange_from_board;
        for (number, view) in next.views.iter_mut().enumerate() {
            view.correction *= at(CORRECTIONS + 6 * number);
        }
        next
    }
}

fn rotation(isometry: &Isometry3<f64>) -> Matrix3<f64> {
    isometry.rotation.to_rotation_matrix().into_inner()
}
