//! What a report shows, as a run directory has it.

use std::path::Path;

use rmrl_cell::Camera;
use rmrl_core::{Scene, role_model};
use rmrl_data::{MetricsRow, TrialRecord, Written, metrics};
use rmrl_vision::CameraModel;

use crate::analysis::error_budget::{CellTruth, ErrorBudget, PlacementBudget, PlacementPoses};
use crate::analysis::noise_floor::NoiseFloor;
use crate::analysis::summary::Summary;
use crate::cell::world::World;
use crate::config::RunConfig;
use crate::perception::frame_source::camera_of_run;
use crate::run::run_log::{read_records, trials_without_images};
use crate::run::target_record::TargetRecord;
use crate::run::world_record::{WORLD, WorldRecord};

/// Placements at the end of the run whose error is split by its causes.
const BUDGETED_TRIALS: usize = 10;

/// A run, read for its report.
pub(super) struct ReportData<'a> {
    /// The run directory.
    pub root: &'a Path,
    /// The run's configuration.
    pub config: &'a RunConfig,
    /// The run in a few numbers.
    pub summary: Summary,
    /// The metrics of each completed trial.
    pub rows: Vec<MetricsRow>,
    /// How well a resting plate can be measured.
    pub noise_floor: NoiseFloor,
    /// What lies behind the cell's devices.
    pub world: World,
    /// The camera as calibrated.
    pub camera: CameraModel,
    /// Every attempt, faults included.
    records: Vec<TrialRecord>,
    /// The simulator's log; empty for a real cell.
    worlds: Vec<WorldRecord>,
}

impl<'a> ReportData<'a> {
    /// Reads the run in `root`. Uses no device, because reports are also made where no cell is.
    ///
    /// # Errors
    /// The run cannot be read, or has no completed trial yet.
    pub fn read(config: &'a RunConfig, root: &'a Path) -> anyhow::Result<Self> {
        let records = read_records(root)?;
        anyhow::ensure!(
            !records.iter().all(TrialRecord::is_fault),
            "{} has no completed trial to report yet",
            root.display()
        );
        let target = TargetRecord::read(root)?;
        let world = World::of(config, u64::from(config.seed))?;
        let camera = match &world {
            World::Simulated(cell) => cell.model(),
            World::Real => camera_of_run(root)?,
        };
        let path = root.join(WORLD);
        let worlds = if path.exists() { Written::read(&path)?.into_entries() } else { Vec::new() };
        Ok(Self {
            root,
            config,
            summary: Summary::of(config, &records, Some(&target)),
            rows: metrics(&records, config.metrics.smoothing),
            noise_floor: NoiseFloor::of(&target.noise_floor),
            world,
            camera,
            records,
            worlds,
        })
    }

    /// The completed trials, each with the state of the simulated world after it.
    pub fn trials(&self) -> Vec<(&TrialRecord, Option<&WorldRecord>)> {
        // The first line of the world's log is the state before the first trial.
        self.records
            .iter()
            .enumerate()
            .filter(|(_, record)| !record.is_fault())
            .map(|(line, record)| (record, self.worlds.get(line + 1)))
            .collect()
    }

    /// The numbers of the trials that are the role model of their scene (Eq. 2); none where the
    /// method labels nothing.
    pub fn role_models(&self) -> anyhow::Result<Vec<u32>> {
        let labels = self.config.learning_method().is_some_and(|m| m.labeling.is_some());
        let completed: Vec<TrialRecord> =
            self.records.iter().filter(|record| !record.is_fault()).cloned().collect();
        let mut models = Vec::new();
        let scenes = completed.chunk_by(|a, b| a.scene == b.scene);
        // The best of one trial is a model of nothing.
        for records in scenes.filter(|scene| labels && scene.len() > 1) {
            let mut scene = Scene::new();
            scene.extend(trials_without_images(records)?);
            models.extend(role_model(&scene).map(|trial| trial.id.trial));
        }
        Ok(models)
    }

    /// The true yaw error of a trial without its sign, in degrees, where it is known.
    pub fn true_yaw_deg(&self, trial: u32) -> Option<f64> {
        let mut completed = self.records.iter().filter(|record| !record.is_fault());
        let record = completed.find(|record| record.trial == trial)?;
        record.true_yaw_error_rad.map(|yaw_rad| yaw_rad.to_degrees().abs())
    }

    /// Where the error of the last placements comes from.
    pub fn error_budget(&self) -> ErrorBudget {
        let cell = CellTruth::of(&self.world, &self.camera, self.config);
        let trials = self.trials();
        let last = trials.iter().rev().filter(|(record, _)| record.failure.is_none());
        let (mut measured_m, mut budgets) = (Vec::new(), Vec::new());
        for (record, world) in last.take(BUDGETED_TRIALS) {
            measured_m.extend(record.e_trans_m);
            let poses = || {
                let world = world.as_ref()?;
                Some(PlacementPoses {
                    estimated: record.estimated_pose?,
                    pick: record.pick_pose?,
                    start: world.start?,
                    end: world.end?,
                    grasp: world.grasp?,
                })
            };
            let of_trial = || PlacementBudget::of(cell.as_ref()?, &poses()?);
            budgets.extend(of_trial());
        }
        ErrorBudget::of(self.noise_floor.distance_mm, &measured_m, budgets)
    }
}
