//! A cell learns where its camera sees plates: it carries one about, and looks at it each time.

use rmrl_core::{Carry, Look, PlanarPose};
use rmrl_inventory::{FailedAt, SlotAddress, TransferId};

use crate::carried::Carried;
use crate::cell::TransferCell;
use crate::choosing::{Choice, Goal};
use crate::correction::Correction;
use crate::error::TransferError;
use crate::grasping::Grasp;
use crate::job::Job;
use crate::knowledge::Lies;
use crate::looking::Seen;
use crate::offset::Offset;
use crate::progress::TransferEvent;
use crate::request::{Ending, LeftAt, Request};
use crate::route::Route;

/// So many poses more are chosen than are needed, because some may be out of reach.
const SPARE_POSES: usize = 3;

/// What ended carrying about: the item's place, or nothing where it lies in its slot.
type Ended = Result<usize, Ending>;

impl TransferCell {
    /// Carries the item that lies in a slot to poses around it, and back into it. Returns how often. The tool is at home.
    ///
    /// # Errors
    /// It is not clear, or what lies where could not be recorded.
    pub(crate) fn carry_about(&mut self, at: &SlotAddress) -> Result<Ended, TransferError> {
        let request = Request::Move { from: at.clone().into(), to: at.clone() };
        let mut job = self.plan.job(&request, self.inventory.world())?;
        let free = self.free_poses(at);
        let wanted = self.settings.carries;
        let mut poses = self.knowledge.belief().telling_poses(&free, wanted + SPARE_POSES);
        let back = job.to.slot.tool;
        poses.push(back);
        let mut lies = match self.where_to_grip(&job) {
            Ok(lies) => lies,
            Err(reason) => {
                // The transfer looks for it again, and says what follows.
                tracing::info!("nothing is carried about: {reason}");
                return Ok(Ok(0));
            }
        };
        let id = self.inventory.begin_adjust(at, self.now())?;
        let mut is_grasped = false;
        let mut made = 0;
        for pose in poses {
            if made >= wanted && pose != back {
                continue;
            }
            let choice = choice_of(&lies, pose);
            job.to.slot.tool = pose;
            let route = match self.route(&job, &choice) {
                Ok(route) => route,
                Err(error) if pose != back => {
                    tracing::debug!("it is not carried there: {error}");
                    continue;
                }
                Err(error) => {
                    let ended = Carried::AtFrom(error.to_string());
                    return self.end_adjust(&job, id, ended).map(Err);
                }
            };
            match self.carry_once(&job, &choice, &route, (id, &mut is_grasped))? {
                Carried::Released => {}
                ended => return self.end_adjust(&job, id, ended).map(Err),
            }
            lies = Gripped { tool: pose, seen: None, offset: choice.held.clone() };
            if let Some(look) = self.look_near(&job, pose, &choice.held)? {
                self.knowledge.note(Carry {
                    seen_before: choice.seen_before,
                    grasped: choice.pick.unwrap_or(pose),
                    released: pose,
                    seen_after: look,
                });
                made += 1;
                self.tell(|| TransferEvent::CarriedAbout { item: job.item.clone(), made, wanted });
                lies.seen = Some(look);
            }
        }
        self.back_in_its_slot(&job, id, lies)?;
        Ok(Ok(made))
    }

    /// Records that the item was carried about, and lies in its slot again.
    fn back_in_its_slot(
        &mut self,
        job: &Job,
        id: TransferId,
        lies: Gripped,
    ) -> Result<(), TransferError> {
        let at = &job.to.address;
        self.inventory.released(id, at, None, self.now())?;
        self.inventory.done(id, self.now())?;
        let Gripped { tool, seen, offset } = lies;
        let offset = seen.map_or(offset, |look| Offset::seen(look, tool));
        self.knowledge.note_lies(&job.item, &at.to_string(), Lies::ByArm { tool, offset, seen });
        self.save_knowledge();
        Ok(())
    }

