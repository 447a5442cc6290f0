//! What chose where the jaws close.

use rmrl_core::Observation;

use crate::policies::{PolicyPair, Turn};
use crate::request::{CorrectedBy, PassedOver};

/// What chose a pick.
#[derive(Debug, Clone)]
pub(crate) struct Correction {
    pub by: CorrectedBy,
    /// The turn that the outcome counts for; `None` where no policy was offered, or one was passed over.
    pub turn: Option<Turn>,
    /// The policy whose turn it was, if another one, or the belief, corrected in its place.
    pub passed_over: Option<PassedOver>,
    /// What was seen before, with its sites and labware: a transfer that a policy could have made.
    pub trial: Option<(PolicyPair, Observation)>,
}

impl Correction {
    pub fn by_belief() -> Self {
        Self { by: CorrectedBy::Belief, turn: None, passed_over: None, trial: None }
    }
}
