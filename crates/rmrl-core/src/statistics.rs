//! Metrics of a run and statistics over runs.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::Rng;

/// The confidence interval of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the two intervals share no value.
    pub fn is_disjoint_from(&self, other: &Self) -> bool {
        self.high < other.low || other.high < self.low
    }
}

/// The data-efficiency metric `T_τ^n`: the trial, counted from 1, whose reward exceeds
/// `threshold` for the `occurrence`-th time. `None` if that never happens.
///
/// # Panics
/// If `occurrence` is 0.
pub fn trials_to_threshold(rewards: &[f64], threshold: f64, occurrence: usize) -> Option<usize> {
    assert!(occurrence > 0, "occurrences are counted from 1");
    // Eq. 15: T = min { t | sum_{i=1}^t 1{r_i > τ} = n }
    rewards
        .iter()
        .enumerate()
        .filter(|(_, reward)| **reward > threshold)
        .nth(occurrence - 1)
        .map(|(index, _)| index + 1)
}

/// The arithmetic mean; NaN without values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation (divided by n - 1); 0 for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// The [`MovingAverage`] after each of `values`.
pub fn exponential_moving_average(values: &[f64], smoothing: f64) -> Vec<f64> {
    let mut average = MovingAverage::new(smoothing);
    values.iter().map(|&value| average.add(value)).collect()
}

/// The exponential moving average `m_t = f m_{t-1} + (1 - f) x_t`, one value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovingAverage {
    smoothing: f64,
    average: Option<f64>,
}

impl MovingAverage {
    /// An average of nothing yet. `smoothing` is `f`, in `[0, 1)`: with 0 each value is its own average.
    pub fn new(smoothing: f64) -> Self {
        Self { smoothing, average: None }
    }

    /// The average so far; `None` before the first value.
    pub fn value(&self) -> Option<f64> {
        self.average
    }

    /// Adds a value and returns the average, which starts at the first value.
    pub fn add(&mut self, value: f64) -> f64 {
        let next = match self.average {
            None => value,
            Some(previous) => self.smoothing * previous + (1.0 - self.smoothing) * value,
        };
        self.average = Some(next);
        next
    }
}

/// The quantile `q` in `[0, 1]`, linearly interpolated between order statistics (Hyndman and Fan's
/// type 7, the default of NumPy and R); NaN without values.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// The interquartile mean: the mean of the middle half, as rliable and SciPy's
/// `trim_mean(0.25)` compute it; NaN without values.
pub fn interquartile_mean(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = values.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// A percentile bootstrap interval of `statistic` at `level` (0.95 for 95 %).
///
/// Resamples `values` with replacement `resamples` times with numbers from `rng`.
///
/// # Panics
/// If `values` is empty.
pub fn bootstrap_interval(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    resamples: usize,
    rng: &mut Rng,
) -> Interval {
    let mut resample = vec![0.0; values.len()];
    let mut statistics: Vec<f64> = (0..resamples)
        .map(|_| {
            for slot in &mut resample {
                *slot = values[rng.random_range(0..values.len())];
            }
            statistic(&resample)
        })
        .collect();
    statistics.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Interval {
        low: quantile_of_sorted(&statistics, tail),
        high: quantile_of_sorted(&statistics, 1.0 - tail),
    }
}

/// The Wilson score interval of a success rate at 95 %; `[0, 1]` without trials.
pub fn wilson_interval(successes: usize, trials: usize) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    /// The 97.5 % quantile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let n = trials as f64;
    let rate = successes as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let center = (rate + Z * Z / (2.0 * n)) / denominator;
    let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt() / denominator;
    Interval {
        low: if successes == 0 { 0.0 } else { center - half },
        high: if successes == trials { 1.0 } else { center + half },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_stream;

    #[test]
    fn the_tenth_reward_above_the_threshold_is_found() {
        let rewards: Vec<f64> = (0..40).map(|i| if i % 3 == 0 { 0.98 } else { 0.9 }).collect();
        assert_eq!(trials_to_threshold(&rewards, 0.97, 1), Some(1));
        assert_eq!(trials_to_threshold(&rewards, 0.97, 10), Some(28));
        assert_eq!(trials_to_threshold(&rewards, 0.97, 15), None);
        // Eq. 15 counts r > τ, not r >= τ.
        assert_eq!(trials_to_threshold(&rewards, 0.98, 1), None);
    }

    #[test]
    fn moving_averages_start_at_the_first_value() {
        assert_eq!(exponential_moving_average(&[1.0, 0.0, 0.0], 0.5), [1.0, 0.5, 0.25]);
        assert_eq!(exponential_moving_average(&[], 0.9), Vec::<f64>::new());
    }

    /// Expected values from NumPy 2.4.6 and SciPy 1.17.1: `np.quantile`, `np.std(ddof=1)`,
    /// `scipy.stats.trim_mean(x, 0.25)`.
    #[test]
    fn quantiles_and_means_agree_with_numpy_and_scipy() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0];
        assert!((quantile(&values, 0.25) - 2.25).abs() < 1e-12);
        assert!((quantile(&values, 0.5) - 3.5).abs() < 1e-12);
        assert!((quantile(&values, 0.9) - 6.3).abs() < 1e-12);
        assert!((standard_deviation(&values) - 2.469_817_807_045_693_8).abs() < 1e-12);
        assert!((interquartile_mean(&values) - 22.0 / 6.0).abs() < 1e-12);
        assert!(mean(&[]).is_nan() && quantile(&[], 0.5).is_nan());
    }

    /// Expected values from statsmodels 0.15.0: `proportion_confint(..., method="wilson")`.
    #[test]
    fn wilson_intervals_agree_with_statsmodels() {
        for (successes, trials, low, high) in [
            (7, 10, 0.396_778, 0.892_209),
            (10, 10, 0.722_467, 1.0),
            (0, 10, 0.0, 0.277_533),
            (190, 200, 0.910_422, 0.972_617),
        ] {
            let interval = wilson_interval(successes, trials);
            assert!((interval.low - low).abs() < 1e-6, "{interval:?}");
            assert!((interval.high - high).abs() < 1e-6, "{interval:?}");
        }
        assert_eq!(wilson_interval(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn bootstrap_intervals_cover_the_mean_at_about_their_level() {
        let mut covered = 0;
        for seed in 0..300 {
            let mut rng = random_stream(seed, "bootstrap test", [0, 0]);
            // The mean of twelve uniforms: nearly normal, with mean 6.
            let values: Vec<f64> =
                (0..40).map(|_| (0..12).map(|_| rng.random::<f64>()).sum()).collect();
            let interval = bootstrap_interval(&values, mean, 0.95, 400, &mut rng);
            covered += usize::from(interval.low <= 6.0 && 6.0 <= interval.high);
        }
        let coverage = covered as f64 / 300.0;
        assert!((0.90..=0.98).contains(&coverage), "{coverage}");
    }

    #[test]
    fn bootstrap_intervals_repeat_with_their_seed() {
        let values = [0.1, 0.4, 0.2, 0.9, 0.5];
        let interval = |seed| {
            let mut rng = random_stream(seed, "bootstrap test", [0, 0]);
            bootstrap_interval(&values, interquartile_mean, 0.95, 200, &mut rng)
        };
        assert_eq!(interval(3), interval(3));
        assert_ne!(interval(3), interval(4));
    }
}
