//! The one-step Markov decision process as a trait.

use crate::{Fault, Observation, Outcome, PoseAdjustment, TrialId};

/// A one-step MDP `(S, A, p, R, ρ0, γ)` (Sec. 3.1): one observation, one action, one reward.
///
/// The trainer knows the work cell only through this trait. Implementations are the pick-and-place
/// trial over real or simulated devices, or a task of the library's user.
pub trait Env {
    /// Brings about an initial state of `id.scene` and observes it.
    ///
    /// # Errors
    /// A fault; the attempt is over and the trainer will ask again with a higher attempt.
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault>;

    /// Executes `adjustment` from the state last observed. The episode then ends.
    ///
    /// # Errors
    /// A fault: the outcome says nothing about the action.
    fn step(&mut self, adjustment: PoseAdjustment) -> Outcome;
}
