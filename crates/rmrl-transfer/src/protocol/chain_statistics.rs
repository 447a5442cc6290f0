//! How often whole chains of steps succeed, and what the learning of each step adds.
//!
//! A chain is one run of a protocol; it succeeds if every step is done. Chains that were stopped from outside say nothing
//! and are left out. With `r_i` chains in which all steps before step `i` were done, and `d_i` of them in which
//! step `i` was done too, after retries,
//!
//! ```text
//! p_i = d_i / r_i,        S = Π_i p_i
//! ```
//!
//! `S` is exactly the share of chains that succeeded, because `d_i = r_{i+1}`. No independence is needed.
//!
//! What the learning of step `i` adds compares the first `N` chains with the last `N`. If this step alone had the
//! success rate of the first ones, chains would succeed with
//!
//! ```text
//! S_i = p_i^first Π_{j≠i} p_j^last,        and the step adds        S^last - S_i = (p_i^last - p_i^first) Π_{j≠i} p_j^last
//! ```
//!
//! This one takes the steps as independent: that step `i` fails more often changes nothing in the others.

use rmrl_core::{Interval, wilson_interval};
use serde::{Deserialize, Serialize};

use super::protocol_file::Protocol;
use super::protocol_report::ProtocolReport;

/// How often something succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How often it succeeded.
    pub successes: usize,
    /// How often it was tried.
    pub tries: usize,
    /// The 95 % Wilson interval of the success rate.
    pub interval: Interval,
}

impl Rate {
    /// A rate with its interval.
    pub fn new(successes: usize, tries: usize) -> Self {
        Self { successes, tries, interval: wilson_interval(successes, tries) }
    }

    /// The share of tries that succeeded; `None` without tries.
    pub fn share(&self) -> Option<f64> {
        (self.tries > 0).then(|| self.successes as f64 / self.tries as f64)
    }

    fn of(outcomes: impl Iterator<Item = bool>) -> Self {
        let (successes, tries) = outcomes.fold((0, 0), |(successes, tries), is_success| {
            (successes + usize::from(is_success), tries + 1)
        });
        Self::new(successes, tries)
    }
}

/// What the learning of step `i` adds to the success of chains: `(p_i^last - p_i^first) Π_{j≠i} p_j^last`.
///
/// `p_j` is the share of chains that did step `j`, of those that did all steps before it; *first* and *last* are the first and
/// the last [`ChainStatistics::compared`] chains. The steps count as independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLearning {
    /// The step in the first chains, `p_i^first`.
    pub first: Rate,
    /// The step in the last chains, `p_i^last`.
    pub last: Rate,
    /// How often chains would succeed if this step alone had its first success rate, `S_i`.
    pub chain_without: f64,
    /// How often chains succeed with the last success rate of every step, `S^last`.
    pub chain_with: f64,
}

impl StepLearning {
    /// What the step's learning adds to the success of chains, `S^last - S_i`; negative if it became worse.
    pub fn adds(&self) -> f64 {
        self.chain_with - self.chain_without
    }
}

/// One step over many chains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepStatistics {
    /// The name of the step.
    pub step: String,
    /// All its attempts, also of stopped chains and of placings from the jaws.
    pub attempts: Rate,
    /// The chains in which all steps before it were done, `p_i`: how many of them did this one, after retries.
    pub chains: Rate,
    /// What its learning adds; `None` if a step was never reached in the first chains or in the last ones.
    pub learning: Option<StepLearning>,
}

/// Many chains of one protocol. The share that succeeded is the product of the shares of all steps, `S = Π_i p_i`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainStatistics {
    /// The protocol's name.
    pub protocol: String,
    /// How many chains succeeded, `S`, of those that were not stopped.
    pub chains: Rate,
    /// How many were stopped from outside.
    pub stopped: usize,
    /// How many chains at the beginning and at the end `StepStatistics::learning` compares, `N`.
    pub compared: usize,
    /// Each step, in the order of the protocol.
    pub steps: Vec<StepStatistics>,
}

/// Why reports are not those of a protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainStatisticsError {
    /// A report is of another protocol.
    #[error(
        "report {report} is of {got:?} with {got_steps} steps, expected {expected:?} with {expected_steps}; \
         leave out the reports of other protocols"
    )]
    OtherProtocol {
        /// Which report it is, counted from 1.
        report: usize,
        /// Its protocol.
        got: String,
        /// Its number of steps.
        got_steps: usize,
        /// The protocol that was expected.
        expected: String,
        /// The number of its steps.
        expected_steps: usize,
    },
}

