//! What is suspicious about poses that fit.

use serde::{Serialize, Serializer};

/// What is suspicious about poses that fit, or about the board.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PoseWarning {
    /// The poses are off by much more than the arm's noise.
    #[error(
        "the poses are off by {misfit:.1} times the arm's noise that --arm-mm and --arm-deg give; the ± above are scaled by \
         that. Likely causes: a bent board, a wrong square size, images and poses of different moments, or a loose mount"
    )]
    Misfit {
        /// The factor.
        misfit: f64,
    },
    /// By the arm's motions, the board has another size.
    #[error(
        "by the arm's motions the squares are {:.1} ± {:.1} % {} than given: measure the print over all squares, and give \
         the mean as --square-mm",
        100.0 * (scale - 1.0).abs(), 100.0 * deviation, if *scale > 1.0 { "larger" } else { "smaller" }
    )]
    SquareSize {
        /// The true size of a square relative to the given one.
        scale: f64,
        /// Its standard deviation.
        deviation: f64,
    },
}

impl Serialize for PoseWarning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The warnings for a misfit, and for the board's scale with its standard deviation.
pub(crate) fn pose_warnings(misfit: f64, scale: Option<(f64, f64)>) -> Vec<PoseWarning> {
    let mut warnings = Vec::new();
    if misfit > REPORTED_MISFIT {
        warnings.push(PoseWarning::Misfit { misfit });
    }
    if let Some((scale, deviation)) = scale
        && (scale - 1.0).abs() > f64::max(LEAST_SCALE, SCALE_SIGMAS * deviation)
    {
        warnings.push(PoseWarning::SquareSize { scale, deviation });
    }
    warnings
}

/// Arms are a little worse than specified; from this factor on something is wrong.
const REPORTED_MISFIT: f64 = 3.0;
/// A board's scale is reported if it is off by more than this share, 1.6 mm at 0.4 m,
const LEAST_SCALE: f64 = 0.004;
/// and by more than this many standard deviations.
const SCALE_SIGMAS: f64 = 4.0;
