//! What moved, if placements at several sites lie off: the camera, the tool or one site.
//!
//! The residual `r_k` of each site (x, y and yaw) is normal with the covariance `Σ_k` of its mean, plus a scatter that no
//! explanation explains. Each explanation has three unknowns `θ` and says `r_k = A_k θ`:
//!
//! | moved | `θ` | residual at the site with place `p_k` and tool yaw `ψ_k` |
//! |-|-|-|
//! | nothing | - | 0 |
//! | camera | shift `t` and turn `φ` about the middle `c` of all sites | `t + φ J (p_k - c)`, and `φ` |
//! | tool | shift `d` and turn `δ` in the tool's frame | `R(ψ_k) d`, and `δ` |
//! | site `s` | shift and turn of this site | these at `s`, 0 elsewhere |
//!
//! With the prior `θ ~ N(0, P)`, the Bayes factor of an explanation against "nothing" has a closed form:
//!
//! ```text
//! ln B = ½ bᵀ M⁻¹ b - ½ ln det(P M),    M = P⁻¹ + Σ_k A_kᵀ Σ_k⁻¹ A_k,    b = Σ_k A_kᵀ Σ_k⁻¹ r_k
//! ```
//!
//! Nothing, camera, tool and "some site" are equally likely before; each site has its share of the last. Camera and
//! tool cannot be told apart if all sites have one tool yaw and do not turn: then both have nearly the same factor.

use std::fmt;

use nalgebra::{Matrix3, Vector3};
use rmrl_core::{ConfigKeys, InvalidKey, PlanarPose, PoseAdjustment, mean};
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use super::site_residual::SiteResidual;

/// What is expected before the residuals are seen, and when the answer is clear.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct MovedConfig {
    /// How far things move when they move: a standard deviation, in meters. Default 0.002: what a knock does.
    #[key(above = 0, at_most = 1)]
    pub shift_m: f64,
    /// How far they turn, in degrees. Default 1.
    #[key(above = 0, at_most = 90)]
    pub turn_deg: f64,
    /// How far means differ although nothing moved, in meters. Default 0.0001: localization depends on the light.
    #[key(above = 0, at_most = 1)]
    pub scatter_m: f64,
    /// The same of rotations, in degrees. Default 0.1.
    #[key(above = 0, at_most = 90)]
    pub scatter_deg: f64,
    /// By which factor the best explanation has to be more likely than the next. Default 20: strong evidence by Kass
    /// and Raftery 1995.
    #[key(above = 1, limit = 1_000_000_000)]
    pub least_factor: f64,
}

impl Default for MovedConfig {
    fn default() -> Self {
        Self {
            shift_m: 0.002,
            turn_deg: 1.0,
            scatter_m: 1e-4,
            scatter_deg: 0.1,
            least_factor: 20.0,
        }
    }
}

/// What moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// Nothing: the residuals are noise.
    Nothing,
    /// The camera, or what it is calibrated against.
    Camera,
    /// The tool: the gripper on the flange, or the fingers.
    Tool,
    /// One site.
    Site(SlotAddress),
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Camera => f.write_str("the camera"),
            Self::Tool => f.write_str("the tool"),
            Self::Site(site) => write!(f, "the site {site}"),
        }
    }
}

