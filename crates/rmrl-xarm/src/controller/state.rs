//! The controller's state, and what time does to it.

use std::collections::VecDeque;

use nalgebra::{Isometry3, Vector3};
use rmrl_cell::{DeviceError, ToolPose};
use rmrl_core::PlanarPose;

use super::bio_gripper::BioGripper;
use super::error;
use super::faults::{Faults, MotionFault};
use super::motion::{Profile, Way, between_joints, on_line, pose_of};
use super::plan::{Fence, error_of};
use super::recording::{MotionOutcome, MotionRecord, Recording};
use super::task::{Asked, Target, Task};
use super::{ControllerConfig, Plant, StartError};
use crate::kinematics::{Joints, pointing_down};

/// What is between a request to move and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Moves what is queued.
    Running,
    /// Keeps what is queued.
    Paused,
    /// Has nothing queued and takes nothing.
    Stopped,
    /// The same, after the system was reset.
    Reset,
}

/// A task that is being carried out.
#[derive(Debug, Clone)]
struct Motion {
    task: Task,
    number: u64,
    way: Way,
    profile: Profile,
    secs: f64,
    from: Isometry3<f64>,
    speed: f64,
}

/// The controller.
pub(super) struct Machine {
    pub config: ControllerConfig,
    plant: Plant,
    faults: Faults,
    pub recording: Recording,
    phase: Phase,
    pub mode: u8,
    pub enabled: bool,
    pub error: u8,
    pub warning: u8,
    emergency_stop: bool,
    plant_stopped: bool,
    pub joints: Joints,
    flange: Isometry3<f64>,
    pub tool_offset: [f64; 6],
    /// Where the base stands in the world that poses are told and taken in.
    pub base_offset: [f64; 6],
    pub load: [f64; 4],
    pub gravity: [f64; 3],
    pub collision_sensitivity: u8,
    pub teach_sensitivity: u8,
    pub simulated_robot: bool,
    pub counter: u32,
    pub fence: Fence,
    pub baud_index: i32,
    queue: VecDeque<Task>,
    motion: Option<Motion>,
    gripper: BioGripper,
    /// Their numbers, the simulated seconds that are left of each, and the state that each sets.
    timers: Vec<(i32, f64, u8)>,
    /// Frames that nobody asked for, with the link each is for.
    pub outbox: Vec<(u64, Vec<u8>)>,
}

impl Machine {
    /// A machine whose arm stands where the plant's does.
    pub fn new(
        config: ControllerConfig,
        mut plant: Plant,
        faults: Faults,
    ) -> Result<Self, StartError> {
        let at = plant.arm.pose().map_err(StartError::Plant)?;
        let flange = pointing_down(at) * config.flange_from_tool.inverse();
        let joints =
            config.arm.inverse_nearest(&flange, &[0.0; 6]).map_err(StartError::OutOfReach)?;
        let gripper = BioGripper::new(config.gripper);
        let mut joint_range_rad = [0.0; 14];
        for index in 0..usize::from(config.arm.model.axes()) {
            joint_range_rad[2 * index] = config.arm.limits.lower_rad[index];
            joint_range_rad[2 * index + 1] = config.arm.limits.upper_rad[index];
        }
        let fence = Fence {
            on: false,
            reduced: false,
            box_mm: [9999, -9999, 9999, -9999, 9999, -9999],
            tool_speed_mm_s: config.limits.tool_speed_m_s * 1000.0,
            joint_speed_rad_s: config.limits.joint_speed_rad_s,
            joint_range_rad,
        };
        Ok(Self {
            config,
            plant,
            faults,
            recording: Recording::default(),
            phase: Phase::Stopped,
            mode: 0,
            enabled: false,
            error: 0,
            warning: 0,
            emergency_stop: false,
            plant_stopped: false,
            joints,
            flange,
            tool_offset: [0.0; 6],
            base_offset: [0.0; 6],
            load: [0.0; 4],
            gravity: [0.0, 0.0, -1.0],
            collision_sensitivity: 3,
            teach_sensitivity: 3,
            simulated_robot: false,
            counter: 0,
            fence,
            baud_index: 11,
            queue: VecDeque::new(),
            motion: None,
            gripper,
            timers: Vec::new(),
            outbox: Vec::new(),
        })
    }

    /// The state as the protocol counts it.
    pub fn state(&self) -> u8 {
        match self.phase {
            Phase::Running if self.command_count() > 0 => 1,
            Phase::Running => 2,
            Phase::Paused => 3,
            Phase::Stopped => 4,
            Phase::Reset => 5,
        }
    }

