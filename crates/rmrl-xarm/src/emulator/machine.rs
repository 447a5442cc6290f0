//! The controller's state.

use std::collections::VecDeque;

use nalgebra::Isometry3;

use super::drive::Drive;
use super::emulated_gripper::{EmulatedGripper, GripperKind};
use super::emulator_config::EmulatorConfig;
use super::error_code;
use super::faults::Faults;
use super::fence::Fence;
use super::firmware::Firmware;
use super::keep_outs::Judge;
use super::origin::Origin;
use super::plant::Plant;
use super::recording::{MotionOutcome, MotionRecord, Recording};
use super::signals::{GeneralPurpose, Signals};
use super::start_error::StartError;
use super::task::Task;
use super::trajectories::Trajectories;
use super::trajectory::{Path, SpeedProfile, pose_of};
use crate::ArmModel;
use crate::kinematics::{Joints, pointing_down};

/// What is between a request to move and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Executes the queue.
    Running,
    /// Keeps the queue.
    Paused,
    /// The queue is empty, and the controller accepts no motion.
    Stopped,
    /// As [`Self::Stopped`], after the system was reset.
    Reset,
}

/// A task that is being executed.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    pub task: Task,
    pub number: u64,
    pub path: Path,
    pub profile: SpeedProfile,
    /// The time since its beginning.
    pub secs: f64,
    pub from: Isometry3<f64>,
    pub speed: f64,
}

/// Sets a state later, whether or not a client is connected by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    pub number: i32,
    /// The simulated time that is left.
    pub left_secs: f64,
    pub state: u8,
}

/// The controller.
pub(super) struct Machine {
    pub config: EmulatorConfig,
    pub plant: Plant,
    pub faults: Faults,
    pub recording: Recording,
    pub phase: Phase,
    pub mode: u8,
    pub enabled: bool,
    /// A bit for each joint whose brake was released by hand.
    pub detached: u8,
    pub error: u8,
    pub warning: u8,
    pub emergency_stop: bool,
    /// Whether the plant's arm met something and was not recovered since.
    pub plant_stopped: bool,
    pub joints: Joints,
    pub flange: Isometry3<f64>,
    pub tool_offset: [f64; 6],
    /// The base's pose in the world that clients use for poses.
    pub base_offset: [f64; 6],
    pub load: [f64; 4],
    pub gravity: [f64; 3],
    pub collision_sensitivity: u8,
    pub teach_sensitivity: u8,
    pub simulated_robot: bool,
    pub counter: u32,
    pub fence: Fence,
    /// The speeds of the buses of the flange and of the control box, in the vendor's list.
    pub baud_index: i32,
    pub box_baud_index: i32,
    pub signals: Signals,
    pub general: GeneralPurpose,
    pub trajectories: Trajectories,
    pub queue: VecDeque<Task>,
    pub motion: Option<Motion>,
    /// What the arm follows in servo mode and in the velocity modes.
    pub drive: Option<Drive>,
    pub gripper: EmulatedGripper,
    /// Measures how near the arm comes to what it has to stay away from.
    pub judge: Option<Judge>,
    pub timers: Vec<Timer>,
    /// Frames that are no answers, each with its link.
    pub outbox: Vec<(u64, Vec<u8>)>,
}

impl Machine {
    /// A machine whose arm is at the plant's pose.
    pub fn new(
        config: EmulatorConfig,
        mut plant: Plant,
        faults: Faults,
    ) -> Result<Self, StartError> {
        let at = plant.arm.pose().map_err(StartError::Plant)?;
        let flange = pointing_down(at) * config.flange_from_tool.inverse();
        let joints =
            config.arm.inverse_nearest(&flange, &[0.0; 6]).map_err(StartError::OutOfReach)?;
        let gripper = EmulatedGripper::new(config.gripper);
        let fence = initial_fence(&config);
        let judge = judge_of(&config)?;
        Ok(Self {
            config,
            plant,
            faults,
            recording: Recording::default(),
            phase: Phase::Stopped,
            mode: 0,
            enabled: false,
            detached: 0,
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
            box_baud_index: 11,
            signals: Signals::default(),
            general: GeneralPurpose::default(),
            trajectories: Trajectories::default(),
            queue: VecDeque::new(),
            motion: None,
            drive: None,
            gripper,
            judge,
            timers: Vec::new(),
            outbox: Vec::new(),
        })
    }

    /// The protocol's number of the state.
    pub fn state(&self) -> u8 {
        match self.phase {
            Phase::Running if self.command_count() > 0 || self.drive.is_some() => 1,
            Phase::Running => 2,
            Phase::Paused => 3,
            Phase::Stopped => 4,
            Phase::Reset => 5,
        }
    }

