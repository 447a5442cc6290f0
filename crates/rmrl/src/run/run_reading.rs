//! A run as its directory has it, also while it is made.

use std::path::Path;

use rmrl_data::{MetricsRow, RunDir, TrialRecord, metrics};

use super::run_log::{plan_after, read_records};
use super::target_record::{TARGET, TargetRecord};
use crate::config::RunConfig;

/// A run as its directory has it now. Reading it changes nothing, and does not disturb a process that works in it.
pub struct RunReading {
    /// The run's configuration.
    pub config: RunConfig,
    /// All attempts that are on disk.
    pub records: Vec<TrialRecord>,
    /// The target, once it is recorded.
    pub target: Option<TargetRecord>,
    /// The numbers of each completed trial.
    pub metrics: Vec<MetricsRow>,
    /// Whether there will be more.
    pub state: RunState,
}

/// Whether a run will go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A process works in its directory.
    Running,
    /// All trials are made, or what was to be proven is.
    Complete,
    /// It stopped before, and can be resumed.
    Incomplete,
}

impl RunReading {
    /// Reads a run.
    ///
    /// # Errors
    /// It is no run, or a file is damaged. A last line of the log that a crash cut off is no damage.
    pub fn of(root: &Path) -> anyhow::Result<Self> {
        RunDir::check(root)?;
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        // Before the log: a run that ends meanwhile counts as running, never as incomplete.
        let is_running = RunDir::is_in_use(root)?;
        let records = read_records(root)?;
        let has_target = root.join(TARGET).exists();
        let target = has_target.then(|| TargetRecord::read(root)).transpose()?;
        let metrics = metrics(&records, config.metrics.smoothing);
        let state = match is_running {
            true => RunState::Running,
            false if plan_after(&config, &records).is_reached() => RunState::Complete,
            false => RunState::Incomplete,
        };
        Ok(Self { config, records, target, metrics, state })
    }
}
