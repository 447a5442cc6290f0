//! Errors of the configuration.

use crate::ArmModel;

/// Why a configuration is invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum XArmConfigError {
    /// A number out of its range.
    #[error("{key} is {value}, expected {lowest} to {highest}")]
    Range {
        /// The key.
        key: &'static str,
        /// The invalid value.
        value: f64,
        /// The lowest valid value.
        lowest: f64,
        /// The highest valid value.
        highest: f64,
    },
    /// An older key that contradicts the model.
    #[error(
        "joints is {joints}, but model is \"{}\" with {} joints; leave joints out and set model",
        model.key(), model.axes()
    )]
    Joints {
        /// The invalid value.
        joints: u8,
        /// The model.
        model: ArmModel,
    },
    /// A tool that five joints cannot point straight down.
    #[error(
        "tcp_offset_mm_deg is tilted by roll {roll_deg} and pitch {pitch_deg} degrees, expected 0 and 0: \
         the {} points its flange straight down and no other way",
        ArmModel::XArm5
    )]
    TiltedTool {
        /// The offset's roll, in degrees.
        roll_deg: f64,
        /// The offset's pitch, in degrees.
        pitch_deg: f64,
    },
    /// A fence without an inside.
    #[error("fence_m has {low} to {high} for {axis}, expected the lower one first")]
    Fence {
        /// `x`, `y` or `z`.
        axis: &'static str,
        /// The first limit, in metres.
        low: f64,
        /// The second limit, in metres.
        high: f64,
    },
    /// A port whose reports have no settings.
    #[error("report_port is {port}; 30003 and 30000 report no settings; the other ports do")]
    ReportPort {
        /// The invalid value.
        port: u16,
    },
}
