//! What the outcome of a transfer tells of the policies, and the trial that it is for them.

use rmrl_core::{Look, PlanarPose};

use crate::cell::TransferCell;
use crate::choosing::Choice;
use crate::policies::{BELIEF, TransferTrial};
use crate::request::{CorrectedBy, PlaceError};

/// The outcome of a transfer that the camera saw.
pub(crate) struct Outcome {
    pub measured: PlaceError,
    /// Where the camera saw the item.
    pub look: Look,
    /// Where it would have seen one that lies right.
    pub target: PlanarPose,
    pub is_seated: bool,
}

impl TransferCell {
    /// Where the camera would see the item if it lay right.
    pub(crate) fn seen_if_right(&self, choice: &Choice) -> PlanarPose {
        let belief = self.knowledge.belief();
        belief.seen_from(choice.goal.tool, choice.goal.offset.by(belief).mean)
    }

    /// Takes note of a transfer that failed by its grip or on its way. One that somebody stopped tells nothing.
    pub(crate) fn note_failure(&mut self, choice: &Choice) {
        if self.stop_switch().check().is_ok() {
            self.note_loss(choice, f64::INFINITY);
        }
    }

    /// Takes note of an outcome. The transfer is done whether this can be kept or not.
    pub(crate) fn note_outcome(&mut self, choice: &Choice, outcome: &Outcome) {
        // What does not sit in its place has failed, however far off it is.
        let loss =
            if outcome.is_seated { 1e-3 * outcome.measured.distance_mm() } else { f64::INFINITY };
        self.note_loss(choice, loss);
        self.keep_trial(choice, outcome);
    }

    fn note_loss(&mut self, choice: &Choice, loss: f64) {
        let now = self.now();
        if let (Some(policies), Some(turn)) = (&mut self.policies, &choice.correction.turn) {
            policies.record(turn, loss, now);
        }
    }

    fn keep_trial(&mut self, choice: &Choice, outcome: &Outcome) {
        let now = self.now();
        let (Some(trials), Some((pair, seen)), Some(pick)) =
            (&mut self.trials, &choice.correction.trial, choice.pick)
        else {
            return;
        };
        let kept = trials.keep(&TransferTrial {
            time: now,
            pair: pair.clone(),
            corrected_by: match &choice.correction.by {
                CorrectedBy::Belief => BELIEF.to_string(),
                CorrectedBy::Policy(name) => name.clone(),
            },
            seen: seen.clone(),
            pick,
            place: choice.place,
            seen_after: outcome.look,
            target: outcome.target,
            interval_m: choice.interval_m(),
            is_seated: outcome.is_seated,
        });
        if let Err(reason) = kept {
            tracing::warn!("a transfer is not kept as a trial: {reason}");
        }
    }
}
