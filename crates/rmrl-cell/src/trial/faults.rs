//! Turns the errors of a trial's parts into faults.

use rmrl_core::{Fault, FaultKind};
use rmrl_vision::LocalizeError;

use super::drift::DriftError;
use crate::{MotionError, with_sources};

/// A motion was refused, was stopped, or a device failed at it.
pub fn motion_fault(error: MotionError) -> Fault {
    Fault {
        kind: match &error {
            MotionError::Refused(_) => FaultKind::Refused,
            MotionError::Stopped(_) => FaultKind::Interrupted,
            MotionError::Contact(_) => FaultKind::Contact,
            MotionError::Device(error) if error.needs_operator() => FaultKind::Stopped,
            MotionError::Device(_) => FaultKind::Device,
        },
        reason: error.to_string(),
    }
}

/// A frame shows no plate that can be trusted.
pub fn localization_fault(error: &LocalizeError) -> Fault {
    Fault { kind: FaultKind::Localization, reason: with_sources(error) }
}

/// The reference board was not seen.
pub fn drift_fault(error: &DriftError) -> Fault {
    Fault { kind: FaultKind::Localization, reason: error.to_string() }
}

/// The plate is where only the operator, or another look, can get it from.
pub fn lost_plate(reason: String) -> Fault {
    Fault { kind: FaultKind::LostPlate, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceError;

    fn motion_fault_of(error: DeviceError) -> Fault {
        motion_fault(error.into())
    }

    #[test]
    fn a_device_that_waits_for_the_operator_ends_the_run_and_one_with_an_error_does_not() {
        let reason = "the emergency stop button is pressed".to_owned();
        let stopped = motion_fault_of(DeviceError::NeedsOperator { device: "arm", reason });
        assert!(stopped.kind.needs_operator());
        assert!(stopped.to_string().contains("emergency stop"), "{stopped}");
        let faulted = motion_fault_of(DeviceError::Faulted {
            device: "arm",
            code: 24,
            meaning: "a joint would be too fast",
            recovery: "move slower",
        });
        assert_eq!(faulted.kind, FaultKind::Device);
        assert!(faulted.to_string().contains("24"), "{faulted}");
    }
}
