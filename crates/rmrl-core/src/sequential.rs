//! When there is enough evidence: tests of frozen policies that may be evaluated after every trial.
//!
//! A claim says "placed, and off by less than `b`, with a probability of at least `q`". A *test series* makes
//! trials of one policy, which does not change meanwhile: from new placements its outcomes
//! `x_t = 1{placed and e_trans < b}` are independent, with one probability `p`. The null hypothesis of the series
//! is `H0: p <= q`. Bets against it expect misses in `c_j (1 - q)` of all trials, and have become
//!
//! ```text
//! S_j,t = w_j A Π_{i<=t} g_j(x_i),    g_j(1) = (1 - c_j (1 - q)) / q,    g_j(0) = c_j,    Σ_j w_j = 1
//! ```
//!
//! Under `H0`, `E[g_j(x_i)] <= 1`, so the evidence `E_t = Σ_j S_j,t`, which begins with `A`, is a nonnegative
//! supermartingale (betting: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
//! betting"). The claim is proven of this policy when `E_t >= 1/α`.
//!
//! The first series begins with `A = 1`. A series ends when its evidence has fallen below its `A`: then the trials
//! speak against the policy. It learns on, and the next series begins with what is left. All series together prove a
//! claim that is false of the policy in question with a probability of at most `α`, however many there are and
//! whatever decides on their beginning. By induction, a run that has the evidence `A` left proves a false claim with
//! a probability `V(A) <= α A`:
//!
//! - `H0` holds in this series. With `E` at its end, `V = P(proof) + E[V(E); no proof] <= α E[E] <= α A`.
//! - `H0` does not hold: a proof is none of a false claim, and the next series begins with less than `A`.
//!
//! The least cost of a proof, in trials without a miss: 34 for 90 %, 70 for 95 %, 355 for 99 %. A miss costs about as
//! much as 27 of 95 %.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The probability `α` that a false claim is called proven. It is 0.05 because the intervals here are 95 %
/// intervals.
pub const FALSE_PROOF: f64 = 0.05;

/// A bet of a series: the share `w_j` of the evidence that it is made with, and the share `c_j` of the allowed misses
/// that it expects.
struct Bet {
    weight: f64,
    expected: f64,
}

/// The bets of each series. One that expects few misses soon proves a good policy. One that expects as many as are
/// allowed neither wins nor loses: what a series that fails leaves to the next.
const BETS: [Bet; 2] = [Bet { weight: 0.8, expected: 0.1 }, Bet { weight: 0.2, expected: 1.0 }];

impl Bet {
    /// The factor `g_j` of a trial that was as claimed, or was not, for the share `level` of the claim.
    fn growth(&self, success: bool, level: f64) -> f64 {
        if success { (1.0 - self.expected * (1.0 - level)) / level } else { self.expected }
    }
}

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

    /// Whether a completed trial is as claimed: placed, with a measured translation error below the bound, in
    /// meters. `None` is no placement.
    pub fn holds_for(self, e_trans_m: Option<f64>) -> bool {
        e_trans_m.is_some_and(|error_m| error_m < self.bound_m())
    }

    /// The number of test trials that prove the claim if none of them misses.
    pub fn least_tests(self) -> u32 {
        Proof::of(self).tests_without_a_miss()
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

/// The evidence for a claim, from test series after test series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proof {
    claim: Claim,
    /// The evidence that the present series began with, `A`.
    stake: f64,
    /// The present value of each bet, `S_j`.
    bets: [f64; BETS.len()],
    /// Test trials of the present series, and how many of them missed.
    tests: u32,
    misses: u32,
}

/// What a test trial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The claim is proven of the policy under test.
    Proven,
    /// The series speaks against the policy and is over.
    Failed,
    /// The series continues.
    Undecided,
}

impl Proof {
    /// The proof of `claim` before its first test.
    pub fn of(claim: Claim) -> Self {
        let mut proof = Self { claim, stake: 1.0, bets: [0.0; BETS.len()], tests: 0, misses: 0 };
        proof.begin_series();
        proof
    }

