//! When a run ends: at its goal, or for another reason before it.

use rmrl_core::{Claim, Outcome, Proof};

/// The goal of a run: a number of trials, or the proof of a claim about them.
///
/// The trials of the training count. They sample their actions, which misses more often than the
/// deployed arg-max and delays a proof. The trials of a scene start close together and the policy
/// learns from each before the next, so they are easier than new placements. A claim about new
/// placements needs scenes of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    trials: u32,
    proof: Option<Proof>,
}

impl Goal {
    /// A run of `trials` trials, which ends earlier if it proves `claim`.
    pub fn new(trials: u32, claim: Option<Claim>) -> Self {
        Self { trials, proof: claim.map(|claim| Proof::of(claim, trials)) }
    }

    /// Metadata the end of a completed trial. The caller notes every trial in order, also those in an
    /// interrupted run's checkpoint.
    pub fn note(&mut self, outcome: &Outcome) {
        if let Some(proof) = &mut self.proof {
            proof.note_outcome(outcome);
        }
    }

    /// Whether a run of `trials` completed trials ends there.
    pub fn is_reached(&self, trials: u32) -> bool {
        trials >= self.trials || self.proof.is_some_and(|proof| proof.proven_at().is_some())
    }

    /// The proof under way, if there is a claim.
    pub fn proof(&self) -> Option<&Proof> {
        self.proof.as_ref()
    }
}

/// Why a run stopped early, between two attempts. Such a run can be resumed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StopReason {
    /// Somebody stopped it.
    #[error("stopped by {by}")]
    Stopped {
        /// Who stopped it, for a person to read.
        by: String,
    },
    /// Its time is over.
    #[error("the {hours} h that the run was given are over")]
    TimeIsUp {
        /// The time limit, in hours.
        hours: f64,
    },
    /// As many attempts have failed as the run allows.
    #[error("{faults} attempts have failed since the run began or resumed, which is its limit")]
    Faults {
        /// The number of failed attempts.
        faults: u32,
    },
    /// Nobody confirmed that the arm may move.
    #[error("nobody confirmed within {minutes} minutes that the arm may move")]
    NotConfirmed {
        /// The waiting time, in minutes.
        minutes: f64,
    },
    /// Nobody can confirm: no page is served, and standard input has ended.
    #[error(
        "nobody can confirm that the arm may move: standard input has ended and no page is served"
    )]
    NobodyToConfirm,
    /// The operator declined the confirmation.
    #[error("the operator declined; the arm was not moved")]
    Declined,
}

impl From<u32> for Goal {
    /// A number of trials, and nothing to prove.
    fn from(trials: u32) -> Self {
        Self::new(trials, None)
    }
}
