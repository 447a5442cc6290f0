//! The answer of a transfer: how far off the item lies, as measured or as predicted, and what that teaches.

use rmrl_belief::Deviation;
use rmrl_core::{Carry, Look};

use crate::carried::{LID_SEATING_DEG, LID_SEATING_M, report};
use crate::cell::{ComeHomeError, TransferCell};
use crate::choosing::{Choice, LID_PLAY_M, NORMAL_95};
use crate::job::Job;
use crate::knowledge::Lies;
use crate::learning::Outcome;
use crate::looking::Seen;
use crate::offset::Offset;
use crate::progress::TransferEvent;
use crate::request::{CorrectedBy, Ending, KnownBy, PlaceError, Request, TransferReport};
use crate::watch::{SiteRecord, TransferRecord};

/// The name of the belief, in the log.
const SELF_CALIBRATION: &str = "self-calibration";

impl TransferCell {
    /// Logs a measured error. The transfer is done whether this is written or not.
    pub(crate) fn keep(&self, report: &TransferReport, choice: &Choice) {
        let measured = report.error.filter(|error| error.known_by == KnownBy::Measured);
        let Some(error) = measured else { return };
        let logged = self.log.append(&SiteRecord::Transfer(TransferRecord {
            time: self.now(),
            from: report.request.from(),
            to: report.request.to().clone(),
            labware: report.labware.clone(),
            dx_m: 1e-3 * error.along_mm,
            dy_m: 1e-3 * error.across_mm,
            dyaw_rad: error.yaw_deg.to_radians(),
            interval_m: Some(1e-3 * error.interval_mm),
            policy: match &choice.correction.by {
                CorrectedBy::Belief => SELF_CALIBRATION.to_string(),
                CorrectedBy::Policy(name) => name.clone(),
            },
        }));
        if let Err(error) = logged {
            tracing::error!("a measured error is not logged: {error}");
        }
    }

    /// Looks at the item where it was released, and says how far off it lies: as measured, or else as predicted.
    pub(crate) fn answer(&mut self, job: &Job, choice: &Choice) -> TransferReport {
        let seen = match self.look_at_end(job) {
            Ok(Some(Seen::Here(seen))) => Some(seen.look()),
            Ok(Some(Seen::NotThere(reason))) => {
                // The jaws opened there: it lies there, and not where it should.
                tracing::warn!("{} was released in {}: {reason}", job.item, job.to.address);
                let mut missed = report(job, Ending::Done);
                missed.is_seated = Some(false);
                self.note_failure(choice);
                self.knowledge.forget(&job.item);
                return missed;
            }
            Ok(Some(Seen::Unclear(reason))) => {
                tracing::info!(
                    "what is predicted is said, because the camera cannot say: {reason}"
                );
                None
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!("the camera did not look at the end: {error}");
                None
            }
        };
        let target = self.seen_if_right(choice);
        let measured = seen.map(|look| self.learn_from(job, choice, look));
        let mut error = self.better_known(choice, measured);
        if measured.is_none() {
            let held = self.held_by_bare_plate(job, choice);
            let held = held.unwrap_or_else(|| choice.held.clone());
            error.along_mm += 1e3 * held.less(&choice.held).by(self.knowledge.belief()).mean;
            self.note_put_down(job, choice, (held, None));
        }
        let (most_m, most_deg) = match job.request {
            Request::Relid { .. } => (LID_SEATING_M, LID_SEATING_DEG),
            _ => (job.to.site.seating.translation_m, job.to.site.seating.yaw_deg),
        };
        let is_seated = error.distance_mm() <= 1e3 * most_m && error.yaw_deg.abs() <= most_deg;
        if let (Some(look), Some(measured)) = (seen, measured) {
            self.note_outcome(choice, &Outcome { measured, look, target, is_seated });
        }
        let mut done = report(job, Ending::Done);
        (done.error, done.is_seated) = (Some(error), Some(is_seated));
        done
    }

    /// What was measured, or what was predicted where that is known better and both agree: a camera that has seen few carries
    /// near a site may measure worse than the grip predicts.
    fn better_known(&self, choice: &Choice, measured: Option<PlaceError>) -> PlaceError {
        let predicted = predicted(choice);
        match measured {
            Some(measured) => {
                let both_mm = measured.interval_mm.hypot(predicted.interval_mm);
                let along_mm = measured.along_mm - predicted.along_mm;
                let agrees = along_mm.hypot(measured.across_mm) <= both_mm;
                if agrees && predicted.interval_mm < measured.interval_mm {
                    predicted
                } else {
                    measured
                }
            }
            None => predicted,
        }
    }

