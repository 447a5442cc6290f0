//! A transfer with the tool where the caller says, to try corrections out in a simulation.

use rmrl_core::{Look, PlanarPose};

use crate::carried::not_begun;
use crate::cell::TransferCell;
use crate::choosing::{Choice, NoChoice, REPEATABILITY_M};
use crate::correction::Correction;
use crate::error::TransferError;
use crate::job::Job;
use crate::offset::Offset;
use crate::request::{CorrectedBy, Request, TransferReport};

/// What a report names as what corrected such a transfer.
const CALLER: &str = "the caller";

impl TransferCell {
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
