//! What the emulated controller moves.

use rmrl_cell::{Arm, Gripper};

/// The devices that the controller moves: a cell, simulated or kinematic.
///
/// Its world is the arm's base frame. Its tool's point is at
/// [`EmulatorConfig::flange_from_tool`](crate::emulator::EmulatorConfig::flange_from_tool).
pub struct Plant {
    /// The arm, which only knows tools that point straight down.
    pub arm: Box<dyn Arm>,
    /// The gripper.
    pub gripper: Box<dyn Gripper>,
}
