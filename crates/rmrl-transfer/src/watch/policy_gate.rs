//! Which policy works: a new one replaces the old one only when it is proven not to be worse.
//!
//! One gate belongs to one pair of sites and one labware. Old and new policy take turns. The losses of both, from 0 to a
//! cap `C`, are paired in their order, which depends on no loss. The pair `i` gives
//!
//! ```text
//! d_i = old_i - new_i + m,    -(C - m) <= d_i <= C + m
//! ```
//!
//! If the mean loss of the new policy is larger than that of the old one by more than the allowed increase `m`, then `E[d_i] < 0`, and
//! bets on `d_i > 0` prove the contrary with a probability of at most `α`, however long the comparison lasts. Bets
//! on `new_i - old_i > 0` prove that the new policy is worse, which ends the comparison.
//!
//! `α` holds for each new policy. Each change can cost up to `m`: what many changes cost is for the alarm of the site.

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use super::loss_bets::LossBets;

/// The most losses of one policy that wait for one of the other. Older ones are from another state of the cell.
const MOST_WAITING: usize = 20;

/// When a new policy replaces the old one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// The largest loss that counts: larger ones count as this. Default 0.002 m: what is farther off has failed. The smaller it
    /// is, the fewer transfers a proof needs.
    #[key(above = 0, limit = 1000)]
    pub loss_cap: f64,
    /// By how much the mean loss of the new policy may be larger. Default 0.0002 m: no transfer fails by it.
    #[key(above = 0, limit = 1000)]
    pub allowed_increase: f64,
    /// The probability of accepting a new policy that is worse by more than the allowed increase, and of refusing one that is not
    /// worse at all. Default 0.05.
    #[key(above = 0, below = 1)]
    pub false_proof: f64,
    /// The least time between two changes, in hours. Default 24: a day's errors show what a change did.
    #[key(at_least = 0, at_most = 8760)]
    pub hours_between_changes: u32,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            loss_cap: 0.002,
            allowed_increase: 0.0002,
            false_proof: 0.05,
            hours_between_changes: 24,
        }
    }
}

impl GateConfig {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        check.require(
            "allowed_increase",
            self.allowed_increase,
            self.allowed_increase < self.loss_cap,
            "less than loss_cap",
        )
    }
}

/// One of the two policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that works.
    Old,
    /// The new policy.
    New,
}

/// What follows from the losses so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// There is no new policy.
    NoNewPolicy,
    /// The old policy works, and the comparison continues.
    Undecided {
        /// The evidence that the new policy is not worse: 1 at the beginning, a proof at `1 / false_proof`.
        evidence: f64,
    },
    /// The new policy is not worse, and replaces the old policy when this time has come.
    Wait {
        /// The time.
        until: Timestamp,
    },
    /// The new policy has replaced the old policy just now.
    Replaced {
        /// The policy that worked before; it is kept for [`PolicyGate::rollback`].
        before: String,
    },
    /// The new policy is worse. It is refused, and the old policy works.
    Refused {
        /// The new policy.
        policy: String,
    },
}

/// Why a gate does not take something.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateError {
    /// A loss is no loss.
    #[error("the loss is {loss}, expected 0 or more; a transfer that failed has the loss {cap}")]
    Loss {
        /// The loss.
        loss: f64,
        /// The cap of losses.
        cap: f64,
    },
    /// There is no new policy.
    #[error("there is no new policy, expected one to be offered before its losses are recorded")]
    NoNewPolicy,
    /// A new policy is compared already.
    #[error("{new_policy:?} is compared with {current:?} already; withdraw it first")]
    Busy {
        /// The new policy.
        new_policy: String,
        /// The policy that works.
        current: String,
    },
    /// The policy is not new.
    #[error("{policy:?} {reason}, expected a new policy")]
    NotNew {
        /// The policy.
        policy: String,
        /// Why it is not new.
        reason: &'static str,
    },
    /// There is no earlier policy.
    #[error("no policy was replaced by {current:?}, so there is none to go back to")]
    NothingBefore {
        /// The policy that works.
        current: String,
    },
}

/// Which policy works between two sites, and the evidence about the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyGate {
    config: GateConfig,
    current: String,
    /// The policy before, until it is gone back to.
    previous: Option<String>,
    last_change: Option<Timestamp>,
    /// Policies that were worse, or that somebody went back from. They are never compared again: each comparison
    /// would be another chance.
    refused: BTreeSet<String>,
    comparison: Option<Comparison>,
}

