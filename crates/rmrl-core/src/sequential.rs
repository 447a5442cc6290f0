//! When there is enough evidence: a sequential test that may be evaluated after every trial.
//!
//! A claim says "placed, and off by less than `b`, with a probability of at least `q`". The null
//! hypothesis is `H0: no trial so far had a conditional success probability above q`. The test bets on the
//! next trial. Let `x_t = 1{placed and e_trans < b}`. A bet `j` expects misses in `c_j (1 - q)` of all
//! trials. If it begins before trial `k`, it has become
//!
//! ```text
//! M_t = Π_{i=k..t} g_j(x_i),    g_j(1) = (1 - c_j (1 - q)) / q,    g_j(0) = c_j
//! ```
//!
//! Under `H0`, `E[g_j(x_i) | the trials before] <= 1`, so each is a test supermartingale (betting:
//! Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting"). A policy
//! misses while it learns, and its early misses should not count forever. So the stake is spread evenly over
//! the trials `k = 1..T` at which a bet may begin, as an e-detector spreads it over change points (Shin,
//! Ramdas and Rinaldo 2024, "E-detectors"). The part that is not yet staked is kept:
//!
//! ```text
//! E_t = (1 - t/T) + Σ_j S_j,t,    S_j,t = (S_j,t-1 + 1/(J T)) g_j(x_t),    E_0 = 1
//! ```
//!
//! `E_t` is a supermartingale again, so by Ville's inequality `P(max_t E_t >= 1/α) <= α` under `H0`, however
//! often it is evaluated and whatever the policy learns meanwhile.
//!
//! Rejecting `H0` says that some trial so far was better than `q`, *given the trials before it*. This holds
//! for the present policy if learning makes it no worse. In a scene of many trials, most trials start where
//! the trial before started, and the policy has just learned from that trial. So a proof from such trials
//! does not cover new placements. A proof from scenes of one trial does. Training samples its actions, which
//! misses more often than the deployed arg-max; that only delays a proof.
//!
//! The least cost of a proof: the number of trials without a miss that it takes after 30 trials that all
//! missed, if `T` trials are allowed:
//!
//! | `q` | `T` = 150 | `T` = 300 | `T` = 1000 |
//! |-|-|-|-|
//! | 90 % | 59 | 65 | 77 |
//! | 95 % | 106 | 120 | 144 |
//! | 99 % | impossible | impossible | 567 |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// The probability `α` that a false claim is called proven. It is 0.05 because the intervals here are 95 %
/// intervals.
pub const FALSE_PROOF: f64 = 0.05;

/// The shares `c_j` of the allowed misses that the bets expect. A bet on no miss is the fastest for a policy
/// that never misses; a bet on a quarter survives single misses. More bets slow both down.
const EXPECTED_MISSES: [f64; 2] = [0.0, 0.25];

/// The claim "off by less than `bound` in at least `level` of all trials", written `1.0mm@95%`.
///
/// ```
/// let claim: rmrl_core::Claim = "1.0mm@95%".parse()?;
/// assert_eq!((claim.bound_m(), claim.level()), (0.001, 0.95));
/// assert_eq!(claim.to_string(), "1mm@95%");
/// # Ok::<(), rmrl_core::ClaimError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Claim {
    bound_mm: f64,
    percent: f64,
}

/// A text that is not a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no claim: {reason}; expected a length and a share, such as 1.0mm@95%")]
pub struct ClaimError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Claim {
    /// The bound that the measured translation error has to stay below, in meters.
    pub fn bound_m(self) -> f64 {
        self.bound_mm / 1000.0
    }

    /// The share `q` of trials whose error has to stay below the bound, in (0, 1).
    pub fn level(self) -> f64 {
        self.percent / 100.0
    }

    /// Whether a trial with this outcome is as claimed: placed, and off by less than the bound.
    fn holds_for(self, outcome: &Outcome) -> bool {
        outcome.placement().is_some_and(|placement| placement.error.e_trans_m < self.bound_m())
    }

    /// The trial at which a proof of up to `trials` trials is complete if the first `misses` trials all miss
    /// and no later one does; `None` if that many trials prove nothing.
    pub fn earliest_proof(self, trials: u32, misses: u32) -> Option<u32> {
        let mut proof = Proof::of(self, trials);
        (1..=trials).for_each(|trial| proof.note(trial > misses));
        proof.proven_at()
    }
}

