//! The transfers of a cell as trials to learn from: for each two sites and each labware a folder as that of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rmrl_core::{Decision, Outcome, Placement, PlacementError, Trial, TrialId, TrialReport};
use rmrl_data::{ImageWriter, ImagesRecord, Journal, RunDir, TimeStamp, TrialRecord, Written};
use rmrl_learn::MethodName;
use rmrl_transfer::{KeepTrials, PolicyPair, TransferTrial};

use super::transfer_policies::plain;
use crate::config::{Places, RunConfig};

/// The folder of the trials, in the folder of the inventory.
const TRIALS: &str = "trials";
/// As many are kept of each two sites and labware: half a gigabyte of images. Untuned.
const MOST_TRIALS: u32 = 1000;

/// The folder of the trials between two sites.
pub(crate) fn trials_of(places: &Places, pair: &PolicyPair) -> PathBuf {
    let PolicyPair { from, to, labware } = pair;
    places.inventory.join(TRIALS).join(format!("{from}--{to}--{}", plain(labware)))
}

/// A configuration as a run keeps it whose trials are transfers: each is a scene of its own. Its task is that of the cell: where
/// the items lay and were brought is in the trials.
pub(crate) fn as_run(config: &RunConfig) -> RunConfig {
    let mut config = config.clone();
    config.method = MethodName::Hindsight;
    config.until = None;
    config.pretrained = None;
    config.schedule.trials_per_scene = 1;
    config
}

/// Keeps the transfers of a cell as trials.
pub(crate) struct TrialFolders {
    config: RunConfig,
    places: Places,
    open: BTreeMap<PolicyPair, OpenFolder>,
}

/// A folder of trials, locked as a run that is under way.
struct OpenFolder {
    log: Journal<TrialRecord>,
    images: ImageWriter,
    trials: u32,
    _dir: RunDir,
}

impl TrialFolders {
    /// Those of a cell.
    pub(crate) fn new(config: &RunConfig, places: &Places) -> Self {
        Self { config: config.clone(), places: places.clone(), open: BTreeMap::new() }
    }

    fn write(&mut self, trial: &TransferTrial) -> anyhow::Result<()> {
        if !self.open.contains_key(&trial.pair) {
            let root = trials_of(&self.places, &trial.pair);
            self.open.insert(trial.pair.clone(), OpenFolder::of(&root, &as_run(&self.config))?);
        }
        let reward = self.config.reward;
        let folder = self.open.get_mut(&trial.pair).context("the folder was just opened")?;
        if folder.trials >= MOST_TRIALS {
            return Ok(());
        }
        let number = folder.trials + 1;
        let image = format!("{}/{number:05}-start.png", RunDir::IMAGES);
        folder.images.write_color(&image, &trial.seen.image)?;
        folder.images.sync()?;
        let error = PlacementError::between(trial.seen_after.pose, trial.target);
        let of_run = Trial {
            id: TrialId::new(number, 1, number),
            observation: trial.seen.clone(),
            decision: Decision {
                adjustment: trial.pick.relative_to(trial.seen.estimated_pose),
                index: None,
                probabilities: None,
                interval_m: Some(trial.interval_m),
                abstained: false,
            },
            outcome: Outcome::Placed(Placement {
                pick_pose: trial.pick,
                final_pose: trial.seen_after.pose,
                final_look_error_m: trial.seen_after.error_m,
                target_pose: trial.target,
                error,
                reward: reward.reward(error),
                seated: trial.is_seated,
            }),
        };
        let record = TrialRecord {
            time: Some(TimeStamp { utc: trial.time, ..TimeStamp::now() }),
            place_pose: Some(trial.place),
            images: ImagesRecord { start: Some(image), ..ImagesRecord::default() },
            ..TrialRecord::of(TrialReport::Completed(&of_run))
        };
        folder.log.append(&record)?;
        folder.trials = number;
        if number == MOST_TRIALS {
            let root = trials_of(&self.places, &trial.pair);
            tracing::warn!(
                "{} has {number} trials: no more are kept until it is moved away",
                root.display()
            );
        }
        Ok(())
    }
}

impl OpenFolder {
    fn of(root: &Path, config: &RunConfig) -> anyhow::Result<Self> {
        let dir = match root.exists() {
            true => RunDir::open(root)?,
            false => RunDir::create(root, &config.to_run_toml())?,
        };
        let path = dir.path(RunDir::TRIALS);
        let (log, records) = match path.exists() {
            true => Journal::resume(Written::<TrialRecord>::read(&path)?)?,
            false => (Journal::create(&path)?, Vec::new()),
        };
        let trials = records.last().map_or(0, |record| record.trial);
        Ok(Self { log, images: dir.image_writer(), trials, _dir: dir })
    }
}

impl KeepTrials for TrialFolders {
    fn keep(&mut self, trial: &TransferTrial) -> Result<(), String> {
        self.write(trial).map_err(|error| {
            // Opened again by the next transfer: what was written in part is repaired then.
            self.open.remove(&trial.pair);
            format!("{error:#}")
        })
    }
}