/// A policy that is compared with the current one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    policy: String,
    /// Losses without a partner; those of one of the two only.
    waiting: Waiting,
    pairs: u32,
    not_worse: LossBets,
    worse: LossBets,
    /// Whether it was proven not to be worse. Nothing changes that.
    is_proven: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    old: VecDeque<f64>,
    new: VecDeque<f64>,
}

impl PolicyGate {
    /// A gate behind which the policy `current` works.
    ///
    /// # Errors
    /// A key of `config` is invalid.
    pub fn new(current: &str, config: GateConfig) -> Result<Self, InvalidKey> {
        config.validate()?;
        Ok(Self {
            config,
            current: current.to_string(),
            previous: None,
            last_change: None,
            refused: BTreeSet::new(),
            comparison: None,
        })
    }

    /// The policy that works.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The policy that [`Self::rollback`] goes back to.
    pub fn previous(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    /// The policy that is compared with the current one.
    pub fn new_policy(&self) -> Option<&str> {
        self.comparison.as_ref().map(|comparison| comparison.policy.as_str())
    }

    /// The policies that are never compared again, by name.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.refused.iter().map(String::as_str)
    }

    /// How much evidence is a proof: `1 / false_proof`.
    pub fn proof(&self) -> f64 {
        1.0 / self.config.false_proof
    }

    /// How the comparison stands: how many pairs of transfers, and the evidence that the new policy is not worse.
    pub fn evidence(&self) -> Option<(u32, f64)> {
        let comparison = self.comparison.as_ref()?;
        Some((comparison.pairs, comparison.not_worse.evidence()))
    }

    /// Begins to compare a policy with the current one.
    ///
    /// # Errors
    /// It works already, was refused before, or another one is compared.
    pub fn offer(&mut self, policy: &str) -> Result<(), GateError> {
        let not_new = |reason| GateError::NotNew { policy: policy.to_string(), reason };
        if let Some(new_policy) = self.new_policy() {
            let (new_policy, current) = (new_policy.to_string(), self.current.clone());
            return Err(GateError::Busy { new_policy, current });
        }
        if policy == self.current {
            return Err(not_new("works already"));
        }
        if self.refused.contains(policy) {
            return Err(not_new("was refused before"));
        }
        self.comparison = Some(Comparison {
            policy: policy.to_string(),
            waiting: Waiting::default(),
            pairs: 0,
            not_worse: LossBets::new(),
            worse: LossBets::new(),
            is_proven: false,
        });
        Ok(())
    }

    /// Ends the comparison without a decision. Returns the new policy, which is refused from now on, because each comparison
    /// would be another chance.
    pub fn withdraw(&mut self) -> Option<String> {
        let comparison = self.comparison.take()?;
        self.refused.insert(comparison.policy.clone());
        Some(comparison.policy)
    }

    /// Lets a policy work from now on without a comparison, at any time: a person decides it. It may have been refused before.
    /// Returns the policy that worked before, which is kept for [`Self::rollback`].
    ///
    /// # Errors
    /// It works already, or another one is compared.
    pub fn replace(&mut self, policy: &str, now: Timestamp) -> Result<String, GateError> {
        if policy == self.current {
            return Err(GateError::NotNew { policy: policy.to_string(), reason: "works already" });
        }
        if let Some(new_policy) = self.new_policy().filter(|new_policy| *new_policy != policy) {
            let (new_policy, current) = (new_policy.to_string(), self.current.clone());
            return Err(GateError::Busy { new_policy, current });
        }
        let before = std::mem::replace(&mut self.current, policy.to_string());
        self.previous = Some(before.clone());
        self.refused.remove(policy);
        (self.comparison, self.last_change) = (None, Some(now));
        Ok(before)
    }

    /// Which policy should make the next transfer: both in turn, in the order old, new, new, old, which a steady drift
    /// of the cell does not favor.
    pub fn next(&self) -> Which {
        let Some(comparison) = &self.comparison else { return Which::Old };
        match (comparison.waiting.old.is_empty(), comparison.waiting.new.is_empty()) {
            (false, _) => Which::New,
            (true, false) => Which::Old,
            (true, true) if comparison.pairs % 2 == 0 => Which::Old,
            (true, true) => Which::New,
        }
    }