impl ChainStatistics {
    /// The statistics of `reports`, in the order of time. `compared` is `N`, the number of chains at each end that
    /// are compared; at most half of all chains that were not stopped.
    ///
    /// # Errors
    /// A report is of another protocol, by its name or its number of steps.
    pub fn of(
        protocol: &Protocol,
        reports: &[ProtocolReport],
        compared: usize,
    ) -> Result<Self, ChainStatisticsError> {
        let expected_steps = protocol.steps().len();
        let is_other =
            |one: &&ProtocolReport| one.protocol != protocol.name() || one.steps != expected_steps;
        if let Some((index, other)) = reports.iter().enumerate().find(|(_, one)| is_other(one)) {
            return Err(ChainStatisticsError::OtherProtocol {
                report: index + 1,
                got: other.protocol.clone(),
                got_steps: other.steps,
                expected: protocol.name().to_string(),
                expected_steps,
            });
        }
        let chains: Vec<&ProtocolReport> =
            reports.iter().filter(|one| !one.was_stopped()).collect();
        let compared = compared.min(chains.len() / 2);
        let learning = Learning {
            first: rates(&chains[..compared], expected_steps),
            last: rates(&chains[chains.len() - compared..], expected_steps),
        };
        let steps = protocol.steps().iter().zip(rates(&chains, expected_steps)).enumerate();
        let steps = steps.map(|(index, (step, chains))| StepStatistics {
            step: step.name.clone(),
            attempts: attempts(reports, index + 1),
            chains,
            learning: learning.of_step(index),
        });
        Ok(Self {
            protocol: protocol.name().to_string(),
            chains: Rate::of(chains.iter().map(|chain| chain.succeeded())),
            stopped: reports.len() - chains.len(),
            compared,
            steps: steps.collect(),
        })
    }
}

/// The rates of all steps in the first chains and in the last ones.
struct Learning {
    first: Vec<Rate>,
    last: Vec<Rate>,
}

impl Learning {
    fn of_step(&self, index: usize) -> Option<StepLearning> {
        let (first, last) = (self.first[index], self.last[index]);
        let mut chain_with = 1.0;
        let mut others = 1.0;
        for (step, rate) in self.last.iter().enumerate() {
            let share = rate.share()?;
            chain_with *= share;
            others *= if step == index { 1.0 } else { share };
        }
        // S_i = p_i^first Π_{j≠i} p_j^last
        Some(StepLearning { first, last, chain_without: first.share()? * others, chain_with })
    }
}

/// `p_i` of every step.
fn rates(chains: &[&ProtocolReport], steps: usize) -> Vec<Rate> {
    let done_at_first: Vec<usize> = chains.iter().map(|chain| done_without_a_gap(chain)).collect();
    let rate = |index: usize| {
        let reached = done_at_first.iter().filter(|done| **done >= index);
        Rate::of(reached.map(|done| *done > index))
    };
    (0..steps).map(rate).collect()
}

/// How many steps were done before the first one that was not.
fn done_without_a_gap(chain: &ProtocolReport) -> usize {
    let done = chain.attempts.iter().filter(|attempt| attempt.outcome.is_done());
    done.enumerate().take_while(|(index, attempt)| attempt.number == index + 1).count()
}

