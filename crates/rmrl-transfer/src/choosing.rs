//! Where the jaws close and where they open: the correction of a transfer, and how sure it is.
//!
//! A plate in the jaws has one number that the jaws do not center: its offset along the fingers. The pick chooses it where the
//! camera sees the plate; elsewhere it is what is known of the slot, and the place makes up for it:
//!
//! ```text
//! held      offset in the jaws: as chosen, as it was put down, or that of the slot
//! goal      the item lies right if jaws at the tool T* release it with the offset s*
//! place     T* moved along the fingers by s* - held
//! ```

use rmrl_core::{Look, Observation, PlanarPose};

use crate::cell::{ComeHomeError, TransferCell};
use crate::correction::Correction;
use crate::job::{At, Job};
use crate::knowledge::{Knowledge, Lies};
use crate::looking::Seen;
use crate::offset::Offset;
use crate::request::Request;

/// Half the width of a 95 % interval, in standard deviations.
pub(crate) const NORMAL_95: f64 = 1.96;
/// How exactly the arm comes back to a pose, in meters: a standard deviation of the vendor's 0.1 mm.
pub(crate) const REPEATABILITY_M: f64 = 0.000_1;
/// The play of a lid on its plate, in meters: a standard deviation. Untuned.
pub(crate) const LID_PLAY_M: f64 = 0.000_5;

/// Where the item lies right: if jaws at `tool`, as commanded, release it with this offset along the fingers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    pub tool: PlanarPose,
    pub offset: Offset,
}

/// Where the jaws close and open.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Where they close; `None` if they hold it already.
    pub pick: Option<PlanarPose>,
    /// The look at the item before, for what the carry teaches.
    pub seen_before: Option<Look>,
    /// The offset along the fingers that it has between them.
    pub held: Offset,
    pub goal: Goal,
    /// Where they open.
    pub place: PlanarPose,
    /// How far off along the fingers it will lie: a standard deviation, in meters.
    pub deviation_m: f64,
    /// How far along the fingers it is expected from where it should lie, in meters: 0 where the place makes up for it.
    pub along_m: f64,
    /// Whether a person put the item where it is gripped, and nothing has looked at it since.
    pub by_hand: Option<bool>,
    /// Whether the belief or a policy chose the pick.
    pub correction: Correction,
}

impl Choice {
    /// Half the width of the 95 % interval of where the item will lie, in meters.
    pub fn interval_m(&self) -> f64 {
        NORMAL_95 * self.deviation_m
    }
}

/// Why nothing was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NoChoice {
    /// The item does not lie where it should.
    NotThere(String),
    /// It cannot be told well enough where it lies, or where it should.
    Unclear(String),
    /// The tool did not get out of view.
    Home(ComeHomeError),
}

impl From<ComeHomeError> for NoChoice {
    fn from(error: ComeHomeError) -> Self {
        Self::Home(error)
    }
}

/// `tool`, moved along its fingers.
pub(crate) fn moved_along(tool: PlanarPose, along_m: f64) -> PlanarPose {
    let (sin, cos) = tool.yaw_rad.sin_cos();
    PlanarPose::new(tool.x_m + along_m * cos, tool.y_m + along_m * sin, tool.yaw_rad)
}

impl TransferCell {
    /// Looks where it has to, and chooses where the jaws close and open. The tool is at home.
    pub(crate) fn choose(&mut self, job: &Job) -> Result<Choice, NoChoice> {
        let look = match &job.from {
            Some(from) => self.look_at_source(job, from)?,
            None => None,
        };
        let goal = self.goal(job)?;
        let Some(from) = &job.from else { return self.held_by_jaws(job, goal) };
        let choice = match look {
            Some(seen) => {
                let by_belief = self.over_look(job, seen.look(), goal);
                self.by_whose_turn(job, seen, by_belief)
            }
            None => self.by_memory(job, from, goal),
        };
        let corrected_m = choice.pick.map_or(0.0, |pick| pick.distance_m(from.slot.tool));
        let most_m = self.settings.max_correction_m;
        if corrected_m > most_m {
            return Err(NoChoice::Unclear(format!(
                "{} lies {:.0} mm from the middle of {}, more than {:.0} mm; put it into its place",
                job.item,
                1e3 * corrected_m,
                from.address,
                1e3 * most_m
            )));
        }
        Ok(choice)
    }

