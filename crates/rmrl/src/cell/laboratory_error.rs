//! Why a cell could not be assembled.

use rmrl_cell::{CellError, DeviceError};
use rmrl_core::InvalidKey;
use rmrl_grounded_sam::GroundedSamError;
use rmrl_learn::WeightsError;
use rmrl_sim::SimulationConfigError;
use rmrl_vision::{CameraFileError, RecordingError};
use rmrl_xarm::XArmError;

use super::calibration_gate::CalibrationRefused;
use super::external::ExternalError;
use super::first_motion::FirstMotionError;
use super::reachability::PreflightError;
use crate::config::ConfigError;

/// Why a cell could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum LaboratoryError {
    /// The configuration of the simulation is invalid.
    #[error(transparent)]
    Simulation(#[from] SimulationConfigError),
    /// The camera file is missing or invalid.
    #[error(transparent)]
    Camera(#[from] CameraFileError),
    /// The camera shows nothing of what the arm does.
    #[error(transparent)]
    NotLive(#[from] ConfigError),
    /// The recording that replaces a camera cannot be read.
    #[error("camera.recording")]
    Recording(#[from] RecordingError),
    /// The calibration of a real cell's camera is not good enough.
    #[error(transparent)]
    Calibration(#[from] CalibrationRefused),
    /// The configuration of the safety limits or of the drift check is invalid.
    #[error(transparent)]
    Config(#[from] InvalidKey),
    /// A real arm cannot reach every pose that a run may need.
    #[error("before anything moves")]
    Reach(#[from] PreflightError),
    /// The arm is not allowed, or not able, to make its first motion.
    #[error(transparent)]
    FirstMotion(#[from] FirstMotionError),
    /// The gripper.
    #[error("the gripper cannot be used")]
    Gripper(#[source] XArmError),
    /// The camera.
    #[error("the camera cannot be used")]
    CameraDevice(#[source] DeviceError),
    /// The configuration needs devices of a program, which it does not bring.
    #[error(transparent)]
    NotBrought(#[from] ExternalError),
    /// A device of the program, before anything moved.
    #[error("the devices of this program cannot be used")]
    External(#[source] DeviceError),
    /// This program was built without support for the configured camera.
    #[error(
        "camera.source is \"realsense\", and this rmrl was built without: install librealsense2 and build it \
         with `cargo build --release --features realsense` (docs/realsense.md)"
    )]
    WithoutRealSense,
    /// The localizer.
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    /// The task or the reward is invalid, or the trial could not be set up.
    #[error(transparent)]
    Cell(#[from] CellError),
}

/// Why the configured localizer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LocalizerError {
    /// A value of the localizer's configuration is invalid.
    #[error("vision.localizer.{0}")]
    Config(#[from] InvalidKey),
    /// The files of a model are missing or invalid.
    #[error("vision.{key}")]
    Model {
        /// The configuration section that names the files.
        key: &'static str,
        /// What is wrong with them.
        #[source]
        source: GroundedSamError,
    },
    /// The network of look errors cannot be read, or is another.
    #[error("vision.look_error: {0}")]
    LookError(#[from] WeightsError),
}
