//! The way of a transfer, proven before anything moves.

use rmrl_cell::{Line, Passage, PassagePurpose, ToolPose};
use rmrl_core::PlanarPose;

use crate::cell::TransferCell;
use crate::choosing::Choice;
use crate::error::TransferError;
use crate::going::Leaving;
use crate::job::{At, Job};
use crate::ways::{Load, SlotLine};

/// All poses of the tool in one transfer, in order.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// From where the tool is to where the way into the first slot begins, and the way itself; `None` if the jaws hold the
    /// item already.
    pub pick: Option<(Vec<ToolPose>, Passage)>,
    /// From there to where the way into the second slot begins.
    pub carry: Vec<ToolPose>,
    pub place: Passage,
    /// Home.
    pub home: Vec<ToolPose>,
}

impl TransferCell {
    /// Proves the whole way of a transfer.
    ///
    /// # Errors
    /// A part of it is not clear, or out of reach.
    pub(crate) fn route(&mut self, job: &Job, choice: &Choice) -> Result<Route, TransferError> {
        let not_clear =
            |reason: String| TransferError::NotClear { way: job.request.to_string(), reason };
        let holding = Load::Holding { labware: &job.labware, has_lid: job.has_lid };
        let opening_m = self.plan.task.jaw_opening_m;
        let mut here = self.manipulator.pose().map_err(|error| not_clear(error.to_string()))?;
        let pick = match (&job.from, choice.pick) {
            (Some(from), Some(tool)) => {
                let open = Load::Open(self.plan.opening_m(from));
                let (way, passage) = self
                    .way_into(here, from, (tool, job), PassagePurpose::Pick, [open, holding])
                    .map_err(not_clear)?;
                here = passage.end;
                Some((way, passage))
            }
            _ => None,
        };
        let open = Load::Open(self.plan.opening_m(&job.to));
        let (carry, place) = self
            .way_into(here, &job.to, (choice.place, job), PassagePurpose::Place, [holding, open])
            .map_err(not_clear)?;
        let home = self.plan.task.home.tool_pose();
        let released = Leaving { slot: &job.to.address, lifts: false };
        let home = self
            .way(place.end, home, Some(released), Load::Open(opening_m))
            .map_err(|error| not_clear(error.to_string()))?;
        Ok(Route { pick, carry, place, home })
    }

    /// The way from a pose to a slot, and into it and out of it. The hand comes with the first load and leaves with the second.
    fn way_into(
        &mut self,
        here: ToolPose,
        at: &At,
        (tool, job): (PlanarPose, &Job),
        purpose: PassagePurpose,
        [comes, leaves]: [Load<'_>; 2],
    ) -> Result<(Vec<ToolPose>, Passage), String> {
        let passage = self.plan.passage(at, tool, &job.labware, purpose);
        let height_m = self.plan.task.travel_height_m.max(passage.begin.z_m);
        let above = passage.begin.at_height(height_m);
        let out_of = match purpose {
            PassagePurpose::Pick => None,
            PassagePurpose::Place => {
                job.from.as_ref().map(|from| Leaving { slot: &from.address, lifts: false })
            }
        };
        let mut way = self.way(here, above, out_of, comes).map_err(|error| error.to_string())?;
        let mut prove = |line: Line, lifts: bool, load: Load<'_>| {
            self.ways.at_slot(SlotLine { slot: &at.address, line, lifts }, load)
        };
        if above != passage.begin {
            prove(Line { from: above, to: passage.begin }, false, comes)?;
            way.push(passage.begin);
        }
        for (lines, load) in [(passage.way_in(), comes), (passage.way_out(), leaves)] {
            let holds = matches!(load, Load::Holding { .. });
            for line in lines {
                let lifts = holds && (line.from == passage.at || line.to == passage.at);
                prove(line, lifts, load)?;
            }
        }
        Ok((way, passage))
    }
}
