//! Keeps every trial: pictures, the simulated world, the line in the log, and metrics.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rmrl_cell::{Capture, PickPlace, Whereabouts};
use rmrl_core::{PlanarPose, TrialReport};
use rmrl_data::{
    DriftRecord, DurationsRecord, EventWriter, ImagesRecord, Journal, MetricsRow, RunDir,
    TrialRecord, metrics, to_csv,
};
use rmrl_learn::{Learner, Observer, ObserverError};
use rmrl_sim::{GraspTruth, WorldState};
use serde::{Deserialize, Serialize};

use crate::cell::assembly::World;
use crate::run::attempt_writer::{Archive, Attempt, Logs, Picture};
use crate::run::checkpoints;

/// A line of `simulator.jsonl`: what a simulated world keeps by being written down, and a real one
/// by being there. Truth stays here, apart from what devices reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorldRecord {
    /// The world after the trial.
    pub state: WorldState,
    /// Where the plate truly was in the picture before the action.
    pub start: Option<PlanarPose>,
    /// Where it truly was in the picture after placing.
    pub end: Option<PlanarPose>,
    /// What the jaws truly did to it.
    #[serde(default)]
    pub grasp: Option<GraspTruth>,
}

/// Hears of every trial once it is kept.
pub trait Progress {
    /// A trial was completed.
    fn completed(&mut self, row: &MetricsRow);
}

impl Progress for () {
    fn completed(&mut self, _: &MetricsRow) {}
}

/// The observer that makes a run directory. It writes beside the learning that follows a trial, and has
/// done so before the arm moves again.
pub struct Recorder<'a> {
    dir: &'a RunDir,
    world: World,
    archive: Archive,
    /// What is on disk.
    records: Vec<TrialRecord>,
    csv: File,
    events: EventWriter,
    keep_depth: bool,
    /// Trials before the last checkpoint.
    checkpointed: u32,
    smoothing: f64,
    progress: &'a mut dyn Progress,
}

impl<'a> Recorder<'a> {
    /// The simulated world's memory.
    pub const WORLD: &'static str = "simulator.jsonl";
    const CSV: &'static str = "metrics.csv";
    const EVENTS: &'static str = "events.out.tfevents.rmrl";

    /// A recorder that goes on after `records`; metrics are made anew from them.
    ///
    /// # Errors
    /// The metrics cannot be written.
    pub fn new(
        dir: &'a RunDir,
        world: World,
        (log, records): (Journal<TrialRecord>, Vec<TrialRecord>),
        world_log: Option<Journal<WorldRecord>>,
        (keep_depth, smoothing): (bool, f64),
        progress: &'a mut dyn Progress,
    ) -> anyhow::Result<Self> {
        let rows = metrics(&records, smoothing);
        dir.write(Self::CSV, to_csv(&rows).as_bytes())?;
        let csv = OpenOptions::new().append(true).open(dir.path(Self::CSV))?;
        let mut events = EventWriter::create(&dir.path(Self::EVENTS), now_secs())?;
        for row in &rows {
            events.scalars(now_secs(), i64::from(row.trial), &row.scalars())?;
            progress.completed(row);
        }
        events.flush()?;
        Ok(Self {
            dir,
            world,
            archive: Archive::new(dir.pictures(), Logs { trials: log, worlds: world_log }),
            records,
            csv,
            events,
            keep_depth,
            checkpointed: 0,
            smoothing,
            progress,
        })
    }

    /// Ends the recording: what was recorded, all of it on disk.
    ///
    /// # Errors
    /// The last attempt could not be kept.
    pub fn finish(mut self) -> anyhow::Result<Vec<TrialRecord>> {
        self.keep()?;
        Ok(self.records)
    }

    /// A capture's pictures, and the names of colour and depth.
    fn pictures(
        &self,
        record: &TrialRecord,
        moment: &str,
        capture: Option<&Capture>,
        pictures: &mut Vec<(String, Picture)>,
    ) -> (Option<String>, Option<String>) {
        let Some(capture) = capture else {
            return (None, None);
        };
        let stem = format!("{}/{:05}-{}-{moment}", RunDir::IMAGES, record.trial, record.attempt);
        let color = format!("{stem}.png");
        pictures.push((color.clone(), Picture::Color(Arc::clone(&capture.frame.color))));
        if !self.keep_depth {
            return (Some(color), None);
        }
        let depth = format!("{stem}-depth.png");
        pictures.push((depth.clone(), Picture::Depth(capture.frame.depth.clone())));
        (Some(color), Some(depth))
    }

