//! What a controller can be asked, register by register, and what it answers.
//!
//! Units are the controller's own: millimetres, radians, kilograms, seconds. A pose is x, y, z, roll,
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
    /// What robot this is, [`Reply::Version`].
    GetVersion,
    /// Powers joints, or takes their power and lets the brakes hold them. Resets the state.
    MotionEnable {
        /// A joint from 1, or [`ALL_JOINTS`].
        joint: u8,
        /// Whether it gets power.
        on: bool,
    },
    /// Lets the arm move, pauses it or stops it.
    SetState(StateChange),
    /// What the arm is doing, [`Reply::State`].
    GetState,
    /// How many motions wait, the present one among them, [`Reply::Count`].
    GetCommandCount,
    /// The error and the warning that wait to be cleared, [`Reply::Errors`].
    GetErrors,
    /// Clears the error.
    CleanError,
    /// Clears the warning.
    CleanWarning,
    /// Changes how the arm is led. Resets the state.
    SetMode {
        /// 0 leads it to positions; the others are not used here.
        mode: u8,
        /// Whether collisions are watched for, as newer software adds it.
        detection: Option<u8>,
    },
    /// Moves the tool in a straight line. [`Reply::Queued`] where there are `options`.
    MoveLine {
        /// Where to, in mm and radians.
        pose: [f32; 6],
        /// How fast.
        limits: MotionLimits,
        /// Firmware 1.11.100 and later have them, earlier ones must not.
        options: Option<LineOptions>,
    },
    /// Moves the tool in a straight line to a pose with a rotation vector, before firmware 1.11.100.
    MoveLineAxisAngle {
        /// Where to, in mm and a rotation vector.
        pose: [f32; 6],
        /// How fast.
        limits: MotionLimits,
        /// In the tool's frame instead of the base's.
        in_tool_frame: bool,
        /// From where the tool is.
        relative: bool,
    },
    /// Turns the joints.
    MoveJoint {
        /// Where to, in radians; joints that the robot has not are 0.
        joints: [f32; 7],
        /// How fast, in radians.
        limits: MotionLimits,
    },
    /// Moves from where the arm is.
    MoveRelative {
        /// How far: 7 joints, or 6 numbers of a pose and a 0.
        by: [f32; 7],
        /// How fast.
        limits: MotionLimits,
        /// Radius of the blend with the next motion in mm; negative for none.
        radius_mm: f32,
        /// `by` are joints.
        joints: bool,
        /// `by` is a pose with a rotation vector.
        axis_angle: bool,
    },
    /// How fast the tool's acceleration changes, in mm/s³.
    SetTcpJerk(f32),
    /// The greatest acceleration of the tool, in mm/s².
    SetTcpMaxAcceleration(f32),
    /// How fast the joints' acceleration changes, in rad/s³.
    SetJointJerk(f32),
    /// The greatest acceleration of the joints, in rad/s².
    SetJointMaxAcceleration(f32),
    /// Where the tool's point is, seen from the flange. Resets the state.
    SetTcpOffset([f32; 6]),
    /// What the flange carries.
    SetLoad {
        /// Mass, in kg.
        mass_kg: f32,
        /// Its centre, seen from the flange, in mm.
        center_mm: [f32; 3],
    },
    /// Which way is down, in the base's frame.
    SetGravityDirection([f32; 3]),
    /// The robot's base in the world that poses are told and taken in: mm and radians. Resets the state.
    SetBaseOffset([f32; 6]),
    /// Whether motions are only simulated.
    SetSimulatedRobot(bool),
    /// How little force is taken for a collision: 0 never, 5 the least.
    SetCollisionSensitivity(u8),
    /// Whether the arm backs away from a collision.
    SetCollisionRebound(bool),
    /// Where the tool is, [`Reply::Pose`].
    GetTcpPose,
    /// The same with a rotation vector.
    GetTcpPoseAxisAngle,
    /// Where the joints are, [`Reply::Joints`].
    GetJointPositions,
    /// Joints for a pose, [`Reply::Joints`].
    GetInverseKinematics([f32; 6]),
    /// The pose of joints, [`Reply::Pose`].
    GetForwardKinematics([f32; 7]),
    /// Speed limit of the tool in reduced mode, in mm/s.
    SetReducedLinearSpeed(f32),
    /// Speed limit of the joints in reduced mode, in rad/s.
    SetReducedJointSpeed(f32),
    /// Joint limits of reduced mode, lower and upper of each, in radians.
    SetReducedJointRange([f32; 14]),
    /// Turns reduced mode on or off.
    SetReducedMode(bool),
    /// Whether reduced mode is on, [`Reply::Flag`].
    GetReducedMode,
    /// Everything of reduced mode and fence, [`Reply::Reduced`].
    GetReducedState,
    /// The fence: upper and lower x, upper and lower y, upper and lower z, in mm.
    SetBoundary([i32; 6]),
    /// Whether a motion out of the fence is an error.
    SetFence(bool),
    /// Has the controller do something later by itself, whether or not anybody is connected.
    SetTimer {
        /// How much later, in seconds.
        seconds: i32,
        /// Which timer, 0 to 15.
        timer: i32,
        /// A register, 12 for [`Command::SetState`].
        register: i32,
        /// Its first parameters.
        params: [i32; 2],
    },
    /// Forgets a timer.
    CancelTimer(i32),
    /// How long a device on a bus may take to answer, in ms.
    SetModbusTimeout(u16),
    /// Talks Modbus RTU to a device on a bus, [`Reply::Modbus`].
    ModbusRtu {
        /// Which bus, [`TOOL_BUS`].
        host: u8,
        /// The device's number and what it is asked, without the check sum.
        frame: Vec<u8>,
    },
    /// Writes a register of the tool board.
    ToolGpioWrite {
        /// Which board, [`TOOL_BUS`].
        host: u8,
        /// Which register.
        address: u16,
        /// What to write.
        value: f32,
    },
    /// Reads a register of the tool board, [`Reply::Integer`].
    ToolGpioRead {
        /// Which board, [`TOOL_BUS`].
        host: u8,
        /// Which register.
        address: u16,
    },
    /// Asks for feedback of later motions over this connection: a sum of [`crate::Feedback`]'s bits.
    /// Firmware 2.0.102 and later.
    SetFeedbackType(u8),
}

