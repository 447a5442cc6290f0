//! What a device may report instead of doing what it was asked.

use super::tool_pose::ToolPose;

/// Why a device did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// The arm met something and stopped where it was. [`Arm::recover`](crate::Arm::recover) makes it movable again.
    #[error("the arm stopped on contact at z = {:.1} mm", at.z_m * 1000.0)]
    Collision {
        /// Where the tool stopped.
        at: ToolPose,
    },
    /// The device no longer answers.
    #[error("lost the {device}: {reason}")]
    Disconnected {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// What was noticed.
        reason: String,
    },
    /// The device answered, but did not finish in time.
    #[error("the {device} did not finish within {timeout_secs} s")]
    TimedOut {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// How long the driver waited, in seconds.
        timeout_secs: f64,
    },
    /// The device refused the command.
    #[error("the {device} refused: {reason}")]
    Refused {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// The reason in the device's own words.
        reason: String,
    },
    /// The device has stopped with an error of its own. [`Arm::recover`](crate::Arm::recover) may help.
    #[error("the {device} has error {code}: {meaning}; {recovery}")]
    Faulted {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// The device's number of the error.
        code: u16,
        /// What the error means.
        meaning: &'static str,
        /// What helps against it.
        recovery: &'static str,
    },
    /// The device stands until an operator has been there: a stop button, a broken servo, or somebody
    /// who stopped it. The software cannot help, and must not start it again.
    #[error("the {device} stands until an operator has been there: {reason}")]
    NeedsOperator {
        /// `camera`, `arm` or `gripper`.
        device: &'static str,
        /// The reason in the device's own words.
        reason: String,
    },
    /// The operator said no.
    #[error("the operator declined")]
    Declined,
    /// No operator can be reached.
    #[error("nobody can be asked: {reason}")]
    NobodyToAsk {
        /// Why not.
        reason: String,
    },
}

impl DeviceError {
    /// Whether trying again cannot help: an operator has to come first.
    pub fn needs_operator(&self) -> bool {
        matches!(self, Self::NeedsOperator { .. } | Self::Declined | Self::NobodyToAsk { .. })
    }
}
