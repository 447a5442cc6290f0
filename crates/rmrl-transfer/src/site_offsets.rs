//! The offset along the fingers with which a plate lies in the jaws where each site was taught.
//!
//! A site is taught with the jaws around a plate that lies there. Across the fingers and in turn the jaws center it; along them
//! nothing does, so where the plate was between the pads is one number for each site: its offset `s`. A person who teaches sites
//! does it alike: with the plate up to the same mark of the fingers. So the offsets have a common part:
//!
//! ```text
//! s_i = c + δ_i,    c ~ N(0, common²),    δ_i ~ N(0, apart²)
//! ```
//!
//! Each plate that a person seated exactly, and that the camera saw, observes one of them.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use rmrl_belief::OffsetLook;
use rmrl_core::{Look, PlanarPose};

use crate::offset::Offset;

/// How well sites are known before anything was seen: standard deviations in meters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OffsetPrior {
    /// Of the common offset.
    pub common_m: f64,
    /// Of what sites differ by.
    pub apart_m: f64,
}

impl Default for OffsetPrior {
    /// A tool measured by hand, and sites taught with the plate up to the same mark of the fingers. Untuned.
    fn default() -> Self {
        Self { common_m: 0.008, apart_m: 0.000_3 }
    }
}

/// A plate that lay where it should in a site: the offset that it had, with the deviation of look and seating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteObservation<'a> {
    /// The site.
    pub site: &'a str,
    /// The look, with the tool in which it had the offset.
    pub seen: Look,
    /// The pose of the tool, as commanded.
    pub tool: PlanarPose,
    /// How exactly it is the site's, in meters: a standard deviation.
    pub deviation_m: f64,
}

/// The offsets of all sites, as weighted sums of observations. The weights follow from the deviations alone.
#[derive(Debug, Clone)]
pub struct SiteOffsets {
    /// The unknowns: the common offset, then one difference for each site.
    sites: BTreeMap<String, usize>,
    prior: OffsetPrior,
    covariance: DMatrix<f64>,
    /// The looks, with the unknown of their site and their weight in the normal equations.
    observed: Vec<(OffsetLook, usize, f64)>,
}