    /// Whether the controller would accept a motion.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Paused) && self.has_power() && self.error == 0
    }

    /// Whether every motor holds its joint.
    pub fn has_power(&self) -> bool {
        self.enabled && self.detached == 0
    }

    /// The number of tasks that are queued or being executed.
    pub fn command_count(&self) -> u16 {
        (self.queue.len() + usize::from(self.motion.is_some())) as u16
    }

    /// The number of motions that were accepted since the start, begun or not.
    pub fn motions_taken(&self) -> u64 {
        self.recording.motions.len() as u64 + u64::from(self.command_count())
    }

    /// The pose of the client's tool, in the client's world.
    pub fn tool(&self) -> Isometry3<f64> {
        self.tool_at(&self.flange)
    }

    /// The pose of the client's tool for a pose of the flange.
    pub fn tool_at(&self, flange: &Isometry3<f64>) -> Isometry3<f64> {
        pose_of(&self.base_offset) * flange * pose_of(&self.tool_offset)
    }

    /// The pose of the flange for a pose of the client's tool: the inverse of [`Self::tool_at`].
    pub fn flange_at(&self, tool: &Isometry3<f64>) -> Isometry3<f64> {
        pose_of(&self.base_offset).inverse() * tool * pose_of(&self.tool_offset).inverse()
    }

    /// The seven joints that the controller reports.
    pub fn reported_joints(&self) -> [f64; 7] {
        self.config.arm.to_controller(&self.joints)
    }

    /// Whether something is under way that only ends as time passes.
    pub fn is_busy(&self) -> bool {
        let moves = self.command_count() > 0 || self.drive.as_ref().is_some_and(Drive::ends);
        self.gripper.is_busy() || (self.phase == Phase::Running && moves)
    }

    pub fn push(&mut self, task: Task) {
        self.queue.push_back(task);
    }

    /// An error: nothing moves any more. After an emergency stop, an error of a servo or a collision
    /// the motors are off, too. After others, the vendor's own software resumes without enabling them.
    pub fn fail(&mut self, error: u8) {
        self.error = error;
        if matches!(error, 1..=3 | 10..=17 | error_code::COLLISION) {
            self.enabled = false;
        }
        self.drop_all(MotionOutcome::Failed { error }, Phase::Stopped);
    }

    /// Ends the motion under way and empties the queue.
    pub fn drop_all(&mut self, outcome: MotionOutcome, phase: Phase) {
        self.phase = phase;
        self.drive = None;
        self.log_violations();
        if let Some(motion) = self.motion.take() {
            self.end(&motion, outcome);
        }
        for task in std::mem::take(&mut self.queue) {
            self.send_feedback(&task.origin, MOTION_FINISHED, DISCARDED);
        }
    }

    pub fn end(&mut self, motion: &Motion, outcome: MotionOutcome) {
        self.log_violations();
        self.record(motion.number, &motion.task, motion.from, motion.speed, outcome);
        let code = if outcome == MotionOutcome::Finished { DONE } else { FAILED };
        self.send_feedback(&motion.task.origin, MOTION_FINISHED, code);
    }

    pub fn record(
        &mut self,
        number: u64,
        task: &Task,
        from: Isometry3<f64>,
        speed: f64,
        outcome: MotionOutcome,
    ) {
        let (register, link, to) = (task.origin.register, task.origin.link, self.tool());
        let record = MotionRecord { number, register, link, from, to, speed, outcome };
        self.recording.motions.push(record);
    }

    /// Sends feedback of a request to its link, if the link wants it.
    pub fn send_feedback(&mut self, origin: &Origin, kind: u8, code: u8) {
        if origin.feedback & kind == 0 {
            return;
        }
        let mut frame = Vec::with_capacity(21);
        for number in [origin.transaction, origin.protocol, 15] {
            frame.extend_from_slice(&number.to_be_bytes());
        }
        frame.extend_from_slice(&[0xff, 0, kind, origin.register]);
        frame.extend_from_slice(&(self.recording.motions.len() as u16).to_be_bytes());
        frame.push(code);
        let time_us = (self.recording.simulated_secs * 1e6) as u64;
        frame.extend_from_slice(&time_us.to_be_bytes());
        self.outbox.push((origin.link, frame));
    }
}

/// The judge of a configuration with keep-outs.
fn judge_of(config: &EmulatorConfig) -> Result<Option<Judge>, StartError> {
    let Some(keep_outs) = &config.keep_outs else { return Ok(None) };
    keep_outs.validate()?;
    let model = config.arm.model;
    if model != ArmModel::XArm6 {
        return Err(StartError::KeepOutsOfModel { model });
    }
    let has_gripper = config.gripper != GripperKind::None;
    Ok(Some(Judge::new(keep_outs, &config.arm, config.flange_from_tool, has_gripper)))
}

/// No fence yet, and the arm's own limits.
fn initial_fence(config: &EmulatorConfig) -> Fence {
    let mut joint_range_rad = [0.0; 14];
    for index in 0..usize::from(config.arm.model.axes()) {
        joint_range_rad[2 * index] = config.arm.limits.lower_rad[index];
        joint_range_rad[2 * index + 1] = config.arm.limits.upper_rad[index];
    }
    Fence {
        on: false,
        reduced: false,
        box_mm: [9999, -9999, 9999, -9999, 9999, -9999],
        tool_speed_mm_s: config.limits.tool_speed_m_s * 1000.0,
        joint_speed_rad_s: config.limits.joint_speed_rad_s,
        joint_range_rad,
    }
}

/// Numbers of the modes.
pub(super) const POSITION: u8 = 0;
pub(super) const SERVO: u8 = 1;
pub(super) const TEACHING: u8 = 2;
pub(super) const JOINT_VELOCITY: u8 = 4;
pub(super) const TOOL_VELOCITY: u8 = 5;
/// The newest motion of the joints, or of the tool, replaces the one before.
pub(super) const ONLINE_JOINTS: u8 = 6;
pub(super) const ONLINE_TOOL: u8 = 7;
/// A recorded trajectory is played back. No client can set this mode.
pub(super) const PLAYBACK: u8 = 11;

/// From this firmware on, there are modes for velocities.
pub(super) const VELOCITY_MODES: Firmware = Firmware::new(1, 6, 9);
/// From this firmware on, there are modes in which motions replace each other.
pub(super) const ONLINE_MODES: Firmware = Firmware::new(1, 10, 0);

/// Bits of the kinds of feedback.
pub(super) const MOTION_STARTED: u8 = 1;
pub(super) const MOTION_FINISHED: u8 = 2;
pub(super) const TRIGGERED: u8 = 4;
pub(super) const OTHER_FINISHED: u8 = 64;

/// How a request ended.
pub(super) const DONE: u8 = 0;
pub(super) const FAILED: u8 = 1;
const DISCARDED: u8 = 2;
