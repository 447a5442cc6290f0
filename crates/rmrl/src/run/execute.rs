//! A run: from its directory, new or interrupted, to its last trial.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use image::RgbImage;
use jiff::Timestamp;
use rmrl_cell::{DriftWatch, PickPlace, Target};
use rmrl_core::{PlanarPose, Trial, TrialId, TrialReport};
use rmrl_data::{Journal, RunDir, TrialRecord, Written, read_color};
use rmrl_learn::{
    Behaviour, ConstantOffset, EarlierData, EarlyEnd, EncoderWeights, Goal, Learner, MethodName,
    NoCorrection, Notes, Observer, ObserverError, Oracle, Policy, RandomCorrection, Recorded,
    RunError, pretrain, role_models, run_trials, train,
};
use rmrl_sim::WorldState;
use rmrl_vision::{CameraFile, Recording};
use serde::{Deserialize, Serialize};

use crate::cell::assembly::{Laboratory, World};
use crate::cell::calibration_gate::admit;
use crate::cell::first_motion::Start;
use crate::cell::reachability::prove_reach;
use crate::config::{CellKind, DetectorName, RunConfig, SegmenterName};
use crate::run::checkpoints;
use crate::run::outcome::RunEnd;
use crate::run::provenance;
use crate::run::recorder::{Progress, Recorder, WorldRecord, whereabouts_after};
use crate::run::resume::{Left, Resumed, check_sequence};

/// The deployable policy that a finished run leaves behind.
pub const POLICY: &str = "policy.safetensors";
/// The pretrained policy that a run may begin with.
const PRETRAINED: &str = "pretrained.safetensors";
/// The earlier run that it was pretrained on.
const EARLIER_RUN: &str = "earlier-run";
const TARGET: &str = "target.json";

/// The target as it was recorded, and how well the resting plate can be localised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// `P_target` and its height.
    pub target: Target,
    /// The plate at the target, localised again and again.
    pub noise_floor: Vec<PlanarPose>,
    /// The corners of the reference board as they were seen then, world frame, in metres; `None`
    /// where none is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<[f64; 2]>>,
}

/// Makes a new run directory. Everything that can be wrong with the configuration is found before. Returns the
/// configuration as it is run, too: resolved, with its calibration beside it.
///
/// # Errors
/// The configuration makes no policy or cell, a real arm would not get everywhere, or the directory exists.
pub fn create(config: &RunConfig, root: &Path) -> anyhow::Result<(RunDir, RunConfig)> {
    config.validate()?;
    config.check_live()?;
    if config.cell.kind == CellKind::XArm {
        prove_reach(config).context("before anything moves")?;
    }
    match &config.pretrained {
        Some(path) => pretrained_from(config, path)?,
        None => initial_policy(config)?,
    };
    let calibration = config.camera.calibration.as_deref();
    if let Some(path) = calibration {
        admit(path, &config.camera, Timestamp::now())?;
    }
    let resolved = resolved(config)?;
    let dir = RunDir::create(root, &resolved.to_toml())?;
    if let Some(path) = calibration {
        let text =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        dir.write(Recording::CAMERA, &text)?;
    }
    let config = resolved.beside(&dir.path(RunDir::CONFIG));
    Ok((dir, config))
}

/// A configuration that means the same wherever the run goes on: seeds decided, paths absolute.
///
/// # Errors
/// There is no working directory to resolve a path against.
pub fn resolved(config: &RunConfig) -> anyhow::Result<RunConfig> {
    let mut resolved = config.clone();
    resolved.cell.seed = Some(config.cell_seed());
    let weights = match &mut resolved.policy.encoder.weights {
        EncoderWeights::File(path) => Some(path),
        EncoderWeights::Plates | EncoderWeights::Random => None,
    };
    let calibration = resolved.camera.calibration.iter_mut();
    let vision = &mut resolved.vision;
    let detector = (vision.detector == DetectorName::GroundingDino)
        .then_some(&mut vision.grounding_dino.directory);
    let segmenter = (vision.segmenter == SegmenterName::SegmentAnything)
        .then_some(&mut vision.segment_anything.directory);
    let models = detector.into_iter().chain(segmenter);
    let token = resolved.page.token_file.iter_mut();
    let pretrained = resolved.pretrained.iter_mut();
    for path in pretrained.chain(weights).chain(calibration).chain(models).chain(token) {
        *path = std::path::absolute(&*path)
            .with_context(|| format!("cannot tell where {} is", path.display()))?;
    }
    Ok(resolved)
}

