//! What time does to the machine: motions, the gripper and timers.

use nalgebra::{Isometry3, Vector3};
use rmrl_cell::{DeviceError, ToolPose};
use rmrl_core::PlanarPose;

use super::error_code::{self, error_code_of};
use super::faults::MotionFault;
use super::machine::{
    DONE, FAILED, MOTION_FINISHED, MOTION_STARTED, Machine, Motion, Phase, TRIGGERED, Timer,
};
use super::recording::MotionOutcome;
use super::task::{Target, Task};
use super::trajectory::{Path, between_joints};
use crate::kinematics::{Joints, pointing_down};

impl Machine {
    /// Lets simulated time pass.
    pub fn advance(&mut self, secs: f64) {
        self.recording.simulated_secs += secs;
        self.signals.advance(secs);
        self.gripper.advance(secs, self.plant.gripper.as_mut(), &self.faults);
        self.recording.gripper_motions = self.gripper.motions;
        self.recording.gripper_speed_and_force = self.gripper.last;
        for timer in &mut self.timers {
            timer.left_secs -= secs;
        }
        let is_due = |timer: &mut Timer| timer.left_secs <= 0.0;
        for timer in self.timers.extract_if(.., is_due).collect::<Vec<_>>() {
            self.set_state(timer.state);
        }
        if self.phase == Phase::Running {
            self.follow_drive(secs);
        }
        self.note_trajectory(secs);
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
            Ok((path, profile, speed)) => {
                self.motion = Some(Motion { task, number, path, profile, secs: 0.0, from, speed });
                self.signal(&task.target);
                self.send_feedback(&task.origin, MOTION_STARTED, DONE);
            }
            Err(error) => {
                let outcome = MotionOutcome::Failed { error };
                self.record(number, &task, from, 0.0, outcome);
                self.send_feedback(&task.origin, MOTION_FINISHED, FAILED);
                self.fail(error);
            }
        }
    }

    /// Does what a task does to outputs.
    pub fn signal(&mut self, target: &Target) {
        match target {
            Target::Output(output) => self.signals.set(*output),
            Target::OutputAt(place) if !self.signals.set_at(*place) => {
                self.fail(error_code::TOO_MANY_DELAYED);
            }
            _ => {}
        }
    }

    /// Continues the motion for a time, and returns how much of the time is left after its end.
    fn move_on(&mut self, secs: f64) -> f64 {
        let Some(mut motion) = self.motion.take() else { return 0.0 };
        let remaining_secs = motion.profile.duration_secs - motion.secs;
        // Not by the sum, which may be rounded to just below the end and then never get there.
        let finished = remaining_secs <= secs;
        let passed_secs = if finished { remaining_secs } else { secs };
        let left_secs = secs - passed_secs;
        motion.secs += passed_secs;
        let share = if finished { 1.0 } else { motion.profile.share(motion.secs) };
        let (number, path) = (motion.number, motion.path);
        self.motion = Some(motion);
        if let Some(fault) = self.faults.take_motion(number, share) {
            self.apply_fault(fault);
            return 0.0;
        }
        let arm = self.config.arm;
        let moved = match path {
            Path::Rest => Ok(()),
            Path::Joints { from, to } => {
                let joints = between_joints(&from, &to, share);
                self.move_arm_to(arm.forward(&joints), joints, passed_secs)
            }
            Path::Line { .. } | Path::Circle(_) => {
                let tool = path.tool_at(share).unwrap_or_else(|| self.tool());
                let flange = self.flange_at(&tool);
                arm.follow(&flange, &self.joints)
                    .map_err(error_code_of)
                    .and_then(|joints| self.move_arm_to(flange, joints, passed_secs))
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

    fn apply_fault(&mut self, fault: MotionFault) {
        match fault {
            MotionFault::Collision => self.fail(error_code::COLLISION),
            MotionFault::JointLimit => self.fail(error_code::JOINT_LIMIT),
            MotionFault::EmergencyStop => {
                self.emergency_stop = true;
                self.fail(error_code::EMERGENCY_IO);
            }
            MotionFault::StateReset => self.drop_all(MotionOutcome::Stopped, Phase::Reset),
        }
    }

    /// Moves the arm as [`Self::carry_to`] does, and judges how near it comes to its keep-outs.
    pub fn move_arm_to(
        &mut self,
        flange: Isometry3<f64>,
        joints: Joints,
        secs: f64,
    ) -> Result<(), u8> {
        let from = self.joints;
        let stops = self.judge.as_ref().is_some_and(|judge| judge.stops);
        if !stops {
            let moved = self.carry_to(flange, joints, secs);
            // As far as it came.
            let to = self.joints;
            self.judge_way(&from, &to);
            return moved;
        }
        let Some(share) = self.judge_way(&from, &joints) else {
            return self.carry_to(flange, joints, secs);
        };
        if share > 0.0 {
            let joints = between_joints(&from, &joints, share);
            self.carry_to(self.config.arm.forward(&joints), joints, share * secs)?;
        }
        Err(error_code::COLLISION)
    }

    /// Moves the arm, and the plant with it wherever the tool points straight down.
    ///
    /// The plant knows no other poses. While the tool points elsewhere the plant's tool stays where it was;
    /// it follows in one straight line when the tool points down again.
    fn carry_to(&mut self, flange: Isometry3<f64>, joints: Joints, secs: f64) -> Result<(), u8> {
        let before = self.flange;
        let from_mm = self.tool().translation.vector * 1000.0;
        let tool = flange * self.config.flange_from_tool;
        (self.flange, self.joints) = (flange, joints);
        self.record_if_outside(&tool);
        for origin in self.signals.pass(from_mm, self.tool().translation.vector * 1000.0) {
            self.send_feedback(&origin, TRIGGERED, DONE);
        }
        // A simulated robot moves in the controller alone.
        if self.simulated_robot {
            return Ok(());
        }
        let Some(target) = as_pointing_down(&tool) else { return Ok(()) };
        let before = (before * self.config.flange_from_tool).translation.vector;
        let distance_m = (tool.translation.vector - before).norm();
        // The tool's point has no speed while it turns on the spot, but plants need one.
        let speed_m_s = (distance_m / secs.max(1e-6)).max(0.01);
        match self.plant.arm.move_to(target, speed_m_s) {
            Ok(_) => Ok(()),
            Err(DeviceError::Collision { at }) => {
                self.plant_stopped = true;
                let flange = pointing_down(at) * self.config.flange_from_tool.inverse();
                if let Ok(joints) = self.config.arm.follow(&flange, &self.joints) {
                    (self.flange, self.joints) = (flange, joints);
                }
                Err(error_code::COLLISION)
            }
            Err(DeviceError::Refused { .. }) => Err(error_code::PLANNING),
            Err(
                DeviceError::Disconnected { .. }
                | DeviceError::TimedOut { .. }
                | DeviceError::Faulted { .. }
                | DeviceError::NeedsOperator { .. }
                | DeviceError::Declined
                | DeviceError::NobodyToAsk { .. },
            ) => Err(error_code::SERVO),
        }
    }

    /// Records a tool outside of the watched space.
    fn record_if_outside(&mut self, tool: &Isometry3<f64>) {
        let Some(watched_m) = &self.config.watched_m else { return };
        let at = tool.translation.vector;
        // Below the resolution of the protocol's single-precision numbers.
        const ROUNDING_M: f64 = 1e-6;
        let inside = (0..3).all(|axis| {
            let [lower, upper] = watched_m[axis];
            (lower - ROUNDING_M..=upper + ROUNDING_M).contains(&at[axis])
        });
        if !inside {
            self.recording.outside_watched.push(at.into());
        }
    }
}

/// The pose of a tool that points straight down; none if it does not.
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
