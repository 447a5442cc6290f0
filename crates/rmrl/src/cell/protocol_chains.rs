//! A protocol, run in a cell as often as it is asked for.

use std::fmt;
use std::time::Instant;

use rmrl_cell::StopSwitch;
use rmrl_transfer::{
    ChainStatistics, Protocol, ProtocolEnd, ProtocolEvent, ProtocolReport, Rate, RunHooks,
    TransferCell, run_protocol,
};
use serde::Serialize;

/// The first and the last so many chains are compared.
const COMPARED: usize = 10;

/// What the chains of a protocol came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolChains {
    /// Each chain, in their order. The last one may have ended before its last step.
    pub chains: Vec<ProtocolReport>,
    /// How often they were done; absent if nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<ChainStatistics>,
}

impl ProtocolChains {
    /// Runs a protocol `count` times, or until one does not complete or `stop` is pressed.
    pub fn run(
        protocol: &Protocol,
        cell: &mut TransferCell,
        count: u32,
        stop: &StopSwitch,
        progress: &mut dyn FnMut(ProtocolEvent<'_>),
    ) -> Self {
        let began = Instant::now();
        let mut chains = Vec::new();
        for _ in 0..count {
            let report = run_protocol(
                protocol,
                cell,
                &mut RunHooks {
                    stop_requested: &mut || stop.check().is_err(),
                    clock: &mut || began.elapsed(),
                    progress,
                },
            );
            let has_ended = report.end != ProtocolEnd::Completed;
            chains.push(report);
            if has_ended {
                break;
            }
        }
        let statistics = ChainStatistics::of(protocol, &chains, COMPARED).ok();
        Self { chains, statistics }
    }

    /// Whether every step of every chain was done.
    pub fn succeeded(&self) -> bool {
        self.chains.iter().all(ProtocolReport::succeeded)
    }
}

impl fmt::Display for ProtocolChains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, chain) in self.chains.iter().enumerate() {
            let done = if chain.succeeded() { "done" } else { "not done" };
            writeln!(f, "chain {}: {done}, {}", number + 1, in_words(&chain.end))?;
        }
        let Some(statistics) = self.statistics.as_ref().filter(|_| self.chains.len() > 1) else {
            return Ok(());
        };
        writeln!(f, "{:<24} {}", "chains done", rate(statistics.chains))?;
        for step in &statistics.steps {
            let adds = step.learning.map_or(String::new(), |learning| {
                format!(", its learning adds {:+.1} % to chains", 100.0 * learning.adds())
            });
            writeln!(f, "  {:<22} {}{adds}", step.step, rate(step.chains))?;
        }
        Ok(())
    }
}

fn rate(rate: Rate) -> String {
    let share = rate.share().map_or("-".to_string(), |share| format!("{:.1} %", 100.0 * share));
    let (low, high) = (100.0 * rate.interval.low, 100.0 * rate.interval.high);
    format!("{} of {}: {share}, 95 % interval {low:.1} to {high:.1} %", rate.successes, rate.tries)
}

/// Why a protocol ended, in words.
pub(crate) fn in_words(end: &ProtocolEnd) -> String {
    match end {
        ProtocolEnd::Completed => "all steps were taken".to_string(),
        ProtocolEnd::Failed { step, reason, .. } => format!("step {step:?} failed: {reason}"),
        ProtocolEnd::JawsFull { step, reason, .. } => {
            format!("step {step:?} failed with its item in the jaws: {reason}")
        }
        ProtocolEnd::Unknown { step, ask, reason } => {
            format!("step {step:?}: {reason}; {ask}")
        }
        ProtocolEnd::StopRequested { before } => format!("stopped before step {before:?}"),
    }
}
