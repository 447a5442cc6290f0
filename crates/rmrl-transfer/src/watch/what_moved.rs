//! What moved, if placements at several sites lie off: the camera, the tool or one site.
//!
//! The change `r_k` of the mean error at each site (x, y and yaw) is normal with the covariance `Σ_k` of its mean, plus a scatter that no
//! explanation explains. Each explanation has three unknowns `θ` and says `r_k = A_k θ`:
//!
//! | moved | `θ` | change at the site with place `p_k` and tool yaw `ψ_k` |
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
//! What moved turned as well, or it did not, with the same probability: `B` is the mean of both. Without the second case a
//! camera that is only shifted would be held for a tool, whose turn moves no plate and so is nothing surprising.
//!
//! Nothing, camera, tool and "some site" are equally likely before; each site has its share of the last. Camera and
//! tool cannot be told apart if all sites have one tool yaw and nothing turned: then both have nearly the same factor.

use std::fmt;

use nalgebra::{Matrix3, Vector3};
use rmrl_core::{ConfigKeys, InvalidKey, PlanarPose, PoseAdjustment, mean};
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use super::site_change::SiteChange;

/// What is expected before the changes are seen, and when the answer is clear.
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
    /// Nothing: the changes are noise.
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

/// One explanation of the changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// What moved.
    pub moved: Moved,
    /// The decimal logarithm of how likely it is, compared with nothing that moved.
    pub log10_odds: f64,
    /// How far it shifted and turned: in the world for camera and site, in the tool's frame for the tool.
    pub shift: PoseAdjustment,
    /// The squared changes that it leaves unexplained, in standard deviations, over their number. About 1 if it is true.
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
    /// There are no sites whose change could be explained.
    NoSites,
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
            Self::NoSites => f.write_str("not clear: there are too few transfers"),
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

/// Compares what could have moved, given the changes of all sites that the camera sees.
///
/// # Errors
/// A key of `config` is invalid.
pub fn what_moved(changes: &[SiteChange], config: &MovedConfig) -> Result<WhatMoved, InvalidKey> {
    config.validate()?;
    let sites: Vec<SiteTerms> = changes.iter().map(|one| SiteTerms::new(one, config)).collect();
    let middle = PlanarPose {
        x_m: mean(&changes.iter().map(|one| one.place.x_m).collect::<Vec<_>>()),
        y_m: mean(&changes.iter().map(|one| one.place.y_m).collect::<Vec<_>>()),
        yaw_rad: 0.0,
    };
    let general = [Moved::Nothing, Moved::Camera, Moved::Tool];
    let of_sites = changes.iter().map(|one| Moved::Site(one.site.clone()));
    let mut explanations: Vec<Explanation> = general
        .into_iter()
        .chain(of_sites)
        .filter_map(|moved| {
            let designs: Vec<Matrix3<f64>> =
                changes.iter().map(|site| design(&moved, site, middle)).collect();
            explain(moved, &sites, &designs, config)
        })
        .collect();
    // The sort is stable: equal explanations stay in the order above.
    explanations.sort_by(|a, b| b.log10_odds.total_cmp(&a.log10_odds));
    let verdict = verdict(&explanations, changes.len(), config);
    Ok(WhatMoved { explanations, verdict })
}

