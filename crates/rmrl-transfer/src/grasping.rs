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

/// How the hand gets into the slot where an item is gripped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandAtPick {
    /// How far the jaws are apart, in meters.
    pub opening_m: f64,
    /// How fast it moves there.
    pub speed_m_s: f64,
}

impl TransferCell {
    /// Grips the item in its slot. It is not lifted yet.
    pub(crate) fn grasp(&mut self, job: &Job, way: &[ToolPose], passage: &Passage) -> Grasp {
        let hand = self.hand_at_pick(job);
        let HandAtPick { opening_m, speed_m_s } = hand;
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
            Ok(Err(reason)) => match self.let_go(passage, hand) {
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

    /// How the hand gets into the slot where the item is gripped.
    pub(crate) fn hand_at_pick(&self, job: &Job) -> HandAtPick {
        let task = &self.plan.task;
        match &job.from {
            Some(from) => {
                HandAtPick { opening_m: self.plan.opening_m(from), speed_m_s: from.site.speed_m_s }
            }
            None => HandAtPick { opening_m: task.jaw_opening_m, speed_m_s: task.contact_speed_m_s },
        }
    }

    /// Opens the jaws where they closed, and leaves without the item.
    pub(crate) fn let_go(
        &mut self,
        passage: &Passage,
        hand: HandAtPick,
    ) -> Result<(), MotionError> {
        self.manipulator.open_jaws(hand.opening_m)?;
        self.retreat(passage, hand.speed_m_s)
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

    /// Lifts the item out of its slot, and looks whether the jaws still hold it before it is far.
    pub(crate) fn leave_with(&mut self, job: &Job, passage: &Passage) -> Result<(), String> {
        let HandAtPick { speed_m_s, .. } = self.hand_at_pick(job);
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
