//! The commands to the controller, register by register, and its replies.
//!
//! Units are the controller's own: millimeters, radians, kilograms, seconds. A pose is x, y, z, roll,
//! pitch, yaw in the frame of the robot's base, or x, y, z and a rotation vector.

mod decode;
mod encode;
mod reply;

pub use decode::CommandError;
pub use reply::{ReducedState, Reply};

/// The numbers of the registers.
pub mod register {
    #![allow(missing_docs, reason = "the vendor's names, each documented at its command")]
    pub const GET_VERSION: u8 = 0x01;
    pub const MOTION_ENABLE: u8 = 0x0b;
    pub const SET_STATE: u8 = 0x0c;
    pub const GET_STATE: u8 = 0x0d;
    pub const GET_COMMAND_COUNT: u8 = 0x0e;
    pub const GET_ERROR: u8 = 0x0f;
    pub const CLEAN_ERROR: u8 = 0x10;
    pub const CLEAN_WARNING: u8 = 0x11;
    pub const SET_MODE: u8 = 0x13;
    pub const MOVE_LINE: u8 = 0x15;
    pub const MOVE_JOINT: u8 = 0x17;
    pub const SET_TCP_JERK: u8 = 0x1f;
    pub const SET_TCP_MAX_ACCELERATION: u8 = 0x20;
    pub const SET_JOINT_JERK: u8 = 0x21;
    pub const SET_JOINT_MAX_ACCELERATION: u8 = 0x22;
    pub const SET_TCP_OFFSET: u8 = 0x23;
    pub const SET_LOAD: u8 = 0x24;
    pub const SET_COLLISION_SENSITIVITY: u8 = 0x25;
    pub const GET_TCP_POSE: u8 = 0x29;
    pub const GET_JOINT_POSITIONS: u8 = 0x2a;
    pub const GET_INVERSE_KINEMATICS: u8 = 0x2b;
    pub const GET_FORWARD_KINEMATICS: u8 = 0x2c;
    pub const SET_REDUCED_LINEAR_SPEED: u8 = 0x2f;
    pub const SET_REDUCED_JOINT_SPEED: u8 = 0x30;
    pub const GET_REDUCED_MODE: u8 = 0x31;
    pub const SET_REDUCED_MODE: u8 = 0x32;
    pub const SET_GRAVITY_DIRECTION: u8 = 0x33;
    pub const SET_BOUNDARY: u8 = 0x34;
    pub const GET_REDUCED_STATE: u8 = 0x35;
    pub const SET_REDUCED_JOINT_RANGE: u8 = 0x3a;
    pub const SET_FENCE: u8 = 0x3b;
    pub const SET_COLLISION_REBOUND: u8 = 0x3c;
    pub const SET_TIMER: u8 = 0x47;
    pub const CANCEL_TIMER: u8 = 0x48;
    pub const SET_BASE_OFFSET: u8 = 0x49;
    pub const SET_SIMULATED_ROBOT: u8 = 0x4f;
    pub const MOVE_RELATIVE: u8 = 0x53;
    pub const GET_TCP_POSE_AXIS_ANGLE: u8 = 0x5b;
    pub const MOVE_LINE_AXIS_ANGLE: u8 = 0x5c;
    pub const SET_MODBUS_TIMEOUT: u8 = 0x7b;
    pub const RS485_RTU: u8 = 0x7c;
    pub const TOOL_GPIO_WRITE: u8 = 0x7f;
    pub const TOOL_GPIO_READ: u8 = 0x80;
    pub const SET_FEEDBACK_TYPE: u8 = 0xfe;
}

/// All joints at once, for [`Command::MotionEnable`].
pub const ALL_JOINTS: u8 = 8;

/// The bus at the arm's flange, for commands with a `host`.
pub const TOOL_BUS: u8 = 0x09;

