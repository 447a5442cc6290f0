//! Least squares over the views of a wrist camera and an overhead camera of boards on the table.
//!
//! Minimizes the distances between detected and expected corners, in units of the images' noise, and the
//! corrections of the arm's poses, in units of the arm's noise. With exact poses this is the reprojection error;
//! with exact images it is `A X = Z B`.

use nalgebra::{DMatrix, DVector, Isometry3, Matrix3, Point3, SMatrix, SVector};
use rmrl_vision::Intrinsics;

use crate::board_corner::matches;
use crate::least_squares::{LeastSquares, NormalEquations, Solution, solve};
use crate::projection::{motion, point_by_motion, project};
use crate::{BoardCorner, PoseNoise};

/// The problem, and its current solution.
#[derive(Clone)]
pub(crate) struct Bundle<'a> {
    /// The board's corners, in the board's frame.
    pub points: Vec<Point3<f64>>,
    pub wrist: Intrinsics,
    pub overhead: Intrinsics,
    pub wrist_views: Vec<WristView<'a>>,
    pub overhead_views: Vec<OverheadView<'a>>,
    pub noise: PoseNoise,
    /// Standard deviations of the corners, in pixels: those of the wrist camera and of the overhead camera.
    pub pixel_noise: [f64; 2],
    pub flange_from_wrist: Isometry3<f64>,
    /// Whether the hand-eye transform is unknown.
    pub seeks_hand_eye: bool,
    pub world_from_overhead: Isometry3<f64>,
    pub world_from_boards: Vec<Isometry3<f64>>,
    /// The corrections of the arm's poses: the true flange in the frame of the reported one.
    pub corrections: Vec<Isometry3<f64>>,
}

/// A view of the wrist camera.
#[derive(Clone)]
pub(crate) struct WristView<'a> {
    /// The index of the placement.
    pub board: usize,
    pub world_from_flange: Isometry3<f64>,
    pub corners: &'a [BoardCorner],
}

/// A view of the overhead camera.
#[derive(Clone)]
pub(crate) struct OverheadView<'a> {
    /// The index of the placement.
    pub board: usize,
    pub corners: &'a [BoardCorner],
}

/// The least pixel noise that is assumed: the error of a lens model.
const LEAST_PIXEL_NOISE: f64 = 0.05;

/// The pixel noise that explains the reprojection errors of views.
pub(crate) fn pixel_noise(reprojections_px: impl IntoIterator<Item = f64>) -> f64 {
    let (mut count, mut squares) = (0.0, 0.0);
    for error in reprojections_px {
        count += 1.0;
        squares += error * error;
    }
    // A distance has two coordinates.
    f64::sqrt(squares / (2.0 * f64::max(count, 1.0))).max(LEAST_PIXEL_NOISE)
}

impl Bundle<'_> {
    pub(crate) fn solved(self) -> Solution<Self> {
        solve(self)
    }

    /// The index of the first unknown of each kind: hand-eye, overhead, boards, corrections.
    fn places(&self) -> [usize; 4] {
        let overhead = if self.seeks_hand_eye { 6 } else { 0 };
        let boards = overhead + if self.overhead_views.is_empty() { 0 } else { 6 };
        [0, overhead, boards, boards + 6 * self.world_from_boards.len()]
    }

    /// Standard deviations of the first unknown transform: translation in meters, rotation in radians; root mean
    /// square over the axes.
    pub(crate) fn deviations(covariance: &DMatrix<f64>) -> [f64; 2] {
        [0, 3].map(|first| {
            let axes = first..first + 3;
            (axes.map(|index| covariance[(index, index)]).sum::<f64>() / 3.0).sqrt()
        })
    }

    /// The arm's error in units of the noise that was assumed: 1 or less where the assumption holds.
    pub(crate) fn misfit(&self) -> f64 {
        let squares: f64 = self
            .corrections
            .iter()
            .map(|correction| self.correction_residual(correction).norm_squared())
            .sum();
        // The camera and the board take up twelve of the coordinates.
        let freedom = (6 * self.corrections.len()).saturating_sub(12).max(1);
        (squares / freedom as f64).sqrt()
    }

    fn world_from_true_flange(&self, number: usize) -> Isometry3<f64> {
        self.wrist_views[number].world_from_flange * self.corrections[number]
    }

    /// A correction in units of the arm's noise.
    fn correction_residual(&self, correction: &Isometry3<f64>) -> SVector<f64, 6> {
        let translation = correction.translation.vector / self.noise.translation_m;
        let rotation = correction.rotation.scaled_axis() / self.noise.rotation_rad;
        SVector::from_iterator(translation.iter().chain(&rotation).copied())
    }
}

