//! The memory of a simulated world: `simulator.jsonl`.

use rmrl_core::PlanarPose;
use rmrl_sim::{GraspTruth, WorldState};
use serde::{Deserialize, Serialize};

/// The file of a run directory.
pub(crate) const WORLD: &str = "simulator.jsonl";

/// A line of it: what a simulated world keeps by being written down, and a real one by being there.
/// Truth stays here, apart from what devices reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorldRecord {
    /// The world after the trial.
    pub(crate) state: WorldState,
    /// Where the plate truly was in the image before the action.
    pub(crate) start: Option<PlanarPose>,
    /// Where it truly was in the image after placing.
    pub(crate) end: Option<PlanarPose>,
    /// What the jaws truly did to it.
    #[serde(default)]
    pub(crate) grasp: Option<GraspTruth>,
}