/// One explanation of the residuals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// What moved.
    pub moved: Moved,
    /// The decimal logarithm of how likely it is, compared with nothing that moved.
    pub log10_odds: f64,
    /// How far residuals are shifted by it: in the world for camera and site, in the tool's frame for the tool.
    pub shift: PoseAdjustment,
    /// The squared residuals that it leaves, in standard deviations, over their number. About 1 if it is true.
    pub misfit: f64,
    /// Whether the misfit is one that chance leaves.
    pub fits: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// One explanation is best by far, and fits.
    Clear {
        /// What moved.
        moved: Moved,
        /// By which factor it is more likely than the next explanation, as a decimal logarithm.
        log10_factor: f64,
    },
    /// The best explanation is not much better than the next.
    NotClear {
        /// The best explanation.
        best: Moved,
        /// The next one.
        next: Moved,
        /// By which factor the best is more likely, as a decimal logarithm.
        log10_factor: f64,
    },
    /// None fits: more than one thing moved, or something else.
    NoneFits {
        /// The best explanation.
        best: Moved,
    },
    /// There are no residuals to explain.
    NoResiduals,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear { moved, log10_factor } => {
                write!(
                    f,
                    "{moved} moved, 10^{log10_factor:.1} times as likely as the next explanation"
                )
            }
            Self::NotClear { best, next, log10_factor } => write!(
                f,
                "not clear: {best} moved is 10^{log10_factor:.1} times as likely as {next} moved"
            ),
            Self::NoneFits { best } => write!(
                f,
                "not clear: {best} moved explains it best, but not well; more than one thing may have moved"
            ),
            Self::NoResiduals => f.write_str("not clear: there are too few transfers"),
        }
    }
}

/// All explanations, and the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatMoved {
    /// All explanations, the most likely first.
    pub explanations: Vec<Explanation>,
    /// The answer.
    pub verdict: Verdict,
}

/// Compares what could have moved, given the residuals of all sites that the camera sees.
///
/// # Errors
/// A key of `config` is invalid.
pub fn what_moved(
    residuals: &[SiteResidual],
    config: &MovedConfig,
) -> Result<WhatMoved, InvalidKey> {
    config.validate()?;
    let sites: Vec<SiteTerms> = residuals.iter().map(|one| SiteTerms::new(one, config)).collect();
    let middle = PlanarPose {
        x_m: mean(&residuals.iter().map(|one| one.place.x_m).collect::<Vec<_>>()),
        y_m: mean(&residuals.iter().map(|one| one.place.y_m).collect::<Vec<_>>()),
        yaw_rad: 0.0,
    };
    let candidates = [Moved::Nothing, Moved::Camera, Moved::Tool];
    let of_sites = residuals.iter().map(|one| Moved::Site(one.site.clone()));
    let mut explanations: Vec<Explanation> = candidates
        .into_iter()
        .chain(of_sites)
        .filter_map(|moved| {
            let designs: Vec<Matrix3<f64>> =
                residuals.iter().map(|site| design(&moved, site, middle)).collect();
            explain(moved, &sites, &designs, config)
        })
        .collect();
    // The sort is stable: equal explanations stay in the order above.
    explanations.sort_by(|a, b| b.log10_odds.total_cmp(&a.log10_odds));
    let verdict = verdict(&explanations, residuals.len(), config);
    Ok(WhatMoved { explanations, verdict })
}

fn verdict(explanations: &[Explanation], sites: usize, config: &MovedConfig) -> Verdict {
    let [best, next, ..] = explanations else { return Verdict::NoResiduals };
    if sites == 0 {
        return Verdict::NoResiduals;
    }
    if !best.fits {
        return Verdict::NoneFits { best: best.moved.clone() };
    }
    let log10_factor = best.log10_odds - next.log10_odds;
    let moved = best.moved.clone();
    if log10_factor >= config.least_factor.log10() {
        Verdict::Clear { moved, log10_factor }
    } else {
        Verdict::NotClear { best: moved, next: next.moved.clone(), log10_factor }
    }
}

/// The residual of a site in the slot's frame, where its components are independent.
struct SiteTerms {
    residual: Vector3<f64>,
    /// One over the variances.
    weights: Vector3<f64>,
    slot_from_world: Matrix3<f64>,
}

impl SiteTerms {
    fn new(site: &SiteResidual, config: &MovedConfig) -> Self {
        let slot_from_world = turn(-site.place.yaw_rad);
        let PoseAdjustment { dx_m, dy_m, dyaw_rad } = site.residual;
        let scatter_rad = config.scatter_deg.to_radians();
        let scatter = Vector3::new(config.scatter_m, config.scatter_m, scatter_rad);
        let deviations = Vector3::from(site.deviations);
        Self {
            residual: slot_from_world * Vector3::new(dx_m, dy_m, dyaw_rad),
            weights: deviations.zip_map(&scatter, |deviation, scatter| {
                1.0 / (deviation * deviation + scatter * scatter)
            }),
            slot_from_world,
        }
    }
}

