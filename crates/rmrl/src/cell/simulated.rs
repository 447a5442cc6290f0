//! The simulated cell of a configuration.

use rmrl_sim::{SimulatedCell, TableBoard};
use rmrl_vision::CameraFile;

use super::laboratory_error::LaboratoryError;
use crate::config::RunConfig;

/// The simulated cell of a configuration, whatever its `cell.kind` is. `seed` decides where plates start, and the
/// noise of the devices.
///
/// # Errors
/// The configuration of the cell or the camera file is invalid.
pub fn simulated_cell(config: &RunConfig, seed: u64) -> Result<SimulatedCell, LaboratoryError> {
    let mut simulation = config.simulation;
    if let (None, Some(drift)) = (simulation.board, config.camera.drift) {
        simulation.board = Some(TableBoard::beside_workspace(drift.board));
    }
    let cell_seed = u64::from(config.cell_seed());
    let cell = SimulatedCell::new(&simulation, &config.task, cell_seed, seed)?;
    if let Some(path) = &config.camera.calibration {
        cell.calibrate(CameraFile::read(path)?.overhead(path)?)?;
    }
    Ok(cell)
}
