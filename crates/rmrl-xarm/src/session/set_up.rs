//! Connecting to a controller, and giving it its settings.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use super::line::STOP_TIMER;
use super::pose_check::{check_joints, check_pose};
use super::settings::{check_length, not_reported, settings, verify_fence, verify_report};
use crate::{
    ArmState, Claim, Client, Command, Feedback, Protocol, ReportStream, XArmConfig, XArmError,
};

/// How long a report may take: five come in a second.
const REPORT_WITHIN: Duration = Duration::from_secs(3);

/// The state of an arm when its link was lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateAtLinkLoss {
    /// The joints, if no motion of this program was under way.
    pub joints: Option<[f32; 7]>,
    /// This program had begun to set the controller up again, so it caused the controller's state itself.
    pub is_interrupted: bool,
}

impl Session {
    /// Connects, gives the controller all settings, and reads them back. The claim proves that no other
    /// program has the arm.
    ///
    /// # Errors
    /// The controller is not there, is of another kind, has an error that cannot be cleared, does not keep
    /// a setting, or has a setting that only an operator changes.
    pub fn connect(config: XArmConfig, _: &Claim) -> Result<Self, XArmError> {
        let mut session = Self::open(config)?;
        // Motions that a killed program or another one has left in the queue must not continue.
        session.stop()?;
        session.set_up()?;
        Ok(session)
    }

    /// Connects again after a lost link. First checks whether another program has stopped, moved or changed
    /// the arm meanwhile, and sets nothing if so.
    ///
    /// # Errors
    /// As [`Self::connect`], or another program was at work.
    pub(crate) fn connect_again(
        config: XArmConfig,
        before: &mut StateAtLinkLoss,
    ) -> Result<Self, XArmError> {
        let mut session = Self::open(config)?;
        if !before.is_interrupted {
            session.check_unchanged(before)?;
        }
        before.is_interrupted = true;
        // A line from before may still be under way.
        session.stop()?;
        session.set_up()?;
        *before = StateAtLinkLoss::default();
        Ok(session)
    }

    /// Checks that the controller is as it was when the link was lost.
    fn check_unchanged(&mut self, before: &StateAtLinkLoss) -> Result<(), XArmError> {
        let error = self.error()?;
        if error != 0 {
            // Setting up clears errors, but must not clear one that an operator has to see.
            return match XArmError::of_controller(error) {
                // Whether the contact was to be expected is unknown.
                XArmError::Collision { .. } => Err(XArmError::UnseenContact),
                error if error.needs_operator() => Err(error),
                _ => Ok(()),
            };
        }
        match (self.state()?, before.joints) {
            (ArmState::Stopped | ArmState::Paused, _) => {
                return Err(XArmError::StoppedBySomebodyElse);
            }
            (ArmState::Reset, _) => return Err(XArmError::StateReset),
            (ArmState::Moving, Some(_)) => return Err(XArmError::MovedBySomebodyElse),
            _ => {}
        }
        if let Some(left_at) = &before.joints {
            check_joints(left_at, &self.client.joints()?)?;
        }
        let stale = XArmError::StaleReports { age_secs: REPORT_WITHIN.as_secs_f64() };
        let report = self.reports.next(REPORT_WITHIN).ok_or(stale)?;
        verify_report(&self.config, &report).map_err(XArmError::changed_by_somebody_else)?;
        let reduced = self.client.reduced_state()?;
        verify_fence(&self.config, &reduced).map_err(XArmError::changed_by_somebody_else)
    }

    fn open(config: XArmConfig) -> Result<Self, XArmError> {
        let timeout = config.answer_timeout();
        let mut client = Client::connect(&config.address(config.control_port), timeout)?;
        let version = client.robot_version()?;
        version.check_model(config.model)?;
        if version.firmware.has_keep_alive() {
            client.set_protocol(Protocol::Three);
        }
        let reports = ReportStream::of(&config)?.ok_or(XArmError::WithoutReports)?;
        Ok(Self {
            client,
            config,
            version,
            reports: Arc::new(reports),
            moving: false,
            stopped_here: false,
            has_collided: false,
            is_set_up: false,
            left_at: None,
        })
    }

    /// Gives the controller its settings, and reads back those that it reports.
    fn set_up(&mut self) -> Result<(), XArmError> {
        self.clear_old_errors()?;
        for command in settings(&self.config) {
            self.client.ask(&command)?;
        }
        if self.config.stop_timer {
            // A timer that a lost program has set would stop this one.
            self.client.ask(&Command::CancelTimer(STOP_TIMER))?;
        }
        if self.version.firmware.has_feedback() {
            self.client.ask(&Command::SetFeedbackType(Feedback::MOTION_FINISHED))?;
        }
        // Offset and load have reset the state.
        self.run()?;
        verify_fence(&self.config, &self.client.reduced_state()?)?;
        self.verify_next_report()?;
        let joints = self.client.joints()?;
        let pose = self.client.pose()?;
        check_pose(self.config.model, &self.config.flange_from_tool(), &joints, pose)?;
        self.left_at = Some(joints);
        self.is_set_up = true;
        self.reports.expect_standing(true);
        Ok(())
    }

    /// An error from before this session is no error of this session, unless it cannot be cleared.
    fn clear_old_errors(&mut self) -> Result<(), XArmError> {
        let mut result = self.enable();
        for _ in 1..self.config.recover_attempts {
            if matches!(&result, Err(error) if !error.ends_the_link()) {
                result = self.enable();
            }
        }
        result
    }

    /// Waits for a report with the settings that the controller was given.
    fn verify_next_report(&mut self) -> Result<(), XArmError> {
        // The first report may have been sent before the controller had the settings.
        let mut result = Err(XArmError::StaleReports { age_secs: REPORT_WITHIN.as_secs_f64() });
        for _ in 0..3 {
            let Some(report) = self.reports.next(REPORT_WITHIN) else { return result };
            check_length(&self.config, &report)?;
            result = verify_report(&self.config, &report);
            if result.is_ok() {
                let not_reported = not_reported(&report);
                if !not_reported.is_empty() {
                    let firmware = self.version.firmware;
                    tracing::warn!(
                        "not checked, because firmware {firmware} does not report it: {}",
                        not_reported.join(", ")
                    );
                }
                break;
            }
        }
        result
    }
}
