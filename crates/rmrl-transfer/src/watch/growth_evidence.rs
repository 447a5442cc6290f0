//! The evidence that values have grown beyond what they were: an anytime-valid test without any assumption on their
//! distribution.
//!
//! The null hypothesis is that all values so far are exchangeable: none of them stands out by its time. Then the rank
//! of the value `t` among all values up to it is uniform on `1..t` and independent of all ranks before (Rényi 1962). With
//! `a_t` the share of values above it and `b_t = a_t + 1/t`, a bet on large values multiplies its stake by
//!
//! ```text
//! g_κ(t) = (b_t^κ - a_t^κ) / (b_t - a_t),    0 < κ < 1
//! ```
//!
//! This is the mean of the density `κ p^(κ-1)` over the p-values from `a_t` to `b_t`, so its mean over all `t` ranks is
//! exactly 1. Ties rank below the values that they tie with, which can only lower `g`. The evidence `E_t` is a mixture
//! of such bets over `κ` and over the time at which the bets begin; it begins with 1. So it is a nonnegative
//! (super)martingale, and by Ville's inequality it ever reaches `1/α` with a probability of at most `α`: the conformal
//! test martingales of Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2nd ed. 2022, chapter 8.
//! The finite number of reference values needs no correction.
//!
//! The time at which a bet begins has a heavy tail: of the stake that does not bet yet, the share `1 / (2 (m + 5))` begins
//! to with the value `m`. Of what bets, a thousandth goes back at each value, so that what was lost is not all lost.
//!
//! The price of no assumption: values after a change are soon part of what is compared with. A change that comes early has
//! to be large to be found. The share of series with an alarm within 500 values after a shift of normal values, and the
//! mean number of values until it, at `α = 0.001` with 30 values of reference:
//!
//! | values before the shift | by 1 standard deviation | by 2 | by 3 |
//! |-|-|-|-|
//! | 30 | 39 %, 77 | 98 %, 26 | 100 %, 14 |
//! | 60 | 88 %, 75 | 100 %, 14 | 100 %, 8 |
//! | 130 | 100 %, 50 | 100 %, 12 | 100 %, 7 |
//! | 330 | 100 %, 41 | 100 %, 11 | 100 %, 7 |

use serde::{Deserialize, Serialize};

/// The bets `κ`: the smaller, the rarer the values that they bet on. Found by simulation, for changes of 1 to 3 standard
/// deviations.
const EXPONENTS: [f64; 3] = [0.3, 0.5, 0.7];

/// The share of what bets that goes back at each value. Untuned.
const RETURNING: f64 = 0.001;

/// The evidence that values have grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrowthEvidence {
    /// All values so far, sorted.
    sorted: Vec<f64>,
    /// How many values at the beginning are not bet on.
    reference: usize,
    /// The stake that does not bet yet.
    resting: f64,
    /// The stake of each bet.
    betting: [f64; EXPONENTS.len()],
}

impl GrowthEvidence {
    /// No values yet. The first `reference` values are only what later ones are compared with.
    pub fn new(reference: usize) -> Self {
        Self { sorted: Vec::new(), reference, resting: 1.0, betting: [0.0; EXPONENTS.len()] }
    }

    /// Adds a finite value, and returns the evidence after it.
    pub fn note(&mut self, value: f64) -> f64 {
        let smaller = self.sorted.partition_point(|other| *other < value);
        if self.sorted.len() >= self.reference {
            self.bet(self.sorted.len() - smaller);
        }
        self.sorted.insert(smaller, value);
        self.evidence()
    }

    /// The evidence `E_t`: 1 before the first bet.
    pub fn evidence(&self) -> f64 {
        self.resting + self.betting.iter().sum::<f64>()
    }

    /// Bets on a value that `above` of the earlier ones are not below.
    fn bet(&mut self, above: usize) {
        let bets_so_far = (self.sorted.len() - self.reference) as f64;
        let beginning = self.resting * 0.5 / (bets_so_far + 5.0);
        let returning = RETURNING * self.betting.iter().sum::<f64>();
        self.resting += returning - beginning;
        let width = 1.0 / (self.sorted.len() + 1) as f64;
        let (a, b) = (above as f64 * width, (above + 1) as f64 * width);
        for (stake, exponent) in self.betting.iter_mut().zip(EXPONENTS) {
            let staked = *stake * (1.0 - RETURNING) + beginning / EXPONENTS.len() as f64;
            // g_κ = (b^κ - a^κ) / (b - a)
            *stake = staked * (b.powf(exponent) - a.powf(exponent)) / width;
        }
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Rng, mean, random_stream, standard_normal};

    use super::*;

    /// The evidence after these values, of which two are the reference.
    fn evidence_of(values: &[f64]) -> f64 {
        let mut evidence = GrowthEvidence::new(2);
        for value in values {
            evidence.note(*value);
        }
        evidence.evidence()
    }

