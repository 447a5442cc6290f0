//! A run that is kept in a run directory, and survives being killed at any instant.

use anyhow::{Context, bail};
use rmrl_belief::SavedBelief;
use rmrl_cell::PickPlace;
use rmrl_core::{Trial, TrialReport};
use rmrl_data::{Journal, RunDir, TrialRecord};
use rmrl_learn::{Learner, Metadata, Policy, TrialBacklog};
use rmrl_sim::WorldState;
use rmrl_vision::{CameraFile, Recording};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;
use crate::run::attempt_writer::Logs;
use crate::run::checkpoints;
use crate::run::create::{create, resolved};
use crate::run::engine::run_to_end;
use crate::run::initial_policy::{EarlierRun, pretrained_from, starting_policy};
use crate::run::kept_images::KeptImages;
use crate::run::metrics_files::{MetricsFiles, Progress};
use crate::run::observer::RunObserver;
use crate::run::outcome::RunOutcome;
use crate::run::provenance;
use crate::run::recorder::Recorder;
use crate::run::resume::{InterruptedRun, OpenLogs};
use crate::run::run_log::{read_trials, trials_without_images};
use crate::run::store::RunStore;
use crate::run::target_record::{TARGET, TargetRecord};
use crate::run::trial_record::plate_location_after;
use crate::run::world_record::{WORLD, WorldRecord};

/// The deployable policy that a finished run leaves behind.
pub const POLICY: &str = "policy.safetensors";
/// The belief of a self-calibration in a run directory.
pub const BELIEF: &str = "belief.json";
/// The pretrained policy that a run may begin with.
const PRETRAINED: &str = "pretrained.safetensors";
/// The earlier run that it was pretrained on.
pub(crate) const EARLIER_RUN: &str = "earlier-run";

/// Keeps a run in its directory.
pub(crate) struct FolderStore<'a> {
    dir: &'a RunDir,
    /// What an interrupted run left, until the run begins.
    interrupted: Option<InterruptedRun>,
    progress: Option<&'a mut dyn Progress>,
    /// From the run's beginning on.
    recorder: Option<Recorder<'a>>,
}

impl<'a> FolderStore<'a> {
    /// Reads and checks everything that an interrupted run left, before anything is changed.
    ///
    /// # Errors
    /// A file is missing, damaged, or does not belong to the others.
    pub(crate) fn open(
        dir: &'a RunDir,
        config: &RunConfig,
        progress: &'a mut dyn Progress,
    ) -> anyhow::Result<Self> {
        let interrupted = InterruptedRun::read(dir, config)?;
        provenance::note(dir, config)?;
        Ok(Self { dir, interrupted: Some(interrupted), progress: Some(progress), recorder: None })
    }

    fn recorder(&mut self) -> &mut Recorder<'a> {
        self.recorder.as_mut().expect("a run begins before its first trial")
    }

    /// Continues where the last of the records left the cell: a simulated world is put back as it was, a
    /// real one is there. Returns the log of the world.
    fn restore(
        &self,
        laboratory: &mut Laboratory,
        records: &[TrialRecord],
        world: Option<(Journal<WorldRecord>, WorldState)>,
    ) -> anyhow::Result<(TargetRecord, Option<Journal<WorldRecord>>)> {
        let dir = self.dir;
        let world_log = world.map(|(world_log, state)| {
            laboratory.world.restore(state);
            world_log
        });
        let record = TargetRecord::read(dir.root())?;
        let plate_location = match records.last() {
            Some(last) => plate_location_after(last, &dir.path(RunDir::TRIALS))?,
            None => laboratory.trial.plate_location_at_target(record.target),
        };
        laboratory.trial.resume(record.target, plate_location);
        match records.last() {
            Some(last) => {
                let is_hidden = last.is_localization_fault();
                laboratory.trial.resume_plate(last.plate_seen, last.put_by_person, is_hidden);
            }
            None => laboratory.trial.resume_plate(Some(record.target.look()), true, false),
        }
        if laboratory.trial.drift_monitor().is_some() {
            let damaged = || dir.path(TARGET).display().to_string();
            let reference = record
                .reference
                .as_ref()
                .with_context(|| format!("{} lacks the reference of camera.drift", damaged()))?;
            let suspect = records.last().is_some_and(|last| last.suspect);
            let corners = reference.iter().copied().map(Into::into).collect();
            let resumed = laboratory.trial.resume_drift_monitor(corners, suspect);
            resumed.with_context(|| format!("{} is damaged", damaged()))?;
            if laboratory.world.remember().is_none() {
                laboratory.trial.force_drift_check();
            }
        }
        Ok((record, world_log))
    }

    /// Records the target of a new run. Returns the log of its world, with that as its first line.
    fn record_target(
        &self,
        config: &RunConfig,
        laboratory: &mut Laboratory,
    ) -> anyhow::Result<(TargetRecord, Option<Journal<WorldRecord>>)> {
        let record = TargetRecord::make(config, laboratory)?;
        record.write(self.dir)?;
        let Some(state) = laboratory.world.remember() else {
            return Ok((record, None));
        };
        let mut world_log = Journal::create(&self.dir.path(WORLD))?;
        world_log.append(&WorldRecord { state, start: None, end: None, grasp: None })?;
        Ok((record, Some(world_log)))
    }
}

