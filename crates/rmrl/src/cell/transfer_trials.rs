//! The transfers of a cell as trials to learn from: for each two sites and each labware a folder as that of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rmrl_cell::{Place, Region, SiteConfig};
use rmrl_core::{Decision, Outcome, Placement, PlacementError, Trial, TrialId, TrialReport};
use rmrl_data::{ImageWriter, ImagesRecord, Journal, RunDir, TimeStamp, TrialRecord, Written};
use rmrl_learn::MethodName;
use rmrl_transfer::{KeepTrials, PolicyPair, TransferTrial};

use super::transfer_policies::plain;
use crate::config::{Places, RunConfig};

/// The folder of the trials, in the folder of the inventory.
const TRIALS: &str = "trials";
/// How far items are expected from the middle of their slots, in meters and degrees: what poses are scaled by.
const AROUND_M: f64 = 0.02;
const AROUND_DEG: f64 = 5.0;

/// The folder of the trials between two sites.
pub(crate) fn trials_of(places: &Places, pair: &PolicyPair) -> PathBuf {
    let PolicyPair { from, to, labware } = pair;
    places.inventory.join(TRIALS).join(format!("{from}--{to}--{}", plain(labware)))
}

/// The configuration of a run whose trials are the transfers between two sites.
///
/// # Errors
/// The configuration has no such site; in words.
pub(crate) fn as_run_between(
    config: &RunConfig,
    places: &Places,
    pair: &PolicyPair,
) -> Result<RunConfig, String> {
    let site = |name: &str| {
        places.sites.get(name).ok_or_else(|| format!("the configuration has no site {name}"))
    };
    let (from, to) = (site(&pair.from)?, site(&pair.to)?);
    let labware = places.labware.get(&pair.labware).map_err(|error| error.to_string())?;
    let mut config = config.clone();
    config.method = MethodName::Hindsight;
    config.until = None;
    config.schedule.trials_per_scene = 1;
    config.task.start = around(from);
    config.task.start_surface_m = from.surface_m;
    config.task.place =
        Place { x_m: to.x_m, y_m: to.y_m, yaw_deg: to.yaw_deg, surface_m: to.surface_m };
    config.task.seating = to.seating;
    let plate = &mut config.vision.localizer.plate;
    (plate.length_m, plate.width_m) = (labware.length_m, labware.width_m);
    plate.height_m = labware.height_m;
    Ok(config)
}

/// Where the items of a site lie.
fn around(site: &SiteConfig) -> Region {
    Region {
        x_m: [site.x_m - AROUND_M, site.x_m + AROUND_M],
        y_m: [site.y_m - AROUND_M, site.y_m + AROUND_M],
        yaw_deg: [site.yaw_deg - AROUND_DEG, site.yaw_deg + AROUND_DEG],
    }
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
            let config = as_run_between(&self.config, &self.places, &trial.pair)
                .map_err(anyhow::Error::msg)?;
            self.open.insert(trial.pair.clone(), OpenFolder::of(&root, &config)?);
        }
        let reward = self.config.reward;
        let folder = self.open.get_mut(&trial.pair).context("the folder was just opened")?;
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
