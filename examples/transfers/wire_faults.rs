//! Faults of the controller, its links, its reports and its gripper.

use std::time::Duration;

use rand::RngExt;
use rmrl::rmrl_core::Rng;
use rmrl::rmrl_xarm::emulator::{
    GripperFault, LinkFault, MotionFault, Recording, ReportFault, Request, RunningEmulator,
    ScheduledFault,
};

/// A motion of a transfer, a request and a motion of the gripper in which a fault comes: one of the first.
const MOTIONS: u64 = 14;
const REQUESTS: u64 = 300;
const GRIPPER_MOTIONS: u64 = 3;

/// A fault of a transfer that begins now.
pub fn draw(rng: &mut Rng, so_far: &Recording) -> ScheduledFault {
    let in_motion = |rng: &mut Rng, fault| {
        let number = so_far.motions.len() as u64 + 1 + rng.random_range(0..MOTIONS);
        ScheduledFault::Motion { number: Some(number), share: rng.random_range(0.0..1.0), fault }
    };
    let at_request = |rng: &mut Rng, fault| {
        let number = so_far.requests + 1 + rng.random_range(0..REQUESTS);
        ScheduledFault::Request { request: Request::Number(number), fault }
    };
    let in_gripper = |rng: &mut Rng, fault| {
        let number = so_far.gripper_motions + 1 + rng.random_range(0..GRIPPER_MOTIONS);
        ScheduledFault::Gripper { number: Some(number), fault }
    };
    match rng.random_range(0..13) {
        0 => in_motion(rng, MotionFault::Collision),
        1 => in_motion(rng, MotionFault::JointLimit),
        2 => in_motion(rng, MotionFault::EmergencyStop),
        3 => in_motion(rng, MotionFault::StateReset),
        4 => at_request(rng, LinkFault::Silence),
        5 => at_request(rng, LinkFault::Drop),
        6 => at_request(rng, LinkFault::HalfFrame),
        7 => at_request(rng, LinkFault::Late(Duration::from_millis(300))),
        8 => at_request(rng, LinkFault::Twice),
        9 => at_request(rng, LinkFault::WrongTransaction),
        10 => in_gripper(rng, GripperFault::Error(12)),
        11 => in_gripper(rng, GripperFault::Dropped),
        _ => ScheduledFault::Reports(ReportFault::Silence),
    }
}

/// After a transfer a person releases the button, and the reports come again.
pub fn end(emulator: &RunningEmulator) {
    emulator.faults().release_emergency_stop();
    emulator.faults().schedule(ScheduledFault::Reports(ReportFault::Resume));
}
