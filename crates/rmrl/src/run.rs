//! A run: from its directory, new or interrupted, to its last trial.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rmrl_cell::Target;
use rmrl_core::{PlanarPose, Trial};
use rmrl_data::{Journal, RunDir, TrialRecord, read_color};
use rmrl_learn::{
    Behaviour, BestOfScene, ConstantOffset, EarlierData, MethodName, NoCorrection, Notes, Oracle,
    Policy, RandomCorrection, Recorded, pretrain, run_trials, train,
};
use serde::{Deserialize, Serialize};

use crate::checkpoints;
use crate::config::RunConfig;
use crate::laboratory::{Laboratory, World};
use crate::recorder::{Progress, Recorder, WorldRecord, whereabouts_after};

/// The deployable policy that a finished run leaves behind.
pub const POLICY: &str = "policy.safetensors";
/// The pretrained policy that a run may begin with.
const PRETRAINED: &str = "pretrained.safetensors";
/// The earlier run that it was pretrained on.
const EARLIER_RUN: &str = "earlier-run";
const TARGET: &str = "target.json";
const ABOUT: &str = "run.json";

/// What `run.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    /// The version of this program.
    rmrl: String,
    /// The method.
    method: MethodName,
    /// The run's seed.
    seed: u32,
    /// The cell's seed.
    cell_seed: u32,
    /// The operating system and processor it began on.
    platform: String,
}

/// The target as it was recorded, and how well the resting plate can be localised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// `P_target` and its height.
    pub target: Target,
    /// The plate at the target, localised again and again.
    pub noise_floor: Vec<PlanarPose>,
}

/// Makes a new run directory. Everything that can be wrong with the configuration is found before.
///
/// # Errors
/// The configuration makes no policy or cell, or the directory exists.
pub fn create(config: &RunConfig, root: &Path) -> anyhow::Result<RunDir> {
    config.validate()?;
    initial_policy(config)?;
    if let Some(path) = &config.pretrained {
        pretrained_from(config, path)?;
    }
    let mut resolved = config.clone();
    resolved.cell.seed = Some(config.cell_seed());
    Ok(RunDir::create(root, &resolved.to_toml())?)
}

/// Runs what is left to do in a run directory, which is everything for a new one.
///
/// Returns the configuration and all records.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute(
    dir: &RunDir,
    progress: &mut dyn Progress,
) -> anyhow::Result<(RunConfig, Vec<TrialRecord>)> {
    let config = RunConfig::of_run(&dir.path(RunDir::CONFIG))?;
    note_version(dir, &config)?;
    let actions = config.action_space()?;
    let method = config.method.method(&actions);
    let policy = match &method {
        Some(_) => Some(starting_policy(&config, dir)?),
        None => None,
    };

    let seed = u64::from(config.seed);
    let mut laboratory = Laboratory::assemble(&config, seed)?;
    let (log, records) = open_log(dir)?;
    let world_log = restore_or_begin(&config, dir, &mut laboratory, &records)?;
    let digests = log.digests().to_vec();
    let attempts = records.iter().rev().take_while(|record| record.is_fault()).count() as u32;
    let recorded_after = |trial| -> anyhow::Result<Recorded> {
        Ok(Recorded::new(trials_in(dir.root(), &records, trial)?, attempts))
    };
    let mut recorder = Recorder::new(
        dir,
        laboratory.world.clone(),
        (log, records.clone()),
        world_log,
        (config.record.depth, config.metrics.smoothing),
        progress,
    )?;
    let (cell, trials) = (&mut laboratory.trial, config.trials);
    if let (Some(mut method), Some(policy)) = (method, policy) {
        let mut learner = checkpoints::load(dir, policy, seed, &digests)?;
        let mut recorded = recorded_after(learner.trials())?;
        let schedule = &config.schedule;
        train(cell, &mut learner, &mut method, schedule, trials, &mut recorded, &mut recorder)?;
        dir.write(POLICY, &learner.policy.to_safetensors(&Notes::new()))?;
    } else {
        let mut behaviour = behaviour(&config, &laboratory.world)?;
        let per_scene = config.schedule.trials_per_scene;
        run_trials(
            cell,
            behaviour.as_mut(),
            per_scene,
            trials,
            &mut recorded_after(0)?,
            &mut recorder,
        )?;
    }
    Ok((config, recorder.into_records()))
}