    /// Whether a motion would be taken.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Paused) && self.enabled && self.error == 0
    }

    /// What is queued, and what is being carried out.
    pub fn command_count(&self) -> u16 {
        (self.queue.len() + usize::from(self.motion.is_some())) as u16
    }

    /// Motions that were taken since the start, begun or not.
    pub fn motions_taken(&self) -> u64 {
        self.recording.motions.len() as u64 + u64::from(self.command_count())
    }

    /// Where the tool's point is that the client configured, in the world that the client configured.
    pub fn tool(&self) -> Isometry3<f64> {
        self.tool_at(&self.flange)
    }

    /// Where the tool's point is when the flange is somewhere.
    pub fn tool_at(&self, flange: &Isometry3<f64>) -> Isometry3<f64> {
        pose_of(&self.base_offset) * flange * pose_of(&self.tool_offset)
    }

    /// Where the flange is when the tool's point is somewhere: the inverse of [`Self::tool_at`].
    pub fn flange_at(&self, tool: &Isometry3<f64>) -> Isometry3<f64> {
        pose_of(&self.base_offset).inverse() * tool * pose_of(&self.tool_offset).inverse()
    }

    /// The seven joints as the controller tells them.
    pub fn told_joints(&self) -> [f64; 7] {
        self.config.arm.to_controller(&self.joints)
    }

    /// Whether time must pass for something to end.
    pub fn is_busy(&self) -> bool {
        self.gripper.is_busy() || (self.phase == Phase::Running && self.command_count() > 0)
    }

    pub fn push(&mut self, task: Task) {
        self.queue.push_back(task);
    }

    /// Lets simulated time pass.
    pub fn advance(&mut self, secs: f64) {
        self.recording.simulated_secs += secs;
        self.gripper.advance(secs, self.plant.gripper.as_mut(), &self.faults);
        self.recording.gripper_motions = self.gripper.motions;
        self.recording.gripper_speed_and_force = self.gripper.last;
        for (_, left_secs, _) in &mut self.timers {
            *left_secs -= secs;
        }
        let is_due = |(_, left_secs, _): &mut (i32, f64, u8)| *left_secs <= 0.0;
        for (_, _, state) in self.timers.extract_if(.., is_due).collect::<Vec<_>>() {
            self.set_state(state);
        }
        let mut left_secs = secs;
        while left_secs > 0.0 && self.phase == Phase::Running {
            if self.motion.is_none() {
                let Some(task) = self.queue.pop_front() else { return };
                self.begin(task);
                continue;
            }
            left_secs = self.move_on(left_secs);
        }
    }

    /// Begins a task, or fails at it.
    fn begin(&mut self, task: Task) {
        let number = self.recording.motions.len() as u64 + 1;
        let from = self.tool();
        match self.plan(&task) {
            Ok((way, profile, speed)) => {
                self.motion = Some(Motion { task, number, way, profile, secs: 0.0, from, speed });
                self.tell(&task.asked, MOTION_STARTED, DONE);
            }
            Err(error) => {
                let outcome = MotionOutcome::Failed { error };
                self.record(number, &task, from, 0.0, outcome);
                self.tell(&task.asked, MOTION_FINISHED, FAILED);
                self.fail(error);
            }
        }
    }

    /// Carries a motion on and returns the time that is left of it.
    fn move_on(&mut self, secs: f64) -> f64 {
        let Some(mut motion) = self.motion.take() else { return 0.0 };
        let remaining_secs = motion.profile.duration_secs - motion.secs;
        // Not by the sum, which may be rounded to just below the end and then never get there.
        let finished = remaining_secs <= secs;
        let passed_secs = if finished { remaining_secs } else { secs };
        let left_secs = secs - passed_secs;
        motion.secs += passed_secs;
        let share = if finished { 1.0 } else { motion.profile.share(motion.secs) };
        let (number, way) = (motion.number, motion.way);
        self.motion = Some(motion);
        if let Some(fault) = self.faults.take_motion(number, share) {
            self.suffer(fault);
            return 0.0;
        }
        let arm = self.config.arm;
        let moved = match way {
            Way::Rest => Ok(()),
            Way::Joints { from, to } => {
                let joints = between_joints(&from, &to, share);
                self.stand_at(arm.forward(&joints), joints, passed_secs)
            }
            Way::Line { from, to } => {
                let flange = self.flange_at(&on_line(&from, &to, share));
                arm.follow(&flange, &self.joints)
                    .map_err(error_of)
                    .and_then(|joints| self.stand_at(flange, joints, passed_secs))
            }
        };
        match moved {
            Err(error) => self.fail(error),
            Ok(()) if finished => {
                if let Some(motion) = self.motion.take() {
                    self.end(&motion, MotionOutcome::Finished);
                }
            }
            Ok(()) => {}
        }
        left_secs
    }

    /// Moves the arm, and the plant with it wherever the tool points straight down.
    ///
    /// The plant knows no other poses. While the tool points elsewhere the plant's stays where it was;
    /// it comes after in one straight line when the tool points down again.
    fn stand_at(&mut self, flange: Isometry3<f64>, joints: Joints, secs: f64) -> Result<(), u8> {
        let before = self.flange;
        let tool = flange * self.config.flange_from_tool;
        (self.flange, self.joints) = (flange, joints);
        self.watch(&tool);
        // A simulated robot moves in the controller alone.
        if self.simulated_robot {
            return Ok(());
        }
        let Some(target) = as_pointing_down(&tool) else { return Ok(()) };
        let before = (before * self.config.flange_from_tool).translation.vector;
        let way_m = (tool.translation.vector - before).norm();
        // Turning on the spot has no speed of the tool's point; plants want one.
        let speed_m_s = (way_m / secs.max(1e-6)).max(0.01);
        match self.plant.arm.move_to(target, speed_m_s) {
            Ok(_) => Ok(()),
            Err(DeviceError::Collision { at }) => {
                self.plant_stopped = true;
                let flange = pointing_down(at) * self.config.flange_from_tool.inverse();
                if let Ok(joints) = self.config.arm.follow(&flange, &self.joints) {
                    (self.flange, self.joints) = (flange, joints);
                }
                Err(error::COLLISION)
            }
            Err(DeviceError::Refused { .. }) => Err(error::PLANNING),
            Err(
                DeviceError::Disconnected { .. }
                | DeviceError::TimedOut { .. }
                | DeviceError::Faulted { .. }
                | DeviceError::NeedsPerson { .. }
                | DeviceError::Declined
                | DeviceError::NobodyToAsk { .. },
            ) => Err(error::SERVO),
        }
    }

    /// Notes where the tool should never have been.
    fn watch(&mut self, tool: &Isometry3<f64>) {
        let Some(watched_m) = &self.config.watched_m else { return };
        let at = tool.translation.vector;
        // Below what single-precision numbers of the wire can tell.
        const ROUNDING_M: f64 = 1e-6;
        let inside = (0..3).all(|axis| {
            let [lower, upper] = watched_m[axis];
            (lower - ROUNDING_M..=upper + ROUNDING_M).contains(&at[axis])
        });
        if !inside {
            self.recording.outside_watched.push(at.into());
        }
    }

    fn suffer(&mut self, fault: MotionFault) {
        match fault {
            MotionFault::Collision => self.fail(error::COLLISION),
            MotionFault::JointLimit => self.fail(error::JOINT_LIMIT),
            MotionFault::EmergencyStop => {
                self.emergency_stop = true;
                self.fail(error::EMERGENCY_IO);
            }
            MotionFault::StateReset => self.drop_all(MotionOutcome::Stopped, Phase::Reset),
        }
    }

    /// An error: nothing moves any more. After an emergency stop, an error of a servo or a collision
    /// the motors are off too; after others, the vendor's own software goes on without enabling them.
    pub fn fail(&mut self, error: u8) {
        self.error = error;
        if matches!(error, 1..=3 | 10..=17 | error::COLLISION) {
            self.enabled = false;
        }
        self.drop_all(MotionOutcome::Failed { error }, Phase::Stopped);
    }

    fn drop_all(&mut self, outcome: MotionOutcome, phase: Phase) {
        self.phase = phase;
        if let Some(motion) = self.motion.take() {
            self.end(&motion, outcome);
        }
        for task in std::mem::take(&mut self.queue) {
            self.tell(&task.asked, MOTION_FINISHED, DISCARDED);
        }
    }

    fn end(&mut self, motion: &Motion, outcome: MotionOutcome) {
        self.record(motion.number, &motion.task, motion.from, motion.speed, outcome);
        let code = if outcome == MotionOutcome::Finished { DONE } else { FAILED };
        self.tell(&motion.task.asked, MOTION_FINISHED, code);
    }

    fn record(
        &mut self,
        number: u64,
        task: &Task,
        from: Isometry3<f64>,
        speed: f64,
        outcome: MotionOutcome,
    ) {
        let (register, link, to) = (task.asked.register, task.asked.link, self.tool());
        let record = MotionRecord { number, register, link, from, to, speed, outcome };
        self.recording.motions.push(record);
    }

    /// Sends news of a request to the link that it came from, if the link wants them.
    pub fn tell(&mut self, asked: &Asked, kind: u8, code: u8) {
        if asked.feedback & kind == 0 {
            return;
        }
        let mut frame = Vec::with_capacity(21);
        for number in [asked.transaction, asked.protocol, 15] {
            frame.extend_from_slice(&number.to_be_bytes());
        }
        frame.extend_from_slice(&[0xff, 0, kind, asked.register]);
        frame.extend_from_slice(&(self.recording.motions.len() as u16).to_be_bytes());
        frame.push(code);
        let time_us = (self.recording.simulated_secs * 1e6) as u64;
        frame.extend_from_slice(&time_us.to_be_bytes());
        self.outbox.push((asked.link, frame));
    }

    /// Motors on or off; the system resets.
    pub fn enable(&mut self, on: bool) {
        self.enabled = on && self.error == 0;
        self.drop_all(MotionOutcome::Stopped, if on { Phase::Reset } else { Phase::Stopped });
    }

    /// Another mode, tool or load: the system resets.
    pub fn reset(&mut self) {
        if self.phase != Phase::Stopped {
            self.drop_all(MotionOutcome::Stopped, Phase::Reset);
        }
    }

    /// Runs (0), pauses (3) or stops (4). Whether it was taken.
    pub fn set_state(&mut self, state: u8) -> bool {
        match state {
            0 if self.error == 0 && self.enabled => {
                if self.phase == Phase::Paused {
                    self.resume();
                }
                self.phase = Phase::Running;
                true
            }
            3 if self.phase == Phase::Running => {
                self.phase = Phase::Paused;
                true
            }
            4 => {
                self.drop_all(MotionOutcome::Stopped, Phase::Stopped);
                true
            }
            _ => false,
        }
    }

    /// Sets a state later, whoever is connected by then.
    pub fn set_timer(&mut self, number: i32, secs: f64, state: u8) {
        self.cancel_timer(number);
        self.timers.push((number, secs, state));
    }

    pub fn cancel_timer(&mut self, number: i32) {
        self.timers.retain(|(of, ..)| *of != number);
    }

    /// Begins the rest of a paused motion from rest.
    fn resume(&mut self) {
        let Some(mut motion) = self.motion.take() else { return };
        let target = match motion.way {
            Way::Line { to, .. } => Target::Pose(to),
            Way::Joints { to, .. } => Target::Joints(to),
            Way::Rest => Target::Wait(motion.profile.duration_secs - motion.secs),
        };
        match self.plan(&Task { target, ..motion.task }) {
            Ok((way, profile, _)) => {
                (motion.way, motion.profile, motion.secs) = (way, profile, 0.0);
                self.motion = Some(motion);
            }
            Err(error) => {
                self.motion = Some(motion);
                self.fail(error);
            }
        }
    }

    /// Clears the error, if its cause is gone. The plant is brought back after a contact.
    pub fn clear_error(&mut self) {
        if self.faults.take_release() {
            self.emergency_stop = false;
        }
        if self.emergency_stop {
            return;
        }
        if self.plant_stopped {
            if self.plant.arm.recover().is_err() {
                return;
            }
            self.plant_stopped = false;
        }
        self.error = 0;
    }

    /// What the gripper answers to a frame on the arm's RS485 line; nothing where nobody hears it.
    pub fn ask_gripper(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        /// 2 Mbaud, by its place in the vendor's list.
        const GRIPPER_BAUD_INDEX: i32 = 11;
        let heard = self.baud_index == GRIPPER_BAUD_INDEX;
        let answer = if heard {
            self.gripper.answer(frame, self.plant.gripper.as_mut()).unwrap_or(None)
        } else {
            None
        };
        if answer.is_none() {
            self.fail(error::END_EFFECTOR);
        }
        answer
    }
}

/// Bits of what news are of, and how a request ended.
pub(super) const MOTION_STARTED: u8 = 1;
pub(super) const MOTION_FINISHED: u8 = 2;
pub(super) const DONE: u8 = 0;
const FAILED: u8 = 1;
const DISCARDED: u8 = 2;

/// The pose of a tool that points straight down; nothing if it does not.
fn as_pointing_down(tool: &Isometry3<f64>) -> Option<ToolPose> {
    const STRAIGHT_RAD: f64 = 1e-3;
    let axis = tool.rotation * Vector3::z();
    if axis.angle(&-Vector3::z()) > STRAIGHT_RAD {
        return None;
    }
    let ahead = tool.rotation * Vector3::x();
    let at = tool.translation.vector;
    Some(ToolPose::new(PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x)), at.z))
}
