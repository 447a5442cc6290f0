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

/// Why a run ends between two attempts, before it reached its goal. It can be gone on with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EarlyEnd {
    /// Somebody stopped it.
    #[error("stopped by {by}")]
    Stopped {
        /// Who, for a person to read.
        by: String,
    },
    /// The time that it was given is over.
    #[error("the {hours} h that the run was given are over")]
    TimeIsUp {
        /// How long that was, in hours.
        hours: f64,
    },
    /// More attempts have failed than were to be put up with.
    #[error(
        "{faults} attempts have failed since the run began or went on, as many as it was given"
    )]
    Faults {
        /// How many.
        faults: u32,
    },
    /// Nobody confirmed that the arm may move.
    #[error("nobody confirmed within {minutes} minutes that the arm may move")]
    NotConfirmed {
        /// How long was waited, in minutes.
        minutes: f64,
    },
    /// Nobody can confirm: there is no page, and standard input has ended.
    #[error(
        "nobody can confirm that the arm may move: standard input has ended and no page is served"
    )]
    NobodyToConfirm,
    /// Somebody was asked, and said no.
    #[error("the operator declined; the arm was not moved")]
    Declined,
}

impl From<u32> for Goal {
    /// A number of trials, and nothing to prove.
    fn from(trials: u32) -> Self {
        Self::new(trials, None)
    }
}