/// The rotation of x and y; yaw stays.
fn turn(angle_rad: f64) -> Matrix3<f64> {
    let (sin, cos) = angle_rad.sin_cos();
    Matrix3::new(cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0)
}

/// `A_k`: the residual at a site in the world for each of the three unknowns.
fn design(moved: &Moved, site: &SiteResidual, middle: PlanarPose) -> Matrix3<f64> {
    match moved {
        Moved::Nothing => Matrix3::zeros(),
        Moved::Camera => {
            let (x_m, y_m) = (site.place.x_m - middle.x_m, site.place.y_m - middle.y_m);
            Matrix3::new(1.0, 0.0, -y_m, 0.0, 1.0, x_m, 0.0, 0.0, 1.0)
        }
        Moved::Tool => turn(site.tool_yaw_rad),
        Moved::Site(other) if *other == site.site => Matrix3::identity(),
        Moved::Site(_) => Matrix3::zeros(),
    }
}

/// An explanation with its odds; `None` if the residuals are no numbers.
fn explain(
    moved: Moved,
    sites: &[SiteTerms],
    designs: &[Matrix3<f64>],
    config: &MovedConfig,
) -> Option<Explanation> {
    let turn_rad = config.turn_deg.to_radians();
    let prior = Vector3::new(config.shift_m, config.shift_m, turn_rad).map(|sd| sd * sd);
    let mut information = Matrix3::from_diagonal(&prior.map(f64::recip));
    let mut weighted = Vector3::zeros();
    let in_slots: Vec<Matrix3<f64>> =
        sites.iter().zip(designs).map(|(site, design)| site.slot_from_world * design).collect();
    for (site, design) in sites.iter().zip(&in_slots) {
        // M += A_kᵀ Σ_k⁻¹ A_k, b += A_kᵀ Σ_k⁻¹ r_k
        let weighted_design = design.transpose() * Matrix3::from_diagonal(&site.weights);
        information += weighted_design * design;
        weighted += weighted_design * site.residual;
    }
    let factors = information.cholesky()?;
    let shift = factors.solve(&weighted);
    let log_determinant =
        2.0 * factors.l().diagonal().map(f64::ln).sum() + prior.map(f64::ln).sum();
    // ln B = ½ bᵀ M⁻¹ b - ½ ln det(P M)
    let log_factor = 0.5 * (weighted.dot(&shift) - log_determinant);
    let log_prior = if matches!(moved, Moved::Site(_)) { -(sites.len() as f64).ln() } else { 0.0 };
    let left = sites.iter().zip(&in_slots).map(|(site, design)| {
        let left = site.residual - design * shift;
        left.component_mul(&left).dot(&site.weights)
    });
    let unknowns = if moved == Moved::Nothing { 0 } else { 3 };
    let freedom = (3 * sites.len()).saturating_sub(unknowns);
    let squares: f64 = left.sum();
    let log10_odds = (log_factor + log_prior) / std::f64::consts::LN_10;
    log10_odds.is_finite().then(|| Explanation {
        moved,
        log10_odds,
        shift: PoseAdjustment { dx_m: shift.x, dy_m: shift.y, dyaw_rad: shift.z },
        misfit: squares / freedom.max(1) as f64,
        fits: squares <= largest_squares_by_chance(freedom),
    })
}

/// The 99.9 % quantile of the chi-squared distribution, by Wilson and Hilferty's approximation; without degrees of
/// freedom there is nothing that could fit badly.
fn largest_squares_by_chance(freedom: usize) -> f64 {
    /// The 99.9 % quantile of the normal distribution.
    const Z: f64 = 3.090_232_306_167_813;
    if freedom == 0 {
        return f64::INFINITY;
    }
    let n = freedom as f64;
    n * (1.0 - 2.0 / (9.0 * n) + Z * (2.0 / (9.0 * n)).sqrt()).powi(3)
}