/// What the arm can be told with [`Command::SetState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateChange {
    /// Be ready to move, and go on after a pause.
    Run,
    /// Hold still, and keep what is still to do.
    Pause,
    /// Stop, and forget what is still to do.
    Stop,
}

impl StateChange {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Run => 0,
            Self::Pause => 3,
            Self::Stop => 4,
        }
    }
}

/// What the arm is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmState {
    /// It moves.
    Moving,
    /// It is ready and stands.
    Ready,
    /// It holds, with something still to do.
    Paused,
    /// It was stopped, by an error or by somebody.
    Stopped,
    /// The controller has reset something; until it is told to run, it does not move.
    Reset,
    /// Anything else, by its number.
    Other(u8),
}

impl ArmState {
    /// The state of that number.
    pub fn from_number(number: u8) -> Self {
        match number {
            // The vendor's software takes 0 for moving, too.
            0 | 1 => Self::Moving,
            2 => Self::Ready,
            3 => Self::Paused,
            4 => Self::Stopped,
            5 => Self::Reset,
            other => Self::Other(other),
        }
    }

    /// Its number.
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

/// How fast a motion may be: mm and seconds for a tool, radians and seconds for joints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionLimits {
    /// Speed.
    pub speed: f32,
    /// Acceleration.
    pub acceleration: f32,
    /// Not used by the controller yet; 0.
    pub time: f32,
}

/// What firmware 1.11.100 and later want to know about a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineOptions {
    /// Radius of the blend with the next motion in mm; negative for none.
    pub radius_mm: f32,
    /// The pose is in the base's frame (0) or in the tool's (1).
    pub frame: u8,
    /// The pose has a rotation vector.
    pub axis_angle: bool,
    /// Only says whether the motion can be done (1, 2, 3), and does not do it.
    pub only_check: u8,
}

impl Default for LineOptions {
    /// To a pose in the base's frame, as in older firmware.
    fn default() -> Self {
        Self { radius_mm: -1.0, frame: 0, axis_angle: false, only_check: 0 }
    }
}
