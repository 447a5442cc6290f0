//! The parts that move, each with the frame that it is fixed to.

use crate::arm_body::{ArmBody, LinkFrames};
use crate::gripper_body::GripperBody;
use crate::held_plate::Hand;
use crate::shape::{Core, Solid};

/// The frame of the flange among [`LinkFrames`].
pub(crate) const FLANGE: usize = 6;

/// What a part belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The arm.
    Link,
    /// The gripper's body.
    Body,
    /// A finger or the held plate.
    Fingers,
}

/// A part, fixed to a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub name: &'static str,
    pub kind: Kind,
    /// The index of its frame among [`LinkFrames`].
    pub frame: usize,
    core: Core,
}

impl Part {
    /// The part where the arm stands.
    pub fn placed(&self, frames: &LinkFrames) -> Solid {
        self.core.placed(&frames[self.frame])
    }
}

/// All parts of an arm with a gripper and what it holds.
pub(crate) fn parts(arm: &ArmBody, gripper: &GripperBody, hand: &Hand) -> Vec<Part> {
    let mut parts: Vec<Part> = arm
        .links()
        .iter()
        .map(|one| Part {
            name: one.name,
            kind: Kind::Link,
            frame: one.link,
            core: one.shape.core(),
        })
        .collect();
    let mut at_flange = |name, kind, core| parts.push(Part { name, kind, frame: FLANGE, core });
    at_flange("gripper body", Kind::Body, gripper.body.core());
    for (name, boxes) in
        ["left finger", "right finger"].into_iter().zip(gripper.fingers(hand.jaw_opening_m))
    {
        boxes.iter().for_each(|shape| at_flange(name, Kind::Fingers, shape.core()));
    }
    if let Some(plate) = &hand.held {
        let core = plate.shape().core();
        let frame = gripper.flange_from_tool * core.frame;
        at_flange("held plate", Kind::Fingers, Core { frame, ..core });
    }
    parts
}
