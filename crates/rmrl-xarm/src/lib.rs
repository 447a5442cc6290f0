//! UFACTORY xArm robot arms and their BIO gripper, over the controller's private TCP protocol.
//!
//! Outside the codec, units are metres, radians and seconds; inside, the controller's own:
//! millimetres, radians, degrees nowhere.

mod command;
mod frame;
mod version;
mod wire;

pub use command::{
    ALL_JOINTS, ArmState, Command, CommandError, LineOptions, MotionLimits, ReducedState, Reply,
    StateChange, TOOL_BUS, register,
};
pub use frame::{
    FEEDBACK_REGISTER, Feedback, FeedbackOutcome, Frame, FrameError, FrameReader, FromController,
    HEADER_LENGTH, HEARTBEAT, MAX_LENGTH, Protocol, Request, Response, Status, ToController,
};
pub use version::{FirmwareVersion, RobotVersion};