    /// What would be chosen by what is known, without looking: to see whether a look is needed, and to rehearse.
    pub(crate) fn choose_blindly(&self, job: &Job) -> Result<Choice, NoChoice> {
        let goal = self.known_goal(job);
        match &job.from {
            Some(from) => Ok(self.by_memory(job, from, goal)),
            None => self.held_by_jaws(job, goal),
        }
    }

    /// What the jaws hold already.
    pub(crate) fn held_by_jaws(&self, job: &Job, goal: Goal) -> Result<Choice, NoChoice> {
        let place = rmrl_inventory::Place::Jaws.to_string();
        match self.knowledge.lies(&job.item, &place) {
            Lies::ByArm { offset, .. } => {
                let choice = Choosing { pick: None, seen_before: None, by_hand: None };
                Ok(self.chosen(choice, offset, goal))
            }
            Lies::ByHand { .. } => Err(NoChoice::Unclear(format!(
                "nothing is known of how {} lies between the jaws; take it out by hand",
                job.item
            ))),
        }
    }

    /// Where the item has to lie.
    fn goal(&mut self, job: &Job) -> Result<Goal, NoChoice> {
        let At { address, slot, below, .. } = &job.to;
        let Some((below, labware)) = below else {
            let is_put_right = job.from.as_ref().is_some_and(|from| from.address == *address);
            if !is_put_right
                && self.is_visible(&job.to, &job.labware)
                && let Some(reason) = self.occupied(&job.to, &job.labware)?
            {
                return Err(NoChoice::Unclear(reason));
            }
            return Ok(self.known_goal(job));
        };
        if !self.is_visible(&job.to, labware) {
            return Ok(self.known_goal(job));
        }
        let id = below.id.to_string();
        let bottom_m = self.bottom_of_below(job, labware);
        let expected = self.expected_look(&id, address, slot.tool);
        match self.look_for(labware, bottom_m, expected)? {
            Seen::Here(seen) => {
                let look = seen.look();
                let tool = self.knowledge.belief().tool_over(look, 0.0);
                Ok(Goal { tool, offset: Offset::seen(look, tool) })
            }
            Seen::NotThere(reason) | Seen::Unclear(reason) => Err(NoChoice::Unclear(format!(
                "{id}, onto which it should be put, is not seen in {address}: {reason}"
            ))),
        }
    }

    /// Where the item has to lie by what is known: in the slot as it was taught, or on what lies there.
    pub(crate) fn known_goal(&self, job: &Job) -> Goal {
        let At { address, slot, below, .. } = &job.to;
        let of_site = self.knowledge.offsets().of(address.site());
        let Some((below, _)) = below else { return Goal { tool: slot.tool, offset: of_site } };
        match self.knowledge.lies(below.id.as_str(), &address.to_string()) {
            Lies::ByArm { tool, offset, .. } => Goal { tool, offset },
            Lies::ByHand { is_seated } => {
                let offset = of_site.blurred(Knowledge::by_hand_m(is_seated));
                Goal { tool: slot.tool, offset }
            }
        }
    }

    /// The height of the bottom of the plate onto which something is put, in meters.
    pub(crate) fn bottom_of_below(&self, job: &Job, below: &rmrl_labware::Labware) -> f64 {
        let rise_m = match job.request {
            Request::Relid { .. } => below.lid_rim_m().unwrap_or(below.height_m),
            _ if below.name == job.labware.name => below.stacking_height_m,
            _ => below.height_m,
        };
        job.to.bottom_m - rise_m
    }

