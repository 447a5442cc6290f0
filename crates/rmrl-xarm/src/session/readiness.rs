//! What must be known before a motion, and recovering from errors.

use std::thread;
use std::time::{Duration, Instant};

use super::Session;
use super::pose_check::{check_joints, check_pose};
use super::settings::{verify_fence, verify_report};
use crate::{ALL_JOINTS, ArmState, Command, FirmwareVersion, StateChange, XArmError};

/// How often a state is read until it is the expected one.
const POLL: Duration = Duration::from_millis(20);

/// How long the controller may take to be ready after it was told to run.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How long a passing state is accepted: a reset shows for a moment in some firmware, and a motion
/// that has ended may still be counted.
const SETTLES_WITHIN: Duration = Duration::from_millis(400);

impl Session {
    /// Checks that the arm can begin a motion. Reads again everything that decides where a motion leads.
    ///
    /// # Errors
    /// An error waits; another program has stopped, paused, moved or reset the arm, or changed a setting; the
    /// reports are too old; or a motion of this program is still under way.
    pub fn check_ready(&mut self) -> Result<(), XArmError> {
        let error = self.error()?;
        if error != 0 {
            let error = match XArmError::of_controller(error) {
                // An arm that stood met something: that was no contact of a descent.
                XArmError::Collision { .. } if !self.has_collided => XArmError::UnseenContact,
                error => error,
            };
            // Clearing it at the controller's screen does not start the arm.
            self.stopped_here &= !error.needs_operator();
            return Err(error);
        }
        let began = Instant::now();
        loop {
            let (state, waiting) = (self.state()?, self.waiting()?);
            let passes = match state {
                ArmState::Ready if waiting == 0 => return self.check_knowledge(),
                ArmState::Stopped if self.stopped_here => {
                    return Err(XArmError::NotReady { state, waiting });
                }
                // This program never pauses the arm.
                ArmState::Stopped | ArmState::Paused => {
                    return Err(XArmError::StoppedBySomebodyElse);
                }
                ArmState::Reset => XArmError::StateReset,
                ArmState::Moving | ArmState::Ready if !self.moving => {
                    XArmError::MovedBySomebodyElse
                }
                _ => return Err(XArmError::NotReady { state, waiting }),
            };
            if began.elapsed() > SETTLES_WITHIN {
                return Err(passes);
            }
            thread::sleep(POLL);
        }
    }

    /// Checks by a recent report and by the controller's answers that the arm stands where this program left it,
    /// with the settings that it was given.
    fn check_knowledge(&mut self) -> Result<(), XArmError> {
        // A report that is just late is waited for, so that a busy computer costs no trial.
        let report =
            self.reports.fresh().or_else(|stale| self.reports.next(SETTLES_WITHIN).ok_or(stale))?;
        if self.reports.was_disturbed() {
            return Err(XArmError::MovedBySomebodyElse);
        }
        let joints = self.client.joints()?;
        if let Some(left_at) = &self.left_at {
            check_joints(left_at, &joints)?;
        }
        if self.is_set_up {
            verify_report(&self.config, &report).map_err(XArmError::changed_by_somebody_else)?;
            verify_fence(&self.config, &self.client.reduced_state()?)
                .map_err(XArmError::changed_by_somebody_else)?;
            let pose = self.client.pose()?;
            check_pose(self.config.model, &self.config.flange_from_tool(), &joints, pose)?;
        }
        self.left_at = Some(joints);
        self.reports.expect_standing(true);
        Ok(())
    }

    /// Clears errors and makes the arm movable, in the vendor's order. Does nothing where it is movable.
    ///
    /// # Errors
    /// An operator has to come: a button was pressed, a servo failed, another program stopped the arm.
    /// This stays so until [`Self::connect`], with which the operator confirms that all is well. Or the
    /// error came again each time.
    pub fn recover(&mut self) -> Result<(), XArmError> {
        let mut last = match self.check_ready() {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        for _ in 0..self.config.recover_attempts {
            if last.needs_operator() || last.ends_the_link() {
                return Err(last);
            }
            if matches!(last, XArmError::NotReady { .. }) {
                self.stop()?;
            }
            match self.enable() {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// As [`Self::check_ready`], but starts an arm that this program stopped.
    ///
    /// # Errors
    /// As [`Self::check_ready`].
    pub(super) fn make_ready(&mut self) -> Result<(), XArmError> {
        match self.check_ready() {
            Err(XArmError::NotReady { state: ArmState::Stopped, .. }) if self.stopped_here => {
                self.enable()?;
                self.check_ready()
            }
            other => other,
        }
    }

    /// The vendor's sequence: clean error, clean warning, power, mode, state.
    pub(super) fn enable(&mut self) -> Result<(), XArmError> {
        self.begin_own_action();
        // Only firmware 1.10 and later have the second number.
        let detection = (self.version.firmware >= FirmwareVersion::new(1, 10, 0)).then_some(0);
        for command in [
            Command::CleanError,
            Command::CleanWarning,
            Command::MotionEnable { joint: ALL_JOINTS, on: true },
            Command::SetMode { mode: 0, detection },
        ] {
            self.client.ask(&command)?;
        }
        self.run()
    }

    /// Tells the controller to run, and waits until it is ready.
    pub(super) fn run(&mut self) -> Result<(), XArmError> {
        self.client.ask(&Command::SetState(StateChange::Run))?;
        let began = Instant::now();
        loop {
            let error = self.error()?;
            if error != 0 {
                return Err(XArmError::of_controller(error));
            }
            let state = self.state()?;
            if state == ArmState::Ready {
                (self.moving, self.stopped_here, self.has_collided) = (false, false, false);
                return Ok(());
            }
            if began.elapsed() > READY_WITHIN {
                if matches!(state, ArmState::Stopped | ArmState::Paused) {
                    self.stopped_here = false;
                    return Err(XArmError::StoppedBySomebodyElse);
                }
                return Err(XArmError::NotReady { state, waiting: self.waiting()? });
            }
            thread::sleep(POLL);
        }
    }
}
