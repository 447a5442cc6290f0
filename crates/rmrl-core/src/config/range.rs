//! The range of a number: checked, and in words.

use std::fmt::{Display, LowerExp};
use std::ops::{Bound, RangeBounds};

use super::invalid_key::InvalidKey;

/// The values that a number may have. Both bounds are finite, so that no range holds NaN or an infinity.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct KeyRange<T> {
    /// The lower bound.
    pub lower: Bound<T>,
    /// The upper bound.
    pub upper: Bound<T>,
    /// Whether the upper bound only catches slips, such as a wrong unit.
    pub is_open: bool,
    /// What is expected in words, in place of the bounds.
    pub text: Option<&'static str>,
    /// Why there are these bounds.
    pub why: Option<&'static str>,
}

impl<T: Copy + PartialOrd + Display + LowerExp> KeyRange<T> {
    /// Checks the value of `key`.
    ///
    /// # Errors
    /// It is out of range, or not a number.
    pub fn check(&self, key: &str, value: T) -> Result<(), InvalidKey> {
        if self.holds(value) { Ok(()) } else { Err(InvalidKey::new(key, value, self.expected())) }
    }

    /// Checks the two ends of the interval at `key`. The ends of a strict one differ.
    ///
    /// # Errors
    /// An end is out of range, or the first is above the second.
    pub fn check_interval(
        &self,
        key: &str,
        [least, most]: [T; 2],
        is_strict: bool,
    ) -> Result<(), InvalidKey> {
        let is_rising = if is_strict { least < most } else { least <= most };
        if self.holds(least) && self.holds(most) && is_rising {
            return Ok(());
        }
        let value = format!("[{least}, {most}]");
        Err(InvalidKey::new(key, value, self.expected_interval(is_strict)))
    }

    /// What is expected, in words.
    pub fn expected(&self) -> String {
        let text = self.text.map_or_else(|| self.in_words(), str::to_string);
        with_reason(&text, self.why)
    }

    /// What is expected of an interval, in words.
    pub fn expected_interval(&self, is_strict: bool) -> String {
        let order = if is_strict { "two rising numbers" } else { "two equal or rising numbers" };
        let text =
            self.text.map_or_else(|| format!("{order}, each {}", self.in_words()), str::to_string);
        with_reason(&text, self.why)
    }

    fn holds(&self, value: T) -> bool {
        (self.lower, self.upper).contains(&value)
    }

    fn in_words(&self) -> String {
        match (self.lower, self.upper) {
            (Bound::Included(least), Bound::Included(most)) if self.is_open => {
                format!("{} or more (up to {})", readable(least), readable(most))
            }
            (Bound::Excluded(least), Bound::Included(most)) if self.is_open => {
                format!("above {} (up to {})", readable(least), readable(most))
            }
            (Bound::Included(least), Bound::Included(most)) => {
                format!("from {} to {}", readable(least), readable(most))
            }
            (Bound::Included(least), Bound::Excluded(end)) => {
                format!("from {} to below {}", readable(least), readable(end))
            }
            (Bound::Excluded(least), Bound::Included(most)) => {
                format!("above {} and at most {}", readable(least), readable(most))
            }
            (Bound::Excluded(least), Bound::Excluded(end)) => {
                format!("above {} and below {}", readable(least), readable(end))
            }
            // Derived code gives both bounds.
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => "a number".to_string(),
        }
    }
}

/// Checks the length of the list at `key`.
///
/// # Errors
/// It is too short or too long.
#[doc(hidden)]
pub fn check_length(
    key: &str,
    length: usize,
    least: Option<usize>,
    most: Option<usize>,
) -> Result<(), InvalidKey> {
    let expected = match (least, most) {
        (Some(least), _) if length < least => format!("{least} or more"),
        (_, Some(most)) if length > most => format!("at most {most}"),
        _ => return Ok(()),
    };
    Err(InvalidKey::new(key, format!("a list of {length}"), format_args!("a list of {expected}")))
}