    /// Looks at what is gripped, or at the plate whose lid it is; `None` where the camera does not see it, or cannot say and
    /// the arm itself put it there.
    fn look_at_source(&mut self, job: &Job, from: &At) -> Result<Option<Observation>, NoChoice> {
        let (id, labware, bottom_m) = match (&job.request, &from.below) {
            (Request::Unlid { .. }, Some((plate, labware))) => {
                let rim_m = labware.lid_rim_m().unwrap_or(labware.height_m);
                (plate.id.to_string(), labware.clone(), from.bottom_m - rim_m)
            }
            _ => (job.item.clone(), job.labware.clone(), from.bottom_m),
        };
        if !self.is_visible(from, &labware) {
            return Ok(None);
        }
        let expected = self.expected_look(&id, &from.address, from.slot.tool);
        match self.look_for(&labware, bottom_m, expected)? {
            Seen::Here(seen) => {
                let lies = self.knowledge.lies(&id, &from.address.to_string());
                if lies == (Lies::ByHand { is_seated: true }) {
                    let (site, tool) = (from.address.site(), from.slot.tool);
                    self.knowledge.note_seated(site, tool, seen.look(), true);
                }
                Ok(Some(seen))
            }
            Seen::NotThere(reason) => Err(NoChoice::NotThere(format!(
                "{id} should lie in {}, and the camera does not see it there: {reason}",
                from.address
            ))),
            Seen::Unclear(reason) => match self.knowledge.lies(&id, &from.address.to_string()) {
                Lies::ByArm { .. } => {
                    tracing::info!("{id} is gripped where it was put down: {reason}");
                    Ok(None)
                }
                Lies::ByHand { .. } => Err(NoChoice::Unclear(format!(
                    "the camera cannot say how {id} lies in {}: {reason}",
                    from.address
                ))),
            },
        }
    }

    /// Grips what the camera sees with the offset that it should have where it is put down.
    fn over_look(&self, job: &Job, look: Look, goal: Goal) -> Choice {
        let belief = self.knowledge.belief();
        let tool = belief.tool_over(look, goal.offset.by(belief).mean);
        let play_m = match job.request {
            Request::Unlid { .. } => LID_PLAY_M,
            _ => 0.0,
        };
        let held = Offset::seen(look, tool).blurred(play_m);
        let choice = Choosing { pick: Some(tool), seen_before: Some(look), by_hand: None };
        self.chosen(choice, held, goal)
    }

    /// Grips what was put down as it was put down.
    pub(crate) fn by_memory(&self, job: &Job, from: &At, goal: Goal) -> Choice {
        let place = from.address.to_string();
        let id = match (&job.request, &from.below) {
            (Request::Unlid { .. }, Some((plate, _))) => plate.id.to_string(),
            _ => job.item.clone(),
        };
        match self.knowledge.lies(&id, &place) {
            Lies::ByArm { tool, offset, seen } => {
                let choice = Choosing { pick: Some(tool), seen_before: seen, by_hand: None };
                self.chosen(choice, offset, goal)
            }
            Lies::ByHand { is_seated } => {
                let offsets = self.knowledge.offsets();
                let by_hand_m = Knowledge::by_hand_m(is_seated);
                let held = offsets.of(from.address.site()).blurred(by_hand_m);
                let pick = Some(from.slot.tool);
                let by_hand = Some(is_seated);
                let mut choice =
                    self.chosen(Choosing { pick, seen_before: None, by_hand }, held, goal);
                if job.to.below.is_none() {
                    // What sites have in common cancels.
                    let apart = offsets.difference(job.to.address.site(), from.address.site());
                    let apart = apart.blurred(by_hand_m).blurred(REPEATABILITY_M);
                    choice.deviation_m = apart.by(self.knowledge.belief()).deviation;
                }
                choice
            }
        }
    }

    fn chosen(&self, choosing: Choosing, held: Offset, goal: Goal) -> Choice {
        let Choosing { pick, seen_before, by_hand } = choosing;
        let off = goal.offset.less(&held).blurred(REPEATABILITY_M).by(self.knowledge.belief());
        let place = moved_along(goal.tool, off.mean);
        Choice {
            pick,
            seen_before,
            held,
            goal,
            place,
            deviation_m: off.deviation,
            along_m: 0.0,
            by_hand,
            correction: Correction::by_belief(),
        }
    }
}

/// What a choice begins with.
struct Choosing {
    pick: Option<PlanarPose>,
    seen_before: Option<Look>,
    by_hand: Option<bool>,
}
