//! The one-step Markov decision process as a trait.

use crate::{Fault, Observation, PlanarPose, PoseAdjustment, StepResult, TrialId};

/// A one-step MDP `(S, A, p, R, ρ0, γ)` (Sec. 3.1): one observation, one action, one reward.
///
/// The trainer knows the work cell only through this trait. The pick-and-place trial implements it, over
/// real or simulated devices; a user of the library can implement it for another task.
pub trait Env {
    /// Prepares an initial state of `id.scene` and observes it.
    ///
    /// # Errors
    /// A fault. It ends the attempt, and the trainer tries again with a higher attempt number.
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault>;

    /// Executes `adjustment` from the state last observed. The episode then ends.
    ///
    /// # Errors
    /// A fault, which says nothing about the action.
    fn step(&mut self, adjustment: PoseAdjustment) -> StepResult;

    /// The next attempt should start with the plate at `start`, instead of where its scene has it. Does nothing by default.
    fn start_at(&mut self, start: PlanarPose) {
        let _ = start;
    }

    /// Says whether the step that follows is made with care: slowly and with room to spare, because the policy does not know
    /// the place well. Does nothing by default.
    fn take_care(&mut self, care: bool) {
        let _ = care;
    }

    /// From now on a plate on the target is seen at `target`, because the camera has been moved. Does nothing by default.
    fn retarget(&mut self, target: PlanarPose) {
        let _ = target;
    }
}
