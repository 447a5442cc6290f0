//! A camera's focal lengths, principal point and distortion from views of a board, after Zhang.

use nalgebra::DMatrix;
use rmrl_vision::{Distortion, Intrinsics};
use serde::Serialize;

use crate::coverage::unseen_regions;
use crate::error::VIEWS;
use crate::intrinsics_fit::Camera;
use crate::least_squares::{LeastSquares, Solution, solve};
use crate::lens_model::{ComparedModel, LensChoice, LensModel, PassedOver};
use crate::median::median;
use crate::selection::{check_views, reject_blurred, reject_sizes};
use crate::{Board, CalibrationError, Rejected, RejectedReason, View};

/// A camera's intrinsics and their uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntrinsicsCalibration {
    /// The intrinsics.
    pub intrinsics: Intrinsics,
    /// Standard deviations of the intrinsics, assuming independent errors of the corners.
    pub deviations: IntrinsicsDeviations,
    /// Which coefficients of the distortion were fitted, and why.
    pub lens: LensChoice,
    /// Root mean square distance between detected and expected corners, over all views used, in pixels.
    pub reprojection_px: f64,
    /// The regions at the image's border where no view shows a corner: `top left`, `top` and so on.
    pub unseen_regions: Vec<&'static str>,
    /// What is suspicious about the board or the images.
    pub warnings: Vec<IntrinsicsWarning>,
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
/// Coefficients of the distortion that the corners do not determine out to the image's border are left out:
/// [`LensChoice`].
///
/// # Errors
/// The board is invalid, too few views are usable, their tilts differ too little, or no
/// camera fits.
pub fn intrinsics(
    views: &[View],
    board: &Board,
) -> Result<IntrinsicsCalibration, CalibrationError> {
    board.validate_size()?;
    let (of_size, others) = reject_sizes(views);
    check_views(of_size.iter().copied(), board)?;
    let (full, mut rejected) =
        full_fit(of_size, board).map_err(|error| error.with_unused(&others))?;
    rejected.splice(0..0, others);
    let (fit, passed_over) = choose(full, board)?;
    let Fit { camera, covariance, compared } = &fit;
    let fitted = compared.model.fitted();
    let views = camera.views.iter().zip(camera.view_errors());
    Ok(IntrinsicsCalibration {
        intrinsics: camera.intrinsics,
        deviations: deviations(fitted, covariance),
        lens: LensChoice {
            model: compared.model,
            border_px: compared.border_px,
            limit: camera.intrinsics.lens_limit(),
            passed_over,
        },
        reprojection_px: compared.reprojection_px,
        unseen_regions: unseen_regions(&camera.views),
        warnings: warnings(&fit),
        views: views
            .map(|(view, error)| ViewError { name: view.name.clone(), reprojection_px: error })
            .collect(),
        rejected,
    })
}

/// The camera with all coefficients, fitted to the views that it explains.
fn full_fit<'a>(
    views: Vec<&'a View>,
    board: &Board,
) -> Result<(Solution<Camera<'a>>, Vec<Rejected>), CalibrationError> {
    let given = views.len();
    let (mut used, mut rejected) = reject_blurred(views, |view| view);
    loop {
        if used.len() < LEAST_INTRINSICS_VIEWS {
            return Err(CalibrationError::TooFew {
                what: VIEWS,
                usable: used.len(),
                given,
                needed: LEAST_INTRINSICS_VIEWS,
                rejected,
            });
        }
        let found = solve(Camera::start(&used, board, LensModel::Radial3Tangential)?);
        let errors = found.problem.view_errors();
        // A bad view affects the whole fit: only the worst is rejected, then all is fitted again.
        let usual_px = median(errors.clone());
        let (worst, reprojection_px) = largest(&errors);
        if reprojection_px > (WORST_VIEW * usual_px).max(LEAST_REJECTED_PX) {
            let reason = RejectedReason::Corners { reprojection_px, usual_px };
            rejected.push(Rejected { name: used.remove(worst).name.clone(), reason });
            continue;
        }
        let spread_deg = found.problem.tilt_spread_deg();
        if spread_deg < LEAST_TILT_DEG {
            return Err(CalibrationError::TooLittleTilt { spread_deg, needed_deg: LEAST_TILT_DEG });
        }
        return Ok((found, rejected));
    }
}

/// The camera with the usable model of the lens that has the most coefficients, and the models passed over. `full` has
/// all coefficients.
fn choose<'a>(
    full: Solution<Camera<'a>>,
    board: &Board,
) -> Result<(Fit<'a>, Vec<PassedOver>), CalibrationError> {
    let views = full.problem.views.clone();
    let simpler = LensModel::ALL.into_iter().skip(1).map(|model| {
        let start = Camera::start(&views, board, model)?;
        Fit::of(solve(start))
    });
    let (mut fits, mut failure): (Vec<Fit>, _) = (Vec::new(), None);
    for fit in std::iter::once(Fit::of(full)).chain(simpler) {
        let fit = match fit {
            Ok(fit) => fit,
            Err(error) => {
                failure = failure.or(Some(error));
                continue;
            }
        };
        if fits.first().is_some_and(|best| fit.compared.is_worse_than(&best.compared)) {
            break;
        }
        let is_usable = fit.compared.unusable.is_none();
        fits.push(fit);
        if is_usable {
            break;
        }
    }
    let Some(last) = fits.pop() else {
        return Err(
            failure.unwrap_or(CalibrationError::NoFit { what: "its numbers remain undetermined" })
        );
    };
    if last.compared.unusable.is_some() {
        // The simpler models do not fit: the best one is right where corners were seen.
        let best = if fits.is_empty() { last } else { fits.swap_remove(0) };
        return Ok((best, Vec::new()));
    }
    let passed_over = fits.iter().filter_map(|fit| {
        let ComparedModel { model, reprojection_px, unusable, .. } = fit.compared;
        Some(PassedOver { model, reprojection_px, reason: unusable? })
    });
    let passed_over = passed_over.collect();
    Ok((last, passed_over))
}

