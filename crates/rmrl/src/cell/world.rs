//! What lies behind a cell's devices: a simulation, or reality.

use rmrl_core::PlanarPose;
use rmrl_sim::{ArmTruth, GraspTruth, GroundTruth, SimulatedCell, WorldState};
use rmrl_vision::CameraModel;

use super::laboratory_error::LaboratoryError;
use super::simulated::simulated_cell;
use crate::config::{CellKind, RunConfig};

/// What lies behind a cell's devices, as far as software can know it.
#[derive(Clone)]
pub enum World {
    /// A simulation: it knows the ground truth, and a later process needs its saved state.
    Simulated(SimulatedCell),
    /// A laboratory, or one that another program emulates: its ground truth is unknown.
    Real,
}

impl World {
    /// The world behind the devices of a configuration, without the devices. `seed` is the laboratory's.
    ///
    /// # Errors
    /// The configuration of the simulated cell is invalid.
    pub fn of(config: &RunConfig, seed: u64) -> Result<Self, LaboratoryError> {
        Ok(match config.cell.kind {
            CellKind::Simulated => Self::Simulated(simulated_cell(config, seed)?),
            CellKind::XArm | CellKind::External => Self::Real,
        })
    }

    /// The plate's true pose, where it can be known.
    pub fn truth(&self) -> Option<GroundTruth> {
        match self {
            Self::Simulated(cell) => Some(cell.truth()),
            Self::Real => None,
        }
    }

    /// Where the arm would have to pick, where it can be known.
    pub fn best_pick(&self) -> Option<PlanarPose> {
        self.truth().map(|truth| truth.best_pick)
    }

    /// The true camera, where it can be known.
    pub fn true_camera(&self) -> Option<CameraModel> {
        match self {
            Self::Simulated(cell) => Some(cell.true_camera()),
            Self::Real => None,
        }
    }

    /// Where the arm truly puts its tool, where it can be known.
    pub fn arm_truth(&self) -> Option<ArmTruth> {
        match self {
            Self::Simulated(cell) => Some(cell.arm_truth()),
            Self::Real => None,
        }
    }

    /// What the last grasp truly did, where it can be known.
    pub fn grasp(&self) -> Option<GraspTruth> {
        match self {
            Self::Simulated(cell) => cell.grasp(),
            Self::Real => None,
        }
    }

    /// The ground truth at each capture of the last trial, oldest first.
    pub fn truth_at_captures(&self) -> Vec<GroundTruth> {
        match self {
            Self::Simulated(cell) => cell.truth_at_captures(),
            Self::Real => Vec::new(),
        }
    }

    /// The state that a later process has to restore. A real world keeps its own state.
    pub fn remember(&self) -> Option<WorldState> {
        match self {
            Self::Simulated(cell) => Some(cell.remember()),
            Self::Real => None,
        }
    }

    /// Puts the world back into a state that [`Self::remember`] returned.
    pub fn restore(&self, state: WorldState) {
        match self {
            Self::Simulated(cell) => cell.restore(state),
            Self::Real => {}
        }
    }
}
