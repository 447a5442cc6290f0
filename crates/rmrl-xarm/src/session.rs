//! A controller that is connected and set up.
//!
//! - `set_up`: connecting, and giving the controller its settings; `settings`: these, and reading them back
//! - `readiness`: what must be known before a motion, and recovering from errors
//! - `pose_check`: whether the arm is where this program left it, and where its joints put it
//! - `line`: one straight line; `flange_line`: one that tilts the flange, for a calibration

mod flange_line;
mod line;
mod pose_check;
mod readiness;
mod set_up;
mod settings;

use std::sync::Arc;

use crate::connection::stop::stop;
use crate::{
    ArmState, Client, Command, Reply, Report, ReportStream, RobotVersion, XArmConfig, XArmError,
};
pub(crate) use pose_check::check_pose;
pub(crate) use set_up::StateAtLinkLoss;
pub(crate) use settings::{
    not_reported, tool_offset, verify_fence, verify_installation, verify_report,
};

/// A connected controller in position mode: where this computer stops talking, the arm goes no
/// further than the end of the line that it was last sent.
#[derive(Debug)]
pub struct Session {
    pub(crate) client: Client,
    config: XArmConfig,
    version: RobotVersion,
    reports: Arc<ReportStream>,
    /// A motion was sent, and its end was not seen.
    pub(crate) moving: bool,
    /// This program stopped the arm, and did not start it again.
    stopped_here: bool,
    /// A motion of this program ended in the collision that waits to be cleared, and its caller got that error.
    has_collided: bool,
    /// All settings were given and read back: another program has changed whatever differs from here on.
    is_set_up: bool,
    /// The joints when they were last read with no motion of this program under way.
    pub(crate) left_at: Option<[f32; 7]>,
}

impl Session {
    /// The version of the robot.
    pub fn version(&self) -> &RobotVersion {
        &self.version
    }

    /// The latest report; none before the first.
    pub fn report(&self) -> Option<Report> {
        self.reports.latest().map(|(report, _)| report)
    }

    /// The reports, which may be read while the arm moves.
    pub(crate) fn reports(&self) -> &Arc<ReportStream> {
        &self.reports
    }

    /// Whether another link has to be made, because this one or its reports are lost.
    ///
    /// # Errors
    /// [`XArmError::LostLink`] or [`XArmError::StaleReports`].
    pub(crate) fn check_link(&self) -> Result<(), XArmError> {
        self.client.check()?;
        self.reports.fresh().map(drop)
    }

    /// The joints as the controller reports them, in radians.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn joints(&mut self) -> Result<[f32; 7], XArmError> {
        self.client.joints()
    }

    /// The state of the arm.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn state(&mut self) -> Result<ArmState, XArmError> {
        self.client.state()
    }

    /// The number of the error that waits to be cleared; 0 for none.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn error(&mut self) -> Result<u8, XArmError> {
        match self.client.ask(&Command::GetErrors)? {
            Reply::Errors { error, warning } => {
                if warning != 0 {
                    tracing::warn!(warning, "{}", crate::controller_warning(warning).meaning);
                }
                Ok(error)
            }
            _ => Ok(0),
        }
    }

    /// The number of motions in the queue, the present one included.
    fn waiting(&mut self) -> Result<u16, XArmError> {
        self.client.waiting()
    }

    /// Stops the arm and empties its queue. The arm stands within its braking distance.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn stop(&mut self) -> Result<(), XArmError> {
        self.begin_own_action();
        self.stopped_here = true;
        stop(&mut self.client)?;
        self.moving = false;
        Ok(())
    }

    /// From here on this program causes what the arm does.
    fn begin_own_action(&mut self) {
        self.reports.expect_standing(false);
        self.left_at = None;
    }
}

impl Drop for Session {
    /// Stops the arm where the end of its motion was not seen: after a panic, for instance.
    fn drop(&mut self) {
        if self.moving
            && !self.client.is_lost()
            && let Err(error) = self.stop()
        {
            tracing::error!("could not stop the arm: {error}");
        }
    }
}
