//! A transfer: find, correct, grasp, check, carry, place, look.
//!
//! What lies where is on disk before the motion that changes it. So each step ends with what is certain then, and a failure says
//! which of it is left.

use rmrl_belief::Deviation;
use rmrl_cell::{Followed, MotionError, Passage, ToolPose};
use rmrl_core::{Carry, Look};
use rmrl_inventory::{FailedAt, Place, TransferId};
use rmrl_labware::{GripReading, judge_grip};

use crate::cell::{ComeHomeError, TransferCell};
use crate::choosing::{Choice, NORMAL_95, NoChoice};
use crate::error::TransferError;
use crate::job::Job;
use crate::knowledge::Lies;
use crate::looking::Seen;
use crate::offset::Offset;
use crate::request::{Ending, KnownBy, LeftAt, PlaceError, Request, TransferReport};
use crate::route::Route;
use crate::watch::{SiteRecord, TransferRecord};

/// What meets something this little above where it should be released lies on its place: the arm's height is off, or the item
/// lies on the wall of a tray. In meters.
const MET_EARLY_M: f64 = 0.006;
/// A lid is on its plate within this, in meters and degrees.
const LID_SEATING_M: f64 = 0.001_5;
const LID_SEATING_DEG: f64 = 1.0;

/// The name of what corrects transfers, in the log.
const BELIEF: &str = "self-calibration";

