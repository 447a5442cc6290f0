//! How often transfers have to succeed, and whether they are proven to.

use std::fmt;

use rmrl_core::{ConfigKeys, wilson_interval};
use serde::{Deserialize, Serialize};

use crate::protocol::Rate;

/// When a cell is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct AcceptanceConfig {
    /// The least lower end of the 95 % Wilson interval of the success rate. Default 0.98: 189 transfers without a failure
    /// prove it, two days' work of a cell.
    #[key(above = 0, below = 1)]
    pub least_success: f64,
}

impl Default for AcceptanceConfig {
    fn default() -> Self {
        Self { least_success: 0.98 }
    }
}

/// Whether a success rate is as high as required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// The lower end of its interval is at least what is required.
    Met,
    /// It is not, although there are enough transfers; or the upper end of the interval is lower than what is required.
    NotMet,
    /// There are so few transfers that not even success in all of them would prove it.
    TooFew,
}

impl AcceptanceConfig {
    /// How many transfers without a failure are needed: the least `n` with `n / (n + z²) >= least_success`, which is the lower
    /// end of the Wilson interval of `n` successes in `n` tries.
    pub fn needed_without_failure(&self) -> usize {
        let is_enough = |tries: usize| wilson_interval(tries, tries).low >= self.least_success;
        // The lower end grows with the tries. Doubled until it is enough, then halved towards the least one.
        let mut enough = 1;
        while !is_enough(enough) && enough < MOST_TRIES {
            enough *= 2;
        }
        let mut too_few = enough / 2;
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if is_enough(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        enough
    }

    /// Whether a success rate is as high as required.
    pub fn judge(&self, success: &Rate) -> Acceptance {
        if success.interval.low >= self.least_success {
            Acceptance::Met
        } else if success.interval.high < self.least_success
            || success.tries >= self.needed_without_failure()
        {
            Acceptance::NotMet
        } else {
            Acceptance::TooFew
        }
    }
}

/// More tries than any cell makes: here the search for a number of them ends.
const MOST_TRIES: usize = 1 << 40;

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::TooFew => "too few transfers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In closed form: `n >= q z² / (1 - q)`.
    #[test]
    fn the_needed_transfers_are_those_of_the_closed_form() {
        let z_squared = 1.959_963_984_540_054f64.powi(2);
        for least_success in [0.01, 0.5, 0.9, 0.95, 0.98, 0.99, 0.999, 0.999_99] {
            let needed = AcceptanceConfig { least_success }.needed_without_failure();
            let expected = (least_success * z_squared / (1.0 - least_success)).ceil();
            assert_eq!(needed as f64, expected, "{least_success}");
        }
        assert_eq!(AcceptanceConfig::default().needed_without_failure(), 189);
        let extreme = AcceptanceConfig { least_success: 1.0 - f64::EPSILON / 2.0 };
        assert!(extreme.needed_without_failure() >= MOST_TRIES / 2);
    }

    #[test]
    fn too_few_is_what_could_still_be_met() {
        let config = AcceptanceConfig::default();
        for (successes, tries, expected) in [
            (0, 0, Acceptance::TooFew),
            (17, 17, Acceptance::TooFew),
            (16, 17, Acceptance::TooFew),
            (188, 188, Acceptance::TooFew),
            (189, 189, Acceptance::Met),
            (188, 189, Acceptance::NotMet),
            // Wilson's upper end of 13 of 16 is 0.93: no further transfer is needed to know.
            (13, 16, Acceptance::NotMet),
            (998, 1000, Acceptance::Met),
            (980, 1000, Acceptance::NotMet),
        ] {
            assert_eq!(
                config.judge(&Rate::new(successes, tries)),
                expected,
                "{successes} of {tries}"
            );
        }
    }

    #[test]
    fn shares_that_nothing_can_reach_are_refused() {
        for least_success in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(AcceptanceConfig { least_success }.validate().is_err(), "{least_success}");
        }
        assert!(AcceptanceConfig::default().validate().is_ok());
    }
}