/// What was made of a run directory, and how that ended.
#[derive(Debug)]
pub struct Made {
    /// All attempts recorded so far.
    pub records: Vec<TrialRecord>,
    /// Why no more were made.
    pub end: RunEnd,
}

/// An observer that is told of the cell, too, before anything moves.
pub trait Attendant: Observer<PickPlace> {
    /// A run is about to begin, or to go on after `records`: who stops it, and who lets its arm move. By
    /// default nobody stops it.
    fn begin(&mut self, config: &RunConfig, records: &[TrialRecord]) -> Start {
        let _ = (config, records);
        Start::default()
    }

    /// It begins, or goes on after `records`, in `cell`. Does nothing by default.
    ///
    /// # Errors
    /// Why it does not begin.
    fn attend(&mut self, cell: &mut PickPlace, records: &[TrialRecord]) -> Result<(), EarlyEnd> {
        let _ = (cell, records);
        Ok(())
    }
}

/// Runs what is left to do in a run directory, which is everything for a new one, by its configuration as
/// [`create`] or [`RunConfig::of_run`] has it. Returns all records.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute(
    dir: &RunDir,
    config: &RunConfig,
    progress: &mut dyn Progress,
) -> anyhow::Result<Vec<TrialRecord>> {
    Ok(execute_attended(dir, config, progress, &mut Unobserved)?.records)
}

/// The same, with an attendant that is told of each trial after the recorder and may end the run early. The
/// policy so far is kept then, too.
///
/// # Errors
/// The directory is damaged, a trial could not be made or kept, or too many faults came in a row.
pub fn execute_attended(
    dir: &RunDir,
    config: &RunConfig,
    progress: &mut dyn Progress,
    attendant: &mut dyn Attendant,
) -> anyhow::Result<Made> {
    match make(dir, config, progress, attendant) {
        Err(error) => match RunEnd::of(&error) {
            // Before its first trial, or in the earlier run that it is pretrained on.
            Some(end) => Ok(Made { records: read_records(dir.root())?, end }),
            None => Err(error),
        },
        made => made,
    }
}

fn make(
    dir: &RunDir,
    config: &RunConfig,
    progress: &mut dyn Progress,
    attendant: &mut dyn Attendant,
) -> anyhow::Result<Made> {
    // Everything that an interrupted run left is read and checked before anything is changed.
    let left = Left::read(dir, config)?;
    provenance::note(dir, config)?;
    let seed = u64::from(config.seed);
    let mut method = config.learning_method();
    let mut learner = match &method {
        Some(_) => {
            let policy = || starting_policy(config, dir, attendant);
            Some(checkpoints::load(dir, policy, seed, left.digests())?)
        }
        None => None,
    };

    let start = attendant.begin(config, left.records());
    let mut laboratory = Laboratory::start(config, seed, &start)?;
    if config.camera.calibration.is_none() {
        // With it, the run's pictures can be localised again.
        let camera = CameraFile::from(laboratory.trial.camera_model());
        dir.write(Recording::CAMERA, camera.to_toml().as_bytes())?;
    }
    laboratory.trial.recover_by(config.unattended.recovery);
    attendant.attend(&mut laboratory.trial, left.records()).map_err(RunEnd::Early)?;
    let Resumed { log, records, world } = left.go_on(dir)?;
    let world_log = restore_or_begin(config, dir, &mut laboratory, &records, world)?;
    let attempts = records.iter().rev().take_while(|record| record.is_fault()).count() as u32;
    let made = match &learner {
        Some(learner) => trials_in(dir.root(), &records, learner.trials())?,
        None => trials_without_pictures(&records)?,
    };
    let goal = goal(config, &records, learner.as_ref().map_or(0, Learner::trials))?;
    let mut recorded = Recorded::new(made, attempts);
    let mut recorder = Recorder::new(
        dir,
        laboratory.world.clone(),
        (log, records),
        world_log,
        (config.record.depth, config.metrics.smoothing),
        progress,
    )?;
    let mut kept = Then { recorder: &mut recorder, observer: attendant };
    let (cell, schedule) = (&mut laboratory.trial, &config.schedule);
    let ended = if let (Some(method), Some(learner)) = (&mut method, &mut learner) {
        train(cell, learner, method, schedule, goal, &mut recorded, &mut kept)
    } else {
        let mut behaviour = behaviour(config, &laboratory.world)?;
        let per_scene = schedule.trials_per_scene;
        run_trials(cell, behaviour.as_mut(), per_scene, goal, &mut recorded, &mut kept)
    };
    let end = end_of(ended, &mut laboratory.trial, config.unattended.confirm_trials)?;
    if let Some(learner) = &mut learner
        && learner.trials() > 0
    {
        learner.conclude(schedule);
        dir.write(POLICY, &learner.policy.to_safetensors(&Notes::new()))?;
    }
    Ok(Made { records: recorder.finish()?, end })
}

