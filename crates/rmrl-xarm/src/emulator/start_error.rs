//! Errors when the emulated controller starts.

use rmrl_cell::DeviceError;
use rmrl_core::InvalidKey;

use crate::ArmModel;
use crate::kinematics::KinematicsError;

/// Why a controller cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plant does not report where its tool is.
    #[error("the plant: {0}")]
    Plant(#[source] DeviceError),
    /// The arm cannot reach the pose of the plant's tool.
    #[error("the plant's tool is out of the arm's reach: {0}")]
    OutOfReach(#[source] KinematicsError),
    /// Time would stand still or run backwards.
    #[error("{key} is {value}, expected a positive number")]
    NotPositive {
        /// `pace` or `segment_secs`.
        key: &'static str,
        /// The invalid value.
        value: f64,
    },
    /// A keep-out is invalid.
    #[error("keep-outs: {0}")]
    KeepOuts(#[from] InvalidKey),
    /// Only the shape of an xArm 6 is known.
    #[error("keep-outs are measured of an xArm 6 only, and the emulated arm is an {model}")]
    KeepOutsOfModel {
        /// The emulated arm.
        model: ArmModel,
    },
    /// A port or socket is not available.
    #[error("cannot listen on {address}")]
    Listen {
        /// The port or socket.
        address: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}
