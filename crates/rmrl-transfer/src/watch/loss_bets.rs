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

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean over a gain of two values with the mean 0, and over one with a mean below 0.
    #[test]
    fn bets_are_fair_at_the_border_and_lose_below() {
        for (low, high) in [(-1.0, 1.0), (-1.0, 0.1), (-0.01, 5.0)] {
            let mut before = LossBets::new();
            before.note(0.3, 1.0);
            let after = |gain| before.clone().note(gain, 1.0);
            // P(high) high + P(low) low = 0
            let p_high = -low / (high - low);
            let mean = p_high * after(high) + (1.0 - p_high) * after(low);
            assert!((mean - before.evidence()).abs() < 1e-12, "{mean}");
            let worse = 0.9 * p_high;
            assert!(worse * after(high) + (1.0 - worse) * after(low) < before.evidence());
        }
    }

    #[test]
    fn stakes_stay_positive_after_the_worst_gains() {
        let mut bets = LossBets::new();
        assert!((bets.evidence() - 1.0).abs() < 1e-12);
        for _ in 0..50 {
            bets.note(-2.0, 2.0);
        }
        assert!(bets.evidence() > 0.0 && bets.evidence() < 0.1);
    }
}
