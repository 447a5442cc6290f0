//! Resuming a run: reads and validates everything first, then repairs a torn last line and continues.

use std::path::Path;

use anyhow::{Context, bail};
use rmrl_core::{ActionSpace, DIMENSIONS, PlacementError, RewardFunction};
use rmrl_data::{Journal, RunDir, TrialRecord, Written};
use rmrl_learn::TrialPlan;
use rmrl_sim::WorldState;

use crate::config::RunConfig;
use crate::run::checkpoints;
use crate::run::run_log::read_log;
use crate::run::world_record::{WORLD, WorldRecord};

/// The logs of a run as they were found. Reading and checking them changes nothing.
pub(crate) struct InterruptedRun {
    trials: Option<Written<TrialRecord>>,
    worlds: Option<Written<WorldRecord>>,
}

/// The logs of a run, ready to be appended to.
pub(crate) struct OpenLogs {
    pub(crate) log: Journal<TrialRecord>,
    pub(crate) records: Vec<TrialRecord>,
    /// A simulated world's log, and the world after the last of the records.
    pub(crate) world: Option<(Journal<WorldRecord>, WorldState)>,
}

impl InterruptedRun {
    /// Reads what is there, and checks that its files belong together.
    ///
    /// # Errors
    /// A file that is missing, damaged, or does not fit the others.
    pub(crate) fn read(dir: &RunDir, config: &RunConfig) -> anyhow::Result<Self> {
        let (trials_path, worlds_path) = (dir.path(RunDir::TRIALS), dir.path(WORLD));
        let trials = trials_path.exists().then(|| read_log(&trials_path)).transpose()?;
        let worlds = worlds_path.exists().then(|| Written::read(&worlds_path)).transpose()?;
        let found = Self { trials, worlds };
        if found.trials.is_none() && (!found.worlds().is_empty() || checkpoints::exist(dir)?) {
            bail!("{} is missing, but the run has begun; restore the file", trials_path.display());
        }
        check_sequence(&trials_path, found.records(), config)?;
        found.check_worlds(&trials_path, &worlds_path)?;
        Ok(found)
    }

    /// The attempts that were recorded.
    pub(crate) fn records(&self) -> &[TrialRecord] {
        self.trials.as_ref().map_or(&[], Written::entries)
    }

    /// A digest of each line of the log.
    pub(crate) fn digests(&self) -> Vec<u32> {
        self.trials.as_ref().map_or_else(Vec::new, Written::digests)
    }

    /// Repairs what a crash tore, and opens the logs.
    ///
    /// # Errors
    /// A file cannot be changed.
    pub(crate) fn open_logs(self, dir: &RunDir) -> anyhow::Result<OpenLogs> {
        let (log, records) = match self.trials {
            Some(written) => Journal::resume(written)?,
            None => (Journal::create(&dir.path(RunDir::TRIALS))?, Vec::new()),
        };
        let Some(worlds) = self.worlds else {
            return Ok(OpenLogs { log, records, world: None });
        };
        let Some(state) = worlds.entries().get(records.len()).map(|world| world.state) else {
            // Killed before the world's first line was whole.
            std::fs::remove_file(worlds.path())
                .with_context(|| format!("cannot remove {}", worlds.path().display()))?;
            return Ok(OpenLogs { log, records, world: None });
        };
        // Killed between the world's line and its trial's: the trial is made again.
        let (mut world_log, _) = Journal::resume(worlds)?;
        world_log.truncate(records.len() + 1)?;
        Ok(OpenLogs { log, records, world: Some((world_log, state)) })
    }

    fn worlds(&self) -> &[WorldRecord] {
        self.worlds.as_ref().map_or(&[], Written::entries)
    }

    /// The world's log has a line before the first trial and one for each attempt, and each is
    /// written before its attempt's.
    fn check_worlds(&self, trials_path: &Path, worlds_path: &Path) -> anyhow::Result<()> {
        let (attempts, lines) = (self.records().len(), self.worlds().len());
        if self.worlds.is_none() {
            // A real cell, or a run that has not begun.
            return Ok(());
        }
        let has_begun = attempts > 0 || lines > 0;
        if has_begun && !(attempts + 1..=attempts + 2).contains(&lines) {
            let short = if lines <= attempts { worlds_path } else { trials_path };
            bail!(
                "{} has {lines} lines and {} has {attempts}, which do not belong together; restore {}",
                worlds_path.display(),
                trials_path.display(),
                short.display(),
            );
        }
        Ok(())
    }
}

/// Checks that the lines of a log follow each other as a run writes them.
///
/// # Errors
/// The first line that does not, by its number.
pub(crate) fn check_sequence(
    path: &Path,
    records: &[TrialRecord],
    config: &RunConfig,
) -> anyhow::Result<()> {
    // A policy that was started from may have been refined before this run refines its own.
    let actions = config.action_space_after(u32::MAX)?;
    let mut plan = TrialPlan::of_trials(u32::MAX, config.schedule.trials_per_scene);
    let mut attempt = 1;
    for (record, line) in records.iter().zip(1..) {
        // What a trial is for depends on the claim and the number of trials, which may have been changed.
        let (found, expected) = (record.id(), plan.id_of(record.purpose, attempt));
        if found != expected {
            bail!(
                "{}, line {line} is of trial {}, attempt {}, scene {}; expected trial {}, attempt {}, scene {}; restore the file",
                path.display(),
                found.trial,
                found.attempt,
                found.scene,
                expected.trial,
                expected.attempt,
                expected.scene,
            );
        }
        if let Some(wrong) = impossible(record, &actions, config.reward) {
            bail!("{}, line {line}: {wrong}; restore the file", path.display());
        }
        if record.is_fault() {
            attempt += 1;
        } else {
            plan.note(found, record.e_trans_m);
            attempt = 1;
        }
    }
    Ok(())
}

/// By how much a reward or an error may differ from what its poses say: the last bits of a function on another
/// machine.
const ROUNDING: f64 = 1e-9;

/// What no run writes into a line.
fn impossible(
    record: &TrialRecord,
    actions: &ActionSpace,
    reward: RewardFunction,
) -> Option<String> {
    let expected = match (&record.failure, record.is_fault()) {
        (_, true) => None,
        (Some(_), false) => Some(0.0),
        (None, false) => {
            let (Some(end), Some(target)) = (record.final_pose, record.target_pose) else {
                return Some("a placement has no final_pose or no target_pose".to_string());
            };
            let error = PlacementError::between(end, target);
            for (name, found, expected) in [
                ("e_trans_m", record.e_trans_m, error.e_trans_m),
                ("e_rot", record.e_rot, error.e_rot),
            ] {
                if found.is_none_or(|found| (found - expected).abs() > ROUNDING) {
                    return Some(format!(
                        "{name} is {found:?}, and final_pose and target_pose make it {expected}"
                    ));
                }
            }
            Some(reward.reward(error))
        }
    };
    let agrees = match (record.reward, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= ROUNDING,
        (found, expected) => found == expected,
    };
    if !agrees {
        return Some(format!("reward is {:?}, and its poses make it {expected:?}", record.reward));
    }
    let index = record.action_index?;
    let inside = (0..DIMENSIONS).all(|dimension| index.0[dimension] < actions.sizes()[dimension]);
    (!inside).then(|| format!("action_index is {:?}, sizes are {:?}", index.0, actions.sizes()))
}
