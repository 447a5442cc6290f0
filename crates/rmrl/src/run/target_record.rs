//! The target of a run, as it was recorded before the first trial: `target.json`.

use std::path::Path;

use anyhow::Context;
use rmrl_cell::{DriftMonitor, Target};
use rmrl_core::PlanarPose;
use rmrl_data::{RunDir, TimeStamp};
use rmrl_files::read_regular_file;
use serde::{Deserialize, Serialize};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;

/// The file of a run directory.
pub(crate) const TARGET: &str = "target.json";
/// It is never larger, in bytes: a noise floor has a hundred bytes for each repeat.
const MOST_BYTES: u64 = 64 << 20;

/// The target as it was recorded, and how well the resting plate can be localized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// When it was recorded; `None` in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeStamp>,
    /// `P_target` and its height.
    pub target: Target,
    /// The plate at the target, localized again and again.
    pub noise_floor: Vec<PlanarPose>,
    /// The corners of the reference board as they were seen then, world frame, in meters; `None`
    /// where none is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<[f64; 2]>>,
}

impl TargetRecord {
    /// Records the target of a laboratory and measures its noise floor: what comes before any trial.
    ///
    /// # Errors
    /// The plate could not be put at its target or not be seen there.
    pub(crate) fn make(config: &RunConfig, laboratory: &mut Laboratory) -> anyhow::Result<Self> {
        let target = laboratory.trial.record_target()?;
        let noise_floor = laboratory
            .trial
            .noise_floor(config.metrics.noise_floor_repeats)
            .context("the noise floor could not be measured")?;
        let reference = laboratory.trial.drift_monitor().and_then(DriftMonitor::reference);
        let reference =
            reference.map(|corners| corners.iter().map(|corner| (*corner).into()).collect());
        Ok(Self { time: Some(TimeStamp::now()), target, noise_floor, reference })
    }

    /// Reads the target that the run in `root` recorded.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(TARGET);
        let bytes = read_regular_file(&path, MOST_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes it into a run directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, dir: &RunDir) -> anyhow::Result<()> {
        Ok(dir.write(TARGET, &serde_json::to_vec_pretty(self)?)?)
    }
}
