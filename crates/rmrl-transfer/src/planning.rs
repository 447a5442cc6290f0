//! What comes before a transfer: carrying a plate about where the camera is not known yet, and putting an item down in view
//! where nothing tells how it lies.

use rmrl_cell::{Access, Passage, SiteConfig, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_inventory::{Place, SlotAddress};

use crate::carried::{not_begun, report};
use crate::cell::{ComeHomeError, TransferCell};
use crate::choosing::{NORMAL_95, NoChoice};
use crate::error::TransferError;
use crate::job::Job;
use crate::knowledge::Lies;
use crate::progress::TransferEvent;
use crate::request::{Ending, LeftAt, Request, TransferReport};

/// An item that is put down in view to look at it may lie this far off, in meters.
const IN_VIEW_M: f64 = 0.02;

impl TransferCell {
    /// Does what is asked, and says how it ended.
    ///
    /// The camera looks where it can. Where nothing tells well enough how the item lies, it is put down in a free slot that the
    /// camera sees, and gripped again. A cell whose camera has seen few carries carries the item about first.
    ///
    /// # Errors
    /// It was refused before anything moved: no such slot, nothing there, a full slot, other labware, an item of which nobody
    /// knows where it is, no clear way. Or what lies where could not be recorded.
    pub fn transfer(&mut self, request: &Request) -> Result<TransferReport, TransferError> {
        self.check(request)?;
        let job = self.plan.job(request, self.inventory.world())?;
        let report = self.transfer_item(request, &job)?;
        self.tell_ended(&report);
        Ok(report)
    }

    fn transfer_item(
        &mut self,
        request: &Request,
        job: &Job,
    ) -> Result<TransferReport, TransferError> {
        if let Some(reason) = self.not_ready(job)? {
            return Ok(not_begun(job, reason));
        }
        self.ask_to_seat(job);
        let Some(via) = self.has_to_be_seen(job) else { return self.in_view(request) };
        let (item, slot) = (job.item.clone(), via.clone());
        self.tell(|| TransferEvent::GoesByWayOf { item, slot });
        let first = Request::Move { from: request.from(), to: via.clone() };
        let report = self.leg(&first, Some(IN_VIEW_M))?;
        let report = if report.ending == Ending::Done {
            let rest = Request::Move { from: via.clone().into(), to: request.to().clone() };
            let ended = self.in_view(&rest);
            self.once_begun(&rest, ended)?.by_way_of(via)
        } else {
            report
        };
        Ok(TransferReport { request: request.clone(), ..report })
    }

    /// Clears earlier faults, checks the jaws and moves the tool out of view; why that cannot be done, in words.
    pub(crate) fn not_ready(&mut self, job: &Job) -> Result<Option<String>, TransferError> {
        if let Err(error) = self.manipulator.recover() {
            return Ok(Some(error.to_string()));
        }
        // Before anything moves: nobody knows how to move what the inventory does not know.
        if let Some(reason) = self.check_jaws(job)? {
            return Ok(Some(reason));
        }
        self.tell_begins(job);
        Ok(self.get_out_of_view().err().map(|error| error.to_string()))
    }

    /// Moves an item that lies in view, or need not; carries it about first where the camera has seen few carries, and puts it
    /// right where it was released too far off.
    fn in_view(&mut self, request: &Request) -> Result<TransferReport, TransferError> {
        let job = self.plan.job(request, self.inventory.world())?;
        let mut carries = 0;
        if let Some(at) = self.may_be_carried_about(request) {
            match self.carry_about(&at)? {
                Ok(made) => carries = made,
                Err(ending) => return Ok(report(&job, ending)),
            }
        }
        let mut ended = self.leg(request, None);
        if carries > 0 {
            ended = self.once_begun(request, ended);
        }
        let report = self.put_right(request, ended?)?;
        Ok(TransferReport { request: request.clone(), carries, ..report })
    }

    /// How the rest of a transfer ended of which a part is done: it cannot be refused any more.
    fn once_begun(
        &self,
        rest: &Request,
        ended: Result<TransferReport, TransferError>,
    ) -> Result<TransferReport, TransferError> {
        match ended {
            Err(error @ TransferError::NotClear { .. }) => {
                let job = self.plan.job(rest, self.inventory.world())?;
                Ok(not_begun(&job, error.to_string()))
            }
            ended => ended,
        }
    }

    /// Grips an item again that was released too far off, if it can be gripped there.
    fn put_right(
        &mut self,
        request: &Request,
        released: TransferReport,
    ) -> Result<TransferReport, TransferError> {
        if released.is_seated != Some(false) || !self.can_be_put_right(request) {
            return Ok(released);
        }
        let (item, to) = (&released.item, request.to());
        tracing::info!("{item} lies too far off in {to}: it is put right");
        let again = Request::Move { from: to.clone().into(), to: to.clone() };
        let ended = self.leg(&again, None);
        let report = self.once_begun(&again, ended)?;
        match &report.ending {
            Ending::NotDone { at: LeftAt::From, reason } => {
                tracing::warn!("{item} is not put right in {to}: {reason}");
                Ok(released)
            }
            // What corrected is said of what was asked for.
            _ => Ok(TransferReport {
                corrected_by: released.corrected_by,
                passed_over: released.passed_over,
                ..report
            }),
        }
    }

    /// Whether an item that lies too far off can be gripped again where it lies.
    fn can_be_put_right(&self, request: &Request) -> bool {
        let is_viewing =
            |slot: &SlotAddress| self.plan.sites.get(slot.site()).is_some_and(is_viewing_site);
        let is_alone =
            |slot| self.inventory.world().slot(slot).is_some_and(|items| items.len() == 1);
        matches!(request, Request::Move { .. })
            && request.from() != Place::Slot(request.to().clone())
            && is_viewing(request.to())
            && is_alone(request.to())
    }

    /// What would be done, proven, without any motion: the way in words.
    ///
    /// # Errors
    /// As [`TransferCell::transfer`].
    pub fn rehearse(&mut self, request: &Request) -> Result<Vec<String>, TransferError> {
        self.check(request)?;
        let job = self.plan.job(request, self.inventory.world())?;
        if let Some(reason) = self.check_jaws(&job)? {
            return Ok(vec![reason]);
        }
        let choice = match self.choose_blindly(&job) {
            Ok(choice) => choice,
            Err(NoChoice::NotThere(reason) | NoChoice::Unclear(reason)) => return Ok(vec![reason]),
            Err(NoChoice::Home(error)) => return Ok(vec![error.to_string()]),
        };
        let route = self.route(&job, &choice)?;
        let mut lines = Vec::new();
        let mut say = |what: &str, pose: ToolPose| {
            lines.push(format!(
                "{what:<24} x {:7.1}  y {:7.1}  z {:6.1} mm  {:6.1} degrees",
                1e3 * pose.planar.x_m,
                1e3 * pose.planar.y_m,
                1e3 * pose.z_m,
                pose.planar.yaw_rad.to_degrees()
            ));
        };
        let passage = |say: &mut dyn FnMut(&str, ToolPose), way: Passage, does: &str| {
            way.way_in().iter().for_each(|line| say("in", line.to));
            say(does, way.at);
            way.way_out().iter().for_each(|line| say("out", line.to));
        };
        if let Some((way, pick)) = &route.pick {
            way.iter().for_each(|pose| say("travel", *pose));
            passage(&mut say, *pick, "jaws close");
        }
        route.carry.iter().for_each(|pose| say("carry", *pose));
        passage(&mut say, route.place, "jaws open");
        route.home.iter().for_each(|pose| say("home", *pose));
        lines.push(self.who_would_correct(&job));
        Ok(lines)
    }

    /// What the inventory says of a request, without writing anything.
    pub(crate) fn check(&self, request: &Request) -> Result<(), TransferError> {
        let (from, to) = (request.from(), request.to());
        if let Place::Slot(slot) = &from {
            self.plan.slot(slot)?;
        }
        self.plan.slot(to)?;
        match request {
            Request::Move { from, to } => self.inventory.check_transfer(from, to)?,
            Request::Unlid { from, to } => self.inventory.check_unlid(from, to)?,
            Request::Relid { from, to } => self.inventory.check_relid(from, to)?,
        }
        Ok(())
    }

    /// Checks that the jaws hold what the inventory says. A gripper that cannot say it is the reason why nothing is begun.
    fn check_jaws(&mut self, job: &Job) -> Result<Option<String>, TransferError> {
        let holds = match self.manipulator.holds_object() {
            Ok(holds) => holds,
            Err(error) => return Ok(Some(error.to_string())),
        };
        match (holds, job.from.is_none()) {
            (true, false) => Err(TransferError::Jaws(ComeHomeError::HoldsUnknown.to_string())),
            (false, true) => Err(TransferError::Jaws(format!(
                "the jaws should hold {}, and hold nothing",
                job.item
            ))),
            _ => Ok(None),
        }
    }

    /// A slot in which the item has to be looked at before it can be put into its place; `None` if it need not, or cannot be.
    fn has_to_be_seen(&mut self, job: &Job) -> Option<SlotAddress> {
        if !matches!(job.request, Request::Move { .. }) {
            return None;
        }
        let is_seen = job.from.as_ref().is_some_and(|from| self.is_visible(from, &job.labware));
        if is_seen {
            return None;
        }
        let is_certain = self
            .choose_blindly(job)
            .is_ok_and(|choice| choice.interval_m() <= self.tolerance_m(job));
        let is_learned = self.knowledge.carries() >= self.settings.carries;
        if is_certain && is_learned {
            return None;
        }
        self.viewing_slot(job)
    }

    /// A free slot in which to look at the item: that to which it shall go, or another one.
    fn viewing_slot(&self, job: &Job) -> Option<SlotAddress> {
        let world = self.inventory.world();
        let from = job.request.from();
        let is_free = |address: &SlotAddress| {
            let Some(site) = self.plan.sites.get(address.site()) else { return false };
            is_viewing_site(site)
                && site.takes(&job.labware_name)
                && from != Place::Slot(address.clone())
                && world.slot(address).is_some_and(<[_]>::is_empty)
        };
        let to = job.request.to();
        if is_free(to) {
            return Some(to.clone());
        }
        self.plan.addresses().into_iter().find(is_free)
    }

    /// Asks the operator to seat what lies where the item is gripped: if nobody knows yet how plates lie in the jaws where sites
    /// were taught, which is learned from it, or if a person put it where the camera does not see it. Without an answer it may lie
    /// anywhere near.
    fn ask_to_seat(&mut self, job: &Job) {
        let Some(from) = &job.from else { return };
        let place = from.address.to_string();
        let lowest = self.inventory.world().slot(&from.address).and_then(<[_]>::first);
        let Some(item) = lowest.map(|item| item.id.to_string()) else { return };
        let of_site = self.knowledge.offsets().of(job.to.address.site());
        let known = of_site.by(self.knowledge.belief());
        // Onto a plate, an item is put where that plate lies: what belongs to the site does not matter.
        let is_learned =
            job.to.below.is_some() || NORMAL_95 * known.deviation < self.tolerance_m(job);
        let is_hidden = !self.is_visible(from, &job.labware);
        let lies = self.knowledge.lies(&item, &place);
        let is_roughly_put = lies == Lies::ByHand { is_seated: false } && is_hidden;
        let is_seated = lies == (Lies::ByHand { is_seated: true });
        if is_seated || (is_learned && !is_roughly_put) {
            return;
        }
        match self.operator.seat_item(&item, &place) {
            Ok(()) => self.knowledge.note_lies(&item, &place, Lies::ByHand { is_seated: true }),
            Err(error) => tracing::info!("{item} is taken as it lies: {error}"),
        }
    }

    /// The slot at which the item may be carried about, if the cell has seen too few carries.
    fn may_be_carried_about(&self, request: &Request) -> Option<SlotAddress> {
        if self.knowledge.carries() >= self.settings.carries {
            return None;
        }
        let Place::Slot(address) = request.from() else { return None };
        let (site, _) = self.plan.slot(&address).ok()?;
        // Nothing else may lie there: only the top one would be carried.
        let is_alone = self.inventory.world().slot(&address).is_some_and(|items| items.len() == 1);
        (is_viewing_site(site) && is_alone).then_some(address)
    }

    /// The poses of the tool near a slot to which a plate may be carried: away from everything else that lies or may lie around.
    pub(crate) fn free_poses(&self, address: &SlotAddress) -> Vec<PlanarPose> {
        let Ok((_, slot)) = self.plan.slot(address) else { return Vec::new() };
        let others: Vec<PlanarPose> = self
            .plan
            .addresses()
            .iter()
            .filter(|other| *other != address)
            .filter_map(|other| Some(self.plan.slot(other).ok()?.1.tool))
            .collect();
        let shares = [-1.0, -0.5, 0.0, 0.5, 1.0];
        let mut poses = Vec::new();
        for x in shares {
            for y in shares {
                for yaw in shares {
                    let pose = PlanarPose::new(
                        slot.tool.x_m + x * ABOUT_M,
                        slot.tool.y_m + y * ABOUT_M,
                        slot.tool.yaw_rad + yaw * ABOUT_RAD,
                    );
                    if others.iter().all(|other| pose.distance_m(*other) > APART_M) {
                        poses.push(pose);
                    }
                }
            }
        }
        poses
    }
}

/// Whether an item may be put down in a site to look at it: the camera sees it, nothing is in the way above it, and there is
/// room for an item that lies a little off.
fn is_viewing_site(site: &SiteConfig) -> bool {
    site.is_seen && site.access == Access::Above && site.seating.translation_m >= ROOMY_M
}

/// The tolerance of a site with room, in meters: no tray with walls has it.
const ROOMY_M: f64 = 0.002_5;
/// A plate is carried about within this of its slot, in meters and radians.
const ABOUT_M: f64 = 0.04;
const ABOUT_RAD: f64 = 0.35;
/// The middles of two plates that touch in no pose are farther apart than this, in meters: a plate's diagonal, and some room
/// for the fingers.
const APART_M: f64 = 0.17;