/// A request with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Reads the version of the robot, [`Reply::Version`].
    GetVersion,
    /// Switches the power of joints on, or off so that the brakes hold them. Resets the state.
    MotionEnable {
        /// A joint from 1, or [`ALL_JOINTS`].
        joint: u8,
        /// Whether the joint gets power.
        on: bool,
    },
    /// Lets the arm move, pauses it or stops it.
    SetState(StateChange),
    /// Reads the state of the arm, [`Reply::State`].
    GetState,
    /// Reads the number of motions in the queue, the present one included, [`Reply::Count`].
    GetCommandCount,
    /// Reads the error and the warning that wait to be cleared, [`Reply::Errors`].
    GetErrors,
    /// Clears the error.
    CleanError,
    /// Clears the warning.
    CleanWarning,
    /// Sets the control mode. Resets the state.
    SetMode {
        /// 0 is position control; other modes are not used here.
        mode: u8,
        /// Whether collisions are detected, in newer firmware.
        detection: Option<u8>,
    },
    /// Moves the tool in a straight line. [`Reply::Queued`] where there are `options`.
    MoveLine {
        /// The target, in mm and radians.
        pose: [f32; 6],
        /// Speed and acceleration.
        limits: MotionLimits,
        /// Options, which only firmware 1.11.100 and later accept.
        options: Option<LineOptions>,
    },
    /// Moves the tool in a straight line to a pose with a rotation vector, before firmware 1.11.100.
    MoveLineAxisAngle {
        /// The target, in mm and a rotation vector.
        pose: [f32; 6],
        /// Speed and acceleration.
        limits: MotionLimits,
        /// The target is in the tool's frame instead of the base's.
        in_tool_frame: bool,
        /// The target is relative to the tool's pose.
        relative: bool,
    },
    /// Moves the joints.
    MoveJoint {
        /// The target, in radians. A joint that the robot does not have is 0.
        joints: [f32; 7],
        /// Speed and acceleration, in radians.
        limits: MotionLimits,
    },
    /// Moves relative to the present pose.
    MoveRelative {
        /// The difference: 7 joints, or 6 numbers of a pose and a 0.
        by: [f32; 7],
        /// Speed and acceleration.
        limits: MotionLimits,
        /// Radius of the blend with the next motion in mm; negative for none.
        radius_mm: f32,
        /// `by` are joints.
        joints: bool,
        /// `by` is a pose with a rotation vector.
        axis_angle: bool,
    },
    /// Sets the jerk of the tool, in mm/s³.
    SetTcpJerk(f32),
    /// Sets the greatest acceleration of the tool, in mm/s².
    SetTcpMaxAcceleration(f32),
    /// Sets the jerk of the joints, in rad/s³.
    SetJointJerk(f32),
    /// Sets the greatest acceleration of the joints, in rad/s².
    SetJointMaxAcceleration(f32),
    /// Sets the tool's pose, seen from the flange, in mm and radians. Resets the state.
    SetTcpOffset([f32; 6]),
    /// Sets the load at the flange.
    SetLoad {
        /// Mass, in kg.
        mass_kg: f32,
        /// The center of the mass, seen from the flange, in mm.
        center_mm: [f32; 3],
    },
    /// Sets the direction of gravity, in the base's frame.
    SetGravityDirection([f32; 3]),
    /// Sets the pose of the robot's base in the world of all poses, in mm and radians. Resets the state.
    SetBaseOffset([f32; 6]),
    /// Sets whether motions are only simulated.
    SetSimulatedRobot(bool),
    /// Sets the collision sensitivity: 0 is off, and at 5 the least force counts as a collision.
    SetCollisionSensitivity(u8),
    /// Sets whether the arm backs away from a collision.
    SetCollisionRebound(bool),
    /// Reads the pose of the tool, [`Reply::Pose`].
    GetTcpPose,
    /// Reads the pose of the tool with a rotation vector, [`Reply::Pose`].
    GetTcpPoseAxisAngle,
    /// Reads the joints, [`Reply::Joints`].
    GetJointPositions,
    /// Computes the joints for a pose, [`Reply::Joints`].
    GetInverseKinematics([f32; 6]),
    /// Computes the pose for joints, [`Reply::Pose`].
    GetForwardKinematics([f32; 7]),
    /// Sets the speed limit of the tool in reduced mode, in mm/s.
    SetReducedLinearSpeed(f32),
    /// Sets the speed limit of the joints in reduced mode, in rad/s.
    SetReducedJointSpeed(f32),
    /// Sets the joint limits of reduced mode, lower and upper limit of each, in radians.
    SetReducedJointRange([f32; 14]),
    /// Turns reduced mode on or off.
    SetReducedMode(bool),
    /// Reads whether reduced mode is on, [`Reply::Flag`].
    GetReducedMode,
    /// Reads all settings of reduced mode and fence, [`Reply::Reduced`].
    GetReducedState,
    /// Sets the fence: upper and lower x, upper and lower y, upper and lower z, in mm.
    SetBoundary([i32; 6]),
    /// Sets whether a motion out of the fence is an error.
    SetFence(bool),
    /// Makes the controller execute a request later, whether or not a client is connected.
    SetTimer {
        /// The delay, in seconds.
        seconds: i32,
        /// The number of the timer, 0 to 15.
        timer: i32,
        /// The register of the request, 12 for [`Command::SetState`].
        register: i32,
        /// The first parameters of the request.
        params: [i32; 2],
    },
    /// Cancels a timer.
    CancelTimer(i32),
    /// Sets how long a device on a bus may take to answer, in ms.
    SetModbusTimeout(u16),
    /// Sends Modbus RTU to a device on a bus, [`Reply::Modbus`].
    ModbusRtu {
        /// The bus, [`TOOL_BUS`].
        host: u8,
        /// The device's number and the request, without the checksum.
        frame: Vec<u8>,
    },
    /// Writes a register of the tool board.
    ToolGpioWrite {
        /// The board, [`TOOL_BUS`].
        host: u8,
        /// The register.
        address: u16,
        /// The new value.
        value: f32,
    },
    /// Reads a register of the tool board, [`Reply::Integer`].
    ToolGpioRead {
        /// The board, [`TOOL_BUS`].
        host: u8,
        /// The register.
        address: u16,
    },
    /// Turns on feedback of later motions over this connection: a sum of [`crate::Feedback`]'s bits.
    /// Firmware 2.0.102 and later.
    SetFeedbackType(u8),
}