    /// Adds the loss of a transfer: the length of its error, in meters, or the cap if it failed. May change the policy
    /// that works.
    ///
    /// # Errors
    /// The loss is negative or no number, or it is that of a new policy and there is none; then nothing changed.
    pub fn record(
        &mut self,
        which: Which,
        loss: f64,
        now: Timestamp,
    ) -> Result<Decision, GateError> {
        if loss.is_nan() || loss < 0.0 {
            return Err(GateError::Loss { loss, cap: self.config.loss_cap });
        }
        match (&mut self.comparison, which) {
            (None, Which::New) => return Err(GateError::NoNewPolicy),
            (None, Which::Old) => {}
            (Some(comparison), _) => comparison.note(which, loss, &self.config),
        }
        Ok(self.decide(now))
    }

    /// What follows from the losses so far at the time `now`. May change the policy that works.
    pub fn decide(&mut self, now: Timestamp) -> Decision {
        let Some(comparison) = &self.comparison else { return Decision::NoNewPolicy };
        if !comparison.is_proven {
            if comparison.worse.evidence() < 1.0 / self.config.false_proof {
                return Decision::Undecided { evidence: comparison.not_worse.evidence() };
            }
            let policy = comparison.policy.clone();
            self.withdraw();
            return Decision::Refused { policy };
        }
        match self.next_change().filter(|until| *until > now) {
            Some(until) => Decision::Wait { until },
            None => {
                let policy = comparison.policy.clone();
                let before = std::mem::replace(&mut self.current, policy);
                self.previous = Some(before.clone());
                (self.comparison, self.last_change) = (None, Some(now));
                Decision::Replaced { before }
            }
        }
    }

    /// Goes back to the policy that worked before the last change, at any time. The present one is refused from now on, as
    /// is a new one, which was compared with it. Returns the policy that works now.
    ///
    /// # Errors
    /// There is no policy before, or it was gone back to already.
    pub fn rollback(&mut self, now: Timestamp) -> Result<&str, GateError> {
        let nothing = || GateError::NothingBefore { current: self.current.clone() };
        let previous = self.previous.take().ok_or_else(nothing)?;
        self.withdraw();
        let failed = std::mem::replace(&mut self.current, previous);
        self.refused.insert(failed);
        self.last_change = Some(now);
        Ok(&self.current)
    }

    /// When the policy may change again; `None` before the first change.
    fn next_change(&self) -> Option<Timestamp> {
        let hours = SignedDuration::from_hours(i64::from(self.config.hours_between_changes));
        self.last_change.map(|last| last.checked_add(hours).unwrap_or(Timestamp::MAX))
    }
}

impl Comparison {
    fn note(&mut self, which: Which, loss: f64, config: &GateConfig) {
        if self.is_proven {
            return;
        }
        let waiting = match which {
            Which::Old => &mut self.waiting.old,
            Which::New => &mut self.waiting.new,
        };
        if waiting.len() == MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(loss.min(config.loss_cap));
        if self.waiting.old.is_empty() || self.waiting.new.is_empty() {
            return;
        }
        let pair = (self.waiting.old.pop_front(), self.waiting.new.pop_front());
        if let (Some(old), Some(new)) = pair {
            self.pairs += 1;
            // d = old - new + m >= -(C - m)
            let evidence = self.not_worse.note(
                old - new + config.allowed_increase,
                config.loss_cap - config.allowed_increase,
            );
            self.worse.note(new - old, config.loss_cap);
            self.is_proven = evidence >= 1.0 / config.false_proof;
        }
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Rng, mean, random_stream, standard_normal};

    use super::*;