    /// Where the item is gripped first.
    fn where_to_grip(&mut self, job: &Job) -> Result<Gripped, String> {
        let place = job.to.address.to_string();
        let tool = job.to.slot.tool;
        let expected = self.expected_look(&job.item, &job.to.address, tool);
        let seen = self.look_for(&job.labware, job.to.bottom_m, expected);
        let look = match seen.map_err(|error| error.to_string())? {
            Seen::Here(seen) => seen.look(),
            Seen::NotThere(reason) | Seen::Unclear(reason) => return Err(reason),
        };
        Ok(match self.knowledge.lies(&job.item, &place) {
            Lies::ByArm { tool, offset, seen } => {
                Gripped { tool, seen: seen.or(Some(look)), offset }
            }
            Lies::ByHand { is_seated } => {
                if is_seated {
                    self.knowledge.note_seated(job.to.address.site(), tool, look, true);
                }
                let over = self.knowledge.belief().tool_over(look, 0.0);
                Gripped { tool: over, seen: Some(look), offset: Offset::seen(look, over) }
            }
        })
    }

    /// Carries the item from where it lies to a pose near its slot.
    fn carry_once(
        &mut self,
        job: &Job,
        choice: &Choice,
        route: &Route,
        (id, is_grasped): (TransferId, &mut bool),
    ) -> Result<Carried, TransferError> {
        let Some((way, passage)) = &route.pick else {
            return Ok(Carried::AtFrom("there is nothing to grip".to_string()));
        };
        self.knowledge.forget(&job.item);
        match self.grasp(job, way, passage) {
            Grasp::Holds => {}
            Grasp::Untouched(reason) | Grasp::LeftThere(reason) => {
                return Ok(Carried::AtFrom(reason));
            }
            Grasp::Unknown(reason) => return Ok(Carried::Unknown(reason)),
        }
        if !*is_grasped {
            self.inventory.grasped(id, self.now())?;
            *is_grasped = true;
        }
        if let Err(error) = self.leave_with(job, passage) {
            return Ok(self.after_a_stop(&error));
        }
        if let Some(ended) = self.put_down(job, choice, route) {
            return Ok(ended);
        }
        self.manipulator.placed();
        Ok(match self.leave(job, route) {
            Ok(()) => Carried::Released,
            Err(error) => Carried::AtFrom(error.to_string()),
        })
    }

    /// Looks at the item where it was put down; `None` where the camera cannot say.
    fn look_near(
        &mut self,
        job: &Job,
        tool: PlanarPose,
        held: &Offset,
    ) -> Result<Option<Look>, TransferError> {
        let belief = self.knowledge.belief();
        let expected = belief.seen_from(tool, held.by(belief).mean);
        Ok(match self.look_for(&job.labware, job.to.bottom_m, expected) {
            Ok(Seen::Here(seen)) => Some(seen.look()),
            Ok(Seen::NotThere(reason) | Seen::Unclear(reason)) => {
                tracing::info!("a carry tells nothing: {reason}");
                None
            }
            Err(error) => {
                tracing::info!("a carry tells nothing: {error}");
                None
            }
        })
    }

    /// Records how carrying about ended before its end.
    fn end_adjust(
        &mut self,
        job: &Job,
        id: TransferId,
        carried: Carried,
    ) -> Result<Ending, TransferError> {
        self.knowledge.forget(&job.item);
        let (at, left, reason) = match carried {
            // It lies near its slot: that is where it is recorded.
            Carried::Released => {
                (FailedAt::AtFrom, Some(LeftAt::From), "it was released".to_string())
            }
            Carried::Untouched(reason) | Carried::AtFrom(reason) => {
                (FailedAt::AtFrom, Some(LeftAt::From), reason)
            }
            Carried::InJaws(reason) => (FailedAt::InJaws, Some(LeftAt::Jaws), reason),
            Carried::Unknown(reason) => (FailedAt::Unknown, None, reason),
        };
        self.inventory.failed(id, at, &reason, self.now())?;
        self.save_knowledge();
        Ok(left.map_or(Ending::Unknown { reason: reason.clone() }, |at| Ending::NotDone {
            at,
            reason,
        }))
    }
}

/// How the item lies, and will be gripped.
#[derive(Debug, Clone)]
struct Gripped {
    tool: PlanarPose,
    seen: Option<Look>,
    offset: Offset,
}

fn choice_of(lies: &Gripped, place: PlanarPose) -> Choice {
    Choice {
        pick: Some(lies.tool),
        seen_before: lies.seen,
        held: lies.offset.clone(),
        goal: Goal { tool: place, offset: lies.offset.clone() },
        place,
        deviation_m: 0.0,
        along_m: 0.0,
        by_hand: None,
        correction: Correction::by_belief(),
    }
}