impl FromStr for Claim {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let wrong = |reason| ClaimError { text: text.to_string(), reason };
        let number = |part: &str| part.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let (bound, share) = text.split_once('@').ok_or_else(|| wrong("there is no @"))?;
        let bound_mm = bound
            .trim()
            .strip_suffix("mm")
            .and_then(number)
            .ok_or_else(|| wrong("the part before the @ is no length in mm"))?;
        let percent = share
            .trim()
            .strip_suffix('%')
            .and_then(number)
            .ok_or_else(|| wrong("the part after the @ is no share in %"))?;
        if bound_mm <= 0.0 {
            return Err(wrong("no error is below 0 mm"));
        }
        if !(percent > 0.0 && percent < 100.0) {
            return Err(wrong("the share has to be above 0 % and below 100 %"));
        }
        Ok(Self { bound_mm, percent })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}mm@{}%", self.bound_mm, self.percent)
    }
}

impl TryFrom<String> for Claim {
    type Error = ClaimError;

    fn try_from(text: String) -> Result<Self, ClaimError> {
        text.parse()
    }
}

impl From<Claim> for String {
    fn from(claim: Claim) -> Self {
        claim.to_string()
    }
}

/// The evidence for a claim, trial by trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proof {
    claim: Claim,
    /// The number of trials that the stake is spread over, `T`.
    trials: u32,
    noted: u32,
    /// The present value of each bet, `S_j`.
    bets: [f64; EXPECTED_MISSES.len()],
    proven_at: Option<u32>,
}

impl Proof {
    /// A proof of `claim` that may take up to `trials` trials, before the first of them.
    pub fn of(claim: Claim, trials: u32) -> Self {
        Self { claim, trials, noted: 0, bets: [0.0; EXPECTED_MISSES.len()], proven_at: None }
    }

    /// The claim to prove.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// The evidence `E_t`: 1 before the first trial. For a false claim, the probability that it ever reaches
    /// `1 / FALSE_PROOF` is at most [`FALSE_PROOF`].
    pub fn evidence(&self) -> f64 {
        // E_t = (1 - t/T) + Σ_j S_j,t
        let kept = 1.0 - f64::from(self.noted.min(self.trials)) / f64::from(self.trials.max(1));
        kept + self.bets.iter().sum::<f64>()
    }

    /// The trial, counted from 1, at which the claim was proven; `None` if it is not yet. Later trials do not
    /// change it.
    pub fn proven_at(&self) -> Option<u32> {
        self.proven_at
    }

    /// Adds the outcome of a completed trial.
    pub fn note_outcome(&mut self, outcome: &Outcome) {
        self.note(self.claim.holds_for(outcome));
    }