    /// Begins to write an attempt.
    fn record(&mut self, cell: &PickPlace, report: TrialReport<'_>) -> anyhow::Result<()> {
        self.keep()?;
        let mut record = record_of(cell, report);
        let evidence = cell.evidence();
        let mut pictures = Vec::with_capacity(4);
        let (start, start_depth) =
            self.pictures(&record, "start", evidence.start.as_ref(), &mut pictures);
        let (end, end_depth) =
            self.pictures(&record, "final", evidence.end.as_ref(), &mut pictures);
        record.images = ImagesRecord { start, start_depth, end, end_depth };
        record.camera_drift = evidence.drift.map(|drift| DriftRecord {
            dx_m: drift.dx_m,
            dy_m: drift.dy_m,
            dyaw_rad: drift.dyaw_rad,
            drift_m: drift.drift_m,
        });
        record.suspect = cell.is_suspect();
        record.whereabouts = serde_json::to_value(cell.whereabouts())?;
        if let (Some(truth), Some(_)) = (self.world.truth(), record.final_pose) {
            record.true_e_trans_m = Some(truth.e_trans_m());
            record.true_yaw_error_rad = Some(truth.yaw_error_rad());
            record.true_seated = Some(truth.seated);
        }
        let pictured = self.world.pictured();
        let truth_in =
            |capture: &Option<Capture>| Some(pictured.get(capture.as_ref()?.number)?.plate);
        let (start, end) = (truth_in(&evidence.start), truth_in(&evidence.end));
        let grasp = self.world.grasp();
        let world = self.world.remember().map(|state| WorldRecord { state, start, end, grasp });
        self.archive.begin(Attempt { pictures, world, record })
    }

    /// Waits until the attempt that is being written is on disk, and makes metrics of it.
    fn keep(&mut self) -> anyhow::Result<()> {
        let Some(record) = self.archive.settle()? else {
            return Ok(());
        };
        let is_fault = record.is_fault();
        self.records.push(record);
        if !is_fault {
            let rows = metrics(&self.records, self.smoothing);
            let row = rows.last().expect("a completed trial has a row");
            let csv = to_csv(&rows[rows.len() - 1..]);
            let line = csv.split_once('\n').map_or("", |(_, line)| line);
            self.csv.write_all(line.as_bytes())?;
            self.events.scalars(now_secs(), i64::from(row.trial), &row.scalars())?;
            self.events.flush()?;
            self.progress.completed(row);
        }
        Ok(())
    }
}

impl Observer<PickPlace> for Recorder<'_> {
    fn trial_ended(
        &mut self,
        cell: &PickPlace,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        self.record(cell, report).map_err(Into::into)
    }

    fn settle(&mut self) -> Result<(), ObserverError> {
        self.keep().map_err(Into::into)
    }

    fn learnt(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        self.keep()?;
        let is_own_scene = self.records.last().is_some_and(|last| last.scene == last.trial);
        // A checkpoint saves learning again, and costs time itself: a hundred megabytes of it where
        // the encoder learns.
        let interval = match learner.policy.config().encoder.train {
            true => 30,
            false if is_own_scene => 10,
            false => 1,
        };
        if learner.is_between_scenes() && learner.trials() >= self.checkpointed + interval {
            checkpoints::save(self.dir, learner, self.archive.digests())?;
            self.checkpointed = learner.trials();
        }
        Ok(())
    }
}

/// What the robot believed of the plate after a record.
///
/// # Errors
/// The record says something else.
pub fn whereabouts_after(record: &TrialRecord, log: &Path) -> anyhow::Result<Whereabouts> {
    serde_json::from_value(record.whereabouts.clone()).map_err(|error| {
        anyhow::anyhow!("{}, trial {}: whereabouts: {error}", log.display(), record.trial)
    })
}

fn now_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// What the log says of an attempt whether or not pictures are kept.
pub(crate) fn record_of(cell: &PickPlace, report: TrialReport<'_>) -> TrialRecord {
    let durations = cell.evidence().durations;
    TrialRecord {
        plate_after_miss: cell.evidence().after_miss,
        durations_s: DurationsRecord {
            prepare: durations.prepare_secs,
            capture: durations.capture_secs,
            localize: durations.localize_secs,
            pick_place: durations.pick_place_secs,
        },
        ..TrialRecord::of(report)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;
    use rmrl_learn::{NoCorrection, Recorded, run_trials};

    use super::*;
    use crate::cell::assembly::Laboratory;
    use crate::config::RunConfig;

    /// Writing goes on beside other work, so its error arrives late: but by name, and before the arm
    /// moves again.
    #[test]
    fn a_picture_that_cannot_be_written_ends_the_run_before_the_next_motion() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&folder.path().join("run"), "").unwrap();
        std::fs::create_dir(dir.path("images/00002-1-final.png")).unwrap();
        let mut laboratory =
            Laboratory::assemble(&RunConfig::for_task(TaskKind::Table), 0).unwrap();
        laboratory.trial.record_target().unwrap();
        let log = Journal::create(&dir.path(RunDir::TRIALS)).unwrap();
        let mut progress = ();
        let mut recorder = Recorder::new(
            &dir,
            laboratory.world.clone(),
            (log, Vec::new()),
            None,
            (false, 0.0),
            &mut progress,
        )
        .unwrap();
        let cell = &mut laboratory.trial;
        let mut nothing = Recorded::nothing();
        let error = run_trials(cell, &mut NoCorrection, 10, 5, &mut nothing, &mut recorder);
        let error = anyhow::Error::from(error.unwrap_err());
        let message = format!("{error:#}");
        assert!(message.contains("trial 3 cannot begin"), "{message}");
        assert!(message.contains("00002-1-final.png"), "{message}");
        let written = rmrl_data::Written::<TrialRecord>::read(&dir.path(RunDir::TRIALS)).unwrap();
        assert_eq!(written.entries().len(), 1);
        assert_eq!(recorder.finish().unwrap().len(), 1);
    }
}
