//! A transfer with the tool where the caller says, to try corrections out in a simulation.

use rmrl_core::{Look, Observation, PlanarPose};
use rmrl_inventory::Inventory;
use rmrl_labware::Labware;

use crate::carried::not_begun;
use crate::cell::{ComeHomeError, TransferCell};
use crate::choosing::{Choice, NoChoice, REPEATABILITY_M};
use crate::correction::Correction;
use crate::error::TransferError;
use crate::job::{At, Job};
use crate::knowledge::Knowledge;
use crate::looking::Seen;
use crate::offset::Offset;
use crate::request::{CorrectedBy, Request, TransferReport};

/// What a report names as what corrected such a transfer.
const CALLER: &str = "the caller";

/// Why the plate of a request was not seen.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The request is refused.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The tool did not get out of view, or the camera failed.
    #[error(transparent)]
    Home(#[from] ComeHomeError),
    /// The camera does not see it there.
    #[error("{item} is not seen in {slot}: {reason}")]
    NotSeen {
        /// The plate.
        item: String,
        /// Where it should be.
        slot: String,
        /// Why, in words.
        reason: String,
    },
}

impl TransferCell {
    /// Begins again in a laboratory that a person has set up as `inventory` says: nothing is known of camera, tool, sites and
    /// items.
    pub fn begin_again(&mut self, inventory: Inventory) {
        self.knowledge = Knowledge::nothing(self.settings.prior, self.plan.task.start.center());
        self.inventory = inventory;
    }

    /// What the camera sees of the plate that a request moves, whose lid it takes off, or onto which it puts one. The tool moves
    /// out of view first.
    ///
    /// # Errors
    /// The request is refused, the tool does not get out of view, or the camera does not see the plate.
    pub fn look_at_plate(&mut self, request: &Request) -> Result<Observation, LookError> {
        let job = self.plan.job(request, self.inventory.world())?;
        self.come_home()?;
        let Some((item, labware, at, bottom_m)) = self.plate_of(&job) else {
            let slot = job.to.address.to_string();
            let reason = "there is no plate".to_string();
            return Err(LookError::NotSeen { item: job.item, slot, reason });
        };
        let slot = at.address.to_string();
        if !self.is_visible(&at, &labware) {
            let reason = "the site is not in view (is_seen)".to_string();
            return Err(LookError::NotSeen { item, slot, reason });
        }
        let expected = self.expected_look(&item, &at.address, at.slot.tool);
        match self.look_for(&labware, bottom_m, expected)? {
            Seen::Here(seen) => Ok(seen),
            Seen::NotThere(reason) | Seen::Unclear(reason) => {
                Err(LookError::NotSeen { item, slot, reason })
            }
        }
    }

    /// The plate that a job is about, with its labware, its slot and the height of its bottom in meters.
    fn plate_of(&self, job: &Job) -> Option<(String, Labware, At, f64)> {
        match &job.request {
            Request::Move { .. } => {
                let from = job.from.clone()?;
                let bottom_m = from.bottom_m;
                Some((job.item.clone(), job.labware.clone(), from, bottom_m))
            }
            Request::Unlid { .. } => {
                let from = job.from.clone()?;
                let (plate, labware) = from.below.clone()?;
                let bottom_m = from.bottom_m - labware.lid_rim_m().unwrap_or(labware.height_m);
                Some((plate.id.to_string(), labware, from, bottom_m))
            }
            Request::Relid { .. } => {
                let to = job.to.clone();
                let (plate, labware) = to.below.clone()?;
                let bottom_m = self.bottom_of_below(job, &labware);
                Some((plate.id.to_string(), labware, to, bottom_m))
            }
        }
    }

    /// Moves an item straight to a slot with the tool at `tool`, as commanded: the jaws close there. Of a lid that comes onto its
    /// plate they open there; they close on it where it lies as is known. `seen` is the plate that the camera sees, or whose lid
    /// it is.
    ///
    /// Neither the belief nor a tolerance is asked, and an item that lies too far off is not put right: this is for simulations, in
    /// which corrections are tried out. Every motion is proven and checked as always.
    ///
    /// # Errors
    /// As [`TransferCell::transfer`].
    pub fn transfer_at(
        &mut self,
        request: &Request,
        seen: Look,
        tool: PlanarPose,
    ) -> Result<TransferReport, TransferError> {
        self.check(request)?;
        let job = self.plan.job(request, self.inventory.world())?;
        if let Some(reason) = self.not_ready(&job)? {
            return Ok(not_begun(&job, reason));
        }
        match self.choice_at(&job, seen, tool) {
            Ok(choice) => self.make(&job, &choice),
            Err(NoChoice::NotThere(reason) | NoChoice::Unclear(reason)) => {
                Ok(not_begun(&job, reason))
            }
            Err(NoChoice::Home(error)) => Ok(not_begun(&job, error.to_string())),
        }
    }

    fn choice_at(&self, job: &Job, seen: Look, tool: PlanarPose) -> Result<Choice, NoChoice> {
        let goal = self.known_goal(job);
        let by_caller =
            Correction { by: CorrectedBy::Policy(CALLER.to_string()), ..Correction::by_belief() };
        let choice = match (&job.from, &job.request) {
            (None, _) => self.held_by_jaws(job, goal)?,
            (Some(from), Request::Relid { .. }) => self.by_memory(job, from, goal),
            (Some(_), _) => {
                let held = Offset::seen(seen, tool);
                let off = held.less(&goal.offset).blurred(REPEATABILITY_M);
                let off = off.by(self.knowledge.belief());
                return Ok(Choice {
                    pick: Some(tool),
                    seen_before: Some(seen),
                    held,
                    place: goal.tool,
                    goal,
                    deviation_m: off.deviation,
                    along_m: off.mean,
                    by_hand: None,
                    correction: by_caller,
                });
            }
        };
        Ok(Choice { place: tool, correction: by_caller, ..choice })
    }
}