fn verdict(explanations: &[Explanation], sites: usize, config: &MovedConfig) -> Verdict {
    let [best, next, ..] = explanations else { return Verdict::NoSites };
    if sites == 0 {
        return Verdict::NoSites;
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

/// The change of a site in the slot's frame, where its components are independent.
struct SiteTerms {
    change: Vector3<f64>,
    /// One over the variances.
    weights: Vector3<f64>,
    slot_from_world: Matrix3<f64>,
}

impl SiteTerms {
    fn new(site: &SiteChange, config: &MovedConfig) -> Self {
        let slot_from_world = turn(-site.place.yaw_rad);
        let PoseAdjustment { dx_m, dy_m, dyaw_rad } = site.change;
        let scatter_rad = config.scatter_deg.to_radians();
        let scatter = Vector3::new(config.scatter_m, config.scatter_m, scatter_rad);
        let deviations = Vector3::from(site.deviations);
        Self {
            change: slot_from_world * Vector3::new(dx_m, dy_m, dyaw_rad),
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

/// `A_k`: the change at a site in the world for each of the three unknowns.
fn design(moved: &Moved, site: &SiteChange, middle: PlanarPose) -> Matrix3<f64> {
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

/// An explanation with its odds; `None` if the changes are no numbers.
fn explain(
    moved: Moved,
    sites: &[SiteTerms],
    designs: &[Matrix3<f64>],
    config: &MovedConfig,
) -> Option<Explanation> {
    let only_shifted: Vec<Matrix3<f64>> = designs.iter().map(without_turn).collect();
    let [turned, shifted] = [fit(sites, designs, config)?, fit(sites, &only_shifted, config)?];
    // ln ((B_turned + B_shifted) / 2), from the larger of the two
    let best = if shifted.log_factor >= turned.log_factor { &shifted } else { &turned };
    let both = [turned.log_factor, shifted.log_factor].map(|one| (one - best.log_factor).exp());
    let log_factor = best.log_factor + (both[0] + both[1]).ln() - std::f64::consts::LN_2;
    let log_prior = if matches!(moved, Moved::Site(_)) { -(sites.len() as f64).ln() } else { 0.0 };
    let unknowns = if moved == Moved::Nothing { 0 } else { 3 };
    let freedom = (3 * sites.len()).saturating_sub(unknowns);
    Some(Explanation {
        moved,
        log10_odds: (log_factor + log_prior) / std::f64::consts::LN_10,
        shift: PoseAdjustment { dx_m: best.shift.x, dy_m: best.shift.y, dyaw_rad: best.shift.z },
        misfit: best.squares / freedom.max(1) as f64,
        fits: best.squares <= largest_squares_by_chance(freedom),
    })
}

fn without_turn(design: &Matrix3<f64>) -> Matrix3<f64> {
    let mut design = *design;
    design.column_mut(2).fill(0.0);
    design
}

/// The unknowns of an explanation, fitted.
struct Fit {
    log_factor: f64,
    shift: Vector3<f64>,
    /// The sum of the squared changes that are left unexplained, in standard deviations.
    squares: f64,
}

/// The fit of `designs`, each in the world; `None` if the changes are no numbers.
fn fit(sites: &[SiteTerms], designs: &[Matrix3<f64>], config: &MovedConfig) -> Option<Fit> {
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
        weighted += weighted_design * site.change;
    }
    let factors = information.cholesky()?;
    let shift = factors.solve(&weighted);
    let log_determinant =
        2.0 * factors.l().diagonal().map(f64::ln).sum() + prior.map(f64::ln).sum();
    // ln B = ½ bᵀ M⁻¹ b - ½ ln det(P M)
    let log_factor = 0.5 * (weighted.dot(&shift) - log_determinant);
    let left = sites.iter().zip(&in_slots).map(|(site, design)| {
        let left = site.change - design * shift;
        left.component_mul(&left).dot(&site.weights)
    });
    let squares = left.sum();
    log_factor.is_finite().then_some(Fit { log_factor, shift, squares })
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

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use rmrl_core::{Rng, random_stream, standard_normal};

    use super::*;

    const DEVIATIONS: [f64; 3] = [1e-4, 1e-4, 2e-3];

    /// Six sites around the arm; each tool yaw is `turn` times its index.
    fn sites(turn: f64) -> Vec<SiteChange> {
        let places =
            [(0.3, 0.2), (0.45, 0.1), (0.5, -0.1), (0.35, -0.25), (0.2, 0.35), (0.55, 0.3)];
        let site = |(index, (x_m, y_m)): (usize, (f64, f64))| SiteChange {
            site: format!("hotel:{}", index + 1).parse().unwrap(),
            place: PlanarPose::new(x_m, y_m, turn * index as f64 + 0.3),
            tool_yaw_rad: turn * index as f64,
            change: PoseAdjustment::NONE,
            deviations: DEVIATIONS,
        };
        places.into_iter().enumerate().map(site).collect()
    }

    /// The changes that `shift` of `moved` makes, with the noise of means and scatter.
    fn moved_by(moved: &Moved, shift: [f64; 3], turn: f64, rng: &mut Rng) -> Vec<SiteChange> {
        let mut sites = sites(turn);
        let middle = PlanarPose {
            x_m: sites.iter().map(|site| site.place.x_m).sum::<f64>() / 6.0,
            y_m: sites.iter().map(|site| site.place.y_m).sum::<f64>() / 6.0,
            yaw_rad: 0.0,
        };
        for site in &mut sites {
            let [dx_m, dy_m, dyaw_rad] = shift;
            let noise = [1e-4, 1e-4, 2e-3].map(|sd| sd * standard_normal(rng));
            let shift = PoseAdjustment { dx_m, dy_m, dyaw_rad };
            let exact = match moved {
                // A turn of the camera by a small angle moves a plate on a circle about the middle.
                Moved::Camera => {
                    let arm = PoseAdjustment {
                        dx_m: site.place.x_m - middle.x_m,
                        dy_m: site.place.y_m - middle.y_m,
                        dyaw_rad: 0.0,
                    };
                    let turned = arm.rotated(dyaw_rad);
                    PoseAdjustment {
                        dx_m: dx_m + turned.dx_m - arm.dx_m,
                        dy_m: dy_m + turned.dy_m - arm.dy_m,
                        dyaw_rad,
                    }
                }
                Moved::Tool => shift.rotated(site.tool_yaw_rad),
                Moved::Site(other) if *other == site.site => shift,
                _ => PoseAdjustment::NONE,
            };
            site.change = PoseAdjustment {
                dx_m: exact.dx_m + noise[0],
                dy_m: exact.dy_m + noise[1],
                dyaw_rad: exact.dyaw_rad + noise[2],
            };
        }
        sites
    }

    fn ask(changes: &[SiteChange]) -> WhatMoved {
        what_moved(changes, &MovedConfig::default()).unwrap()
    }

    #[test]
    fn what_moved_is_found_and_by_how_much() {
        let site = Moved::Site("hotel:4".parse().unwrap());
        for moved in [Moved::Camera, Moved::Tool, site] {
            let mut right = 0;
            for seed in 0..200 {
                let mut rng = random_stream(seed, "moved", [0, 0]);
                // 1 to 2 mm to any side, and half a degree.
                let angle = 0.1 * seed as f64;
                let length_m = 1e-3 + 5e-6 * seed as f64;
                let shift = [length_m * angle.cos(), length_m * angle.sin(), 0.009];
                let found = ask(&moved_by(&moved, shift, 0.7, &mut rng));
                match &found.verdict {
                    Verdict::Clear { moved: answer, log10_factor } => {
                        assert_eq!(*answer, moved, "{found:?}");
                        assert!(*log10_factor >= 20f64.log10());
                        right += 1;
                        let by = found.explanations[0].shift;
                        let off_m = (by.dx_m - shift[0]).hypot(by.dy_m - shift[1]);
                        assert!(off_m < 7e-4, "{by:?} of {shift:?}");
                    }
                    Verdict::NoneFits { best } => assert_eq!(*best, moved),
                    Verdict::NotClear { .. } | Verdict::NoSites => {}
                }
            }
            println!("{moved}: {right} of 200");
            assert!(right >= 190, "{moved}: {right} of 200");
        }
    }

    #[test]
    fn noise_is_no_motion() {
        let mut nothing = 0;
        for seed in 0..400 {
            let mut rng = random_stream(seed, "noise", [0, 0]);
            let found = ask(&moved_by(&Moved::Nothing, [0.0; 3], 0.7, &mut rng));
            match found.verdict {
                Verdict::Clear { moved: Moved::Nothing, .. } => nothing += 1,
                Verdict::Clear { moved, .. } => panic!("{moved} of noise, seed {seed}"),
                _ => {}
            }
        }
        println!("nothing: {nothing} of 400");
        assert!(nothing >= 300, "{nothing}");
    }

    /// Things that move as the prior says, a half of them without a turn, at sites with one tool yaw and with many. Of the
    /// clear answers at most 1 in 20 is wrong, because the factor is 20.
    #[test]
    fn clear_answers_are_seldom_wrong() {
        let (mut clear, mut wrong) = (0, 0);
        for seed in 0..1200 {
            let mut rng = random_stream(seed, "prior", [0, 0]);
            let site = Moved::Site("hotel:2".parse().unwrap());
            let moved =
                [Moved::Nothing, Moved::Camera, Moved::Tool, site][(seed % 4) as usize].clone();
            let turned = f64::from(u8::from(seed / 4 % 2 == 0));
            let shift =
                [2e-3, 2e-3, turned * 1f64.to_radians()].map(|sd| sd * standard_normal(&mut rng));
            let tool_turn = [0.0, 0.1, 0.7][(seed / 8 % 3) as usize];
            let found = ask(&moved_by(&moved, shift, tool_turn, &mut rng));
            if let Verdict::Clear { moved: answer, .. } = found.verdict {
                clear += 1;
                wrong += usize::from(answer != moved);
            }
        }
        println!("{clear} of 1200 clear, {wrong} of them wrong");
        assert!(clear > 900 && wrong * 20 <= clear, "{wrong} of {clear}");
    }

    /// With one tool yaw at all sites a shift of the camera is a shift of the tool. With one site all three are the same.
    #[test]
    fn what_changes_do_not_tell_apart_is_not_clear() {
        for seed in 0..50 {
            let mut rng = random_stream(seed, "alike", [0, 0]);
            let changes = moved_by(&Moved::Camera, [1.5e-3, -1e-3, 0.0], 0.0, &mut rng);
            let found = ask(&changes);
            let Verdict::NotClear { best, next, .. } = &found.verdict else { panic!("{found:?}") };
            let both = [best, next];
            assert!(both.contains(&&Moved::Camera) && both.contains(&&Moved::Tool), "{found:?}");
            let text = found.verdict.to_string();
            assert!(text.starts_with("not clear: the "), "{text}");
            let one = ask(&changes[..1]);
            assert!(matches!(one.verdict, Verdict::NotClear { .. }), "{one:?}");
        }
        assert_eq!(ask(&[]).verdict, Verdict::NoSites);
    }

    #[test]
    fn two_sites_that_moved_apart_fit_no_explanation() {
        for seed in 0..50 {
            let mut rng = random_stream(seed, "two sites", [0, 0]);
            let first = Moved::Site("hotel:1".parse().unwrap());
            let mut changes = moved_by(&first, [2e-3, 0.0, 0.0], 0.7, &mut rng);
            changes[4].change.dy_m -= 2e-3;
            let found = ask(&changes);
            assert!(matches!(found.verdict, Verdict::NoneFits { .. }), "{found:?}");
            assert!(!found.explanations[0].fits && found.explanations[0].misfit > 3.0);
        }
    }

    /// The closed form against the density of all changes together, with the covariance `Σ + A P Aᵀ`.
    #[test]
    fn odds_are_the_ratio_of_two_normal_densities() {
        let mut rng = random_stream(5, "density", [0, 0]);
        let changes = moved_by(&Moved::Tool, [1e-3, 5e-4, 0.004], 0.7, &mut rng);
        let config = MovedConfig::default();
        let found = what_moved(&changes, &config).unwrap();
        let middle = PlanarPose { x_m: 2.35 / 6.0, y_m: 0.6 / 6.0, yaw_rad: 0.0 };
        let count = 3 * changes.len();
        let mut covariance = DMatrix::zeros(count, count);
        let mut all = DVector::zeros(count);
        let scatter = [config.scatter_m, config.scatter_m, config.scatter_deg.to_radians()];
        for (index, site) in changes.iter().enumerate() {
            let variances =
                Vector3::from_fn(|row, _| DEVIATIONS[row].powi(2) + scatter[row].powi(2));
            let to_world = turn(site.place.yaw_rad);
            let block = to_world * Matrix3::from_diagonal(&variances) * to_world.transpose();
            covariance.fixed_view_mut::<3, 3>(3 * index, 3 * index).copy_from(&block);
            let PoseAdjustment { dx_m, dy_m, dyaw_rad } = site.change;
            all.fixed_rows_mut::<3>(3 * index).copy_from(&Vector3::new(dx_m, dy_m, dyaw_rad));
        }
        let log_density = |covariance: DMatrix<f64>| {
            let factors = covariance.cholesky().unwrap();
            let squares = all.dot(&factors.solve(&all));
            -0.5 * squares - factors.l().diagonal().map(f64::ln).sum()
        };
        let nothing = log_density(covariance.clone());
        let prior = [config.shift_m, config.shift_m, config.turn_deg.to_radians()];
        for explanation in &found.explanations {
            let mut designs = DMatrix::zeros(count, 3);
            for (index, site) in changes.iter().enumerate() {
                let design = design(&explanation.moved, site, middle);
                designs.fixed_view_mut::<3, 3>(3 * index, 0).copy_from(&design);
            }
            let prior = Matrix3::from_diagonal(&Vector3::from(prior).map(|sd| sd * sd));
            let only_shifted = designs.columns(0, 2)
                * prior.fixed_view::<2, 2>(0, 0)
                * designs.columns(0, 2).transpose();
            let turned = log_density(&covariance + &designs * prior * designs.transpose());
            let shifted = log_density(&covariance + only_shifted);
            let of_moved =
                turned.max(shifted) + (0.5 + 0.5 * (-(turned - shifted).abs()).exp()).ln();
            let share = if matches!(explanation.moved, Moved::Site(_)) { 6f64.ln() } else { 0.0 };
            let expected = (of_moved - nothing - share) / std::f64::consts::LN_10;
            let got = explanation.log10_odds;
            assert!((got - expected).abs() < 1e-6, "{}: {got} {expected}", explanation.moved);
        }
        assert_eq!(found.explanations.len(), 9);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<WhatMoved>(&text).unwrap(), found);
    }

    /// Quantiles from tables of the chi-squared distribution at 99.9 %.
    #[test]
    fn the_limit_of_the_misfit_is_the_quantile_of_the_tables() {
        for (freedom, quantile) in [(3, 16.266), (9, 27.877), (15, 37.697), (30, 59.703)] {
            let got = largest_squares_by_chance(freedom);
            assert!((got / quantile - 1.0).abs() < 0.02, "{freedom}: {got}");
        }
        assert_eq!(largest_squares_by_chance(0), f64::INFINITY);
    }

    #[test]
    fn invalid_keys_are_refused() {
        let config = MovedConfig { least_factor: 1.0, ..Default::default() };
        assert_eq!(what_moved(&[], &config).unwrap_err().key, "least_factor");
    }
}
