//! How many coefficients of the distortion the views support.

use std::fmt;

use nalgebra::{DMatrix, Point2, SMatrix};
use rmrl_vision::{Intrinsics, LensLimit};
use serde::{Serialize, Serializer};

use crate::projection::project;

/// The coefficients of the distortion that are fitted; the others are zero. Each model contains the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LensModel {
    /// None: a pinhole.
    Pinhole,
    /// `k1`.
    Radial1,
    /// `k1` and `k2`.
    Radial2,
    /// `k1`, `k2`, `p1` and `p2`.
    Radial2Tangential,
    /// All five.
    Radial3Tangential,
}

impl LensModel {
    /// All models, the one with the most coefficients first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Radial3Tangential,
        Self::Radial2Tangential,
        Self::Radial2,
        Self::Radial1,
        Self::Pinhole,
    ];

    /// The fitted intrinsics, as indices into [`crate::projection::Projection::by_intrinsics`].
    pub(crate) fn fitted(self) -> &'static [usize] {
        // fx, fy, cx, cy, k1, k2, p1, p2, k3
        &[0, 1, 2, 3, 4, 5, 6, 7, 8][..4 + self.coefficients().len()]
    }

    /// The names of the fitted coefficients.
    pub fn coefficients(self) -> &'static [&'static str] {
        let count = match self {
            Self::Pinhole => 0,
            Self::Radial1 => 1,
            Self::Radial2 => 2,
            Self::Radial2Tangential => 4,
            Self::Radial3Tangential => 5,
        };
        &["k1", "k2", "p1", "p2", "k3"][..count]
    }
}

impl fmt::Display for LensModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinhole => write!(f, "no coefficient"),
            _ => write!(f, "{}", self.coefficients().join(", ")),
        }
    }
}

impl Serialize for LensModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.coefficients().serialize(serializer)
    }
}

/// The chosen model of the lens, and what was compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LensChoice {
    /// The coefficients that were fitted: the most with which the distortion has an inverse in the whole image and 5 %
    /// beyond, and with which a border pixel's standard deviation is at most 0.5 % of the image's width. If each such
    /// model fits the corners worse by more than 10 %, the best one is used, as far as it has an inverse.
    pub model: LensModel,
    /// How far the distortion has an inverse; `None` if it has one in the whole image.
    pub limit: Option<LensLimit>,
    /// The standard deviation of a pixel at the image's border, where the lens is known least, in pixels; the largest
    /// over the border, as far as it has an inverse. It assumes that the model is right.
    pub border_px: f64,
    /// Why models with more coefficients are not used, the one with the most first.
    pub passed_over: Vec<PassedOver>,
}

/// A model of the lens that fits the corners better, but is not used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PassedOver {
    /// The coefficients.
    pub model: LensModel,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
    /// Why it is not used.
    #[serde(serialize_with = "as_text")]
    pub reason: Unusable,
}

fn as_text<S: Serializer>(reason: &Unusable, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}

/// A model of the lens, and how it fits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ComparedModel {
    /// The coefficients.
    pub model: LensModel,
    /// Root mean square distance between detected and expected corners, in pixels.
    pub reprojection_px: f64,
    /// The standard deviation of a pixel at the image's border, in pixels; the largest over the border.
    pub border_px: f64,
    /// Why the model is not used, although it fits; `None` if it can be used.
    pub unusable: Option<Unusable>,
}

impl ComparedModel {
    /// A model that was fitted. `covariance` is that of its intrinsics.
    pub(crate) fn new(
        model: LensModel,
        intrinsics: &Intrinsics,
        reprojection_px: f64,
        covariance: &DMatrix<f64>,
    ) -> Self {
        let border_px = border_deviation_px(intrinsics, model.fitted(), covariance);
        let most_px = MOST_BORDER_SHARE * f64::from(intrinsics.width);
        let unusable = match limit_with_margin(intrinsics) {
            Some(limit) => Some(Unusable::Folds { limit }),
            None => (border_px > most_px).then_some(Unusable::Border { border_px, most_px }),
        };
        Self { model, reprojection_px, border_px, unusable }
    }

