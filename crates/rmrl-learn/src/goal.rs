//! When a run ends.

use rmrl_core::{Claim, Ending, Proof};

/// When a run ends: after a number of trials, or as soon as a claim about them is proven.
///
/// The trials of the training count as they are. That they sample their actions, which misses more
/// often than the deployed arg-max, delays a proof. That the trials of a scene start close together,
/// and each is learnt from before the next, makes them easier than new placements: what is to hold
/// for those needs scenes of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    trials: u32,
    proof: Option<Proof>,
}

impl Goal {
    /// A run of `trials` trials, which ends before if `claim` is given and proven.
    pub fn new(trials: u32, claim: Option<Claim>) -> Self {
        Self { trials, proof: claim.map(|claim| Proof::of(claim, trials)) }
    }

    /// Takes note of how a completed trial ended. Every trial has to be noted, in order, those of
    /// an interrupted run's checkpoint included.
    pub fn note(&mut self, ending: &Ending) {
        if let Some(proof) = &mut self.proof {
            proof.note_ending(ending);
        }
    }

    /// Whether a run of `trials` completed trials ends there.
    pub fn is_reached(&self, trials: u32) -> bool {
        trials >= self.trials || self.proof.is_some_and(|proof| proof.proven_at().is_some())
    }

    /// The proof under way, if something is to be proven.
    pub fn proof(&self) -> Option<&Proof> {
        self.proof.as_ref()
    }
}

impl From<u32> for Goal {
    /// A number of trials, and nothing to prove.
    fn from(trials: u32) -> Self {
        Self::new(trials, None)
    }
}
