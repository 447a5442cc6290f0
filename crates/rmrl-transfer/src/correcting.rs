//! Which of belief and policy corrects. A policy chooses one number, the offset along the fingers that the plate has in the jaws: the
//! belief says which offset that is by the policy's pick, and has the jaws close centered and parallel. The place is the taught one,
//! as in the policy's trials. The belief guards it.

use rmrl_core::{Observation, PlanarPose};
use rmrl_inventory::Place;

use crate::cell::TransferCell;
use crate::choosing::{Choice, NORMAL_95, REPEATABILITY_M};
use crate::correction::Correction;
use crate::job::Job;
use crate::offset::Offset;
use crate::policies::{BELIEF, PolicyPair, Turn};
use crate::request::{CorrectedBy, PassedOver, Request};
use crate::watch::Which;

/// A policy's pick may be as far from the belief's, in meters: as far as the candidates of any training reach, and what a camera is
/// off. Untuned.
const MOST_APART_M: f64 = 0.02;
/// And in yaw, in radians. Untuned.
const MOST_TURN_RAD: f64 = 0.2;
/// 95 % of a normal distribution lie below this, in standard deviations from its mean.
const ONE_SIDED_95: f64 = 1.645;

impl TransferCell {
    /// The choice of the policy whose turn it is to correct over what the camera saw, or else the belief's.
    pub(crate) fn by_whose_turn(
        &mut self,
        job: &Job,
        seen: Observation,
        by_belief: Choice,
    ) -> Choice {
        let Some(pair) = pair_of(job) else { return by_belief };
        let now = self.now();
        let turn = self.policies.as_mut().and_then(|policies| policies.turn(&pair, now));
        let mut choice = match turn {
            None => by_belief,
            Some(turn) if turn.policy == BELIEF => Choice {
                correction: Correction { turn: Some(turn), ..by_belief.correction },
                ..by_belief
            },
            Some(turn) => match self.by_policy(job, &seen, &by_belief, &turn) {
                Ok(by_policy) => by_policy,
                Err(reason) => self.in_place_of(job, &seen, (turn, reason), by_belief),
            },
        };
        choice.correction.trial = Some((pair, seen));
        choice
    }

    /// The choice of a policy.
    ///
    /// # Errors
    /// It cannot be loaded, it abstains, or the belief is against it; in words.
    fn by_policy(
        &mut self,
        job: &Job,
        seen: &Observation,
        by_belief: &Choice,
        turn: &Turn,
    ) -> Result<Choice, String> {
        let policies = self.policies.as_mut().ok_or("the cell has no policies")?;
        let pick = policies.pick(&turn.policy, seen, &job.labware)?;
        if !pick.is_finite() {
            return Err("its pick is no pose".to_string());
        }
        check_plausible(pick, by_belief)?;
        let belief = self.knowledge.belief();
        let look = seen.look();
        // The number that it chooses: the offset that the plate would have in the jaws once they closed there.
        let along_m = Offset::seen(look, pick).by(belief).mean + belief.slide_m(look, pick);
        let pick = belief.tool_over(look, along_m);
        let held = Offset::seen(look, pick);
        let off = held.less(&by_belief.goal.offset).blurred(REPEATABILITY_M).by(belief);
        let most_m = self.tolerance_m(job);
        // 95 % of such plates lie within this: by both sides of the distribution, or by one where it is off to that side.
        let miss_m = (NORMAL_95 * off.deviation).max(off.mean.abs() + ONE_SIDED_95 * off.deviation);
        if miss_m > most_m {
            return Err(format!(
                "by its pick {} would lie up to {:.1} mm off in {}, and {:.1} mm are allowed",
                job.item,
                1e3 * miss_m,
                job.to.address,
                1e3 * most_m
            ));
        }
        Ok(Choice {
            pick: Some(pick),
            seen_before: Some(look),
            held,
            goal: by_belief.goal.clone(),
            place: by_belief.goal.tool,
            deviation_m: off.deviation,
            along_m: off.mean,
            by_hand: None,
            correction: Correction {
                by: CorrectedBy::Policy(turn.policy.clone()),
                turn: Some(turn.clone()),
                passed_over: None,
                trial: None,
            },
        })
    }

    /// The choice in the place of a policy that is passed over: that of the current policy if it was a new one, or else the belief's.
    /// It counts for neither.
    fn in_place_of(
        &mut self,
        job: &Job,
        seen: &Observation,
        (turn, reason): (Turn, String),
        by_belief: Choice,
    ) -> Choice {
        let current = self.policies.as_ref().and_then(|policies| policies.current(&turn.pair));
        let current =
            current.filter(|current| current.policy != BELIEF && turn.which == Which::New);
        let instead = self.instead_of(turn, reason, by_belief);
        let by_current = current.map(|current| self.by_policy(job, seen, &instead, &current));
        match by_current {
            None => instead,
            Some(Ok(by_current)) => Choice {
                correction: Correction {
                    turn: None,
                    passed_over: instead.correction.passed_over,
                    ..by_current.correction
                },
                ..by_current
            },
            Some(Err(reason)) => {
                tracing::warn!("nor does the current policy correct: {reason}");
                instead
            }
        }
    }

    /// The belief's choice, in the place of a policy.
    fn instead_of(&mut self, turn: Turn, reason: String, by_belief: Choice) -> Choice {
        tracing::warn!("the belief corrects instead of the policy {}: {reason}", turn.policy);
        if let Some(policies) = &mut self.policies {
            policies.pass_over(&turn.pair, &reason);
        }
        let passed_over = Some(PassedOver { policy: turn.policy, reason });
        Choice { correction: Correction { passed_over, ..by_belief.correction }, ..by_belief }
    }

    /// Who would correct a transfer, in words.
    pub(crate) fn who_would_correct(&self, job: &Job) -> String {
        let is_seen = job.from.as_ref().is_some_and(|from| self.is_visible(from, &job.labware));
        let pair = pair_of(job).filter(|_| is_seen);
        let turn = pair.and_then(|pair| self.policies.as_ref()?.next(&pair));
        match turn.filter(|turn| turn.policy != BELIEF) {
            Some(Turn { policy, .. }) => format!(
                "corrected by            the policy {policy}, or by the belief if it abstains or would miss"
            ),
            None => "corrected by            the belief".to_string(),
        }
    }
}

/// The sites and the labware of a transfer that a policy can make: of what lies alone in one slot, to another one that is empty.
fn pair_of(job: &Job) -> Option<PolicyPair> {
    let Request::Move { from: Place::Slot(from), to } = &job.request else { return None };
    let is_alone = job.from.as_ref().is_some_and(|from| from.below.is_none());
    let is_straight = is_alone && job.to.below.is_none() && from != to;
    is_straight.then(|| PolicyPair::between(from, to, &job.labware_name))
}

/// Whether a pick is one that can be meant: a correction, and not another place.
fn check_plausible(pick: PlanarPose, by_belief: &Choice) -> Result<(), String> {
    let Some(tool) = by_belief.pick else { return Ok(()) };
    let apart = pick.relative_to(tool);
    if apart.translation_m() > MOST_APART_M || apart.dyaw_rad.abs() > MOST_TURN_RAD {
        return Err(format!(
            "its pick is {:.1} mm and {:.1} degrees from the belief's, more than the {:.0} mm and {:.0} degrees of any correction",
            1e3 * apart.translation_m(),
            apart.dyaw_rad.to_degrees().abs(),
            1e3 * MOST_APART_M,
            MOST_TURN_RAD.to_degrees()
        ));
    }
    Ok(())
}