fn attempts(reports: &[ProtocolReport], number: usize) -> Rate {
    let all = reports.iter().flat_map(|report| &report.attempts);
    Rate::of(
        all.filter(|attempt| attempt.number == number).map(|attempt| attempt.outcome.is_done()),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rmrl_inventory::Place;

    use super::*;
    use crate::protocol::protocol_report::{ProtocolEnd, StepAttempt};
    use crate::protocol::step_outcome::{ItemAt, StepOutcome};

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn protocol() -> Protocol {
        let step = |name| {
            format!(
                "[[steps]]\nname = \"{name}\"\ntransfer = \"bench\"\nto = \"reader\"\non_failure = \"skip\"\n"
            )
        };
        let text = format!("name = \"p\"\n{}", NAMES.map(step).concat());
        Protocol::parse(&text, "p.toml", |_| true).unwrap()
    }

    /// A chain from the outcomes of the attempts at each of its steps; a step without attempts was jumped over.
    fn chain(steps: [&[bool]; 3], is_stopped: bool) -> ProtocolReport {
        let mut attempts = Vec::new();
        for (index, outcomes) in steps.into_iter().enumerate() {
            for (attempt, is_done) in outcomes.iter().enumerate() {
                let reason = String::new();
                let outcome = match is_done {
                    true => StepOutcome::Done { error: None, interval_m: None },
                    false => StepOutcome::NotDone { item: ItemAt::From, reason },
                };
                attempts.push(StepAttempt {
                    step: NAMES[index].to_string(),
                    number: index + 1,
                    attempt: attempt as u32 + 1,
                    from: Place::Jaws,
                    outcome,
                    seconds: 1.0,
                });
            }
        }
        let end = match is_stopped {
            true => ProtocolEnd::StopRequested { before: "c".to_string() },
            false => ProtocolEnd::Completed,
        };
        ProtocolReport { protocol: "p".to_string(), steps: 3, attempts, end }
    }

    fn statistics(reports: &[ProtocolReport], compared: usize) -> ChainStatistics {
        ChainStatistics::of(&protocol(), reports, compared).unwrap()
    }

    #[test]
    fn attempts_and_chains_are_counted_apart() {
        let reports = [
            chain([&[true], &[false, true], &[true]], false),
            chain([&[true], &[false, false], &[]], false),
            // The first failed and was skipped: what came later is no evidence for whole chains.
            chain([&[false], &[true], &[true]], false),
            chain([&[true], &[true], &[]], true),
        ];
        let found = statistics(&reports, 0);
        assert_eq!((found.chains.successes, found.chains.tries, found.stopped), (1, 3, 1));
        let counts = |rate: &Rate| (rate.successes, rate.tries);
        let attempts: Vec<_> = found.steps.iter().map(|step| counts(&step.attempts)).collect();
        let chains: Vec<_> = found.steps.iter().map(|step| counts(&step.chains)).collect();
        assert_eq!(attempts, [(3, 4), (3, 6), (2, 2)]);
        assert_eq!(chains, [(2, 3), (1, 2), (1, 1)]);
        assert_eq!(found.steps[1].attempts.interval, wilson_interval(3, 6));
        assert!(found.steps.iter().all(|step| step.learning.is_none()));
    }

    /// Step `b` learns from 2 of 4 to 4 of 4, step `a` stays at 3 of 4 at both ends; by hand: `S^last = 3/4 · 1 · 1`.
    #[test]
    fn what_a_step_adds_is_the_product_by_hand() {
        let good = || chain([&[true], &[true], &[true]], false);
        let no_a = || chain([&[false], &[], &[]], false);
        let no_b = || chain([&[true], &[false], &[]], false);
        // First four: a 3/4, b 1/3, c 1/1. Last four: a 3/4, b 3/3, c 3/3.
        let mut reports = vec![no_a(), no_b(), no_b(), good(), good(), good()];
        reports.extend([good(), no_a(), good(), good()]);
        let found = statistics(&reports, 4);
        let learning: Vec<StepLearning> =
            found.steps.iter().map(|step| step.learning.unwrap()).collect();
        assert!(learning.iter().all(|one| one.chain_with == 0.75));
        let adds: Vec<f64> = learning.iter().map(StepLearning::adds).collect();
        assert!((adds[0], adds[2]) == (0.0, 0.0) && (adds[1] - 0.5).abs() < 1e-12, "{adds:?}");
        assert_eq!((learning[1].first.successes, learning[1].first.tries), (1, 3));
        // Not more than half of the chains on each side.
        assert_eq!(statistics(&reports, 99).compared, 5);
    }

    #[test]
    fn reports_of_other_protocols_are_named() {
        let mut other = chain([&[true], &[], &[]], false);
        other.protocol = "q".to_string();
        let reports = [chain([&[true], &[], &[]], false), other];
        let error = ChainStatistics::of(&protocol(), &reports, 1).unwrap_err();
        assert!(error.to_string().starts_with("report 2 is of \"q\" with 3 steps"), "{error}");
    }

    proptest! {
        /// The product of the steps is the share of chains, whatever depends on what.
        #[test]
        fn the_product_is_the_share_of_chains(
            chains in prop::collection::vec(prop::array::uniform3(prop::collection::vec(any::<bool>(), 0..3)), 1..40),
        ) {
            // A step that was done is not tried again.
            let cut = |tries: &[bool]| tries.iter().position(|done| *done).map_or(tries.len(), |done| done + 1);
            let reports: Vec<_> = chains
                .iter()
                .map(|[a, b, c]| chain([&a[..cut(a)], &b[..cut(b)], &c[..cut(c)]], false))
                .collect();
            let found = statistics(&reports, 5);
            let product: f64 = found.steps.iter().map(|step| step.chains.share().unwrap_or(0.0)).product();
            prop_assert!((product - found.chains.share().unwrap()).abs() < 1e-12);
        }
    }
}
