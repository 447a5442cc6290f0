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

/// What the learning of one step adds to the success of chains, by the equations of this file.
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

/// Many chains of one protocol.
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