impl RunStore for FolderStore<'_> {
    fn records(&self) -> &[TrialRecord] {
        match (&self.recorder, &self.interrupted) {
            (Some(recorder), _) => recorder.records(),
            (None, Some(interrupted)) => interrupted.records(),
            (None, None) => &[],
        }
    }

    fn pretrained(&self, config: &RunConfig) -> anyhow::Result<Option<Policy>> {
        let kept = self.dir.path(PRETRAINED);
        kept.exists().then(|| pretrained_from(config, &kept)).transpose()
    }

    fn earlier_run(
        &mut self,
        earlier: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Vec<Trial>> {
        let root = self.dir.path(EARLIER_RUN);
        let (dir, config) = if root.exists() {
            let dir = RunDir::open(&root)?;
            let config = resolved(earlier)?.beside(&dir.path(RunDir::CONFIG));
            (dir, config)
        } else {
            create(earlier, &root)?
        };
        let mut silent = ();
        let mut store = FolderStore::open(&dir, &config, &mut silent)?;
        match run_to_end(&config, &mut store, observer)?.end {
            RunOutcome::Goal => EarlierRun { root, config: config.clone() }.trials(&config),
            early => Err(early.into()),
        }
    }

    fn keep_pretrained(&mut self, config: &RunConfig, policy: Policy) -> anyhow::Result<Policy> {
        self.dir.write(PRETRAINED, &policy.to_safetensors(&Metadata::new()))?;
        pretrained_from(config, &self.dir.path(PRETRAINED))
    }

    fn learner(
        &mut self,
        config: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Learner> {
        let (dir, seed) = (self.dir, u64::from(config.seed));
        let digests = self.interrupted.as_ref().map_or_else(Vec::new, InterruptedRun::digests);
        checkpoints::load(dir, || starting_policy(config, self, observer), seed, &digests)
    }

    fn begin(
        &mut self,
        config: &RunConfig,
        laboratory: &mut Laboratory,
    ) -> anyhow::Result<TargetRecord> {
        if config.camera.calibration.is_none() {
            // With it, the run's frames can be localized again.
            let camera = CameraFile::from(laboratory.trial.camera_model());
            self.dir.write(Recording::CAMERA, camera.to_toml().as_bytes())?;
        }
        let interrupted = self.interrupted.take().expect("a run begins once");
        let OpenLogs { log, records, world } = interrupted.open_logs(self.dir)?;
        let is_simulated = laboratory.world.remember().is_some();
        let has_begun = world.is_some() || (!is_simulated && self.dir.path(TARGET).exists());
        let (target, world_log) = if has_begun {
            self.restore(laboratory, &records, world)?
        } else if records.is_empty() {
            self.record_target(config, laboratory)?
        } else {
            let lost = if is_simulated { WORLD } else { TARGET };
            bail!("{} is missing; without it the run cannot resume", self.dir.path(lost).display());
        };
        let logs = Logs { trials: log, worlds: world_log };
        let progress = self.progress.take().expect("a run begins once");
        let seen = (config, laboratory.trial.camera_model());
        let metrics = MetricsFiles::new(self.dir, &records, seen, progress)?;
        let recorder = Recorder::new(self.dir, laboratory.world.clone(), logs, records, metrics);
        self.recorder = Some(recorder.keeping(KeptImages::of(config)));
        Ok(target)
    }

    fn backlog(&self, after: u32, to_learn: bool) -> anyhow::Result<TrialBacklog> {
        let records = self.records();
        let attempts = records.iter().rev().take_while(|record| record.is_fault()).count() as u32;
        Ok(match to_learn {
            true => {
                let trials = read_trials(self.dir.root(), records, after);
                TrialBacklog::read(trials.map(|trial| trial.map_err(Into::into)), attempts)
            }
            false => TrialBacklog::new(trials_without_images(records)?, attempts),
        })
    }

    fn record(&mut self, cell: &PickPlace, report: TrialReport<'_>) -> anyhow::Result<TrialRecord> {
        self.recorder().record(cell, report)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.recorder().flush()
    }

    fn on_update(&mut self, learner: &Learner) -> anyhow::Result<()> {
        self.recorder().on_update(learner)
    }

    fn keep_policy(&mut self, policy: &Policy) -> anyhow::Result<()> {
        Ok(self.dir.write(POLICY, &policy.to_safetensors(&Metadata::new()))?)
    }

    fn keep_belief(&mut self, belief: &SavedBelief) -> anyhow::Result<()> {
        Ok(self.dir.write(BELIEF, &serde_json::to_vec_pretty(belief)?)?)
    }

    fn finish(&mut self) -> anyhow::Result<Vec<TrialRecord>> {
        self.recorder.take().map_or_else(|| Ok(Vec::new()), Recorder::finish)
    }
}