/// An expectation with its reason after a colon.
#[doc(hidden)]
pub fn with_reason(text: &str, why: Option<&str>) -> String {
    why.map_or_else(|| text.to_string(), |why| format!("{text}: {why}"))
}

/// A number as TOML reads it: long ones in groups of three digits, very large and very small ones as powers.
fn readable<T: Display + LowerExp>(value: T) -> String {
    /// Digits from which on groups help.
    const LONG: usize = 5;
    /// Digits that nobody counts.
    const TOO_LONG: usize = 16;
    let text = value.to_string();
    let digits = text.trim_start_matches('-').split('.').next().map_or(0, str::len);
    if digits > TOO_LONG || text.trim_start_matches('-').starts_with("0.0000") {
        return format!("{value:e}");
    }
    if digits < LONG {
        return text;
    }
    let (sign, digits_and_rest) = text.split_at(text.len() - text.trim_start_matches('-').len());
    let (whole, rest) = digits_and_rest.split_at(digits);
    let mut grouped = sign.to_string();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included};

    use super::*;

    fn range<T>(lower: Bound<T>, upper: Bound<T>) -> KeyRange<T> {
        KeyRange { lower, upper, is_open: false, text: None, why: None }
    }

    #[test]
    fn ranges_read_as_sentences() {
        for (range, words) in [
            (range(Included(0.0), Included(10.0)), "from 0 to 10"),
            (range(Included(0.0), Excluded(1.0)), "from 0 to below 1"),
            (range(Excluded(0.0), Included(10.0)), "above 0 and at most 10"),
            (range(Excluded(-0.5), Excluded(0.5)), "above -0.5 and below 0.5"),
            (
                KeyRange { is_open: true, ..range(Included(2.0), Included(1e6)) },
                "2 or more (up to 1_000_000)",
            ),
            (
                KeyRange { is_open: true, ..range(Excluded(0.0), Included(100.0)) },
                "above 0 (up to 100)",
            ),
            (
                KeyRange { text: Some("10, 18 or 34"), ..range(Included(10.0), Included(34.0)) },
                "10, 18 or 34",
            ),
            (
                KeyRange { why: Some("a share"), ..range(Included(0.0), Included(1.0)) },
                "from 0 to 1: a share",
            ),
        ] {
            assert_eq!(range.expected(), words);
        }
        let angles = range(Included(-180), Included(180));
        assert_eq!(angles.expected_interval(true), "two rising numbers, each from -180 to 180");
        assert_eq!(
            angles.expected_interval(false),
            "two equal or rising numbers, each from -180 to 180"
        );
    }

    #[test]
    fn numbers_are_readable_and_stay_what_they_are() {
        for (value, text) in [
            (0.0, "0"),
            (-0.25, "-0.25"),
            (9999.0, "9999"),
            (10_000.0, "10_000"),
            (-123_456.75, "-123_456.75"),
            (1_000_000.0, "1_000_000"),
            (1e300, "1e300"),
            (0.000_5, "0.0005"),
            (0.000_05, "5e-5"),
            (-2e-9, "-2e-9"),
        ] {
            assert_eq!(readable(value), text);
            assert_eq!(text.replace('_', "").parse(), Ok(value));
        }
        assert_eq!(readable(u32::MAX), "4_294_967_295");
        assert_eq!(readable(u64::MAX), "1.8446744073709551615e19");
        assert_eq!(readable(i16::MIN), "-32_768");
    }

    #[test]
    fn what_is_not_a_number_is_in_no_range() {
        for range in [
            range(Included(f64::MIN), Included(f64::MAX)),
            range(Excluded(f64::MIN), Excluded(f64::MAX)),
        ] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let error = range.check("key", value).unwrap_err();
                assert!(error.to_string().starts_with(&format!("key is {value}, expected ")));
                assert!(range.check_interval("key", [0.0, value], false).is_err());
                assert!(range.check_interval("key", [value, 0.0], false).is_err());
            }
            assert_eq!(range.check("key", 1e300), Ok(()));
        }
    }
}