/// How trials ended. The arm goes home only where that is known to be safe: after the goal, or a limit that was
/// set for the run. Never after a person declined, did not answer or stopped it, nor while one is needed; and
/// not where every motion has to be confirmed.
fn end_of(
    ended: Result<(), RunError>,
    cell: &mut PickPlace,
    confirms: bool,
) -> anyhow::Result<RunEnd> {
    let (end, error) = match ended {
        Ok(()) => (Some(RunEnd::Goal), None),
        Err(error) => {
            let error = anyhow::Error::from(error);
            (RunEnd::of(&error), Some(error))
        }
    };
    if end.as_ref().is_some_and(RunEnd::lets_the_arm_go_home)
        && !confirms
        && let Err(fault) = cell.stand_down()
    {
        tracing::warn!("the arm could not be brought home, and stays where it is: {fault}");
    }
    match (end, error) {
        (Some(end), _) => Ok(end),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(RunEnd::Goal),
    }
}

/// Records first, then tells the other observer.
struct Then<'a, 'r> {
    recorder: &'a mut Recorder<'r>,
    observer: &'a mut dyn Attendant,
}

impl Observer<PickPlace> for Then<'_, '_> {
    fn trial_ended(
        &mut self,
        env: &PickPlace,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        self.recorder.trial_ended(env, report)?;
        self.observer.trial_ended(env, report)
    }

    fn settle(&mut self) -> Result<(), ObserverError> {
        self.recorder.settle()?;
        self.observer.settle()
    }

    fn permit(&mut self, next: TrialId) -> Result<(), EarlyEnd> {
        self.observer.permit(next)
    }

    fn learnt(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        self.recorder.learnt(learner)?;
        self.observer.learnt(learner)
    }
}

/// Nobody else wants to know.
pub(crate) struct Unobserved;

impl Attendant for Unobserved {}