    /// All orders of `values`, by Heap's algorithm.
    fn orders(values: &mut Vec<f64>, count: usize, found: &mut Vec<Vec<f64>>) {
        if count <= 1 {
            return found.push(values.clone());
        }
        for index in 0..count {
            orders(values, count - 1, found);
            values.swap(if count.is_multiple_of(2) { index } else { 0 }, count - 1);
        }
    }

    /// What makes the evidence a martingale: over all orders of any values its mean is 1, and less with ties.
    #[test]
    fn the_mean_over_all_orders_is_one() {
        let mean_over_orders = |values: &[f64]| {
            let mut found = Vec::new();
            orders(&mut values.to_vec(), values.len(), &mut found);
            assert_eq!(found.len(), (1..=values.len()).product::<usize>());
            mean(&found.iter().map(|order| evidence_of(order)).collect::<Vec<_>>())
        };
        for values in [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [1e-9, 0.1, 0.2, 5.0, 1e3, 1e4, 1e9]] {
            let mean = mean_over_orders(&values);
            assert!((mean - 1.0).abs() < 1e-12, "{mean}");
        }
        let tied = mean_over_orders(&[1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        assert!(tied < 1.0 && tied > 0.5, "{tied}");
        assert!(evidence_of(&[1.0; 50]) < 1.0, "values that are all equal are no growth");
    }

    #[test]
    fn values_of_the_reference_are_no_evidence() {
        let mut evidence = GrowthEvidence::new(30);
        assert!((0..30).all(|index| evidence.note(f64::from(index)) == 1.0));
        assert!(evidence.note(30.0) > 1.0);
    }

    const ALPHA: f64 = 1e-3;
    const REFERENCE: usize = 30;

    /// When the evidence reaches `1 / ALPHA` in `values`, counted from 1.
    fn alarm(values: impl Iterator<Item = f64>) -> Option<usize> {
        let mut evidence = GrowthEvidence::new(REFERENCE);
        values.map(|value| evidence.note(value)).position(|now| now >= 1.0 / ALPHA).map(|at| at + 1)
    }

    fn normals(rng: &mut Rng) -> impl Iterator<Item = f64> + '_ {
        std::iter::repeat_with(|| standard_normal(rng))
    }

    /// 10,000 series of 1,000 values without a change. No more alarms than promised, and two standard deviations. The
    /// distribution does not matter: only ranks count.
    #[test]
    fn false_alarms_are_no_more_frequent_than_promised() {
        const SERIES: u64 = 10_000;
        let alarms = (0..SERIES)
            .filter(|seed| {
                let mut rng = random_stream(*seed, "site without a change", [0, 0]);
                alarm(normals(&mut rng).take(1000)).is_some()
            })
            .count() as f64;
        let expected = ALPHA * SERIES as f64;
        println!("{alarms} false alarms of at most {expected} expected");
        assert!(alarms <= expected + 2.0 * expected.sqrt(), "{alarms}");
    }

    /// The share of 200 series with an alarm within 500 values after a shift by `shift` standard deviations, and the mean
    /// delay of these alarms. `stable` values came before.
    fn power(shift: f64, stable: usize) -> (f64, f64) {
        let delays: Vec<f64> = (0..200)
            .filter_map(|seed| {
                let mut rng = random_stream(seed, "site with a change", [stable as u64, 0]);
                let shifted = normals(&mut rng).enumerate();
                let shifted =
                    shifted.map(|(at, value)| if at < stable { value } else { value + shift });
                Some(alarm(shifted.take(stable + 500))?.checked_sub(stable)? as f64)
            })
            .collect();
        (delays.len() as f64 / 200.0, mean(&delays))
    }

    /// The table in this file's documentation.
    #[test]
    fn changes_are_found_as_documented() {
        for (stable, shift, least_share, most_delay) in [
            (60, 1.0, 0.8, 80.0),
            (60, 2.0, 0.99, 16.0),
            (60, 3.0, 0.99, 10.0),
            (130, 1.0, 0.97, 60.0),
            (130, 2.0, 0.99, 14.0),
            (330, 1.0, 0.99, 50.0),
            (330, 2.0, 0.99, 13.0),
            (330, 3.0, 0.99, 9.0),
            (30, 1.0, 0.2, 110.0),
            (30, 2.0, 0.9, 40.0),
            (30, 3.0, 0.99, 16.0),
            (130, 3.0, 0.99, 9.0),
        ] {
            let (share, delay) = power(shift, stable);
            println!("after {stable}: {shift} sd found in {share:.3} after {delay:.1}");
            assert!(
                share >= least_share && delay <= most_delay,
                "{stable} {shift}: {share} {delay}"
            );
        }
    }

    /// A drift by 1 standard deviation in 50 values is found, too.
    #[test]
    fn a_slow_drift_is_found() {
        for seed in 0..20 {
            let mut rng = random_stream(seed, "drifting site", [0, 0]);
            let drifting = normals(&mut rng)
                .enumerate()
                .map(|(at, value)| value + at.saturating_sub(100) as f64 / 50.0);
            assert!(alarm(drifting.take(300)).is_some_and(|at| at > 100), "{seed}");
        }
    }
}
