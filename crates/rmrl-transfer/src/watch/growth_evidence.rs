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
//! to be large to be found ([the table of tests](self) in this file).

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
