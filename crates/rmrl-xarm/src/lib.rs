//! UFACTORY xArm robot arms and their BIO gripper, over the controller's private TCP protocol.
//!
//! [`Robot`] is a controller that is connected and set up, and stays so. [`XArm`] and [`BioGripperDevice`]
//! are its arm and its gripper as devices of a cell. [`Inspector`] only reads. Below these are [`Session`], one
//! link that is set up, and [`Client`], requests and answers with deadlines. The codec works in both directions:
//! [`FrameReader`], [`Command`], [`Reply`], [`Report`], [`RtuRequest`], [`bio_gripper`].
//!
//! Units are meters, radians and seconds in devices and kinematics. Codec, session and configuration keys have the
//! controller's own millimeters, and degrees where a name says `_deg`.
//!
//! # Map
//! Each part only uses those above it.
//! - `protocol`: the bytes, without any input or output
//! - `config`, `error`: the configuration of an arm, and all errors
//! - `connection`: one link; requests, reports, the claim to an arm, and stopping it
//! - `session`: a link that is set up; what must be known before a motion, and one straight line
//! - `devices`: arm, gripper and inspection
//! - [`emulator`]: an emulated controller, which shares only the kinematics of `rmrl-kinematics` with the driver

mod config;
mod connection;
mod devices;
pub mod emulator;
mod error;
mod protocol;
mod session;

pub use rmrl_kinematics as kinematics;
pub use rmrl_kinematics::ArmModel;

pub use config::{Address, BioGripperConfig, GenerationChoice, XArmConfig};
pub use connection::claim::Claim;
pub use connection::client::{Answer, Client};
pub use connection::report_stream::ReportStream;
pub use connection::stop::{hold_stopped, stop_arm};
pub use devices::arm::XArm;
pub use devices::flange::XArmFlange;
pub use devices::gripper::BioGripperDevice;
pub use devices::inspector::{GripperReading, Inspector, ToolReading};
pub use devices::robot::Robot;
pub use error::XArmError;
pub use protocol::bio_gripper;
pub use protocol::command::{
    ALL_JOINTS, ArmState, Command, CommandError, LineOptions, MotionLimits, ReducedState, Reply,
    StateChange, TOOL_BUS, register,
};
pub use protocol::error_tables::{
    Explained, Severity, controller_error, controller_warning, gripper_error, servo_error,
};
pub use protocol::frame::{
    Feedback, FeedbackOutcome, Frame, FrameError, FromController, HEARTBEAT, MAX_LENGTH, Protocol,
    Request, Response, Status, ToController,
};
pub use protocol::frame_reader::FrameReader;
pub use protocol::modbus_rtu::{RtuError, RtuRequest};
pub use protocol::report::{
    Details, Health, LONGEST_REPORT, More, ReadError, Report, ReportError, ReportPort, ReportReader,
};
pub use protocol::version::{FirmwareVersion, RobotVersion};
pub use session::Session;

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