/// How far a transfer of an item has come.
pub(crate) enum Carried {
    /// It was released at its place, and the tool is at home.
    Released,
    /// It is where it was.
    AtFrom(String),
    /// The jaws hold it.
    InJaws(String),
    /// Nobody knows.
    Unknown(String),
}

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
        let route = self.route(&job, &choice)?;
        let id = self.begin(request)?;
        let carried = self.carry(&job, &choice, &route, id)?;
        self.conclude(&job, &choice, id, carried)
    }

    /// How far an item may lie from where it should, in meters.
    pub(crate) fn tolerance_m(&self, job: &Job) -> f64 {
        match job.request {
            Request::Relid { .. } => LID_SEATING_M,
            _ => job.to.site.seating.translation_m,
        }
    }

    /// Announces a transfer: on disk before the arm moves for the item.
    fn begin(&mut self, request: &Request) -> Result<TransferId, TransferError> {
        let now = self.now();
        Ok(match request {
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
        self.knowledge.forget(&job.item);
        if let Some((way, passage)) = &route.pick {
            match self.grasp(job, way, passage) {
                Grasp::Holds => {}
                Grasp::LeftThere(reason) => return Ok(Carried::AtFrom(reason)),
                Grasp::Unknown(reason) => return Ok(Carried::Unknown(reason)),
            }
            if let Err(error) = self.inventory.grasped(id, self.now()) {
                // Nobody would know of it: it goes back to where it is known to be.
                let opening_m = self.plan.opening_m(job.from.as_ref().unwrap_or(&job.to));
                let put_back = self.put_back(passage, opening_m);
                tracing::error!("the item is put back, because this cannot be recorded: {error}");
                put_back.unwrap_or_else(|error| tracing::error!("{error}"));
                return Err(error.into());
            }
            if let Err(error) = self.leave_with(job, passage) {
                return Ok(self.after_a_stop(&error));
            }
        }
        self.place(job, choice, route, id)
    }

    /// Grips the item in its slot. It is not lifted yet.
    pub(crate) fn grasp(&mut self, job: &Job, way: &[ToolPose], passage: &Passage) -> Grasp {
        let opening_m = job
            .from
            .as_ref()
            .map_or(self.plan.task.jaw_opening_m, |from| self.plan.opening_m(from));
        let speed_m_s =
            job.from.as_ref().map_or(self.plan.task.contact_speed_m_s, |from| from.site.speed_m_s);
        let arrived = self
            .manipulator
            .open_jaws(opening_m)
            .and_then(|()| self.manipulator.travel(way))
            .and_then(|()| self.manipulator.follow_in(&passage.way_in(), speed_m_s));
        match arrived {
            Ok(Followed::Arrived(_)) => {}
            Ok(Followed::Contact(at)) => {
                let reason = format!(
                    "the jaws met something on the way in, {:.0} mm before they were around it; look what lies there",
                    1e3 * distance_m(at, passage.at)
                );
                return match self.retreat(passage, speed_m_s) {
                    Ok(()) => Grasp::LeftThere(reason),
                    Err(error) => Grasp::LeftThere(format!("{reason}; then {error}")),
                };
            }
            // The jaws have not closed.
            Err(error) => return Grasp::LeftThere(error.to_string()),
        }
        if let Err(error) = self.manipulator.close_jaws() {
            return Grasp::Unknown(format!("{error}; the jaws may have closed on it"));
        }
        match self.judge(job) {
            Ok(Ok(())) => Grasp::Holds,
            Ok(Err(reason)) => match self.let_go(passage, opening_m, speed_m_s) {
                Ok(()) => Grasp::LeftThere(reason),
                Err(error) => Grasp::Unknown(format!("{reason}; then {error}")),
            },
            Err(error) => Grasp::Unknown(format!("{error}; nobody knows what the jaws hold")),
        }
    }

    /// Whether the jaws hold what they should; if not, why, in words.
    fn judge(&mut self, job: &Job) -> Result<Result<(), String>, MotionError> {
        let holds = self.manipulator.holds_object()?;
        let reading =
            GripReading { width_m: self.manipulator.measured_width_m()?, jaws: self.settings.jaws };
        if let Err(fault) = judge_grip(&job.labware, &reading) {
            return Ok(Err(fault.to_string()));
        }
        let nothing = || format!("the jaws closed, and hold nothing where {} should be", job.item);
        Ok(if holds { Ok(()) } else { Err(nothing()) })
    }

    /// Opens the jaws where they closed, and leaves without the item.
    fn let_go(
        &mut self,
        passage: &Passage,
        opening_m: f64,
        speed_m_s: f64,
    ) -> Result<(), MotionError> {
        self.manipulator.open_jaws(opening_m)?;
        self.retreat(passage, speed_m_s)
    }

    /// Leaves a slot backwards on the line on which the tool came.
    fn retreat(&mut self, passage: &Passage, speed_m_s: f64) -> Result<(), MotionError> {
        let here = self.manipulator.pose()?;
        let lines = passage.retreat();
        // From where the tool stands, which may be before the end of the way in.
        let left: Vec<_> = lines
            .into_iter()
            .filter(|line| distance_m(line.to, passage.begin) <= distance_m(here, passage.begin))
            .collect();
        self.manipulator.follow_out(&left, speed_m_s)?;
        let above = passage.begin.at_height(self.plan.task.travel_height_m.max(passage.begin.z_m));
        self.manipulator.travel(&[above])
    }

    fn put_back(&mut self, passage: &Passage, opening_m: f64) -> Result<(), MotionError> {
        self.manipulator.open_jaws(opening_m)?;
        self.retreat(passage, self.plan.task.contact_speed_m_s)
    }

    /// Lifts the item out of its slot, and looks whether the jaws still hold it before it is far.
    pub(crate) fn leave_with(&mut self, job: &Job, passage: &Passage) -> Result<(), String> {
        let speed_m_s =
            job.from.as_ref().map_or(self.plan.task.contact_speed_m_s, |from| from.site.speed_m_s);
        let out = passage.way_out();
        let words = |error: MotionError| error.to_string();
        let (lift, rest) = out.split_at(out.len().min(1));
        self.manipulator.follow_out(lift, speed_m_s).map_err(words)?;
        match self.judge(job).map_err(words)? {
            Ok(()) => self.manipulator.follow_out(rest, speed_m_s).map_err(words),
            Err(reason) => Err(format!("after it was lifted: {reason}")),
        }
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
        let (at, left, reason) = match carried {
            Carried::Released => {
                self.inventory.done(id, self.now())?;
                let report = self.answer(job, choice);
                self.save_knowledge()?;
                self.keep(&report)?;
                return Ok(report);
            }
            Carried::AtFrom(reason) => (FailedAt::AtFrom, Some(LeftAt::From), reason),
            Carried::InJaws(reason) => {
                self.note_held(job, choice);
                (FailedAt::InJaws, Some(LeftAt::Jaws), reason)
            }
            Carried::Unknown(reason) => (FailedAt::Unknown, None, reason),
        };
        self.inventory.failed(id, at, &reason, self.now())?;
        self.save_knowledge()?;
        let ending = match left {
            Some(at) => Ending::NotDone { at, reason },
            None => Ending::Unknown { reason },
        };
        Ok(report(job, ending))
    }

    /// Logs a measured error.
    fn keep(&self, report: &TransferReport) -> Result<(), TransferError> {
        let Some(error) = report.error.filter(|error| error.known_by == KnownBy::Measured) else {
            return Ok(());
        };
        self.log.append(&SiteRecord::Transfer(TransferRecord {
            time: self.now(),
            from: report.request.from(),
            to: report.request.to().clone(),
            labware: report.labware.clone(),
            dx_m: 1e-3 * error.along_mm,
            dy_m: 1e-3 * error.across_mm,
            dyaw_rad: error.yaw_deg.to_radians(),
            interval_m: Some(1e-3 * error.interval_mm),
            policy: BELIEF.to_string(),
        }))
    }

    /// Looks at the item where it was released, and says how far off it lies: as measured, or else as predicted.
    fn answer(&mut self, job: &Job, choice: &Choice) -> TransferReport {
        let seen = match self.look_at_end(job) {
            Ok(Some(Seen::Here(look))) => Some(look),
            Ok(Some(Seen::NotThere(reason))) => {
                // The jaws opened there: it lies there, and not where it should.
                tracing::warn!("{} was released in {}: {reason}", job.item, job.to.address);
                let mut missed = report(job, Ending::Done);
                missed.is_seated = Some(false);
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
        let measured = seen.map(|look| self.learn_from(job, choice, look));
        if measured.is_none() {
            self.note_put_down(job, choice, None);
        }
        let error = self.better_known(choice, measured);
        let (most_m, most_deg) = match job.request {
            Request::Relid { .. } => (LID_SEATING_M, LID_SEATING_DEG),
            _ => (job.to.site.seating.translation_m, job.to.site.seating.yaw_deg),
        };
        let is_seated = error.distance_mm() <= 1e3 * most_m && error.yaw_deg.abs() <= most_deg;
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
                let agrees = measured.distance_mm() <= both_mm;
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
        self.go_home()?;
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
        self.note_put_down(job, choice, Some(look));
        error
    }

    /// Takes note of how the item was put down.
    fn note_put_down(&mut self, job: &Job, choice: &Choice, seen: Option<Look>) {
        let belief = self.knowledge.belief();
        let offset = match seen.map(|look| Offset::seen(look, choice.place)) {
            Some(by_look) if by_look.by(belief).deviation < choice.held.by(belief).deviation => {
                by_look
            }
            _ => choice.held.clone(),
        };
        let lies = Lies::ByArm { tool: choice.place, offset, seen };
        self.knowledge.note_lies(&job.item, &job.to.address.to_string(), lies);
    }

    /// The item does not lie where the inventory says: nobody knows where it is from now on.
    fn missing(&mut self, job: &Job, reason: String) -> Result<TransferReport, TransferError> {
        let id = self.begin(&job.request)?;
        self.inventory.failed(id, FailedAt::Unknown, &reason, self.now())?;
        self.knowledge.forget(&job.item);
        self.save_knowledge()?;
        Ok(report(job, Ending::Unknown { reason }))
    }
}

/// How grasping ended.
pub(crate) enum Grasp {
    /// The jaws hold the item.
    Holds,
    /// It lies where it was, and the jaws are open.
    LeftThere(String),
    /// Nobody knows whether the jaws hold it.
    Unknown(String),
}

fn report(job: &Job, ending: Ending) -> TransferReport {
    TransferReport {
        request: job.request.clone(),
        item: job.item.clone(),
        labware: job.labware_name.clone(),
        ending,
        error: None,
        is_seated: None,
        by_way_of: None,
        carries: 0,
    }
}

/// Nothing was begun: the item is where it was.
pub(crate) fn not_begun(job: &Job, reason: String) -> TransferReport {
    let at = if job.from.is_some() { LeftAt::From } else { LeftAt::Jaws };
    report(job, Ending::NotDone { at, reason })
}

fn predicted(choice: &Choice) -> PlaceError {
    PlaceError {
        known_by: KnownBy::Predicted,
        along_mm: 0.0,
        across_mm: 0.0,
        yaw_deg: 0.0,
        interval_mm: 1e3 * choice.interval_m(),
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

fn distance_m(a: ToolPose, b: ToolPose) -> f64 {
    a.planar.distance_m(b.planar).hypot(a.z_m - b.z_m)
}
