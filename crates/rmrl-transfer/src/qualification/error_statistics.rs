//! How large errors are, with 95 % intervals.
//!
//! The interval of a quantile is one of order statistics, whatever the errors' distribution is (David and Nagaraja, "Order
//! Statistics", 3rd ed. 2003, Sec. 7.1). Of `n` errors, `B ~ Binomial(n, q)` are below the quantile `ξ_q`, so that
//!
//! ```text
//! P(x_(l) <= ξ_q) = P(B >= l) >= 0.975,        P(ξ_q <= x_(u)) >= P(B <= u - 1) >= 0.975
//! ```
//!
//! `l` is the largest and `u` the smallest such rank. Where no rank is, the interval is open: the 95 % quantile has an upper
//! end from 72 errors on. The interval of the rms is a percentile bootstrap, because no rank gives it.

use rmrl_core::{Interval, bootstrap_interval, mean, random_stream};
use serde::{Deserialize, Serialize};

use crate::watch::Spread;

/// The probability outside of an interval at each of its ends.
const TAIL: f64 = 0.025;
/// The fewest errors of which a resampling says how uncertain they are.
const FEWEST: usize = 5;
/// How often errors are resampled; the ends of an interval are then the 50th and the 1950th value.
const RESAMPLES: usize = 2000;

/// A 95 % interval that can be open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The lower end; `None` if there are too few errors for one.
    pub low: Option<f64>,
    /// The upper end; `None` if there are too few errors for one.
    pub high: Option<f64>,
}

/// How large some errors are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorStatistics {
    /// How many errors there are.
    pub count: usize,
    /// Median, rms and 95 % quantile of their absolute values.
    pub spread: Spread,
    /// The interval of the median.
    pub median_interval: Bounds,
    /// The interval of the rms; `None` with fewer than 5 errors.
    pub rms_interval: Option<Interval>,
    /// The interval of the 95 % quantile.
    pub quantile_95_interval: Bounds,
    /// The largest absolute value.
    pub largest: f64,
}

impl ErrorStatistics {
    /// The statistics of the absolute values of errors; `None` without any. The same errors give the same bits.
    pub fn of(errors: &[f64]) -> Option<Self> {
        let mut sizes: Vec<f64> = errors.iter().copied().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let largest = *sizes.last()?;
        let spread = Spread::of(sizes.iter().copied());
        Some(Self {
            count: sizes.len(),
            spread,
            median_interval: quantile_bounds(&sizes, 0.5),
            rms_interval: (sizes.len() >= FEWEST).then(|| rms_interval(&sizes)),
            quantile_95_interval: quantile_bounds(&sizes, 0.95),
            largest,
        })
    }
}

fn rms_interval(sizes: &[f64]) -> Interval {
    // The stream depends on nothing but the number of errors: a report that is made again is the same.
    let mut rng = random_stream(0, "rms of a qualification", [sizes.len() as u64, 0]);
    let squares: Vec<f64> = sizes.iter().map(|size| size * size).collect();
    let Interval { low, high } =
        bootstrap_interval(&squares, mean, 1.0 - 2.0 * TAIL, RESAMPLES, &mut rng);
    Interval { low: low.sqrt(), high: high.sqrt() }
}

/// The interval of the quantile `q` of the distribution of which `sorted` are values.
fn quantile_bounds(sorted: &[f64], q: f64) -> Bounds {
    let at_most = binomial_distribution(sorted.len(), q);
    // P(B >= l) = 1 - P(B <= l - 1)
    let lower = (1..=sorted.len()).rev().find(|rank| at_most[rank - 1] <= TAIL);
    let upper = (1..=sorted.len()).find(|rank| at_most[rank - 1] >= 1.0 - TAIL);
    Bounds { low: lower.map(|rank| sorted[rank - 1]), high: upper.map(|rank| sorted[rank - 1]) }
}

