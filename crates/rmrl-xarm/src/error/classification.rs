//! What an error means to the program.

use rmrl_cell::DeviceError;

use super::XArmError;
use crate::{Explained, Severity, controller_error};

impl XArmError {
    /// The error of a number of the controller.
    pub(crate) fn of_controller(number: u8) -> Self {
        let explained = controller_error(number);
        match explained.severity {
            Severity::Collision => Self::Collision { number, explained },
            Severity::EmergencyStop => Self::EmergencyStop { number, explained },
            _ => Self::Controller { number, explained },
        }
    }

    /// A setting that differs when it is read back.
    pub(crate) fn not_kept(
        setting: &'static str,
        expected: &dyn std::fmt::Debug,
        got: &dyn std::fmt::Debug,
    ) -> Self {
        let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
        Self::SettingNotKept { setting, expected, got }
    }

    /// The error of a setting that the controller had kept before.
    pub(crate) fn changed_by_somebody_else(self) -> Self {
        match self {
            Self::SettingNotKept { setting, expected, got }
            | Self::UnsuitableSetting { setting, expected, got, .. } => {
                Self::ChangedBySomebodyElse { setting, expected, got }
            }
            other => other,
        }
    }

    /// Whether the link must be made again before any other request.
    pub fn ends_the_link(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::LostLink { .. }
                | Self::StaleReports { .. }
                | Self::Frame(_)
        )
    }

    /// Whether trying again cannot help: an operator has to come first.
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::EmergencyStop { .. }
            | Self::StoppedBySomebodyElse
            | Self::MovedBySomebodyElse
            | Self::NotWhereItWasLeft { .. }
            | Self::UnseenContact
            | Self::InUse { .. }
            | Self::NoReports { .. }
            | Self::PoseDisagrees { .. }
            | Self::UnsuitableSetting { .. }
            | Self::GripperMode { .. }
            | Self::StateReset
            | Self::ChangedBySomebodyElse { .. }
            | Self::GripperWithoutPower => true,
            Self::Controller { explained, .. } => explained.severity.needs_operator(),
            _ => false,
        }
    }

    /// The error of a cell's device; `device` is `arm` or `gripper`. A collision is
    /// [`DeviceError::Faulted`] here, because its place is not known.
    pub fn into_device_error(self, device: &'static str) -> DeviceError {
        if self.needs_operator() {
            return DeviceError::NeedsOperator { device, reason: self.to_string() };
        }
        let reason = self.to_string();
        match self {
            Self::Connect { .. }
            | Self::LostLink { .. }
            | Self::StaleReports { .. }
            | Self::Frame(_) => DeviceError::Disconnected { device, reason },
            Self::NoAnswer { timeout_secs, .. } | Self::NotFinished { timeout_secs, .. } => {
                DeviceError::TimedOut { device, timeout_secs }
            }
            Self::Controller { number, explained } | Self::Collision { number, explained } => {
                let Explained { meaning, recovery, .. } = explained;
                DeviceError::Faulted { device, code: u16::from(number), meaning, recovery }
            }
            Self::Gripper { number, explained } => {
                let Explained { meaning, recovery, .. } = explained;
                DeviceError::Faulted { device, code: number, meaning, recovery }
            }
            _ => DeviceError::Refused { device, reason },
        }
    }
}
