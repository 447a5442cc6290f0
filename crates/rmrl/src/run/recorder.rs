//! Keeps every attempt in a run directory: images, the simulated world, the line in the log, metrics
//! and checkpoints.

use std::sync::Arc;

use rmrl_cell::{Capture, PickPlace};
use rmrl_core::TrialReport;
use rmrl_data::{ImagesRecord, RunDir, TrialRecord};
use rmrl_learn::Learner;

use crate::cell::world::World;
use crate::run::attempt_writer::{Attempt, AttemptWriter, ImageToWrite, Logs};
use crate::run::checkpoints;
use crate::run::kept_images::KeptImages;
use crate::run::metrics_files::MetricsFiles;
use crate::run::trial_record::trial_record;
use crate::run::world_record::WorldRecord;

/// Makes a run directory. It writes beside the learning that follows a trial, and has done so before the
/// arm moves again.
pub(crate) struct Recorder<'a> {
    dir: &'a RunDir,
    world: World,
    writer: AttemptWriter,
    /// What is on disk.
    records: Vec<TrialRecord>,
    metrics: MetricsFiles<'a>,
    kept: KeptImages,
    /// Trials before the last checkpoint.
    checkpointed: u32,
}

impl<'a> Recorder<'a> {
    /// A recorder that continues after `records`, which are in `logs`.
    pub(crate) fn new(
        dir: &'a RunDir,
        world: World,
        logs: Logs,
        records: Vec<TrialRecord>,
        metrics: MetricsFiles<'a>,
    ) -> Self {
        let writer = AttemptWriter::new(dir.image_writer(), logs);
        Self { dir, world, writer, records, metrics, kept: KeptImages::default(), checkpointed: 0 }
    }

    /// Keeps these images. By default all, exactly.
    #[must_use]
    pub(crate) fn keeping(mut self, kept: KeptImages) -> Self {
        self.kept = kept;
        self
    }

    /// What is on disk.
    pub(crate) fn records(&self) -> &[TrialRecord] {
        &self.records
    }

    /// Begins to write an attempt. Returns its record.
    ///
    /// # Errors
    /// The attempt before it could not be kept.
    pub(crate) fn record(
        &mut self,
        cell: &PickPlace,
        report: TrialReport<'_>,
    ) -> anyhow::Result<TrialRecord> {
        self.flush()?;
        let mut record = trial_record(cell, &self.world, report)?;
        let evidence = cell.evidence();
        let mut images = Vec::with_capacity(4);
        let (start, start_depth) =
            self.images(&record, "start", evidence.start.as_ref(), &mut images);
        let (end, end_depth) = self.images(&record, "final", evidence.end.as_ref(), &mut images);
        record.images = ImagesRecord { start, start_depth, end, end_depth };
        let truths = self.world.truth_at_captures();
        let truth_in =
            |capture: &Option<Capture>| Some(truths.get(capture.as_ref()?.number)?.plate);
        let (start, end) = (truth_in(&evidence.start), truth_in(&evidence.end));
        let grasp = self.world.grasp();
        let world = self.world.remember().map(|state| WorldRecord { state, start, end, grasp });
        self.writer.begin(Attempt { images, world, record: record.clone() })?;
        Ok(record)
    }

    /// Adds a capture's images, and returns the names of color and depth.
    fn images(
        &self,
        record: &TrialRecord,
        moment: &str,
        capture: Option<&Capture>,
        images: &mut Vec<(String, ImageToWrite)>,
    ) -> (Option<String>, Option<String>) {
        let Some(capture) = capture else {
            return (None, None);
        };
        let stem = format!("{}/{:05}-{}-{moment}", RunDir::IMAGES, record.trial, record.attempt);
        let color = format!("{stem}.png");
        let rounding = self.kept.rounding_of(capture);
        let image = ImageToWrite::Color(Arc::clone(&capture.frame.color), rounding);
        images.push((color.clone(), image));
        if !self.kept.depth {
            return (Some(color), None);
        }
        let depth = format!("{stem}-depth.png");
        images.push((depth.clone(), ImageToWrite::Depth(capture.frame.depth.clone(), rounding)));
        (Some(color), Some(depth))
    }