/// A camera with one model of the lens.
struct Fit<'a> {
    camera: Camera<'a>,
    /// The covariance of the fitted intrinsics, scaled by the fit.
    covariance: DMatrix<f64>,
    compared: ComparedModel,
}

impl<'a> Fit<'a> {
    fn of(found: Solution<Camera<'a>>) -> Result<Self, CalibrationError> {
        let Solution { problem: camera, cost, inverse_hessian } = found;
        let covariance = inverse_hessian
            .ok_or(CalibrationError::NoFit { what: "its numbers remain undetermined" })?;
        camera.intrinsics.validate()?;
        let (coordinates, unknowns) = (camera.coordinates(), camera.unknowns());
        let shared = camera.shared_unknowns();
        let per_coordinate = cost / (coordinates as f64 - unknowns as f64);
        let covariance = covariance.view((0, 0), (shared, shared)) * per_coordinate;
        let reprojection_px = (cost / (0.5 * coordinates as f64)).sqrt();
        let compared =
            ComparedModel::new(camera.model, &camera.intrinsics, reprojection_px, &covariance);
        Ok(Self { camera, covariance, compared })
    }
}

/// Deviations of the fitted intrinsics; 0 for coefficients that are not fitted.
fn deviations(fitted: &[usize], covariance: &DMatrix<f64>) -> IntrinsicsDeviations {
    // In the order of Projection::by_intrinsics.
    let of = |index: usize| {
        let place = fitted.iter().position(|fitted| *fitted == index);
        place.map_or(0.0, |place| covariance[(place, place)].sqrt())
    };
    IntrinsicsDeviations {
        fx: of(0),
        fy: of(1),
        cx: of(2),
        cy: of(3),
        distortion: Distortion { k1: of(4), k2: of(5), p1: of(6), p2: of(7), k3: of(8) },
    }
}

/// What is suspicious about a camera that fits.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum IntrinsicsWarning {
    /// The board is longer one way than its squares say.
    #[error(
        "the board is {:.1} ± {:.1} % {} along its rows than along its columns: its print is scaled one way, which spoils \
         every distance. Measure both sides over all squares, and print it again without fitting it to the page",
        100.0 * stretch.abs(), 100.0 * deviation, if *stretch > 0.0 { "longer" } else { "shorter" }
    )]
    PrintScaled {
        /// How much longer the board is along its rows, as a share.
        stretch: f64,
        /// Its standard deviation.
        deviation: f64,
    },
    /// The focal lengths differ.
    #[error(
        "fx is {:+.1} % off fy, but a camera's pixels are square: the images were resized one way, or the board's print \
         is scaled one way. Measure both sides of the board over all squares, and take views with the board turned by 90 \
         degrees, which tell the two apart",
        100.0 * (ratio - 1.0)
    )]
    PixelsNotSquare {
        /// `fx / fy`.
        ratio: f64,
    },
}

impl Serialize for IntrinsicsWarning {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether the board's print is scaled one way, or the pixels are not square.
fn warnings(fit: &Fit) -> Vec<IntrinsicsWarning> {
    let Solution { problem: camera, cost, inverse_hessian } = solve(fit.camera.with_stretch());
    let place = fit.camera.shared_unknowns();
    let freedom = camera.coordinates() as f64 - camera.unknowns() as f64;
    let deviation = inverse_hessian
        .map_or(f64::INFINITY, |inverse| (inverse[(place, place)] * cost / freedom).sqrt());
    let stretch = camera.stretch.unwrap_or(0.0);
    let is_off = |off: f64, deviation: f64| off.abs() > LEAST_SCALE.max(SCALE_SIGMAS * deviation);
    // Without boards turned by a quarter, the stretch and the pixels' shape are one unknown: it explains nothing new.
    let reprojection_px = (cost / (0.5 * camera.coordinates() as f64)).sqrt();
    let is_determined = SCALE_SIGMAS * deviation < LEAST_SCALE
        && reprojection_px < EXPLAINING * fit.compared.reprojection_px;
    let intrinsics = if is_determined { camera.intrinsics } else { fit.camera.intrinsics };
    let ratio = intrinsics.fx / intrinsics.fy;
    let ratio_deviation = {
        let [fx, fy] = [fit.camera.intrinsics.fx, fit.camera.intrinsics.fy];
        let covariance = &fit.covariance;
        (covariance[(0, 0)] / (fx * fx) + covariance[(1, 1)] / (fy * fy)
            - 2.0 * covariance[(0, 1)] / (fx * fy))
            .max(0.0)
            .sqrt()
    };
    let mut warnings = Vec::new();
    if is_determined && is_off(stretch, deviation) {
        warnings.push(IntrinsicsWarning::PrintScaled { stretch, deviation });
    }
    if is_off(ratio - 1.0, ratio_deviation) {
        warnings.push(IntrinsicsWarning::PixelsNotSquare { ratio });
    }
    warnings
}

/// A stretch that explains the corners lowers their error at least by this factor. Lenses that no model fits lower it a
/// little.
const EXPLAINING: f64 = 0.8;
/// A scale is reported if it is off by more than this share, 1.2 mm at 0.4 m,
const LEAST_SCALE: f64 = 0.003;
/// and by more than this many standard deviations.
const SCALE_SIGMAS: f64 = 4.0;

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
