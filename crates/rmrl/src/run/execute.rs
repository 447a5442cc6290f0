//! Running what is left to do in a run directory.

use rmrl_data::{RunDir, TrialRecord};

use crate::config::RunConfig;
use crate::run::engine::{RunResult, run_to_end};
use crate::run::folder_store::FolderStore;
use crate::run::metrics_files::Progress;
use crate::run::observer::{NullObserver, RunObserver};

/// Runs what is left to do in a run directory, which is everything for a new one, by its configuration as
/// [`create`](crate::create) or [`RunConfig::of_run`] returns it. Returns all records.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute(
    dir: &RunDir,
    config: &RunConfig,
    progress: &mut dyn Progress,
) -> anyhow::Result<Vec<TrialRecord>> {
    Ok(execute_observed(dir, config, progress, &mut NullObserver)?.records)
}

/// Runs what is left to do in a run directory, with an observer that is notified of each attempt and may end the
/// run early. The policy so far is kept then, too.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute_observed(
    dir: &RunDir,
    config: &RunConfig,
    progress: &mut dyn Progress,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<RunResult> {
    run_to_end(config, &mut FolderStore::open(dir, config, progress)?, observer)
}