    /// So many hours after the beginning.
    fn hour(hours: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 3600 * hours).unwrap()
    }

    fn gate() -> PolicyGate {
        let mut gate = PolicyGate::new("first", GateConfig::default()).unwrap();
        gate.offer("second").unwrap();
        gate
    }

    /// How a comparison ended, and after how many pairs.
    #[derive(Debug, PartialEq, Clone, Copy)]
    enum End {
        Replaced(u32),
        Refused(u32),
        Neither,
    }

    /// Compares, as the gate says whose turn it is, until it decides. `loss` is that of the new policy if asked with
    /// true.
    fn compare(pairs: u32, mut loss: impl FnMut(bool) -> f64) -> End {
        let mut gate = gate();
        for transfer in 0..2 * pairs {
            let which = gate.next();
            match gate.record(which, loss(which == Which::New), hour(0)).unwrap() {
                Decision::Replaced { .. } => return End::Replaced(transfer / 2 + 1),
                Decision::Refused { .. } => return End::Refused(transfer / 2 + 1),
                _ => {}
            }
        }
        End::Neither
    }

    /// The length of an error of 0.3 mm standard deviation to each side.
    fn length_m(rng: &mut Rng) -> f64 {
        (3e-4 * standard_normal(rng)).hypot(3e-4 * standard_normal(rng))
    }

    /// All or nothing with the mean loss `mean`: the hardest losses, because no others with this mean spread as far.
    fn all_or_nothing(rng: &mut Rng, mean: f64) -> f64 {
        let cap = GateConfig::default().loss_cap;
        // The angle of two normal numbers is uniform.
        let (a, b) = (standard_normal(rng), standard_normal(rng));
        let uniform = b.atan2(a) / std::f64::consts::TAU + 0.5;
        if uniform < mean / cap { cap } else { 0.0 }
    }

    /// The shares of 1,000 comparisons that replaced and refused, and the mean number of pairs until a replacement.
    fn shares(pairs: u32, loss: impl Fn(&mut Rng, bool) -> f64) -> (f64, f64, f64) {
        const RUNS: u64 = 1000;
        let ends: Vec<End> = (0..RUNS)
            .map(|seed| {
                let mut rng = random_stream(seed, "gate", [0, 0]);
                compare(pairs, |is_new| loss(&mut rng, is_new))
            })
            .collect();
        let replaced: Vec<f64> = ends
            .iter()
            .filter_map(
                |end| if let End::Replaced(pairs) = end { Some(f64::from(*pairs)) } else { None },
            )
            .collect();
        let refused = ends.iter().filter(|end| matches!(end, End::Refused(_))).count();
        (replaced.len() as f64 / RUNS as f64, refused as f64 / RUNS as f64, mean(&replaced))
    }

    /// Two standard deviations of a share of 5 % of 1,000.
    const NOISE: f64 = 0.014;

    #[test]
    fn a_policy_that_is_worse_by_the_allowed_increase_is_accepted_no_more_often_than_promised() {
        let GateConfig { allowed_increase, false_proof, .. } = GateConfig::default();
        let lengths =
            |rng: &mut Rng, is_new| length_m(rng) + if is_new { allowed_increase } else { 0.0 };
        let coins = |rng: &mut Rng, is_new| {
            all_or_nothing(rng, if is_new { 6e-4 + allowed_increase } else { 6e-4 })
        };
        let rare = |rng: &mut Rng, is_new| {
            all_or_nothing(rng, if is_new { 1e-4 + allowed_increase } else { 1e-4 })
        };
        for (name, found) in [
            ("lengths", shares(1000, lengths)),
            ("coins", shares(1000, coins)),
            ("rare failures", shares(1000, rare)),
        ] {
            println!(
                "{name}, worse by the allowed increase: {:.3} accepted, {:.3} refused",
                found.0, found.1
            );
            assert!(found.0 <= false_proof + NOISE, "{name}: {found:?}");
        }
        let worse = |rng: &mut Rng, is_new| length_m(rng) * if is_new { 2.0 } else { 1.0 };
        let (accepted, refused, _) = shares(1000, worse);
        println!("twice as bad: {accepted:.3} accepted, {refused:.3} refused");
        assert!(accepted <= 0.005 && refused > 0.99);
    }

    #[test]
    fn an_equal_policy_is_accepted_and_a_better_one_sooner() {
        let (equal, refused, pairs) = shares(3000, |rng, _| length_m(rng));
        println!("equal: {equal:.3} accepted after {pairs:.0} pairs, {refused:.3} refused");
        assert!(refused <= GateConfig::default().false_proof + NOISE);
        // All that were not refused by chance.
        assert!((equal + refused - 1.0).abs() < 1e-9 && pairs < 150.0, "{equal} {pairs}");
        let better = |rng: &mut Rng, is_new| length_m(rng) * if is_new { 0.5 } else { 1.0 };
        let (accepted, _, sooner) = shares(3000, better);
        println!("half the error: {accepted:.3} accepted after {sooner:.0} pairs");
        assert!(accepted > 0.99 && sooner < 0.7 * pairs, "{accepted} {sooner}");
    }

    /// Records pairs until the new policy is proven or replaces the old one, at one time.
    fn prove(gate: &mut PolicyGate, now: Timestamp) -> Decision {
        for _ in 0..2000 {
            let which = gate.next();
            let loss = if which == Which::New { 1e-4 } else { 4e-4 };
            match gate.record(which, loss, now).unwrap() {
                Decision::Undecided { .. } => {}
                decision => return decision,
            }
        }
        panic!("never proven")
    }

    #[test]
    fn a_second_change_waits_a_day() {
        let mut gate = gate();
        assert_eq!(prove(&mut gate, hour(0)), Decision::Replaced { before: "first".to_string() });
        assert_eq!(
            (gate.current(), gate.previous(), gate.new_policy()),
            ("second", Some("first"), None)
        );
        gate.offer("third").unwrap();
        let wait = Decision::Wait { until: hour(24) };
        assert_eq!(prove(&mut gate, hour(2)), wait);
        // Bad losses afterwards do not take back what is proven; the change comes with its time.
        assert_eq!(gate.record(Which::New, 1.0, hour(3)).unwrap(), wait);
        assert_eq!(gate.decide(hour(23)), wait);
        assert_eq!(gate.decide(hour(24)), Decision::Replaced { before: "second".to_string() });
        assert_eq!(gate.decide(hour(24)), Decision::NoNewPolicy);
        assert_eq!((gate.current(), gate.previous()), ("third", Some("second")));
        // A clock that was set back is no way around the day.
        gate.offer("fourth").unwrap();
        assert_eq!(prove(&mut gate, hour(-1000)), Decision::Wait { until: hour(48) });
    }

    #[test]
    fn going_back_is_always_possible_once_and_for_good() {
        let mut gate = gate();
        assert!(matches!(gate.rollback(hour(0)), Err(GateError::NothingBefore { .. })));
        assert_eq!(gate.new_policy(), Some("second"));
        prove(&mut gate, hour(0));
        gate.offer("third").unwrap();
        assert_eq!(gate.rollback(hour(1)).unwrap(), "first");
        assert_eq!((gate.new_policy(), gate.previous()), (None, None));
        assert!(gate.rollback(hour(1)).is_err());
        for refused in ["second", "third", "first"] {
            assert!(matches!(gate.offer(refused), Err(GateError::NotNew { .. })), "{refused}");
        }
        gate.offer("fourth").unwrap();
        assert_eq!(prove(&mut gate, hour(2)), Decision::Wait { until: hour(25) });
    }

    #[test]
    fn a_worse_policy_is_refused_for_good() {
        let mut gate = gate();
        let refused = (0..1000).find_map(|_| {
            let which = gate.next();
            let loss = if which == Which::New { 1.0 } else { 4e-4 };
            let decision = gate.record(which, loss, hour(0)).unwrap();
            matches!(decision, Decision::Refused { .. }).then_some(decision)
        });
        assert_eq!(refused, Some(Decision::Refused { policy: "second".to_string() }));
        assert_eq!((gate.current(), gate.new_policy()), ("first", None));
        assert!(gate.offer("second").is_err());
        assert_eq!(gate.next(), Which::Old);
    }

    #[test]
    fn what_is_no_loss_and_no_new_policy_is_refused_and_changes_nothing() {
        let mut gate = gate();
        let before = gate.clone();
        for loss in [f64::NAN, -1e-9] {
            assert!(matches!(gate.record(Which::New, loss, hour(0)), Err(GateError::Loss { .. })));
        }
        assert!(matches!(gate.offer("third"), Err(GateError::Busy { .. })));
        assert_eq!(gate, before);
        assert_eq!(gate.withdraw(), Some("second".to_string()));
        assert_eq!(gate.record(Which::New, 0.0, hour(0)), Err(GateError::NoNewPolicy));
        assert_eq!(gate.record(Which::Old, 0.0, hour(0)), Ok(Decision::NoNewPolicy));
        let config = GateConfig { allowed_increase: 0.002, ..Default::default() };
        let error = PolicyGate::new("first", config).unwrap_err();
        assert_eq!(error.to_string(), "allowed_increase is 0.002, expected less than loss_cap");
    }

    /// A gate that was stored at any time decides as one that was not. Many losses of one policy alone are no pairs.
    #[test]
    fn a_stored_gate_decides_as_one_that_was_not() {
        let mut rng = random_stream(9, "stored", [0, 0]);
        let mut gate = gate();
        let mut stored = gate.clone();
        for transfer in 0..400 {
            let text = serde_json::to_string(&stored).unwrap();
            stored = serde_json::from_str(&text).unwrap();
            let which = if transfer < 50 { Which::Old } else { gate.next() };
            let loss = length_m(&mut rng);
            let decision = gate.record(which, loss, hour(transfer)).unwrap();
            assert_eq!(stored.record(which, loss, hour(transfer)).unwrap(), decision);
            if transfer < 50 {
                assert_eq!(decision, Decision::Undecided { evidence: LossBets::new().evidence() });
            }
            assert_eq!(gate, stored);
        }
        assert_eq!(gate.current(), "second");
    }
}
