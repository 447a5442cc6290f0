//! Least squares over all corners: intrinsics, and the pose of the board in each view.

use nalgebra::{DVector, Isometry3, Matrix3, Point2, Point3, SVector, Vector3};
use rmrl_vision::{Distortion, Intrinsics};

use crate::least_squares::{LeastSquares, NormalEquations};
use crate::lens_model::LensModel;
use crate::planar::{focal_lengths, homography, pose_of};
use crate::projection::{motion, moved_intrinsics, point_by_motion, project};
use crate::{Board, CalibrationError, View};

/// Intrinsics, and the pose of each view's board.
#[derive(Clone)]
pub(crate) struct Camera<'a> {
    pub views: Vec<&'a View>,
    points: Vec<Point3<f64>>,
    pub model: LensModel,
    pub intrinsics: Intrinsics,
    camera_from_boards: Vec<Isometry3<f64>>,
    /// How much longer the board is along its rows than it should be, as a share; `None` if it is not sought.
    pub stretch: Option<f64>,
}

impl<'a> Camera<'a> {
    /// Zhang's closed form, with the principal point in the middle and without distortion.
    pub(crate) fn start(
        views: &[&'a View],
        board: &Board,
        model: LensModel,
    ) -> Result<Self, CalibrationError> {
        let no_fit = |what| CalibrationError::NoFit { what };
        let size = views[0].size;
        let points = board.points();
        let homographies: Option<Vec<Matrix3<f64>>> = views
            .iter()
            .map(|view| {
                let (on_board, pixels): (Vec<Point2<f64>>, Vec<Point2<f64>>) =
                    view.matches(&points).map(|(point, pixel)| (point.xy(), pixel)).unzip();
                homography(&on_board, &pixels)
            })
            .collect();
        let homographies = homographies.ok_or(no_fit("corners coincide"))?;
        // Without tilt, the closed form finds no focal length; the check after the refinement reports it.
        let longest = f64::from(size[0].max(size[1]));
        let [fx, fy] = focal_lengths(&homographies, size)
            .filter(|focal| focal.iter().all(|f| (0.2..20.0).contains(&(f / longest))))
            .unwrap_or([longest; 2]);
        let [cx, cy] = size.map(|side| 0.5 * (f64::from(side) - 1.0));
        let [width, height] = size;
        let intrinsics =
            Intrinsics { width, height, fx, fy, cx, cy, distortion: Distortion::default() };
        let without_camera =
            Matrix3::new(1.0 / fx, 0.0, -cx / fx, 0.0, 1.0 / fy, -cy / fy, 0.0, 0.0, 1.0);
        let poses: Option<Vec<Isometry3<f64>>> =
            homographies.iter().map(|homography| pose_of(without_camera * homography)).collect();
        let camera_from_boards = poses.ok_or(no_fit("a board has no pose"))?;
        Ok(Self {
            views: views.to_vec(),
            points,
            model,
            intrinsics,
            camera_from_boards,
            stretch: None,
        })
    }

    /// The same camera, with the board's stretch as a further unknown.
    pub(crate) fn with_stretch(&self) -> Self {
        Self { stretch: Some(0.0), ..self.clone() }
    }

    /// The number of unknowns of the camera and the board: the first ones.
    pub(crate) fn shared_unknowns(&self) -> usize {
        self.model.fitted().len() + usize::from(self.stretch.is_some())
    }

    /// The number of coordinates that are fitted.
    pub(crate) fn coordinates(&self) -> usize {
        self.views.iter().map(|view| 2 * view.corners.len()).sum()
    }

    /// Root mean square distance of the corners, for each view.
    pub(crate) fn view_errors(&self) -> Vec<f64> {
        let counts = self.views.iter().map(|view| view.corners.len() as f64);
        self.squares().zip(counts).map(|(sum, count)| (sum / count).sqrt()).collect()
    }

    /// The sum of squared distances, for each view.
    fn squares(&self) -> impl Iterator<Item = f64> {
        self.views.iter().zip(&self.camera_from_boards).map(|(view, camera_from_board)| {
            view.matches(&self.points)
                .map(|(point, corner)| {
                    let seen = self.intrinsics.project(camera_from_board * self.stretched(point));
                    seen.map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
                })
                .sum()
        })
    }

    fn stretched(&self, point: Point3<f64>) -> Point3<f64> {
        self.stretch
            .map_or(point, |stretch| Point3::new(point.x * (1.0 + stretch), point.y, point.z))
    }

    /// The largest angle between two boards' planes, in degrees.
    pub(crate) fn tilt_spread_deg(&self) -> f64 {
        let normals: Vec<Vector3<f64>> =
            self.camera_from_boards.iter().map(|pose| pose * Vector3::z()).collect();
        let pairs = normals.iter().flat_map(|a| normals.iter().map(move |b| a.angle(b)));
        pairs.fold(0.0, f64::max).to_degrees()
    }
}

impl LeastSquares for Camera<'_> {
    fn unknowns(&self) -> usize {
        self.shared_unknowns() + 6 * self.views.len()
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        let fitted = self.model.fitted();
        let mut row = Vec::new();
        for (number, (view, camera_from_board)) in
            self.views.iter().zip(&self.camera_from_boards).enumerate()
        {
            let first = self.shared_unknowns() + 6 * number;
            for (point, corner) in view.matches(&self.points) {
                let point_in_camera = camera_from_board * self.stretched(point);
                let Some(seen) = project(&self.intrinsics, point_in_camera) else { continue };
                let by_pose = seen.by_point * point_by_motion(point_in_camera);
                let by_stretch =
                    seen.by_point * (camera_from_board * Vector3::new(point.x, 0.0, 0.0));
                for axis in 0..2 {
                    row.clear();
                    let by_camera = fitted.iter().map(|index| seen.by_intrinsics[(axis, *index)]);
                    row.extend(by_camera.enumerate());
                    row.extend(self.stretch.map(|_| (fitted.len(), by_stretch[axis])));
                    row.extend((0..6).map(|index| (first + index, by_pose[(axis, index)])));
                    equations.add(seen.pixel[axis] - corner[axis], &row);
                }
            }
        }
    }

    fn cost(&self) -> f64 {
        self.squares().sum()
    }

    fn moved(&self, step: &DVector<f64>) -> Self {
        let mut next = self.clone();
        let fitted = self.model.fitted();
        let mut of_camera = SVector::<f64, 9>::zeros();
        for (place, index) in fitted.iter().enumerate() {
            of_camera[*index] = step[place];
        }
        next.intrinsics = moved_intrinsics(&self.intrinsics, &of_camera);
        next.stretch = self.stretch.map(|stretch| stretch + step[fitted.len()]);
        for (number, pose) in next.camera_from_boards.iter_mut().enumerate() {
            let place = self.shared_unknowns() + 6 * number;
            let step: SVector<f64, 6> = step.fixed_rows::<6>(place).clone_owned();
            *pose = motion(&step) * *pose;
        }
        next
    }
}
