//! The vertical axis of a plot, linear or logarithmic.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

/// A vertical axis, linear or logarithmic. Values beyond its ends are drawn at them.
#[derive(Clone)]
pub(super) struct ValueAxis {
    range: Range<f64>,
    is_logarithmic: bool,
}

impl ValueAxis {
    /// A linear axis.
    pub(super) fn linear(range: Range<f64>) -> Self {
        Self { range, is_logarithmic: false }
    }

    /// An axis for errors and their noise floor; logarithmic where an error is below `fine`.
    pub(super) fn of_errors(errors: &[f64], noise_floor: f64, fine: f64) -> Self {
        let highest = errors.iter().copied().fold(noise_floor, f64::max);
        let is_logarithmic = errors.iter().any(|error| *error < fine) && highest > 0.0;
        if !is_logarithmic {
            return Self::linear(0.0..(highest * 1.08).max(1e-3));
        }
        let least = errors.iter().copied().chain([noise_floor]).filter(|error| *error > 0.0);
        // Three decades are enough: an error of zero is drawn at the lower end.
        let lowest = (0.8 * least.fold(highest, f64::min)).max(1e-3 * highest);
        Self { range: lowest..1.25 * highest, is_logarithmic }
    }

    /// The values at the bottom and at the top.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.range.start, self.range.end]
    }

    /// What stands beside an axis of values of this name or unit.
    pub(super) fn title(&self, name: &str) -> String {
        match self.is_logarithmic {
            true => format!("{name}, logarithmic"),
            false => name.to_string(),
        }
    }

    /// A value beside the axis, without what rounding leaves behind.
    pub(super) fn label(value: &f64) -> String {
        format!("{}", (value * 1e6).round() / 1e6)
    }

    /// Where a value is between bottom (0) and top (1).
    fn share(&self, value: f64) -> f64 {
        let Range { start, end } = self.range;
        let value = value.clamp(start, end);
        match self.is_logarithmic {
            true => (value / start).ln() / (end / start).ln(),
            false => (value - start) / (end - start),
        }
    }
}

impl Ranged for ValueAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (bottom, top): (i32, i32)) -> i32 {
        bottom + (f64::from(top - bottom) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if !self.is_logarithmic {
            return RangedCoordf64::from(self.range.clone()).key_points(hint);
        }
        let decades = -9..=9;
        let points = decades.flat_map(|decade| [1.0, 3.0].map(|digit| digit * 10_f64.powi(decade)));
        points.filter(|point| self.range.contains(point)).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::coord::ranged1d::LightPoints;

    #[test]
    fn small_errors_have_a_logarithmic_axis() {
        let axis = ValueAxis::of_errors(&[9.0, 0.1, 0.8], 0.04, 1.0);
        let points = axis.key_points(LightPoints::new(10, 10));
        assert_eq!(
            points.iter().map(ValueAxis::label).collect::<Vec<_>>(),
            ["0.1", "0.3", "1", "3", "10"]
        );
        // Equal factors are equal distances, upwards.
        let at = |value: f64| axis.map(&value, (300, 0));
        assert!(((at(0.1) - at(1.0)) - (at(1.0) - at(10.0))).abs() <= 1);
        assert_eq!((at(0.0), at(1e6)), (300, 0));
        // Large errors, and an axis without any, are linear from zero.
        for errors in [&[8.0, 2.0][..], &[]] {
            assert_eq!(ValueAxis::of_errors(errors, 0.04, 1.0).ends()[0], 0.0);
        }
        assert!(ValueAxis::of_errors(&[0.0, 0.0], 0.0, 1.0).ends()[1] > 0.0);
    }
}
