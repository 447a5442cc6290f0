//! Evidence that a bounded number is positive on average: an anytime-valid test by betting.
//!
//! The null hypothesis is that every gain `d_t >= -B` has, given the ones before, a mean of 0 or less. Then each bet
//!
//! ```text
//! S_j,t = w_j Π_{i<=t} (1 + f_j d_i / B),    0 < f_j < 1,    Σ_j w_j = 1
//! ```
//!
//! is a nonnegative supermartingale, and so is their sum. By Ville's inequality it ever reaches `1/α` with a probability
//! of at most `α` (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting").

use serde::{Deserialize, Serialize};

/// The shares `f_j` that are bet. They span the best shares of margins of a hundredth of the bound to all of it.
const SHARES: [f64; 6] = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8];

/// The evidence that gains are positive on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossBets {
    stakes: [f64; SHARES.len()],
}

impl LossBets {
    /// The evidence 1, before the first gain.
    pub fn new() -> Self {
        Self { stakes: [1.0 / SHARES.len() as f64; SHARES.len()] }
    }

    /// Adds a gain, which is not below `-bound`, and returns the evidence after it.
    pub fn note(&mut self, gain: f64, bound: f64) -> f64 {
        for (stake, share) in self.stakes.iter_mut().zip(SHARES) {
            *stake *= 1.0 + share * gain / bound;
        }
        self.evidence()
    }

    /// The evidence: the sum of all stakes.
    pub fn evidence(&self) -> f64 {
        self.stakes.iter().sum()
    }
}
