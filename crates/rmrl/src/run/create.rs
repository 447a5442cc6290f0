//! Making a run directory.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use rmrl_data::RunDir;
use rmrl_files::read_regular_file;
use rmrl_vision::Recording;

use crate::cell::calibration_gate::admit;
use crate::cell::reachability::prove_reach;
use crate::config::{CellKind, RunConfig};
use crate::run::initial_policy::{initial_policy, pretrained_from};

/// No camera file is larger, in bytes.
const MOST_CAMERA_BYTES: u64 = 16 << 20;

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
    let dir = RunDir::create(root, &resolved.to_run_toml())?;
    if let Some(path) = calibration {
        let text = read_regular_file(path, MOST_CAMERA_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))?;
        dir.write(Recording::CAMERA, &text)?;
    }
    let config = resolved.beside(&dir.path(RunDir::CONFIG));
    Ok((dir, config))
}

/// A configuration that means the same wherever the run resumes: seeds decided, paths absolute.
///
/// # Errors
/// There is no working directory to resolve a path against.
pub(crate) fn resolved(config: &RunConfig) -> anyhow::Result<RunConfig> {
    let mut resolved = config.with_absolute_paths()?;
    resolved.cell.seed = Some(config.cell_seed());
    Ok(resolved)
}
