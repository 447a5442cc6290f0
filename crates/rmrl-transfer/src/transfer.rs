//! A transfer: find, correct, grasp, check, carry, place, look.
//!
//! What lies where is on disk before the motion that changes it. So each step ends with what is certain then, and a failure says
//! which of it is left.

use rmrl_cell::{Followed, MotionError, Passage, ToolPose};
use rmrl_inventory::{FailedAt, Place, TransferId};

use crate::carried::{Carried, LID_SEATING_M, distance_m, not_begun, report};
use crate::cell::TransferCell;
use crate::choosing::{Choice, NoChoice};
use crate::error::TransferError;
use crate::grasping::Grasp;
use crate::job::Job;
use crate::knowledge::Lies;
use crate::request::{Ending, LeftAt, Request, TransferReport};
use crate::route::Route;

/// What meets something this little above where it should be released lies on its place: the arm's height is off, or the item
/// lies on the wall of a tray. In meters.
const MET_EARLY_M: f64 = 0.006;

impl TransferCell {
    /// Moves an item straight from one slot to another. The tool is at home.
    ///
    /// # Errors
    /// It was refused before anything moved, or what lies where could not be recorded.
    pub(crate) fn leg(
        &mut self,
        request: &Request,
        tolerance_m: Option<f64>,
    ) -> Result<TransferReport, TransferError> {
        let job = self.plan.job(request, self.inventory.world())?;
        let choice = match self.choose(&job) {
            Ok(choice) => choice,
            Err(NoChoice::NotThere(reason)) => return self.missing(&job, reason),
            Err(NoChoice::Unclear(reason)) => return Ok(not_begun(&job, reason)),
            Err(NoChoice::Home(error)) => return Ok(not_begun(&job, error.to_string())),
        };
        let most_m = tolerance_m.unwrap_or(self.tolerance_m(&job));
        if choice.interval_m() > most_m {
            return Ok(not_begun(&job, too_uncertain(&job, &choice, most_m)));
        }
        self.make(&job, &choice)
    }

    /// Moves an item as was chosen. The tool is at home.
    ///
    /// # Errors
    /// No way is proven to be clear, or what lies where could not be recorded.
    pub(crate) fn make(
        &mut self,
        job: &Job,
        choice: &Choice,
    ) -> Result<TransferReport, TransferError> {
        let route = self.route(job, choice)?;
        let id = self.begin(&job.request)?;
        self.tell_moves(job);
        let carried = self.carry(job, choice, &route, id)?;
        let mut report = self.conclude(job, choice, id, carried)?;
        report.corrected_by = Some(choice.correction.by.clone());
        report.passed_over = choice.correction.passed_over.clone();
        Ok(report)
    }

    /// How far an item may lie from where it should, in meters.
    pub(crate) fn tolerance_m(&self, job: &Job) -> f64 {
        match job.request {
            Request::Relid { .. } => LID_SEATING_M,
            _ => job.to.site.seating.translation_m,
        }
    }

    /// How the item lies before it is gripped, with its place.
    fn known_lies(&self, job: &Job) -> Option<(String, Lies)> {
        let place = job.from.as_ref()?.address.to_string();
        let lies = self.knowledge.lies(&job.item, &place);
        Some((place, lies))
    }

    /// Announces a transfer: on disk before the arm moves for the item.
    fn begin(&mut self, request: &Request) -> Result<TransferId, TransferError> {
        let now = self.now();
        Ok(match request {
            Request::Move { from: Place::Slot(from), to } if from == to => {
                self.inventory.begin_adjust(to, now)?
            }
            Request::Move { from, to } => self.inventory.begin_transfer(from, to, None, now)?,
            Request::Unlid { from, to } => self.inventory.begin_unlid(from, to, now)?,
            Request::Relid { from, to } => self.inventory.begin_relid(from, to, now)?,
        })
    }

    /// Grasps, carries and releases.
    fn carry(
        &mut self,
        job: &Job,
        choice: &Choice,
        route: &Route,
        id: TransferId,
    ) -> Result<Carried, TransferError> {
        // From here on the item may lie otherwise than is known.
        let known = self.known_lies(job);
        self.knowledge.forget(&job.item);
        if let Some((way, passage)) = &route.pick {
            match self.grasp(job, way, passage) {
                Grasp::Holds => {}
                Grasp::Untouched(reason) => {
                    if let Some((place, lies)) = known {
                        self.knowledge.note_lies(&job.item, &place, lies);
                    }
                    return Ok(Carried::Untouched(reason));
                }
                Grasp::LeftThere(reason) => return Ok(Carried::AtFrom(reason)),
                Grasp::Unknown(reason) => return Ok(Carried::Unknown(reason)),
            }
            if let Err(error) = self.inventory.grasped(id, self.now()) {
                // Nobody would know of it: it goes back to where it is known to be.
                tracing::error!("the item is put back, because this cannot be recorded: {error}");
                let put_back = self.let_go(passage, self.hand_at_pick(job));
                put_back.unwrap_or_else(|error| tracing::error!("{error}"));
                return Err(error.into());
            }
            self.tell_grasped(job);
            // Should this program end now, the next one knows how it lies between the jaws.
            self.note_held(job, choice);
            self.save_knowledge();
            if let Err(error) = self.leave_with(job, passage) {
                return Ok(self.after_a_stop(&error));
            }
        }
        self.place(job, choice, route, id)
    }