impl Observer<PickPlace> for Unobserved {
    fn trial_ended(&mut self, _: &PickPlace, _: TrialReport<'_>) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// Nobody else wants to know of what this start begins.
pub struct Started(pub Start);

impl Attendant for Started {
    fn begin(&mut self, _: &RunConfig, _: &[TrialRecord]) -> Start {
        self.0.clone()
    }
}

impl Observer<PickPlace> for Started {
    fn trial_ended(&mut self, _: &PickPlace, _: TrialReport<'_>) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// When a run ends. The first `learnt` trials of its log will not be met again.
fn goal(config: &RunConfig, records: &[TrialRecord], learnt: u32) -> anyhow::Result<Goal> {
    let mut goal = Goal::new(config.trials, config.until);
    for trial in trials_without_pictures(records)? {
        if trial.id.trial <= learnt {
            goal.note(&trial.ending);
        }
    }
    Ok(goal)
}

/// The fixed behaviour of a method that learns no policy.
///
/// # Errors
/// An oracle needs a world whose truth can be known.
pub fn behaviour(config: &RunConfig, world: &World) -> anyhow::Result<Box<dyn Behaviour>> {
    let actions = config.action_space_after(0)?;
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

/// Has a laboratory's target recorded and its noise floor measured: what comes before any trial.
pub(crate) fn record_target(
    config: &RunConfig,
    laboratory: &mut Laboratory,
) -> anyhow::Result<TargetRecord> {
    let target = laboratory.trial.record_target()?;
    let noise_floor = laboratory
        .trial
        .noise_floor(config.metrics.noise_floor_repeats)
        .context("the noise floor could not be measured")?;
    let reference = laboratory.trial.drift_watch().and_then(DriftWatch::reference);
    let reference =
        reference.map(|corners| corners.iter().map(|corner| (*corner).into()).collect());
    Ok(TargetRecord { target, noise_floor, reference })
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
    Ok(Written::read(&path)?.into_entries())
}

/// A policy with its initial weights.
pub(crate) fn initial_policy(config: &RunConfig) -> anyhow::Result<Policy> {
    let actions = config.action_space()?;
    Ok(Policy::new(&config.policy, &actions, config.pose_scaling(), u64::from(config.seed))?)
}

/// A policy with the weights of a pretrained one.
pub(crate) fn pretrained_from(config: &RunConfig, path: &Path) -> anyhow::Result<Policy> {
    let mut policy = initial_policy(config)?;
    policy.start_from(Policy::from_file(path, &config.policy)?, path)?;
    let finest = config.action_space_after(u32::MAX)?.sizes();
    if policy.actions().sizes().iter().zip(finest).any(|(own, finest)| *own > finest) {
        bail!(
            "{} has been refined more often than schedule.refinements = {} allows; raise it",
            path.display(),
            config.schedule.refinements,
        );
    }
    Ok(policy)
}

/// The policy that a run begins with, pretrained first if that is its method.
pub(crate) fn starting_policy(
    config: &RunConfig,
    dir: &RunDir,
    attendant: &mut dyn Attendant,
) -> anyhow::Result<Policy> {
    if config.method != MethodName::RmRlPretrained {
        return initial_policy(config);
    }
    let kept = dir.path(PRETRAINED);
    if !kept.exists() {
        let policy = match &config.pretrained {
            Some(path) => pretrained_from(config, path)?,
            None => {
                let earlier = earlier_run(config, dir, attendant)?;
                pretrain_on(config, &[earlier])?.0
            }
        };
        dir.write(PRETRAINED, &policy.to_safetensors(&Notes::new()))?;
    }
    pretrained_from(config, &kept)
}

/// Makes the earlier run that pretraining labels: RM-RL in the same cell with other placements. What is said
/// of this start holds for it, too, so its configuration comes from the run's.
fn earlier_run(
    config: &RunConfig,
    dir: &RunDir,
    attendant: &mut dyn Attendant,
) -> anyhow::Result<EarlierRun> {
    let root = dir.path(EARLIER_RUN);
    let earlier = earlier_config(config);
    tracing::info!("making an earlier run of {} trials to pretrain on", earlier.trials);
    let (earlier_dir, config) = if root.exists() {
        let earlier_dir = RunDir::open(&root)?;
        let config = resolved(&earlier)?.beside(&earlier_dir.path(RunDir::CONFIG));
        (earlier_dir, config)
    } else {
        create(&earlier, &root)?
    };
    match execute_attended(&earlier_dir, &config, &mut (), attendant)?.end {
        RunEnd::Goal => Ok(EarlierRun { root, config }),
        early => Err(early.into()),
    }
}

/// The configuration of a run's earlier run.
pub(crate) fn earlier_config(config: &RunConfig) -> RunConfig {
    let mut earlier = config.clone();
    earlier.method = MethodName::RmRl;
    earlier.trials = config.schedule.pretrain_trials;
    earlier.until = None;
    earlier.cell.seed = Some(config.cell_seed());
    earlier.seed = config.seed ^ EARLIER_SEED;
    earlier.record.depth = false;
    earlier
}

/// Sets an earlier run's seed apart from its run's.
const EARLIER_SEED: u32 = 0x0ea2_11e2;

/// A run whose trials are pretrained on.
#[derive(Debug, Clone)]
pub struct EarlierRun {
    /// Its directory.
    pub root: PathBuf,
    /// What it was made by.
    pub config: RunConfig,
}

impl EarlierRun {
    /// The run in `root`.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        Ok(Self { root: root.to_path_buf(), config })
    }
}

/// Pretrains a policy on the role-model labels of earlier runs. Returns it with the number of
/// labelled states and the loss of each pass.
///
/// # Errors
/// A run cannot be read, or nothing in them could be labelled.
pub fn pretrain_on(
    config: &RunConfig,
    runs: &[EarlierRun],
) -> anyhow::Result<(Policy, usize, Vec<f32>)> {
    let mut policy = initial_policy(config)?;
    let labelling = role_models(&config.schedule);
    let mut data: Option<EarlierData> = None;
    for run in runs {
        let records = records_to_learn(config, run)?;
        let trials = trials_in(&run.root, &records, 0)?;
        let labelled = EarlierData::from_trials(trials, labelling.as_ref(), &policy);
        match &mut data {
            Some(data) => data.extend(labelled),
            None => data = Some(labelled),
        }
    }
    let data = data.filter(|data| !data.is_empty()).with_context(|| {
        let names: Vec<String> = runs.iter().map(|run| run.root.display().to_string()).collect();
        format!("nothing to learn from in {}: no scene has a role model", names.join(", "))
    })?;
    let losses = pretrain(&mut policy, &data, &config.schedule, u64::from(config.seed));
    Ok((policy, data.len(), losses))
}

/// The records of an earlier run, whose actions are checked to reach as far as those of `config`.
fn records_to_learn(config: &RunConfig, run: &EarlierRun) -> anyhow::Result<Vec<TrialRecord>> {
    let EarlierRun { root, config: earlier } = run;
    if earlier.action_space()?.reach() != config.action_space()?.reach() {
        bail!(
            "{} was made with the candidates {:?}, the policy has {:?}; its labels may lie out of reach",
            root.display(),
            earlier.actions,
            config.actions,
        );
    }
    let records = read_records(root)?;
    check_sequence(&root.join(RunDir::TRIALS), &records, earlier)?;
    Ok(records)
}

/// Goes on where the last of `records` left the cell: a simulated world is put back as it was, a
/// real one is. In a new run, records the target.
fn restore_or_begin(
    config: &RunConfig,
    dir: &RunDir,
    laboratory: &mut Laboratory,
    records: &[TrialRecord],
    world: Option<(Journal<WorldRecord>, WorldState)>,
) -> anyhow::Result<Option<Journal<WorldRecord>>> {
    let is_simulated = laboratory.world.remember().is_some();
    let has_begun = world.is_some() || (!is_simulated && dir.path(TARGET).exists());
    if has_begun {
        let world_log = world.map(|(world_log, state)| {
            laboratory.world.restore(state);
            world_log
        });
        let TargetRecord { target, reference, .. } = read_target(dir.root())?;
        let whereabouts = match records.last() {
            Some(record) => whereabouts_after(record, &dir.path(RunDir::TRIALS))?,
            None => laboratory.trial.whereabouts_at_target(target),
        };
        laboratory.trial.resume(target, whereabouts);
        if laboratory.trial.drift_watch().is_some() {
            let reference = reference.with_context(|| {
                format!("{} lacks the reference of camera.drift", dir.path(TARGET).display())
            })?;
            let suspect = records.last().is_some_and(|record| record.suspect);
            let corners = reference.into_iter().map(Into::into).collect();
            let resumed = laboratory.trial.resume_watching(corners, suspect);
            resumed.with_context(|| format!("{} is damaged", dir.path(TARGET).display()))?;
            if !is_simulated {
                laboratory.trial.watch_next();
            }
        }
        return Ok(world_log);
    }
    if !records.is_empty() {
        let lost = if is_simulated { Recorder::WORLD } else { TARGET };
        bail!("{} is missing; without it the run cannot go on", dir.path(lost).display());
    }
    let record = record_target(config, laboratory)?;
    dir.write(TARGET, &serde_json::to_vec_pretty(&record)?)?;
    let Some(state) = laboratory.world.remember() else {
        return Ok(None);
    };
    let mut world_log = Journal::create(&dir.path(Recorder::WORLD))?;
    world_log.append(&WorldRecord { state, start: None, end: None, grasp: None })?;
    Ok(Some(world_log))
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

/// The completed trials, for whoever has no use for their pictures: these are empty.
///
/// # Errors
/// A record is incomplete.
pub fn trials_without_pictures(records: &[TrialRecord]) -> anyhow::Result<Vec<Trial>> {
    let trials =
        records.iter().filter_map(|record| record.to_trial(RgbImage::default()).transpose());
    Ok(trials.collect::<Result<_, _>>()?)
}
