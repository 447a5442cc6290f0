//! A camera's focal lengths, principal point and distortion from views of a board, after Zhang.

use nalgebra::{DVector, Isometry3, Matrix3, Point3, SVector, Vector3};
use rmrl_vision::{Chessboard, Distortion, Intrinsics};
use serde::Serialize;

use crate::least_squares::{LeastSquares, NormalEquations, solve};
use crate::planar::{focal_lengths, homography, pose_of};
use crate::projection::{motion, moved_intrinsics, point_by_motion, project};
use crate::selection::{check_views, median, reject_blurred};
use crate::{CalibrationError, Rejected, RejectedReason, View};

/// A camera's intrinsics and their uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntrinsicsCalibration {
    /// The intrinsics.
    pub intrinsics: Intrinsics,
    /// Standard deviations of the intrinsics, assuming independent errors of the corners.
    pub deviations: IntrinsicsDeviations,
    /// Root mean square distance between detected and expected corners, over all views used, in pixels.
    pub reprojection_px: f64,
    /// The views that were used.
    pub views: Vec<ViewError>,
    /// The views that were not used.
    pub rejected: Vec<Rejected>,
}

/// Standard deviations of intrinsics: focal lengths and principal point in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are those of Intrinsics")]
pub struct IntrinsicsDeviations {
    pub fx: f64,
    pub fy: f64,
    pub cx: f64,
    pub cy: f64,
    pub distortion: Distortion,
}

/// The error of a view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ViewError {
    /// The image.
    pub name: String,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
}

/// The least number of views: fewer do not determine the distortion.
pub const LEAST_INTRINSICS_VIEWS: usize = 5;
/// The least difference in tilt between two views, in degrees. Below it, focal length and distance cannot be
/// separated.
pub const LEAST_TILT_DEG: f64 = 15.0;

/// Calibrates a camera from views of a board: Zhang's closed form, then least squares over all corners, for the
/// intrinsics, the distortion and the boards' poses.
///
/// # Errors
/// The board is invalid, the views differ in size, too few views are usable, their tilts differ too little, or no
/// camera fits.
pub fn intrinsics(
    views: &[View],
    board: &Chessboard,
) -> Result<IntrinsicsCalibration, CalibrationError> {
    board.validate()?;
    check_views(views, board)?;
    let (mut used, mut rejected) = reject_blurred(views.iter().collect(), |view| view);
    loop {
        if used.len() < LEAST_INTRINSICS_VIEWS {
            return Err(CalibrationError::TooFew {
                what: "views",
                usable: used.len(),
                given: views.len(),
                needed: LEAST_INTRINSICS_VIEWS,
                rejected,
            });
        }
        let found = solve(Camera::start(&used, board)?);
        let camera = &found.problem;
        let errors = camera.view_errors();
        // A bad view affects the whole fit: only the worst is rejected, then all is fitted again.
        let usual_px = median(errors.clone());
        let (worst, reprojection_px) = largest(&errors);
        if reprojection_px > (WORST_VIEW * usual_px).max(LEAST_REJECTED_PX) {
            let reason = RejectedReason::Corners { reprojection_px, usual_px };
            rejected.push(Rejected { name: used.remove(worst).name.clone(), reason });
            continue;
        }
        let spread_deg = camera.tilt_spread_deg();
        if spread_deg < LEAST_TILT_DEG {
            return Err(CalibrationError::TooLittleTilt { spread_deg, needed_deg: LEAST_TILT_DEG });
        }
        let no_fit = |what| CalibrationError::NoFit { what };
        let covariance = found.inverse_hessian.ok_or(no_fit("its numbers remain undetermined"))?;
        camera.intrinsics.validate().map_err(|_| no_fit("its intrinsics are invalid"))?;
        let corners = used.len() * board.points().len();
        let freedom = (2 * corners - camera.unknowns()) as f64;
        return Ok(IntrinsicsCalibration {
            intrinsics: camera.intrinsics,
            deviations: deviations(|index| {
                (covariance[(index, index)] * found.cost / freedom).sqrt()
            }),
            reprojection_px: (found.cost / corners as f64).sqrt(),
            views: used
                .iter()
                .zip(errors)
                .map(|(view, error)| ViewError { name: view.name.clone(), reprojection_px: error })
                .collect(),
            rejected,
        });
    }
}

