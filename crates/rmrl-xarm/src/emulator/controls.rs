//! What a request changes in the machine at once.

use super::error_code;
use super::machine::{self, Machine, Phase, Timer};
use super::recording::MotionOutcome;
use super::task::Target;
use super::trajectory::Path;

impl Machine {
    /// Switches the motors of some joints, a bit for each, on or off; the system is reset.
    pub fn enable(&mut self, joints: u8, on: bool) {
        let all = (1 << self.config.arm.model.axes()) - 1;
        if joints & all == all {
            self.enabled = on && self.error == 0;
            self.detached = 0;
        } else if on && self.error == 0 {
            self.enabled = true;
            self.detached &= !joints;
        } else {
            self.detached |= joints & all;
        }
        self.drop_all(MotionOutcome::Stopped, if on { Phase::Reset } else { Phase::Stopped });
    }

    /// Releases or applies the brakes of some joints. Without its brake a joint is free, and nothing moves.
    pub fn release(&mut self, joints: u8, free: bool) {
        let all = (1 << self.config.arm.model.axes()) - 1;
        if free {
            self.detached |= joints & all;
            self.drop_all(MotionOutcome::Stopped, Phase::Stopped);
        } else {
            self.detached &= !joints;
        }
    }

    /// Resets the system, as another mode, tool or load does.
    pub fn reset(&mut self) {
        if self.phase != Phase::Stopped {
            self.drop_all(MotionOutcome::Stopped, Phase::Reset);
        }
    }

    /// Sets another mode, which resets the system. Returns whether there is such a mode.
    pub fn set_mode(&mut self, mode: u8) -> bool {
        let firmware = self.config.firmware;
        let is_known = match mode {
            machine::POSITION | machine::SERVO | machine::TEACHING => true,
            machine::JOINT_VELOCITY | machine::TOOL_VELOCITY => firmware >= machine::VELOCITY_MODES,
            machine::ONLINE_JOINTS | machine::ONLINE_TOOL => firmware >= machine::ONLINE_MODES,
            _ => false,
        };
        if is_known {
            self.mode = mode;
            self.reset();
        }
        is_known
    }

    /// Runs (0), pauses (3) or stops (4). Returns whether the state allows it.
    pub fn set_state(&mut self, state: u8) -> bool {
        match state {
            0 if self.error == 0 && self.has_power() => {
                if self.phase == Phase::Paused {
                    self.resume();
                }
                self.phase = Phase::Running;
                true
            }
            3 if self.phase == Phase::Running => {
                // Nothing of it is left to resume.
                self.drive = None;
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

    /// Begins the rest of a paused motion from rest.
    fn resume(&mut self) {
        let Some(mut motion) = self.motion.take() else { return };
        let mut task = motion.task;
        let path = match motion.path {
            Path::Line { to, .. } => Path::Line { from: self.tool(), to },
            Path::Circle(circle) => Path::Circle(circle.rest(motion.profile.share(motion.secs))),
            Path::Joints { to, .. } => Path::Joints { from: self.joints, to },
            Path::Rest => {
                task.target = Target::Wait(motion.profile.duration_secs - motion.secs);
                Path::Rest
            }
        };
        match self.plan_along(path, &task) {
            Ok((path, profile, _)) => {
                (motion.path, motion.profile, motion.secs) = (path, profile, 0.0);
                self.motion = Some(motion);
            }
            Err(error) => {
                self.motion = Some(motion);
                self.fail(error);
            }
        }
    }

    /// Sets a state after a time, whether or not a client is connected by then.
    pub fn set_timer(&mut self, number: i32, secs: f64, state: u8) {
        self.cancel_timer(number);
        self.timers.push(Timer { number, left_secs: secs, state });
    }

    pub fn cancel_timer(&mut self, number: i32) {
        self.timers.retain(|timer| timer.number != number);
    }

    /// Clears the error, if its cause is gone. Recovers the plant after a contact.
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

    /// The gripper's answer to a frame on the arm's RS485 line; none where no gripper hears it.
    pub fn ask_gripper(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        /// The index of 2 Mbaud in the vendor's list.
        const GRIPPER_BAUD_INDEX: i32 = 11;
        let heard = self.baud_index == GRIPPER_BAUD_INDEX;
        let answer = if heard {
            self.gripper.answer(frame, self.plant.gripper.as_mut()).unwrap_or(None)
        } else {
            None
        };
        if answer.is_none() {
            self.fail(error_code::END_EFFECTOR);
        }
        answer
    }
}