/// The states that [`Command::SetState`] can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateChange {
    /// Ready to move; resumes after a pause.
    Run,
    /// Paused: the arm holds still, and keeps its queue.
    Pause,
    /// Stopped: the arm holds still, and its queue is emptied.
    Stop,
}

impl StateChange {
    /// The number of the state.
    pub fn number(self) -> u8 {
        match self {
            Self::Run => 0,
            Self::Pause => 3,
            Self::Stop => 4,
        }
    }
}

/// The state of the arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmState {
    /// The arm moves.
    Moving,
    /// The arm is ready and stands.
    Ready,
    /// The arm holds still, with motions in its queue.
    Paused,
    /// The arm was stopped, by an error or by a request.
    Stopped,
    /// The controller was reset. The arm does not move until the state is set to run.
    Reset,
    /// Another state, by its number.
    Other(u8),
}

impl ArmState {
    /// The state with a number.
    pub fn from_number(number: u8) -> Self {
        match number {
            // The vendor's software treats 0 as moving, too.
            0 | 1 => Self::Moving,
            2 => Self::Ready,
            3 => Self::Paused,
            4 => Self::Stopped,
            5 => Self::Reset,
            other => Self::Other(other),
        }
    }

    /// The number of the state.
    pub fn number(self) -> u8 {
        match self {
            Self::Moving => 1,
            Self::Ready => 2,
            Self::Paused => 3,
            Self::Stopped => 4,
            Self::Reset => 5,
            Self::Other(number) => number,
        }
    }
}

/// Speed and acceleration of a motion: mm and seconds for a tool, radians and seconds for joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionLimits {
    /// Speed.
    pub speed: f32,
    /// Acceleration.
    pub acceleration: f32,
    /// Not used by the controller; 0.
    pub time: f32,
}

/// Options of a line in firmware 1.11.100 and later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineOptions {
    /// Radius of the blend with the next motion in mm; negative for none.
    pub radius_mm: f32,
    /// The pose is in the base's frame (0) or in the tool's (1).
    pub frame: u8,
    /// The pose has a rotation vector.
    pub axis_angle: bool,
    /// Only checks whether the motion is possible (1, 2, 3), without moving.
    pub only_check: u8,
}

impl Default for LineOptions {
    /// A pose in the base's frame, as in older firmware.
    fn default() -> Self {
        Self { radius_mm: -1.0, frame: 0, axis_angle: false, only_check: 0 }
    }
}
