//! What the configuration of a run says to somebody who reads its trials as a LeRobot dataset.

use std::path::Path;

use rmrl_cell::TaskKind;
use rmrl_data::RunDir;
use rmrl_lerobot::RunSource;

use crate::config::{CellKind, ConfigError, RunConfig};
use crate::run::provenance::ABOUT;
use crate::run::target_record::TARGET;
use crate::run::world_record::WORLD;

/// A camera that a run's cell served, or that a simulated cell drew.
const CAMERA: &str = "camera.toml";

/// The run in `root` as a source of [`rmrl_lerobot::Export`].
///
/// # Errors
/// Its configuration cannot be read.
pub fn lerobot_source(root: &Path) -> Result<RunSource, ConfigError> {
    let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
    let robot = match config.cell.kind {
        CellKind::Simulated => "simulated".to_string(),
        CellKind::XArm => config.xarm.model.key().to_string(),
        CellKind::External => "external".to_string(),
    };
    let place = match config.task.kind {
        TaskKind::Table => "into the box on the table",
        TaskKind::Shelf => "into the slot on the shelf",
    };
    let actions = &config.actions;
    let candidates = format!(
        "{} x {} mm and {} x {} deg, refined {} times",
        actions.translation_bins,
        actions.translation_step_mm,
        actions.rotation_bins,
        actions.rotation_step_deg,
        config.schedule.refinements,
    );
    let reward = &config.reward;
    Ok(RunSource {
        root: root.to_path_buf(),
        task: format!("Pick the cell plate and place it {place}"),
        robot,
        method: format!("{}, seed {}", config.method.as_str(), config.seed),
        candidates,
        reward: format!(
            "exp(-(e_trans / {} m + {} e_rot))",
            reward.translation_scale_m, reward.rotation_weight
        ),
        files: [RunDir::CONFIG, TARGET, ABOUT, CAMERA].map(str::to_string).to_vec(),
        world: WORLD.to_string(),
    })
}