    /// Looks at what was released; `None` where the camera does not see it.
    fn look_at_end(&mut self, job: &Job) -> Result<Option<Seen>, ComeHomeError> {
        if !self.is_visible(&job.to, &job.labware) {
            return Ok(None);
        }
        let (item, at) = (job.item.clone(), job.to.address.clone());
        self.tell(|| TransferEvent::Looks { item, at });
        self.get_out_of_view()?;
        let expected = self.knowledge.belief().seen_from(job.to.slot.tool, 0.0);
        Ok(Some(self.look_for(&job.labware, job.to.bottom_m, expected)?))
    }

    /// The error as measured. The carry tells of camera and tool, and where a person had seated the item, of its site.
    fn learn_from(&mut self, job: &Job, choice: &Choice, look: Look) -> PlaceError {
        let goal = &choice.goal;
        let belief = self.knowledge.belief();
        let along = Offset::seen(look, goal.tool).less(&goal.offset).by(belief);
        let Deviation { across, turn, .. } = belief.deviation(look, goal.tool, 0.0);
        let deviation_m = along.deviation.max(across.deviation);
        let error = PlaceError {
            known_by: KnownBy::Measured,
            along_mm: 1e3 * along.mean,
            across_mm: 1e3 * across.mean,
            yaw_deg: turn.mean.to_degrees(),
            interval_mm: 1e3 * NORMAL_95 * deviation_m,
        };
        if let Some(pick) = choice.pick {
            self.knowledge.note(Carry {
                seen_before: choice.seen_before,
                grasped: pick,
                released: choice.place,
                seen_after: look,
            });
        }
        if let (Some(from), Some(is_seated)) = (&job.from, choice.by_hand) {
            self.knowledge.note_seated(from.address.site(), choice.place, look, is_seated);
        }
        self.note_put_down(job, choice, (choice.held.clone(), Some(look)));
        error
    }

    /// The offset that a lid had between the jaws, by its plate, which the camera sees without it now. A lid glints, and lets
    /// the camera err by a millimeter and more.
    fn held_by_bare_plate(&mut self, job: &Job, choice: &Choice) -> Option<Offset> {
        let (Request::Unlid { .. }, Some(from)) = (&job.request, &job.from) else { return None };
        let (plate, labware) = from.below.as_ref()?;
        let pick = choice.pick.filter(|_| self.is_visible(from, labware))?;
        let rim_m = labware.lid_rim_m().unwrap_or(labware.height_m);
        let expected = self.expected_look(plate.id.as_str(), &from.address, from.slot.tool);
        let seen = self
            .get_out_of_view()
            .and_then(|()| self.look_for(labware, from.bottom_m - rim_m, expected));
        let reason = match seen {
            Ok(Seen::Here(seen)) => {
                return Some(Offset::seen(seen.look(), pick).blurred(LID_PLAY_M));
            }
            Ok(Seen::NotThere(reason) | Seen::Unclear(reason)) => reason,
            Err(error) => error.to_string(),
        };
        tracing::info!("{} is not seen without its lid: {reason}", plate.id);
        None
    }

    /// Takes note of how the item was put down, with the offset that it had between the jaws, or as it was seen.
    fn note_put_down(&mut self, job: &Job, choice: &Choice, (held, seen): (Offset, Option<Look>)) {
        let belief = self.knowledge.belief();
        let offset = match seen.map(|look| Offset::seen(look, choice.place)) {
            Some(by_look) if by_look.by(belief).deviation < held.by(belief).deviation => by_look,
            _ => held,
        };
        let lies = Lies::ByArm { tool: choice.place, offset, seen };
        self.knowledge.note_lies(&job.item, &job.to.address.to_string(), lies);
    }
}

fn predicted(choice: &Choice) -> PlaceError {
    PlaceError {
        known_by: KnownBy::Predicted,
        along_mm: 1e3 * choice.along_m,
        across_mm: 0.0,
        yaw_deg: 0.0,
        interval_mm: 1e3 * choice.interval_m(),
    }
}