    /// What is certain after a motion that failed with the item between the jaws.
    pub(crate) fn after_a_stop(&mut self, reason: &str) -> Carried {
        match self.manipulator.holds_object() {
            Ok(true) => Carried::InJaws(reason.to_string()),
            Ok(false) => Carried::Unknown(format!("{reason}; the jaws hold nothing any more")),
            Err(error) => Carried::Unknown(format!("{reason}; {error}")),
        }
    }

    /// Carries the item to its slot and releases it there.
    fn place(
        &mut self,
        job: &Job,
        choice: &Choice,
        route: &Route,
        id: TransferId,
    ) -> Result<Carried, TransferError> {
        if let Some(ended) = self.put_down(job, choice, route) {
            return Ok(ended);
        }
        self.inventory.released(id, &job.to.address, None, self.now())?;
        self.tell_released(job);
        self.manipulator.placed();
        if let Err(error) = self.leave(job, route) {
            let slot = &job.to.address;
            tracing::warn!("the item lies in {slot}; the tool did not come home: {error}");
        }
        Ok(Carried::Released)
    }

    /// Carries the item to its slot and opens the jaws there. Returns how it ended where they did not open.
    pub(crate) fn put_down(
        &mut self,
        job: &Job,
        choice: &Choice,
        route: &Route,
    ) -> Option<Carried> {
        let (at, passage, speed_m_s) = (&job.to, &route.place, job.to.site.speed_m_s);
        if let Err(error) = self.manipulator.travel(&route.carry) {
            return Some(self.after_a_stop(&error.to_string()));
        }
        match self.judge(job) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Some(self.after_a_stop(&format!("on the way: {reason}"))),
            Err(error) => return Some(self.after_a_stop(&error.to_string())),
        }
        match self.manipulator.follow_in(&passage.way_in(), speed_m_s) {
            Ok(Followed::Arrived(_)) => {}
            Ok(Followed::Contact(met)) if is_in_place(met, passage) => {}
            Ok(Followed::Contact(met)) => {
                let reason = format!(
                    "it met something {:.0} mm before its place in {}; look what lies there",
                    1e3 * distance_m(met, passage.at),
                    at.address
                );
                let left = self.retreat(passage, speed_m_s).err();
                let reason = left.map_or(reason.clone(), |error| format!("{reason}; then {error}"));
                self.note_held(job, choice);
                return Some(self.after_a_stop(&reason));
            }
            Err(error) => return Some(self.after_a_stop(&error.to_string())),
        }
        let opened = self.manipulator.open_jaws(self.plan.opening_m(at)).err()?;
        let slot = &at.address;
        Some(Carried::Unknown(format!("{opened}; the jaws may have opened in {slot}")))
    }

    /// Leaves the slot in which the item was released, and comes home.
    pub(crate) fn leave(&mut self, job: &Job, route: &Route) -> Result<(), MotionError> {
        self.manipulator.follow_out(&route.place.way_out(), job.to.site.speed_m_s)?;
        self.manipulator.travel(&route.home)
    }

    /// Takes note of how the item lies between the jaws that keep it.
    fn note_held(&mut self, job: &Job, choice: &Choice) {
        let lies = Lies::ByArm { tool: choice.place, offset: choice.held.clone(), seen: None };
        self.knowledge.note_lies(&job.item, &Place::Jaws.to_string(), lies);
    }

    /// Records how it ended, looks, and answers.
    fn conclude(
        &mut self,
        job: &Job,
        choice: &Choice,
        id: TransferId,
        carried: Carried,
    ) -> Result<TransferReport, TransferError> {
        if !matches!(carried, Carried::Released | Carried::Untouched(_)) {
            self.note_failure(choice);
        }
        let (at, left, reason) = match carried {
            Carried::Released => {
                self.inventory.done(id, self.now())?;
                let report = self.answer(job, choice);
                self.save_knowledge();
                self.keep(&report, choice);
                return Ok(report);
            }
            Carried::AtFrom(reason) | Carried::Untouched(reason) => {
                (FailedAt::AtFrom, Some(LeftAt::From), reason)
            }
            Carried::InJaws(reason) => {
                self.note_held(job, choice);
                (FailedAt::InJaws, Some(LeftAt::Jaws), reason)
            }
            Carried::Unknown(reason) => (FailedAt::Unknown, None, reason),
        };
        self.inventory.failed(id, at, &reason, self.now())?;
        self.save_knowledge();
        let ending = match left {
            Some(at) => Ending::NotDone { at, reason },
            None => Ending::Unknown { reason },
        };
        Ok(report(job, ending))
    }

    /// The item does not lie where the inventory says: nobody knows where it is from now on.
    fn missing(&mut self, job: &Job, reason: String) -> Result<TransferReport, TransferError> {
        let id = self.begin(&job.request)?;
        self.inventory.failed(id, FailedAt::Unknown, &reason, self.now())?;
        self.knowledge.forget(&job.item);
        self.save_knowledge();
        Ok(report(job, Ending::Unknown { reason }))
    }
}

fn too_uncertain(job: &Job, choice: &Choice, most_m: f64) -> String {
    format!(
        "it is known to ±{:.1} mm only where {} would lie in {}, and {:.1} mm are allowed; seat a plate there or in {} exactly, \
         or let the camera see it first",
        1e3 * choice.interval_m(),
        job.item,
        job.to.address,
        1e3 * most_m,
        job.request.from()
    )
}

/// Whether what the item met is its place.
fn is_in_place(met: ToolPose, passage: &Passage) -> bool {
    distance_m(met, passage.at) <= MET_EARLY_M
}
