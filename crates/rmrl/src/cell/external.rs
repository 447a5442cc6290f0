//! Devices that a program brings, for configurations that say `external`.

use rmrl_cell::{Arm, Camera, DeviceError, Gripper, Operator, StopSwitch};
use rmrl_vision::CameraFile;

use crate::config::{CameraSource, CellKind, OperatorKind, RunConfig};

/// The devices that a program brings: those for which a configuration says `cell.kind`, `camera.source` or
/// `cell.operator` = `external`.
pub trait ExternalDevices: Send + Sync {
    /// The devices, for one cell. A run may be pretrained on an earlier one, so it may open them twice, one cell after the
    /// other. Nothing moves, and nothing is set.
    ///
    /// A driver presses `stop` where a device has to stand and it cannot say so by an error: a call that hangs. A press by
    /// others ends its waits.
    ///
    /// # Errors
    /// A device does not answer.
    fn open(&self, stop: &StopSwitch) -> Result<ExternalParts, DeviceError>;

    /// Makes `switch` end what the devices do: see [`StopSwitch::on_press`].
    fn stop_with(&self, switch: &StopSwitch);
}

/// The parts of a cell that a program brings.
#[derive(Default)]
pub struct ExternalParts {
    /// The arm and its gripper, where `cell.kind` is `external`.
    pub robot: Option<(Box<dyn Arm>, Box<dyn Gripper>)>,
    /// The camera, where `camera.source` is `external`.
    pub camera: Option<ExternalCamera>,
    /// The operator, where `cell.operator` is `external`.
    pub operator: Option<Box<dyn Operator>>,
}

/// A camera that a program brings.
pub struct ExternalCamera {
    /// The camera, as `file` calibrates it.
    pub camera: Box<dyn Camera>,
    /// Its camera file, with what is known of its calibration. `camera.calibration` replaces it.
    pub file: CameraFile,
}

/// Why a configuration and the devices of a program do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// The program brings no device of this kind.
    #[error(
        "{key} is \"external\", and this program brings no {device}: run it from the program that does \
         (rmrl_robot.devices.train and resume in Python, Start::devices in Rust; docs/python/your-robot.md)"
    )]
    Missing {
        /// The configuration's key.
        key: &'static str,
        /// What is missing.
        device: &'static str,
    },
}

/// Checks that a program brings all devices for which the configuration says so, before anything is created.
///
/// # Errors
/// One is missing.
pub fn check_brought(config: &RunConfig, brings: [bool; 3]) -> Result<(), ExternalError> {
    let needs = [
        (config.cell.kind == CellKind::External, "cell.kind", "arm and gripper"),
        (config.camera.source == CameraSource::External, "camera.source", "camera"),
        (config.cell.operator == OperatorKind::External, "cell.operator", "operator"),
    ];
    let missing = needs.into_iter().zip(brings).find(|((needs, ..), brings)| *needs && !brings);
    match missing {
        Some(((_, key, device), _)) => Err(ExternalError::Missing { key, device }),
        None => Ok(()),
    }
}