    /// The claim to prove.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// The evidence `E_t`: 1 before the first test; `1 / FALSE_PROOF` proves the claim.
    pub fn evidence(&self) -> f64 {
        self.bets.iter().sum()
    }

    /// The number of test trials in the present series, and of those that missed.
    pub fn series(&self) -> (u32, u32) {
        (self.tests, self.misses)
    }

    /// How many more tests of this series without a miss prove the claim; 0 if it is proven.
    pub fn tests_without_a_miss(&self) -> u32 {
        if self.is_proven() {
            return 0;
        }
        let proves = |tests: u32| self.evidence_after(tests) >= 1.0 / FALSE_PROOF;
        let (mut too_few, mut enough) = (0, u32::MAX);
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            *(if proves(middle) { &mut enough } else { &mut too_few }) = middle;
        }
        enough
    }

    /// Begins a series of tests of another policy, with the evidence that the one before has left.
    pub fn begin_series(&mut self) {
        if self.tests > 0 {
            // min(A, E): nothing that another policy has won is evidence for this one.
            self.stake = self.stake.min(self.evidence());
        }
        self.bets = BETS.map(|bet| bet.weight * self.stake);
        (self.tests, self.misses) = (0, 0);
    }

    /// Adds whether a test trial was as claimed, `x_t`.
    pub fn note(&mut self, success: bool) -> Verdict {
        self.bet(success);
        self.tests += 1;
        self.misses += u32::from(!success);
        if self.is_proven() {
            Verdict::Proven
        } else if self.evidence() < self.stake {
            Verdict::Failed
        } else {
            Verdict::Undecided
        }
    }

    /// The evidence after so many more tests without a miss.
    fn evidence_after(&self, tests: u32) -> f64 {
        let level = self.claim.level();
        let grown = |bet: &Bet| bet.growth(true, level).powf(f64::from(tests));
        self.bets.iter().zip(&BETS).map(|(value, bet)| value * grown(bet)).sum()
    }

    fn is_proven(&self) -> bool {
        self.evidence() >= 1.0 / FALSE_PROOF
    }

    fn bet(&mut self, success: bool) {
        for (value, bet) in self.bets.iter_mut().zip(BETS) {
            // S_j,t = S_j,t-1 g_j(x_t)
            *value *= bet.growth(success, self.claim.level());
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::{Rng, random_stream};

    fn claim(text: &str) -> Claim {
        text.parse().unwrap()
    }

    /// The success probability of the policy of which the claim was proven, in a run of 300 test trials.
    /// `policy` is that of a series, from the number of trials before it.
    fn proven_of(
        claim: Claim,
        seed: u64,
        mut policy: impl FnMut(&mut Rng, u32) -> f64,
    ) -> Option<f64> {
        let mut rng = random_stream(seed, "sequential test", [0, 0]);
        let (mut proof, mut probability) = (Proof::of(claim), policy(&mut rng, 0));
        for trial in 1..=300 {
            match proof.note(rng.random::<f64>() < probability) {
                Verdict::Proven => return Some(probability),
                Verdict::Undecided => {}
                Verdict::Failed => {
                    proof.begin_series();
                    probability = policy(&mut rng, trial);
                }
            }
        }
        None
    }

    /// Simulated runs, and two standard deviations of a share of 5 % of them.
    const RUNS: u64 = 4000;
    const NOISE: f64 = 0.007;

    /// The share of the runs that proved the claim of a policy of which it is false, and of one of which it is true.
    fn shares(claim: Claim, policy: impl Fn(&mut Rng, u32) -> f64) -> (f64, f64) {
        let proven = (0..RUNS).filter_map(|seed| proven_of(claim, seed, &policy));
        let (wrong, right): (Vec<f64>, Vec<f64>) = proven.partition(|p| *p <= claim.level());
        (wrong.len() as f64 / RUNS as f64, right.len() as f64 / RUNS as f64)
    }

    #[test]
    fn false_claims_are_proven_no_more_often_than_promised() {
        for text in ["1mm@80%", "1mm@90%", "1mm@95%", "1mm@99%"] {
            let claim = claim(text);
            let level = claim.level();
            // A policy at the border, one that learns up to it, and one that falls from it.
            assert!(shares(claim, |_, _| level).0 <= FALSE_PROOF + NOISE, "{text}");
            assert!(
                shares(claim, |_, t| level.min(f64::from(t) / 50.0)).0 <= FALSE_PROOF,
                "{text}"
            );
            assert!(
                shares(claim, |_, t| if t < 100 { level } else { 0.5 }).0 <= FALSE_PROOF + NOISE
            );
            // Whatever good policies win in between is no evidence for those at the border.
            let sometimes = |rng: &mut Rng, _| match rng.random::<f64>() < 0.5 {
                true => level,
                false => 0.5 + 0.5 * level,
            };
            assert!(shares(claim, sometimes).0 <= FALSE_PROOF + NOISE, "{text}");
        }
    }

    /// What makes the evidence a martingale: at the border, no bet wins or loses on average.
    #[test]
    fn bets_are_fair_at_the_border() {
        assert_eq!(BETS.iter().map(|bet| bet.weight).sum::<f64>(), 1.0);
        for level in [0.5, 0.9, 0.95, 0.99] {
            for bet in &BETS {
                let mean =
                    level * bet.growth(true, level) + (1.0 - level) * bet.growth(false, level);
                assert!((mean - 1.0).abs() < 1e-12, "{level}: {mean}");
            }
        }
    }

    #[test]
    fn true_claims_are_proven_even_after_a_policy_that_failed() {
        let learns = |_: &mut Rng, trial| if trial == 0 { 0.7 } else { 0.995 };
        assert!(shares(claim("1mm@90%"), learns).1 > 0.95);
        assert!(shares(claim("1mm@95%"), learns).1 > 0.9);
        assert!(shares(claim("1mm@95%"), |_, _| 0.99).1 > 0.85);
    }

    /// Nothing that one policy wins is evidence for the next; what it loses is lost.
    #[test]
    fn the_next_series_begins_with_what_is_left_and_no_more() {
        let mut proof = Proof::of(claim("1mm@95%"));
        (0..60).for_each(|_| assert_eq!(proof.note(true), Verdict::Undecided));
        assert!(proof.evidence() > 10.0);
        proof.begin_series();
        assert_eq!((proof.evidence(), proof.series()), (1.0, (0, 0)));
        proof.note(true);
        assert_eq!(proof.note(false), Verdict::Failed);
        let left = proof.evidence();
        proof.begin_series();
        assert!((proof.evidence() - left).abs() < 1e-12 && left < 0.3, "{left}");
        (0..60).for_each(|_| assert_eq!(proof.note(true), Verdict::Undecided));
        proof.begin_series();
        assert!((proof.evidence() - left).abs() < 1e-12);
    }

    /// The table in this file's documentation.
    #[test]
    fn the_documented_costs_are_the_computed_ones() {
        for (text, least) in [("1mm@90%", 34), ("1mm@95%", 70), ("1mm@99%", 355)] {
            let claim = claim(text);
            assert_eq!(claim.least_tests(), least, "{text}");
            let mut proof = Proof::of(claim);
            for test in 0..least {
                assert_eq!(proof.tests_without_a_miss(), least - test);
                let verdict = proof.note(true);
                assert_eq!(verdict == Verdict::Proven, test + 1 == least);
            }
            assert_eq!(proof.tests_without_a_miss(), 0);
        }
        let mut missed = Proof::of(claim("1mm@95%"));
        assert_eq!(missed.note(false), Verdict::Failed);
        missed.begin_series();
        assert_eq!(missed.tests_without_a_miss(), 70 + 27);
        // Nearly certain claims take nearly forever, and that is said at once.
        assert!(claim("1mm@99.9999999%").least_tests() > 1_000_000_000);
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
