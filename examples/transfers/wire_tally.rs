//! What a soak over the wire has counted.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Default)]
pub struct Tally {
    pub transfers: u64,
    pub done: u64,
    pub not_done: BTreeMap<String, u64>,
    pub unknown: u64,
    pub refused: u64,
    /// Refused because nobody knew where an item was.
    pub refused_unsure: u64,
    pub kills: u64,
    pub faults: u64,
    pub starts: u64,
    /// Why programs did not start.
    pub not_started: BTreeMap<String, u64>,
    pub violations: Vec<String>,
    /// The transfers that were timed, how long they took, and what their programs and the emulation computed, in seconds.
    pub timed: u64,
    pub secs: f64,
    pub computing_secs: f64,
    pub emulating_secs: f64,
    pub start_secs: f64,
}

impl Tally {
    /// How long a transfer takes, in seconds.
    pub fn mean_secs(&self) -> f64 {
        if self.timed == 0 { 1.0 } else { self.secs / self.timed as f64 }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = |secs: f64, count: u64| secs / count.max(1) as f64;
        write!(
            f,
            "{} transfers: {} done, {} not done, {} unknown, {} refused; {} kills, {} faults, {} starts, {} refusals while \
             unsure; {:.2} s a transfer (program {:.2} s, emulation {:.2} s of processor), {:.2} s a start; {} violations; not \
             done {:?}; not started {:?}",
            self.transfers,
            self.done,
            self.not_done.values().sum::<u64>(),
            self.unknown,
            self.refused,
            self.kills,
            self.faults,
            self.starts,
            self.refused_unsure,
            self.mean_secs(),
            per(self.computing_secs, self.timed),
            per(self.emulating_secs, self.timed),
            per(self.start_secs, self.starts),
            self.violations.len(),
            self.not_done,
            self.not_started,
        )
    }
}

/// The processor time of this process, in seconds.
pub fn process_secs() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