    /// Waits until the attempt that is being written is on disk, and writes its metrics.
    ///
    /// # Errors
    /// It could not be written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let Some(record) = self.writer.flush()? else {
            return Ok(());
        };
        self.metrics.write(&record)?;
        self.records.push(record);
        Ok(())
    }

    /// Writes a checkpoint where it is time for one.
    ///
    /// # Errors
    /// The last attempt, or the checkpoint, could not be written.
    pub(crate) fn on_update(&mut self, learner: &Learner) -> anyhow::Result<()> {
        self.flush()?;
        let is_own_scene = self.records.last().is_some_and(|last| last.scene == last.trial);
        // A checkpoint saves learning again, and costs time itself: a hundred megabytes of it where
        // the encoder learns.
        let interval = match learner.policy.config().encoder.train {
            true => 30,
            false if is_own_scene => 10,
            false => 1,
        };
        if learner.is_between_scenes() && learner.trials() >= self.checkpointed + interval {
            checkpoints::save(self.dir, learner, &self.writer.digests())?;
            self.checkpointed = learner.trials();
        }
        Ok(())
    }

    /// Ends the recording. Returns what was recorded, all of it on disk.
    ///
    /// # Errors
    /// The last attempt could not be kept.
    pub(crate) fn finish(mut self) -> anyhow::Result<Vec<TrialRecord>> {
        self.flush()?;
        self.metrics.finish()?;
        Ok(self.records)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;
    use rmrl_data::Journal;
    use rmrl_learn::{
        FixedPolicyRun, NoCorrection, Observer, ObserverError, TrialBacklog, TrialPlan,
    };

    use super::*;
    use crate::cell::assembly::Laboratory;
    use crate::config::RunConfig;

    /// Records, and nothing else.
    struct Recording<'a>(Recorder<'a>);

    impl Observer<PickPlace> for Recording<'_> {
        fn trial_ended(
            &mut self,
            cell: &PickPlace,
            report: TrialReport<'_>,
        ) -> Result<(), ObserverError> {
            self.0.record(cell, report).map(|_| ()).map_err(Into::into)
        }

        fn flush(&mut self) -> Result<(), ObserverError> {
            self.0.flush().map_err(Into::into)
        }
    }

    /// Writing happens beside other work, so its error arrives late: but by name, and before the arm
    /// moves again.
    #[test]
    fn an_image_that_cannot_be_written_ends_the_run_before_the_next_motion() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&folder.path().join("run"), "").unwrap();
        std::fs::create_dir(dir.path("images/00002-1-final.png")).unwrap();
        let config = RunConfig::for_task(TaskKind::Table);
        let mut laboratory = Laboratory::assemble(&config, 0).unwrap();
        laboratory.trial.record_target().unwrap();
        let log = Journal::create(&dir.path(RunDir::TRIALS)).unwrap();
        let mut progress = ();
        let seen = (&config, laboratory.trial.camera_model());
        let metrics = MetricsFiles::new(&dir, &[], seen, &mut progress).unwrap();
        let logs = Logs { trials: log, worlds: None };
        let recorder = Recorder::new(&dir, laboratory.world.clone(), logs, Vec::new(), metrics);
        let mut kept = KeptImages::default();
        kept.depth = false;
        let mut recorder = Recording(recorder.keeping(kept));
        let run = FixedPolicyRun {
            env: &mut laboratory.trial,
            policy: &mut NoCorrection,
            plan: TrialPlan::of_trials(5, 10),
            backlog: TrialBacklog::nothing(),
            observer: &mut recorder,
        };
        let error = anyhow::Error::from(run.run().unwrap_err());
        let message = format!("{error:#}");
        assert!(message.contains("trial 3 cannot begin"), "{message}");
        assert!(message.contains("00002-1-final.png"), "{message}");
        let written = rmrl_data::Written::<TrialRecord>::read(&dir.path(RunDir::TRIALS)).unwrap();
        assert_eq!(written.entries().len(), 1);
        assert_eq!(recorder.0.finish().unwrap().len(), 1);
    }
}