/// `P(B <= k)` for `k` from 0 to `n`, by logarithms: the first terms of many tries are less than the smallest number.
fn binomial_distribution(n: usize, q: f64) -> Vec<f64> {
    let log_odds = (q / (1.0 - q)).ln();
    let mut log_probability = n as f64 * (1.0 - q).ln();
    let mut sum = 0.0;
    (0..=n)
        .map(|k| {
            sum += log_probability.exp();
            log_probability += ((n - k) as f64 / (k + 1) as f64).ln() + log_odds;
            sum
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rmrl_core::standard_normal;

    use super::*;

    /// The ranks of David and Nagaraja's table for the median, and of `0.95^n <= 0.025` from 72 on.
    #[test]
    fn ranks_are_those_of_tables() {
        for (n, q, low, high) in [
            (5, 0.5, None, None),
            (6, 0.5, Some(1), Some(6)),
            (10, 0.5, Some(2), Some(9)),
            (20, 0.5, Some(6), Some(15)),
            (50, 0.5, Some(18), Some(33)),
            (71, 0.95, Some(63), None),
            (72, 0.95, Some(64), Some(72)),
        ] {
            let sorted: Vec<f64> = (1..=n).map(f64::from).collect();
            let expected = Bounds { low: low.map(f64::from), high: high.map(f64::from) };
            assert_eq!(quantile_bounds(&sorted, q), expected, "{n} {q}");
        }
    }

    #[test]
    fn binomial_probabilities_are_exact_also_where_their_first_terms_vanish() {
        let fair = binomial_distribution(4, 0.5);
        let expected = [1.0, 5.0, 11.0, 15.0, 16.0].map(|count| count / 16.0);
        assert!(fair.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{fair:?}");
        // 0.05^1000 is none of the numbers of a computer.
        let many = binomial_distribution(1000, 0.95);
        assert!((many[1000] - 1.0).abs() < 1e-9 && many[0] == 0.0);
        // P(B <= n - 1) = 1 - q^n
        assert!((binomial_distribution(72, 0.95)[71] - (1.0 - 0.95f64.powi(72))).abs() < 1e-12);
    }

    #[test]
    fn few_errors_by_hand() {
        let found = ErrorStatistics::of(&[-3.0, 4.0]).unwrap();
        let Spread { median, rms, quantile_95 } = found.spread;
        assert_eq!((found.count, median, found.largest), (2, 3.5, 4.0));
        assert!((rms - 12.5f64.sqrt()).abs() < 1e-12 && (quantile_95 - 3.95).abs() < 1e-12);
        assert_eq!(found.rms_interval, None);
        assert_eq!(found.median_interval, Bounds { low: None, high: None });
        assert_eq!(ErrorStatistics::of(&[]), None);
    }

    /// Of a half-normal distribution: median 0.6745, rms 1, 95 % quantile 1.9600.
    #[test]
    fn intervals_cover_the_truth() {
        let mut covered = [0; 3];
        for seed in 0..200 {
            let mut rng = random_stream(seed, "coverage", [0, 0]);
            let errors: Vec<f64> = (0..120).map(|_| standard_normal(&mut rng)).collect();
            let found = ErrorStatistics::of(&errors).unwrap();
            let holds = |Bounds { low, high }: Bounds, truth: f64| {
                low.is_none_or(|low| low <= truth) && high.is_none_or(|high| truth <= high)
            };
            let rms = found.rms_interval.unwrap();
            let each = [
                holds(found.median_interval, 0.674_490),
                rms.low <= 1.0 && 1.0 <= rms.high,
                holds(found.quantile_95_interval, 1.959_964),
            ];
            for (count, holds) in covered.iter_mut().zip(each) {
                *count += usize::from(holds);
            }
        }
        // Those of order statistics promise 95 %; that of the bootstrap is about that.
        assert!(covered[0] >= 186 && covered[1] >= 178 && covered[2] >= 186, "{covered:?}");
    }
}