    /// Adds whether a trial was as claimed, `x_t`.
    pub fn note(&mut self, success: bool) {
        let allowed = 1.0 - self.claim.level();
        let stake = if self.noted < self.trials {
            1.0 / (f64::from(self.trials) * EXPECTED_MISSES.len() as f64)
        } else {
            0.0
        };
        for (bet, expected) in self.bets.iter_mut().zip(EXPECTED_MISSES) {
            let growth =
                if success { (1.0 - expected * allowed) / self.claim.level() } else { expected };
            // S_j,t = (S_j,t-1 + 1/(J T)) g_j(x_t)
            *bet = (*bet + stake) * growth;
        }
        self.noted += 1;
        if self.proven_at.is_none() && self.evidence() >= 1.0 / FALSE_PROOF {
            self.proven_at = Some(self.noted);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random_stream;

    fn claim(text: &str) -> Claim {
        text.parse().unwrap()
    }

    /// The trial at which trials of the given success probabilities prove the claim.
    fn proven_at(claim: Claim, seed: u64, probability: impl Fn(u32) -> f64) -> Option<u32> {
        let mut proof = Proof::of(claim, 500);
        let mut rng = random_stream(seed, "sequential test", [0, 0]);
        (1..=500).for_each(|trial| proof.note(rng.random::<f64>() < probability(trial)));
        proof.proven_at()
    }

    fn share_proven(claim: Claim, probability: impl Fn(u32) -> f64) -> f64 {
        let proven = (0..2000).filter(|seed| proven_at(claim, *seed, &probability).is_some());
        proven.count() as f64 / 2000.0
    }

    #[test]
    fn false_claims_are_proven_no_more_often_than_promised() {
        for text in ["1mm@80%", "1mm@90%", "1mm@95%", "1mm@99%"] {
            let claim = claim(text);
            let level = claim.level();
            // Trials exactly at the level, trials that learn up to it, and trials that fall from it.
            assert!(share_proven(claim, |_| level) <= FALSE_PROOF, "{text}");
            assert!(share_proven(claim, |t| level.min(f64::from(t) / 50.0)) <= FALSE_PROOF);
            assert!(share_proven(claim, |t| if t < 100 { level } else { 0.5 }) <= FALSE_PROOF);
        }
    }

    #[test]
    fn true_claims_are_proven_even_after_a_bad_beginning() {
        let learns = |t| if t <= 40 { 0.3 } else { 0.99 };
        assert!(share_proven(claim("1mm@90%"), learns) > 0.99);
        assert!(share_proven(claim("1mm@95%"), learns) > 0.85);
        // A single bet would start again from nothing with each miss.
        assert!(share_proven(claim("1mm@90%"), |_| 0.97) > 0.95);
    }

    /// Without a miss, `S_j,t` is a geometric series.
    #[test]
    fn without_a_miss_a_proof_takes_as_long_as_its_closed_form_says() {
        for (text, trials) in [("1mm@80%", 50), ("1mm@90%", 150), ("1mm@95%", 300)] {
            let claim = claim(text);
            let (level, horizon) = (claim.level(), f64::from(trials));
            let evidence = |t: u32| {
                let bets = [1.0 / level, (1.0 - 0.25 * (1.0 - level)) / level].map(|growth| {
                    let series = growth * (growth.powi(t as i32) - 1.0) / (growth - 1.0);
                    series / (2.0 * horizon)
                });
                1.0 - f64::from(t) / horizon + bets[0] + bets[1]
            };
            let expected = (1..=trials).find(|t| evidence(*t) >= 20.0);
            assert!(expected.is_some());
            assert_eq!(claim.earliest_proof(trials, 0), expected, "{text}");
            let mut proof = Proof::of(claim, trials);
            assert_eq!(proof.evidence(), 1.0);
            (0..20).for_each(|_| proof.note(true));
            assert!((proof.evidence() / evidence(20) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_proof_stands_whatever_follows() {
        let mut proof = Proof::of(claim("1mm@80%"), 100);
        (0..60).for_each(|_| proof.note(true));
        let proven_at = proof.proven_at();
        assert!(proven_at.is_some());
        (0..100).for_each(|_| proof.note(false));
        assert_eq!(proof.proven_at(), proven_at);
        assert!(proof.evidence() < 1.0);
    }

    /// The table in this file's documentation.
    const COSTS: [(&str, [Option<u32>; 3]); 3] = [
        ("1mm@90%", [Some(59), Some(65), Some(77)]),
        ("1mm@95%", [Some(106), Some(120), Some(144)]),
        ("1mm@99%", [None, None, Some(567)]),
    ];

    #[test]
    fn the_documented_costs_are_the_computed_ones() {
        for (text, costs) in COSTS {
            let claim = claim(text);
            let found = [150, 300, 1000]
                .map(|trials| claim.earliest_proof(trials, 30).map(|trial| trial - 30));
            assert_eq!(found, costs, "{text}");
        }
    }

    #[test]
    fn claims_survive_a_file_and_other_texts_say_what_is_wrong() {
        for text in ["1mm@95%", "0.85mm@99.5%", "2.5mm@90%"] {
            assert_eq!(claim(text).to_string(), text);
            let json = serde_json::to_string(&claim(text)).unwrap();
            assert_eq!(serde_json::from_str::<Claim>(&json).unwrap(), claim(text));
        }
        assert_eq!(claim(" 1.0 mm @ 95 % ").to_string(), "1mm@95%");
        for (text, part) in [
            ("1mm", "no @"),
            ("1@95%", "length in mm"),
            ("1m@95%", "length in mm"),
            ("1mm@95", "share in %"),
            ("1mm@0.95", "share in %"),
            ("0mm@95%", "below 0 mm"),
            ("-1mm@95%", "below 0 mm"),
            ("1mm@100%", "below 100 %"),
            ("nanmm@95%", "length in mm"),
        ] {
            let message = text.parse::<Claim>().unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("1.0mm@95%"), "{message}");
        }
    }
}