/// Writes down what makes this run, or warns that it was begun by something else.
fn note_version(dir: &RunDir, config: &RunConfig) -> anyhow::Result<()> {
    let about = About {
        rmrl: env!("CARGO_PKG_VERSION").to_string(),
        method: config.method,
        seed: config.seed,
        cell_seed: config.cell_seed(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    };
    let path = dir.path(ABOUT);
    if !path.exists() {
        return Ok(dir.write(ABOUT, &serde_json::to_vec_pretty(&about)?)?);
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let begun: About = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; without it the run can go on", path.display()))?;
    if (&begun.rmrl, &begun.platform) != (&about.rmrl, &about.platform) {
        tracing::warn!(
            "{} was begun by rmrl {} on {}, and goes on by rmrl {} on {}: its numbers may differ",
            dir.root().display(),
            begun.rmrl,
            begun.platform,
            about.rmrl,
            about.platform,
        );
    }
    Ok(())
}

/// The fixed behaviour of a method that learns no policy.
///
/// # Errors
/// An oracle needs a world whose truth can be known.
pub fn behaviour(config: &RunConfig, world: &World) -> anyhow::Result<Box<dyn Behaviour>> {
    let actions = config.action_space()?;
    Ok(match config.method {
        MethodName::None => Box::new(NoCorrection),
        MethodName::Random => Box::new(RandomCorrection { actions, seed: u64::from(config.seed) }),
        MethodName::Constant => Box::new(ConstantOffset::default()),
        MethodName::Oracle => {
            let world = world.clone();
            if world.best_pick().is_none() {
                bail!(
                    "method is \"oracle\", which needs a simulated cell: only a simulator knows the truth"
                );
            }
            let best_pick = move || world.best_pick().expect("a simulator knows the truth");
            Box::new(Oracle { actions, best_pick: Box::new(best_pick) })
        }
        learning => bail!("{learning} learns a policy and has no fixed behaviour"),
    })
}

/// The target that a run recorded.
///
/// # Errors
/// It cannot be read.
pub fn read_target(root: &Path) -> anyhow::Result<TargetRecord> {
    let path = root.join(TARGET);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
}

/// The records of a run's log, without changing it.
///
/// # Errors
/// The log cannot be read or is damaged.
pub fn read_records(root: &Path) -> anyhow::Result<Vec<TrialRecord>> {
    let path = root.join(RunDir::TRIALS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(Journal::read(&path)?)
}

/// A policy with its initial weights.
fn initial_policy(config: &RunConfig) -> anyhow::Result<Policy> {
    let actions = config.action_space()?;
    Ok(Policy::new(&config.policy, &actions, config.pose_scaling(), u64::from(config.seed))?)
}

/// A policy with the weights of a pretrained one.
fn pretrained_from(config: &RunConfig, path: &Path) -> anyhow::Result<Policy> {
    let mut policy = initial_policy(config)?;
    policy.start_from(Policy::from_file(path, &config.policy)?, path)?;
    Ok(policy)
}

/// The policy that a run begins with, pretrained first if that is its method.
fn starting_policy(config: &RunConfig, dir: &RunDir) -> anyhow::Result<Policy> {
    if config.method != MethodName::RmRlPretrained {
        return initial_policy(config);
    }
    let kept = dir.path(PRETRAINED);
    if !kept.exists() {
        let policy = match &config.pretrained {
            Some(path) => pretrained_from(config, path)?,
            None => {
                let earlier = earlier_run(config, dir)?;
                pretrain_on(config, &[earlier])?.0
            }
        };
        dir.write(PRETRAINED, &policy.to_safetensors(&Notes::new()))?;
    }
    pretrained_from(config, &kept)
}

/// Makes the earlier run that pretraining labels: RM-RL in the same cell with other placements.
fn earlier_run(config: &RunConfig, dir: &RunDir) -> anyhow::Result<PathBuf> {
    let root = dir.path(EARLIER_RUN);
    let mut earlier = config.clone();
    earlier.method = MethodName::RmRl;
    earlier.trials = config.schedule.pretrain_trials;
    earlier.cell.seed = Some(config.cell_seed());
    earlier.seed = config.seed ^ EARLIER_SEED;
    earlier.record.depth = false;
    tracing::info!("making an earlier run of {} trials to pretrain on", earlier.trials);
    let earlier_dir = if root.exists() { RunDir::open(&root)? } else { create(&earlier, &root)? };
    execute(&earlier_dir, &mut ())?;
    Ok(root)
}

/// Sets an earlier run's seed apart from its run's.
const EARLIER_SEED: u32 = 0x0ea2_11e2;

/// Pretrains a policy on the role-model labels of earlier runs. Returns it with the number of
/// labelled states and the loss of each pass.
///
/// # Errors
/// A run cannot be read, or nothing in them could be labelled.
pub fn pretrain_on(
    config: &RunConfig,
    runs: &[PathBuf],
) -> anyhow::Result<(Policy, usize, Vec<f32>)> {
    let mut policy = initial_policy(config)?;
    let mut data: Option<EarlierData> = None;
    for root in runs {
        let trials = trials_in(root, &read_records(root)?, 0)?;
        let labelled = EarlierData::from_trials(trials, &BestOfScene, &policy);
        match &mut data {
            Some(data) => data.extend(labelled),
            None => data = Some(labelled),
        }
    }
    let data = data.filter(|data| !data.is_empty()).with_context(|| {
        let names: Vec<String> = runs.iter().map(|root| root.display().to_string()).collect();
        format!("nothing to learn from in {}: no scene has a role model", names.join(", "))
    })?;
    let losses = pretrain(&mut policy, &data, &config.schedule, u64::from(config.seed));
    Ok((policy, data.len(), losses))
}

/// Puts a simulated world back as the last of `records` left it; for a new run, records the target.
fn restore_or_begin(
    config: &RunConfig,
    dir: &RunDir,
    laboratory: &mut Laboratory,
    records: &[TrialRecord],
) -> anyhow::Result<Journal<WorldRecord>> {
    let path = dir.path(Recorder::WORLD);
    if path.exists() {
        let (mut world_log, worlds) = Journal::<WorldRecord>::open(&path)?;
        // One line before the first trial, then one for each.
        if let Some(world) = worlds.get(records.len()) {
            world_log.truncate(records.len() + 1)?;
            laboratory.world.restore(world.state);
            let target = read_target(dir.root())?.target;
            let whereabouts = match records.last() {
                Some(record) => whereabouts_after(record, &dir.path(RunDir::TRIALS))?,
                None => laboratory.trial.whereabouts_at_target(target),
            };
            laboratory.trial.resume(target, whereabouts);
            return Ok(world_log);
        }
        if !records.is_empty() {
            bail!(
                "{} ends with line {}, but {} needs {} of it; restore the file",
                path.display(),
                worlds.len(),
                dir.path(RunDir::TRIALS).display(),
                records.len() + 1,
            );
        }
        std::fs::remove_file(&path)?;
    } else if !records.is_empty() {
        bail!("{} is missing; without it the simulated cell cannot go on", path.display());
    }
    let target = laboratory.trial.record_target()?;
    let noise_floor = laboratory
        .trial
        .noise_floor(config.metrics.noise_floor_repeats)
        .context("the noise floor could not be measured")?;
    let record = TargetRecord { target, noise_floor };
    dir.write(TARGET, &serde_json::to_vec_pretty(&record)?)?;
    let mut world_log = Journal::create(&path)?;
    if let Some(state) = laboratory.world.remember() {
        world_log.append(&WorldRecord { state, start: None, end: None })?;
    }
    Ok(world_log)
}

fn open_log(dir: &RunDir) -> anyhow::Result<(Journal<TrialRecord>, Vec<TrialRecord>)> {
    let path = dir.path(RunDir::TRIALS);
    if path.exists() {
        Ok(Journal::open(&path)?)
    } else {
        Ok((Journal::create(&path)?, Vec::new()))
    }
}

/// The completed trials after number `after`, with the pictures of their starts.
///
/// # Errors
/// A record is incomplete, or its picture cannot be read.
pub fn trials_in(root: &Path, records: &[TrialRecord], after: u32) -> anyhow::Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for record in records.iter().filter(|record| !record.is_fault() && record.trial > after) {
        let name = record.images.start.as_ref().with_context(|| {
            format!("trial {} of {} has no picture to learn from", record.trial, root.display())
        })?;
        let image = read_color(&root.join(name))?;
        trials.extend(record.to_trial(image)?);
    }
    Ok(trials)
}
