//! Gripping an item in its slot, and leaving the slot with it or without it.

use rmrl_cell::{Followed, MotionError, Passage, ToolPose};
use rmrl_labware::{GripReading, judge_grip};

use crate::carried::distance_m;
use crate::cell::TransferCell;
use crate::job::Job;

/// How grasping ended.
pub(crate) enum Grasp {
    /// The jaws hold the item.
    Holds,
    /// Nothing came near it.
    Untouched(String),
    /// It lies where it was, and the jaws are open.
    LeftThere(String),
    /// Nobody knows whether the jaws hold it.
    Unknown(String),
}

impl TransferCell {
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
            Err(error) => return Grasp::Untouched(error.to_string()),
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
    pub(crate) fn judge(&mut self, job: &Job) -> Result<Result<(), String>, MotionError> {
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
    pub(crate) fn retreat(&mut self, passage: &Passage, speed_m_s: f64) -> Result<(), MotionError> {
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

    pub(crate) fn put_back(
        &mut self,
        passage: &Passage,
        opening_m: f64,
    ) -> Result<(), MotionError> {
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
}