impl SiteOffsets {
    /// What observations of sites say.
    pub fn new(prior: OffsetPrior, observations: &[SiteObservation<'_>]) -> Self {
        let mut sites = BTreeMap::new();
        for SiteObservation { site, .. } in observations {
            let next = sites.len() + 1;
            sites.entry((*site).to_string()).or_insert(next);
        }
        let size = sites.len() + 1;
        let mut precision = DMatrix::from_diagonal_element(size, size, prior.apart_m.powi(-2));
        precision[(0, 0)] = prior.common_m.powi(-2);
        let mut observed = Vec::new();
        for SiteObservation { site, seen, tool, deviation_m } in observations {
            let (own, weight) = (sites[*site], deviation_m.powi(-2));
            for row in [0, own] {
                for column in [0, own] {
                    precision[(row, column)] += weight;
                }
            }
            observed.push((OffsetLook { weight: 1.0, seen: *seen, tool: *tool }, own, weight));
        }
        // A precision with a positive diagonal prior has an inverse.
        let covariance =
            precision.cholesky().map_or_else(|| DMatrix::zeros(size, size), |one| one.inverse());
        Self { sites, prior, covariance, observed }
    }

    /// The offset of a site.
    pub fn of(&self, site: &str) -> Offset {
        let (columns, own) = self.columns(site);
        self.offset(&columns, own)
    }

    /// The offset of `to` less that of `from`: better known than each of them.
    pub fn difference(&self, to: &str, from: &str) -> Offset {
        if to == from {
            return Offset::default();
        }
        let ((to, of_to), (from, of_from)) = (self.columns(to), self.columns(from));
        self.offset(&(to - from), of_to + of_from)
    }

    /// The coefficients of a site's offset, and the variance of what is not among the unknowns.
    fn columns(&self, site: &str) -> (DVector<f64>, f64) {
        let mut columns = DVector::zeros(self.covariance.nrows());
        columns[0] = 1.0;
        match self.sites.get(site) {
            Some(own) => {
                columns[*own] = 1.0;
                (columns, 0.0)
            }
            None => (columns, self.prior.apart_m.powi(2)),
        }
    }

    fn offset(&self, columns: &DVector<f64>, own: f64) -> Offset {
        let spread = &self.covariance * columns;
        let variance = columns.dot(&spread) + own;
        let weighted = |(look, site, weight): &(OffsetLook, usize, f64)| OffsetLook {
            weight: weight * (spread[0] + spread[*site]),
            ..*look
        };
        let looks = self.observed.iter().map(weighted).collect();
        Offset::of(looks, variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use rmrl_belief::{CellBelief, Prior};

    use super::*;

    const PRIOR: OffsetPrior = OffsetPrior { common_m: 0.008, apart_m: 0.0005 };

    /// A camera that errs by nothing, seen through a belief that knows it.
    fn exact() -> CellBelief {
        let nothing = Prior {
            shift_m: 1e-9,
            turn_rad: 1e-9,
            scale: 1e-9,
            tool_turn_rad: 1e-9,
            tool_m: 1e-9,
            bend_m: 1e-9,
            look_m: 1e-9,
            ..Prior::default()
        };
        CellBelief::without_target(nothing, PlanarPose::default())
    }

    fn observed(site: &str, offset_m: f64) -> SiteObservation<'_> {
        let tool = PlanarPose::new(0.3, 0.1, 0.0);
        let seen = PlanarPose::new(0.3 + offset_m, 0.1, 0.0).into();
        SiteObservation { site, seen, tool, deviation_m: 0.0003 }
    }

    #[test]
    fn one_site_tells_of_all_others_what_they_have_in_common() {
        let belief = exact();
        let none = SiteOffsets::new(PRIOR, &[]);
        let deviation = none.of("reader").by(&belief).deviation;
        assert!((deviation - 0.008f64.hypot(0.0005)).abs() < 1e-8);
        // Nothing is known of either, and still they differ by little.
        let apart = none.difference("reader", "hotel").by(&belief);
        assert!((apart.deviation - 0.0005 * 2f64.sqrt()).abs() < 1e-8 && apart.mean == 0.0);
        let one = SiteOffsets::new(PRIOR, &[observed("hotel", 0.004)]);
        let (hotel, reader) = (one.of("hotel").by(&belief), one.of("reader").by(&belief));
        assert!((hotel.mean - 0.004).abs() < 5e-5 && hotel.deviation < 0.00031, "{hotel:?}");
        // 0.3 mm of the look and twice 0.5 mm of teaching: root of the sum of squares.
        let expected = 0.0003f64.hypot(0.0005).hypot(0.0005);
        assert!((reader.deviation - expected).abs() < 1e-5, "{reader:?} {expected}");
        assert_eq!(one.difference("hotel", "hotel"), Offset::default());
    }

    /// Against the posterior by sampling the prior and weighing the samples by the likelihood.
    #[test]
    fn it_agrees_with_weighted_samples() {
        use rmrl_core::{random_stream, standard_normal};
        let values = [("a", 0.004), ("a", 0.0046), ("b", 0.0031)];
        let prior = OffsetPrior { common_m: 0.004, apart_m: 0.0008 };
        let observations = values.map(|(site, offset_m)| observed(site, offset_m));
        let offsets = SiteOffsets::new(prior, &observations);
        let mut rng = random_stream(1, "site offsets", [0, 0]);
        let (mut total, mut sums) = (0.0, [0.0; 3]);
        for _ in 0..400_000 {
            let mut normal = |deviation: f64| deviation * standard_normal(&mut rng);
            let common = normal(prior.common_m);
            let [a, b, c] = [0; 3].map(|_| common + normal(prior.apart_m));
            let of = |site: &str| if site == "a" { a } else { b };
            let misfit: f64 = values
                .iter()
                .map(|(site, offset_m)| ((of(site) - offset_m) / 0.0003).powi(2))
                .sum();
            let weight = (-0.5 * misfit).exp();
            total += weight;
            for (sum, value) in sums.iter_mut().zip([a, b, c]) {
                *sum += weight * value;
            }
        }
        for (site, sum) in ["a", "b", "c"].into_iter().zip(sums) {
            let (by_samples, exact) = (sum / total, offsets.of(site).by(&exact()).mean);
            assert!((by_samples - exact).abs() < 5e-5, "{site}: {by_samples} {exact}");
        }
    }
}
