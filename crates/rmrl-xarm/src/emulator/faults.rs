//! Faults on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fault in a motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionFault {
    /// Error 31, as if the arm had met an obstacle.
    Collision,
    /// Error 23.
    JointLimit,
    /// Error 2, which only clears after [`Faults::release_emergency_stop`].
    EmergencyStop,
    /// The system is reset without an error: state 5, with an empty queue.
    StateReset,
}

/// A fault of a link to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// The request is carried out, but neither it nor any later one on the link is answered.
    Silence,
    /// The request is carried out and the link closed instead of an answer.
    Drop,
    /// Half of the answer, then the link is closed.
    HalfFrame,
    /// The answer comes late.
    Late(Duration),
    /// The answer comes twice.
    Twice,
    /// The answer carries the number of another request.
    WrongTransaction,
}

/// A fault of the gripper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GripperFault {
    /// It stops with an error of its own.
    Error(u16),
    /// It loses the held object after it has closed, and reports that it holds nothing.
    Dropped,
}

/// A fault of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFault {
    /// No report is sent any more, and every link stays open.
    Silence,
    /// Reports are sent again.
    Resume,
}

/// The request at which a fault of the link happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The request with this number, counted from 1 over all links since the start.
    Number(u64),
    /// The next request of this register.
    Register(u8),
    /// The first request after this many motions were accepted, counted from the start.
    AfterMotion(u64),
    /// The next request.
    Next,
}

/// A fault and when it happens. Its text form is such as `collision@12:0.5`; see [`Self::FORMS`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScheduledFault {
    /// In a motion.
    Motion {
        /// The number of the motion, counted from 1 as they begin; `None`: the one under way, or the next.
        number: Option<u64>,
        /// The share of its path at which the fault happens, from 0 to 1.
        share: f64,
        /// The fault.
        fault: MotionFault,
    },
    /// At a request.
    Request {
        /// The request.
        request: Request,
        /// The fault.
        fault: LinkFault,
    },
    /// At the end of a motion of the gripper.
    Gripper {
        /// The number of the motion, counted from 1; `None`: the next.
        number: Option<u64>,
        /// The fault.
        fault: GripperFault,
    },
    /// At once, in all reports.
    Reports(ReportFault),
    /// Releases the button that [`MotionFault::EmergencyStop`] pressed.
    ReleaseEmergencyStop,
}

/// Schedules faults of a running controller. Clones share one schedule.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    schedule: Arc<Mutex<Schedule>>,
}

#[derive(Debug, Default)]
struct Schedule {
    motions: Vec<(Option<u64>, f64, MotionFault)>,
    requests: Vec<(Request, LinkFault)>,
    gripper: Vec<(Option<u64>, GripperFault)>,
    emergency_released: bool,
    reports_are_silent: bool,
}

impl Faults {
    /// Schedules a fault.
    pub fn schedule(&self, fault: ScheduledFault) {
        let mut schedule = self.lock();
        match fault {
            ScheduledFault::Motion { number, share, fault } => {
                schedule.motions.push((number, share, fault));
            }
            ScheduledFault::Request { request, fault } => schedule.requests.push((request, fault)),
            ScheduledFault::Gripper { number, fault } => schedule.gripper.push((number, fault)),
            ScheduledFault::Reports(fault) => {
                schedule.reports_are_silent = fault == ReportFault::Silence;
            }
            ScheduledFault::ReleaseEmergencyStop => schedule.emergency_released = true,
        }
    }

    /// Schedules a fault in a motion, counted from 1 as they begin, at a share of its path from 0 to 1.
    pub fn in_motion(&self, number: u64, share: f64, fault: MotionFault) {
        self.schedule(ScheduledFault::Motion { number: Some(number), share, fault });
    }

    /// Schedules a fault at a request.
    pub fn at_request(&self, request: Request, fault: LinkFault) {
        self.schedule(ScheduledFault::Request { request, fault });
    }

    /// Schedules a fault at the end of a motion of the gripper, counted from 1.
    pub fn in_gripper_motion(&self, number: u64, fault: GripperFault) {
        self.schedule(ScheduledFault::Gripper { number: Some(number), fault });
    }

    /// Releases the button that [`MotionFault::EmergencyStop`] pressed.
    pub fn release_emergency_stop(&self) {
        self.schedule(ScheduledFault::ReleaseEmergencyStop);
    }

    pub(super) fn reports_are_silent(&self) -> bool {
        self.lock().reports_are_silent
    }

    pub(super) fn take_motion(&self, number: u64, share: f64) -> Option<MotionFault> {
        let mut schedule = self.lock();
        let due = |of: Option<u64>, from: f64| of.is_none_or(|of| of == number) && share >= from;
        let index = schedule.motions.iter().position(|(of, from, _)| due(*of, *from))?;
        Some(schedule.motions.swap_remove(index).2)
    }

    pub(super) fn take_request(
        &self,
        number: u64,
        register: u8,
        motions: u64,
    ) -> Option<LinkFault> {
        let mut schedule = self.lock();
        let due = |(request, _): &(Request, LinkFault)| match request {
            Request::Number(of) => *of == number,
            Request::Register(of) => *of == register,
            Request::AfterMotion(of) => motions >= *of,
            Request::Next => true,
        };
        let index = schedule.requests.iter().position(due)?;
        Some(schedule.requests.remove(index).1)
    }

    pub(super) fn take_gripper(&self, number: u64) -> Option<GripperFault> {
        let mut schedule = self.lock();
        let index = schedule.gripper.iter().position(|(of, _)| of.is_none_or(|of| of == number))?;
        Some(schedule.gripper.swap_remove(index).1)
    }

    /// Whether the button was released since the last call.
    pub(super) fn take_release(&self) -> bool {
        std::mem::take(&mut self.lock().emergency_released)
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        // A panic elsewhere leaves a list behind, not a broken invariant.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
