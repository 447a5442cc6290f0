//! Reports: what the controller sends by itself over ports 30001, 30002 and 30003.
//!
//! Decoding a report allocates no memory. All reports begin alike; the longer ones have more parts.

mod codec;
mod layout;
mod reader;

use crate::protocol::command::ArmState;
pub use layout::LONGEST_REPORT;
pub use reader::{ReadError, ReportReader};

/// The port of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPort {
    /// 30001: five reports a second, with errors.
    Normal,
    /// 30002: five reports a second, with all parts.
    Rich,
    /// 30003: a hundred reports a second, without errors.
    Real,
}

impl ReportPort {
    /// The number of the port.
    pub fn number(self) -> u16 {
        match self {
            Self::Normal => 30001,
            Self::Rich => 30002,
            Self::Real => 30003,
        }
    }
}

/// Invalid bytes of a report. Their stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A report of an unknown length.
    #[error("a report of {got} bytes, expected {expected} to {LONGEST_REPORT}")]
    Length {
        /// The length, in bytes.
        got: usize,
        /// The length of this port's shortest report, in bytes.
        expected: usize,
    },
    /// A report whose stated length is not its length.
    #[error("a report of {got} bytes whose length field is {said}")]
    Contradiction {
        /// The length, in bytes.
        got: usize,
        /// The stated length, in bytes.
        said: usize,
    },
}

/// One report. Units are the controller's: mm, radians, N m, kg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// The state of the arm.
    pub state: ArmState,
    /// The control mode; 0 is position control.
    pub mode: u8,
    /// The number of motions in the queue, the present one included.
    pub commands: u16,
    /// Joints, in radians.
    pub joints_rad: [f32; 7],
    /// The tool's pose, in mm and radians.
    pub pose: [f32; 6],
    /// Torques of the joints, in N m.
    pub torques_nm: [f32; 7],
    /// What only some ports report.
    pub more: More,
}

/// What only some ports report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum More {
    /// Port 30003 of old firmware: nothing more.
    Nothing,
    /// Port 30003: forces at a force-torque sensor.
    Forces {
        /// Without the load, in N and N m.
        external: [f32; 6],
        /// As measured, in N and N m.
        raw: [f32; 6],
    },
    /// Port 30001.
    Health(Health),
    /// Port 30002.
    Everything(Health, Details),
}

impl Report {
    /// What only the rich report has.
    pub fn details(&self) -> Option<&Details> {
        match &self.more {
            More::Everything(_, details) => Some(details),
            More::Nothing | More::Forces { .. } | More::Health(_) => None,
        }
    }

    /// Errors and settings, where the port reports them.
    pub fn health(&self) -> Option<&Health> {
        match &self.more {
            More::Health(health) | More::Everything(health, _) => Some(health),
            More::Nothing | More::Forces { .. } => None,
        }
    }
}

/// Errors and settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// A bit for each joint whose brake is released.
    pub brakes: u8,
    /// A bit for each joint with power.
    pub enabled: u8,
    /// The error that waits to be cleared; 0 for none.
    pub error: u8,
    /// The warning that waits to be cleared; 0 for none.
    pub warning: u8,
    /// The tool's point, seen from the flange, in mm and radians.
    pub tcp_offset: [f32; 6],
    /// Mass in kg, and its center in mm.
    pub load: [f32; 4],
    /// Collision sensitivity: 0 is off, and at 5 the least force counts as a collision.
    pub collision_sensitivity: u8,
    /// Sensitivity of guiding the arm by hand.
    pub teach_sensitivity: u8,
    /// The direction of gravity, in the base's frame.
    pub gravity: [f32; 3],
}

/// What only the rich report has. Parts that older firmware does not send are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Details {
    /// The vendor's number of the model.
    pub model: u8,
    /// The number of the arm's joints.
    pub joints: u8,
    /// Version of the firmware, as text that ends with a zero.
    pub version: [u8; 30],
    /// State and error of each joint's servo; old firmware does not report all.
    pub servos: Option<[[u8; 2]; 7]>,
    /// Temperatures of the joints, in °C.
    pub temperatures_c: Option<[i8; 7]>,
    /// Speed of the tool, in mm/s.
    pub tool_speed_mm_s: Option<f32>,
    /// Speeds of the joints, in rad/s.
    pub joint_speeds_rad_s: Option<[f32; 7]>,
    /// The controller's counter.
    pub counter: Option<u32>,
    /// The pose of the robot's base in the world of all poses: mm, then roll, pitch and yaw in radians.
    pub base_offset: Option<[f32; 6]>,
    /// Whether motions are only simulated, and the arm stands still.
    pub simulated: Option<bool>,
    /// Whether reduced mode is on.
    pub reduced: Option<bool>,
    /// Whether the fence is on.
    pub fence: Option<bool>,
}