/// Deviations in the order of [`crate::projection::Projection::by_intrinsics`].
fn deviations(deviation: impl Fn(usize) -> f64) -> IntrinsicsDeviations {
    IntrinsicsDeviations {
        fx: deviation(0),
        fy: deviation(1),
        cx: deviation(2),
        cy: deviation(3),
        distortion: Distortion {
            k1: deviation(4),
            k2: deviation(5),
            p1: deviation(6),
            p2: deviation(7),
            k3: deviation(8),
        },
    }
}

/// A view is rejected if its error is more than this many medians,
const WORST_VIEW: f64 = 4.0;
/// and more than this, in pixels.
const LEAST_REJECTED_PX: f64 = 0.25;

fn largest(values: &[f64]) -> (usize, f64) {
    let mut largest = (0, f64::NEG_INFINITY);
    for (index, value) in values.iter().enumerate() {
        if *value > largest.1 {
            largest = (index, *value);
        }
    }
    largest
}

/// Intrinsics, and the pose of each view's board.
#[derive(Clone)]
struct Camera<'a> {
    views: &'a [&'a View],
    points: Vec<Point3<f64>>,
    intrinsics: Intrinsics,
    camera_from_boards: Vec<Isometry3<f64>>,
}

impl<'a> Camera<'a> {
    fn start(views: &'a [&'a View], board: &Chessboard) -> Result<Self, CalibrationError> {
        let no_fit = |what| CalibrationError::NoFit { what };
        let size = views[0].size;
        let homographies: Option<Vec<Matrix3<f64>>> =
            views.iter().map(|view| homography(board, &view.corners)).collect();
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
        Ok(Self { views, points: board.points(), intrinsics, camera_from_boards })
    }

    /// Root mean square distance of the corners, for each view.
    fn view_errors(&self) -> Vec<f64> {
        self.squares().map(|sum| (sum / self.points.len() as f64).sqrt()).collect()
    }

    /// The sum of squared distances, for each view.
    fn squares(&self) -> impl Iterator<Item = f64> {
        self.views.iter().zip(&self.camera_from_boards).map(|(view, camera_from_board)| {
            let corners = self.points.iter().zip(&view.corners);
            corners
                .map(|(point, corner)| {
                    let seen = self.intrinsics.project(camera_from_board * point);
                    seen.map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
                })
                .sum()
        })
    }

    /// The largest angle between two boards' planes, in degrees.
    fn tilt_spread_deg(&self) -> f64 {
        let normals: Vec<Vector3<f64>> =
            self.camera_from_boards.iter().map(|pose| pose * Vector3::z()).collect();
        let pairs = normals.iter().flat_map(|a| normals.iter().map(move |b| a.angle(b)));
        pairs.fold(0.0, f64::max).to_degrees()
    }
}

impl LeastSquares for Camera<'_> {
    fn unknowns(&self) -> usize {
        9 + 6 * self.views.len()
    }

    fn linearize(&self, equations: &mut NormalEquations) {
        for (number, (view, camera_from_board)) in
            self.views.iter().zip(&self.camera_from_boards).enumerate()
        {
            for (point, corner) in self.points.iter().zip(&view.corners) {
                let point_in_camera = camera_from_board * point;
                let Some(seen) = project(&self.intrinsics, point_in_camera) else { continue };
                let by_pose = seen.by_point * point_by_motion(point_in_camera);
                for axis in 0..2 {
                    let row: [(usize, f64); 15] = std::array::from_fn(|index| match index {
                        0..9 => (index, seen.by_intrinsics[(axis, index)]),
                        _ => (index + 6 * number, by_pose[(axis, index - 9)]),
                    });
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
        next.intrinsics =
            moved_intrinsics(&self.intrinsics, &step.fixed_rows::<9>(0).clone_owned());
        for (number, pose) in next.camera_from_boards.iter_mut().enumerate() {
            let step: SVector<f64, 6> = step.fixed_rows::<6>(9 + 6 * number).clone_owned();
            *pose = motion(&step) * *pose;
        }
        next
    }
}
