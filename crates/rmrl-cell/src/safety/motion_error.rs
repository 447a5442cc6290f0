//! Why a motion was not made.

use super::contact::{ContactLatch, UnexpectedContact};
use super::violation::SafetyViolation;
use crate::{DeviceError, StopSwitch, Stopped};

/// Why a guarded arm, or what it carries, did not move.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MotionError {
    /// The envelope refused; the arm was sent nothing.
    #[error(transparent)]
    Refused(#[from] SafetyViolation),
    /// The stop switch was pressed: before the motion, or during one that the arm then did not end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The arm met something where no contact was expected, in this motion or before. Only the operator and a
    /// new process undo that.
    #[error(transparent)]
    Contact(#[from] UnexpectedContact),
    /// The arm failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl MotionError {
    /// The error of a device, unless the switch was pressed: the error is a consequence of the stop then.
    pub(crate) fn of_device(error: DeviceError, stop: &StopSwitch) -> Self {
        match stop.check() {
            Err(stopped) => {
                tracing::info!("{stopped}; {error}");
                Self::Stopped(stopped)
            }
            Ok(()) => Self::Device(error),
        }
    }

    /// The error of a motion. A contact is noted as one where none was expected.
    pub(super) fn of_motion(
        error: DeviceError,
        stop: &StopSwitch,
        contact: &mut ContactLatch,
    ) -> Self {
        let met = match &error {
            DeviceError::Collision { at } => contact.meet(*at),
            _ => Ok(()),
        };
        match (Self::of_device(error, stop), met) {
            (Self::Device(_), Err(contact)) => contact.into(),
            (error, _) => error,
        }
    }
}
