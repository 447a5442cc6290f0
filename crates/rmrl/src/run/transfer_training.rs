//! A policy from transfers that the camera saw: supervised learning on what would have been the right action of each.

use std::path::Path;

use anyhow::{Context, bail};
use rmrl_belief::CellBelief;
use rmrl_core::{PlanarPose, Trial};
use rmrl_data::TrialRecord;
use rmrl_learn::{EarlierData, HindsightByGeometry, Policy, PoseScaling, pretrain};

use crate::config::RunConfig;
use crate::run::initial_policy::Pretrained;
use crate::run::run_log::{read_records, read_trials};

/// Fewer transfers teach nothing that the next one would not contradict. Untuned.
const LEAST_TRIALS: usize = 4;
/// As many steps of the optimizer are made at least: few transfers take many passes. Untuned.
const LEAST_STEPS: usize = 400;

/// A new policy of a configuration, which scales poses by `scaling`. Its candidates are as fine as they become in a run.
///
/// # Errors
/// The configuration makes none.
pub(crate) fn new_policy(config: &RunConfig, scaling: PoseScaling) -> anyhow::Result<Policy> {
    let actions = config.action_space_after(u32::MAX)?;
    let seed = u64::from(config.seed);
    Ok(Policy::new(&config.policy, &actions, scaling, seed)?)
}

/// Trains `policy` on the transfers in the folder `root`, by the labels of hindsight: `belief` says how the closing jaws slid the
/// items. The same transfers and the same seed give the same policy.
///
/// # Errors
/// The transfers cannot be read, or are too few.
pub(crate) fn train_on_transfers(
    config: &RunConfig,
    root: &Path,
    mut policy: Policy,
    belief: &CellBelief,
) -> anyhow::Result<Pretrained> {
    let records = read_records(root)?;
    let placed: Vec<&TrialRecord> =
        records.iter().filter(|record| record.final_pose.is_some()).collect();
    if placed.len() < LEAST_TRIALS {
        bail!(
            "{} has {} transfers that the camera saw at both ends, expected {LEAST_TRIALS} or more; transfer more",
            root.display(),
            placed.len()
        );
    }
    let mut data: Option<EarlierData> = None;
    for place in places_of(&placed) {
        let there = |record: &&&TrialRecord| record.place_pose.is_some_and(|one| one == place);
        let there: Vec<TrialRecord> =
            placed.iter().filter(there).map(|one| (*one).clone()).collect();
        let labeled =
            labeled(root, &there, &HindsightByGeometry::new(belief.clone(), place), &policy)?;
        match &mut data {
            Some(data) => data.extend(labeled),
            None => data = Some(labeled),
        }
    }
    let data = data
        .filter(|data| !data.is_empty())
        .with_context(|| format!("nothing to learn from in {}", root.display()))?;
    let mut schedule = config.schedule;
    let batches = data.len().div_ceil(schedule.batch_size);
    schedule.pretrain_epochs = schedule.pretrain_epochs.max(LEAST_STEPS.div_ceil(batches));
    let losses = pretrain(&mut policy, &data, &schedule, u64::from(config.seed));
    data.finish_training(&mut policy);
    Ok(Pretrained { policy, labeled_states: data.len(), losses })
}

/// Where items were released, each once.
fn places_of(placed: &[&TrialRecord]) -> Vec<PlanarPose> {
    let mut places = Vec::new();
    for place in placed.iter().filter_map(|record| record.place_pose) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The transfers with their labels. Each image is read when it is needed.
fn labeled(
    root: &Path,
    records: &[TrialRecord],
    labeling: &HindsightByGeometry,
    policy: &Policy,
) -> anyhow::Result<EarlierData> {
    let mut failed = None;
    let trials =
        read_trials(root, records, 0).map_while(|trial: anyhow::Result<Trial>| match trial {
            Ok(trial) => Some(trial),
            Err(error) => {
                failed = Some(error);
                None
            }
        });
    let data = EarlierData::from_trials(trials, labeling, policy);
    match failed {
        Some(error) => Err(error),
        None => Ok(data),
    }
}
