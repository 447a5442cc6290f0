//! Which policy works: a new one replaces the old one only when it is proven not to be worse.
//!
//! One gate belongs to one pair of sites and one labware. Old and new policy take turns. The losses of both, from 0 to a
//! cap `C`, are paired in their order, which depends on no loss. The pair `i` gives
//!
//! ```text
//! d_i = old_i - new_i + m,    -(C - m) <= d_i <= C + m
//! ```
//!
//! If the mean loss of the new policy is larger than that of the old one by more than the margin `m`, then `E[d_i] < 0`, and
//! [bets](LossBets) on `d_i > 0` prove the contrary with a probability of at most `α`, however long the comparison lasts. Bets
//! on `new_i - old_i > 0` prove that the new policy is worse, which ends the comparison.
//!
//! `α` holds for each candidate. Each change can cost up to `m`: what many changes cost is for the alarm of the site.

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
    pub margin: f64,
    /// The probability of accepting a candidate that is worse by more than the margin, and of refusing one that is not
    /// worse at all. Default 0.05.
    #[key(above = 0, below = 1)]
    pub false_proof: f64,
    /// The least time between two changes, in hours. Default 24: a day's errors show what a change did.
    #[key(at_least = 0, at_most = 8760)]
    pub hours_between_changes: u32,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { loss_cap: 0.002, margin: 0.0002, false_proof: 0.05, hours_between_changes: 24 }
    }
}

impl GateConfig {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        check.require("margin", self.margin, self.margin < self.loss_cap, "less than loss_cap")
    }
}

/// One of the two policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that works.
    Old,
    /// The candidate.
    New,
}

/// What follows from the losses so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// There is no candidate.
    NoCandidate,
    /// The old policy works, and the comparison continues.
    Undecided {
        /// The evidence that the candidate is not worse: 1 at the beginning, a proof at `1 / false_proof`.
        evidence: f64,
    },
    /// The candidate is not worse, and replaces the old policy when this time has come.
    Wait {
        /// The time.
        until: Timestamp,
    },
    /// The candidate has replaced the old policy just now.
    Replaced {
        /// The policy that worked before; it is kept for [`PolicyGate::rollback`].
        before: String,
    },
    /// The candidate is worse. It is refused, and the old policy works.
    Refused {
        /// The candidate.
        candidate: String,
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
    /// There is no candidate.
    #[error("there is no candidate, expected one to be offered before its losses are recorded")]
    NoCandidate,
    /// A candidate is compared already.
    #[error("{candidate:?} is compared with {current:?} already; withdraw it first")]
    Busy {
        /// The candidate.
        candidate: String,
        /// The policy that works.
        current: String,
    },
    /// The policy cannot become the candidate.
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
    /// Policies that were worse, or that somebody went back from. They are never candidates again: each comparison
    /// would be another chance.
    refused: BTreeSet<String>,
    candidate: Option<Candidate>,
}

/// A policy that is compared with the current one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
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
            candidate: None,
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
    pub fn candidate(&self) -> Option<&str> {
        self.candidate.as_ref().map(|candidate| candidate.policy.as_str())
    }

    /// Begins to compare a policy with the current one.
    ///
    /// # Errors
    /// It works already, was refused before, or another one is compared.
    pub fn offer(&mut self, policy: &str) -> Result<(), GateError> {
        let not_new = |reason| GateError::NotNew { policy: policy.to_string(), reason };
        if let Some(candidate) = self.candidate() {
            let (candidate, current) = (candidate.to_string(), self.current.clone());
            return Err(GateError::Busy { candidate, current });
        }
        if policy == self.current {
            return Err(not_new("works already"));
        }
        if self.refused.contains(policy) {
            return Err(not_new("was refused before"));
        }
        self.candidate = Some(Candidate {
            policy: policy.to_string(),
            waiting: Waiting::default(),
            pairs: 0,
            not_worse: LossBets::new(),
            worse: LossBets::new(),
            is_proven: false,
        });
        Ok(())
    }

    /// Ends the comparison without a decision. Returns the candidate, which is refused from now on, because each comparison
    /// would be another chance.
    pub fn withdraw(&mut self) -> Option<String> {
        let candidate = self.candidate.take()?;
        self.refused.insert(candidate.policy.clone());
        Some(candidate.policy)
    }

    /// Which policy should make the next transfer: both in turn, in the order old, new, new, old, which a steady drift
    /// of the cell does not favor.
    pub fn next(&self) -> Which {
        let Some(candidate) = &self.candidate else { return Which::Old };
        match (candidate.waiting.old.is_empty(), candidate.waiting.new.is_empty()) {
            (false, _) => Which::New,
            (true, false) => Which::Old,
            (true, true) if candidate.pairs % 2 == 0 => Which::Old,
            (true, true) => Which::New,
        }
    }

    /// Adds the loss of a transfer: the length of its error, in meters, or the cap if it failed. May change the policy
    /// that works.
    ///
    /// # Errors
    /// The loss is negative or no number, or it is that of a candidate and there is none; then nothing changed.
    pub fn record(
        &mut self,
        which: Which,
        loss: f64,
        now: Timestamp,
    ) -> Result<Decision, GateError> {
        if loss.is_nan() || loss < 0.0 {
            return Err(GateError::Loss { loss, cap: self.config.loss_cap });
        }
        match (&mut self.candidate, which) {
            (None, Which::New) => return Err(GateError::NoCandidate),
            (None, Which::Old) => {}
            (Some(candidate), _) => candidate.note(which, loss, &self.config),
        }
        Ok(self.decide(now))
    }

    /// What follows from the losses so far at the time `now`. May change the policy that works.
    pub fn decide(&mut self, now: Timestamp) -> Decision {
        let Some(candidate) = &self.candidate else { return Decision::NoCandidate };
        if !candidate.is_proven {
            if candidate.worse.evidence() < 1.0 / self.config.false_proof {
                return Decision::Undecided { evidence: candidate.not_worse.evidence() };
            }
            let candidate = candidate.policy.clone();
            self.withdraw();
            return Decision::Refused { candidate };
        }
        match self.next_change().filter(|until| *until > now) {
            Some(until) => Decision::Wait { until },
            None => {
                let policy = candidate.policy.clone();
                let before = std::mem::replace(&mut self.current, policy);
                self.previous = Some(before.clone());
                (self.candidate, self.last_change) = (None, Some(now));
                Decision::Replaced { before }
            }
        }
    }

    /// Goes back to the policy that worked before the last change, at any time. The present one is refused from now on, as
    /// is a candidate, which was compared with it. Returns the policy that works now.
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

impl Candidate {
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
            let evidence =
                self.not_worse.note(old - new + config.margin, config.loss_cap - config.margin);
            self.worse.note(new - old, config.loss_cap);
            self.is_proven = evidence >= 1.0 / config.false_proof;
        }
    }
}