    /// Whether the model leaves out coefficients that the corners need.
    pub(crate) fn is_worse_than(&self, best: &Self) -> bool {
        self.reprojection_px > MOST_WORSE * best.reprojection_px + ROUNDING_PX
    }
}

/// Why a model of the lens is not used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// The polynomial turns back inside the image, or just beside it.
    #[error(
        "it would have no inverse beyond {:.0} px from the principal point, where no corner was seen",
        limit.radius_px
    )]
    Folds {
        /// How far the model has an inverse.
        limit: LensLimit,
    },
    /// The corners do not determine it at the border.
    #[error(
        "the image's border would be known to {border_px:.1} px only, expected {most_px:.1} or less"
    )]
    Border {
        /// The standard deviation of a border pixel, in pixels.
        border_px: f64,
        /// The largest accepted one, in pixels.
        most_px: f64,
    },
}

/// A model with fewer coefficients may fit worse by this factor. Public sets whose `k3` folds fit worse by at most 3.5 %
/// without it; wide lenses that need it, by more than 100 %.
const MOST_WORSE: f64 = 1.1;
/// Below it, all models of exact corners fit alike, in pixels.
const ROUNDING_PX: f64 = 1e-3;

/// A border pixel's standard deviation may be at most this share of the image's width: 3 of 640 pixels, 4 mm at 0.8 m.
const MOST_BORDER_SHARE: f64 = 0.005;

/// How far a lens has an inverse; `None` if in the whole image and a margin around it. A lens that folds just outside
/// is no better inside.
fn limit_with_margin(intrinsics: &Intrinsics) -> Option<LensLimit> {
    let margin = |size: u32| (MARGIN * f64::from(size)).ceil();
    let (right, down) = (margin(intrinsics.width), margin(intrinsics.height));
    let larger = Intrinsics {
        width: intrinsics.width + 2 * right as u32,
        height: intrinsics.height + 2 * down as u32,
        cx: intrinsics.cx + right,
        cy: intrinsics.cy + down,
        ..*intrinsics
    };
    // The limit is that of the image itself, even where only the margin is beyond it.
    let limit = larger.lens_limit()?;
    Some(intrinsics.lens_limit().unwrap_or(LensLimit {
        center_px: [intrinsics.cx, intrinsics.cy],
        share: 1.0,
        ..limit
    }))
}

/// The margin around the image, as a share of its size.
const MARGIN: f64 = 0.05;

/// The standard deviation of a border pixel, in pixels: the largest over the border. `covariance` is that of the
/// `fitted` intrinsics.
fn border_deviation_px(
    intrinsics: &Intrinsics,
    fitted: &[usize],
    covariance: &DMatrix<f64>,
) -> f64 {
    let (right, bottom) = (f64::from(intrinsics.width) - 1.0, f64::from(intrinsics.height) - 1.0);
    let steps = (0..=BORDER_STEPS).map(|step| f64::from(step) / f64::from(BORDER_STEPS));
    let border = steps.flat_map(|share| {
        let (u, v) = (share * right, share * bottom);
        [[u, 0.0], [u, bottom], [0.0, v], [right, v]]
    });
    let deviation = |pixel: [f64; 2]| {
        let ray = intrinsics.unproject(Point2::from(pixel), 1.0)?;
        let by = project(intrinsics, ray)?.by_intrinsics;
        let variance = |axis: usize| {
            let by = SMatrix::<f64, 1, 9>::from(by.row(axis));
            let terms = fitted.iter().enumerate().flat_map(|(i, row)| {
                fitted.iter().enumerate().map(move |(j, column)| (i, *row, j, *column))
            });
            terms.map(|(i, row, j, column)| by[row] * covariance[(i, j)] * by[column]).sum::<f64>()
        };
        Some((0.5 * (variance(0) + variance(1))).sqrt())
    };
    border.filter_map(deviation).fold(0.0, f64::max)
}

const BORDER_STEPS: u32 = 8;
