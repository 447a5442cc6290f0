//! UFACTORY xArm robot arms and their BIO gripper, over the controller's private TCP protocol.
//!
//! [`Robot`] is a controller that is connected, set up, and kept so; [`XArm`] and [`BioGripperDevice`]
//! are its arm and its gripper as a cell has them. [`Inspector`] only looks. Below are [`Session`], one
//! link that is set up, and [`Client`], requests and answers with deadlines. The codec goes both ways,
//! for whoever plays a controller: [`FrameReader`], [`Command`], [`Reply`], [`Report`], [`RtuRequest`],
//! [`bio_gripper`].
//!
//! Metres, radians and seconds above; in codec, session and configuration keys the controller's own
//! millimetres, and degrees where a name says `_deg`.

mod arm;
mod arm_model;
pub mod bio_gripper;
mod claim;
mod client;
mod command;
mod config;
pub mod controller;
mod controller_error;
mod error;
mod frame;
mod frame_reader;
mod gripper;
mod inspection;
pub mod kinematics;
mod link;
mod motion;
mod report;
mod report_stream;
mod robot;
mod rtu;
mod session;
mod settings;
mod stance;
mod version;
mod wire;

pub use arm::XArm;
pub use arm_model::ArmModel;
pub use claim::Claim;
pub use client::{Answer, Client};
pub use command::{
    ALL_JOINTS, ArmState, Command, CommandError, LineOptions, MotionLimits, ReducedState, Reply,
    StateChange, TOOL_BUS, register,
};
pub use config::{BioGripperConfig, GenerationChoice, XArmConfig, XArmConfigError};
pub use controller_error::{
    Explained, Severity, controller_error, controller_warning, gripper_error, servo_error,
};
pub use error::XArmError;
pub use frame::{
    FEEDBACK_REGISTER, Feedback, FeedbackOutcome, Frame, FrameError, FromController, HEADER_LENGTH,
    HEARTBEAT, MAX_LENGTH, Protocol, Request, Response, Status, ToController,
};
pub use frame_reader::FrameReader;
pub use gripper::BioGripperDevice;
pub use inspection::{GripperReading, Inspector, ToolReading, keep_stopped, stop_arm};
pub use link::Address;
pub use motion::{controller_pose, tool_pose};
pub use report::{
    Details, Health, LONGEST_REPORT, More, ReadError, Report, ReportError, ReportPort,
    ReportReader, SHORTEST_REPORT,
};
pub use report_stream::ReportStream;
pub use robot::Robot;
pub use rtu::{MOST_REGISTERS, RtuError, RtuRequest};
pub use session::Session;
pub use version::{FirmwareVersion, RobotVersion};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
