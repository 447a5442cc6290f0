//! Statistics of features, as LeRobot normalizes with them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The quantiles that LeRobot keeps, with their names.
const QUANTILES: [(&str, f64); 5] =
    [("q01", 0.01), ("q10", 0.1), ("q50", 0.5), ("q90", 0.9), ("q99", 0.99)];

/// The statistics of one entry of a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Statistics {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The deviation of the values themselves, not of a sample.
    pub std: f64,
    pub quantiles: [f64; QUANTILES.len()],
    /// How many values were known.
    pub count: usize,
}

impl Statistics {
    /// Of the values that are known; `None` if none is.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance =
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let quantiles =
            QUANTILES.map(|(_, share)| quantile(share, count as u64, |rank| values[rank as usize]));
        Some(Self { min, max, mean, std: variance.sqrt(), quantiles, count })
    }

    /// The names of the statistics, with their values.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let quantiles = QUANTILES.map(|(name, _)| name).into_iter().zip(self.quantiles);
        let moments =
            [("min", self.min), ("max", self.max), ("mean", self.mean), ("std", self.std)];
        moments.into_iter().chain(quantiles)
    }
}

/// The names of the statistics, without `count`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ["min", "max", "mean", "std"].into_iter().chain(QUANTILES.map(|(name, _)| name))
}

/// The quantile of `count` values between its neighbors, which `at` gives by their rank from 0.
fn quantile(share: f64, count: u64, at: impl Fn(u64) -> f64) -> f64 {
    let place = share * (count - 1) as f64;
    let (below, above) = (at(place.floor() as u64), at(place.ceil() as u64));
    below + (above - below) * place.fract()
}

/// How often each value of each channel occurs in images of 8 bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Histogram {
    pub channels: [Vec<u64>; 3],
    /// The images.
    pub images: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { channels: std::array::from_fn(|_| vec![0; 256]), images: 0 }
    }
}

impl Histogram {
    /// Of an image's bytes, red, green and blue in turn.
    pub(crate) fn of(pixels: &[u8]) -> Self {
        let mut histogram = Self { images: 1, ..Self::default() };
        for pixel in pixels.as_chunks::<3>().0 {
            for (channel, value) in histogram.channels.iter_mut().zip(pixel) {
                channel[usize::from(*value)] += 1;
            }
        }
        histogram
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.images += other.images;
        for (own, more) in self.channels.iter_mut().flatten().zip(other.channels.iter().flatten()) {
            *own += more;
        }
    }

    /// The statistics of each channel, from 0 to 1. They are exact, and count images. The histogram is of at least one
    /// image.
    pub(crate) fn statistics(&self) -> [Statistics; 3] {
        std::array::from_fn(|channel| {
            let counts = &self.channels[channel];
            let total: u64 = counts.iter().sum();
            let weighted = |power: u32| -> f64 {
                let values = counts.iter().zip(0u64..);
                let sum: u128 = values
                    .map(|(count, value)| u128::from(*count) * u128::from(value.pow(power)))
                    .sum();
                sum as f64 / total as f64
            };
            let at = |rank: u64| {
                let mut seen = 0;
                let value = counts.iter().position(|count| {
                    seen += count;
                    seen > rank
                });
                value.unwrap_or(255) as f64 / 255.0
            };
            let mean = weighted(1);
            Statistics {
                min: at(0),
                max: at(total - 1),
                mean: mean / 255.0,
                std: (weighted(2) - mean * mean).max(0.0).sqrt() / 255.0,
                quantiles: QUANTILES.map(|(_, share)| quantile(share, total, at)),
                count: self.images as usize,
            }
        })
    }
}

/// The statistics of the entries of one feature, as `meta/stats.json` has them: `[d]`, or `[channels, 1, 1]` for images.
pub(crate) fn described(entries: &[Statistics], is_image: bool) -> Value {
    let shape = |value: f64| if is_image { json!([[value]]) } else { json!(value) };
    let mut all: serde_json::Map<String, Value> = names()
        .map(|name| {
            let of = |entry: &Statistics| {
                entry.named().find(|(found, _)| *found == name).map_or(f64::NAN, |(_, value)| value)
            };
            (name.to_string(), entries.iter().map(|entry| shape(of(entry))).collect())
        })
        .collect();
    let count = entries.iter().map(|entry| entry.count).max().unwrap_or(0);
    all.insert("count".to_string(), json!([count]));
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, and as `numpy.quantile` gives them.
    #[test]
    fn statistics_are_those_of_the_known_values() {
        let found = Statistics::of([4.0, f64::NAN, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((found.min, found.max, found.mean, found.count), (1.0, 4.0, 2.5, 4));
        assert!((found.std - 1.25f64.sqrt()).abs() < 1e-15);
        for (found, expected) in found.quantiles.iter().zip([1.03, 1.3, 2.5, 3.7, 3.97]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(Statistics::of([f64::NAN]), None);
        let single = Statistics::of([7.0]).unwrap();
        assert_eq!((single.std, single.quantiles), (0.0, [7.0; 5]));
    }

    /// A histogram loses nothing: its statistics are those of the pixels.
    #[test]
    fn statistics_of_a_histogram_are_those_of_its_pixels() {
        let pixels: Vec<u8> = (0..3 * 1000u32).map(|at| (at * at % 251) as u8).collect();
        let (one, other) = pixels.split_at(900);
        let mut histogram = Histogram::of(one);
        histogram.add(&Histogram::of(other));
        for (channel, found) in histogram.statistics().iter().enumerate() {
            let values = pixels.iter().skip(channel).step_by(3).map(|v| f64::from(*v) / 255.0);
            let expected = Statistics::of(values).unwrap();
            let pairs = found.named().zip(expected.named());
            for ((name, found), (_, expected)) in pairs {
                assert!((found - expected).abs() < 1e-12, "{name} {found} {expected}");
            }
            assert_eq!(found.count, 2);
        }
    }

    #[test]
    fn shapes_are_those_of_the_format() {
        let entries = [Statistics::of([1.0]).unwrap(); 3];
        assert_eq!(described(&entries, true)["mean"], json!([[[1.0]], [[1.0]], [[1.0]]]));
        assert_eq!(described(&entries, false)["q50"], json!([1.0, 1.0, 1.0]));
        assert_eq!(described(&entries, true)["count"], json!([1]));
    }
}