impl LeastSquares for Bundle<'_> {
    fn unknowns(&self) -> usize {
        self.places()[3] + 6 * self.corrections.len()
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        let [hand_eye, overhead, boards, corrections] = self.places();
        let mut row = Vec::new();
        for (number, view) in self.wrist_views.iter().enumerate() {
            let flange_from_world = self.world_from_true_flange(number).inverse();
            let wrist_from_flange = self.flange_from_wrist.inverse();
            let wrist_from_world = rotation(&(wrist_from_flange * flange_from_world));
            for (point, corner) in matches(view.corners, &self.points) {
                let in_world = self.world_from_boards[view.board] * point;
                let in_flange = flange_from_world * in_world;
                let Some(seen) = project(&self.wrist, wrist_from_flange * in_flange) else {
                    continue;
                };
                let scale = 1.0 / self.pixel_noise[0];
                let by_board = seen.by_point * wrist_from_world * point_by_motion(in_world) * scale;
                // A motion of the flange acts like the opposite motion of the board, and so does a motion of
                // the camera on the flange.
                let by_flange = -(seen.by_point
                    * rotation(&wrist_from_flange)
                    * point_by_motion(in_flange)
                    * scale);
                for axis in 0..2 {
                    row.clear();
                    if self.seeks_hand_eye {
                        extend(&mut row, hand_eye, &by_flange, axis);
                    }
                    extend(&mut row, boards + 6 * view.board, &by_board, axis);
                    extend(&mut row, corrections + 6 * number, &by_flange, axis);
                    equations.add(scale * (seen.pixel[axis] - corner[axis]), &row);
                }
            }
            let residual = self.correction_residual(&self.corrections[number]);
            let sigmas = [self.noise.translation_m, self.noise.rotation_rad];
            for index in 0..6 {
                let by = 1.0 / sigmas[index / 3];
                equations.add(residual[index], &[(corrections + 6 * number + index, by)]);
            }
        }
        let overhead_from_world = self.world_from_overhead.inverse();
        for view in &self.overhead_views {
            for (point, corner) in matches(view.corners, &self.points) {
                let in_world = self.world_from_boards[view.board] * point;
                let Some(seen) = project(&self.overhead, overhead_from_world * in_world) else {
                    continue;
                };
                let scale = 1.0 / self.pixel_noise[1];
                let by_board = seen.by_point
                    * rotation(&overhead_from_world)
                    * point_by_motion(in_world)
                    * scale;
                for axis in 0..2 {
                    row.clear();
                    // A motion of the camera acts like the opposite motion of the board.
                    extend(&mut row, overhead, &-by_board, axis);
                    extend(&mut row, boards + 6 * view.board, &by_board, axis);
                    equations.add(scale * (seen.pixel[axis] - corner[axis]), &row);
                }
            }
        }
    }

    fn cost(&self) -> f64 {
        let distances =
            |camera: &Intrinsics, camera_from_board: Isometry3<f64>, corners: &[BoardCorner]| {
                let squares = matches(corners, &self.points).map(|(point, corner)| {
                    let seen = camera.project(camera_from_board * point);
                    seen.map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
                });
                squares.sum::<f64>()
            };
        let mut cost = 0.0;
        for (number, view) in self.wrist_views.iter().enumerate() {
            let world_from_wrist = self.world_from_true_flange(number) * self.flange_from_wrist;
            let wrist_from_board = world_from_wrist.inverse() * self.world_from_boards[view.board];
            cost += distances(&self.wrist, wrist_from_board, view.corners)
                / self.pixel_noise[0].powi(2)
                + self.correction_residual(&self.corrections[number]).norm_squared();
        }
        for view in &self.overhead_views {
            let overhead_from_board =
                self.world_from_overhead.inverse() * self.world_from_boards[view.board];
            cost += distances(&self.overhead, overhead_from_board, view.corners)
                / self.pixel_noise[1].powi(2);
        }
        cost
    }

    fn moved(&self, step: &DVector<f64>) -> Self {
        let [hand_eye, overhead, boards, corrections] = self.places();
        let at = |place: usize| motion(&step.fixed_rows::<6>(place).clone_owned());
        let mut next = self.clone();
        if self.seeks_hand_eye {
            next.flange_from_wrist = at(hand_eye) * next.flange_from_wrist;
        }
        if !self.overhead_views.is_empty() {
            next.world_from_overhead = at(overhead) * next.world_from_overhead;
        }
        for (number, pose) in next.world_from_boards.iter_mut().enumerate() {
            *pose = at(boards + 6 * number) * *pose;
        }
        for (number, correction) in next.corrections.iter_mut().enumerate() {
            *correction *= at(corrections + 6 * number);
        }
        next
    }
}

fn rotation(isometry: &Isometry3<f64>) -> Matrix3<f64> {
    isometry.rotation.to_rotation_matrix().into_inner()
}

fn extend(row: &mut Vec<(usize, f64)>, place: usize, by: &SMatrix<f64, 2, 6>, axis: usize) {
    row.extend((0..6).map(|index| (place + index, by[(axis, index)])));
}
