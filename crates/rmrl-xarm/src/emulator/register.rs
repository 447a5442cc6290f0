//! The registers of requests, by the names of the vendor's software.

pub(super) const GET_VERSION: u8 = 1;
pub(super) const GET_SERIAL_NUMBER: u8 = 2;
pub(super) const CHECK_VERIFY: u8 = 3;
pub(super) const GET_TORQUE_OR_CURRENT: u8 = 5;
pub(super) const GET_ALLOW_APPROXIMATE_MOTION: u8 = 7;
pub(super) const SYSTEM_CONTROL: u8 = 10;
pub(super) const MOTION_ENABLE: u8 = 11;
pub(super) const SET_STATE: u8 = 12;
pub(super) const GET_STATE: u8 = 13;
pub(super) const GET_COMMAND_COUNT: u8 = 14;
pub(super) const GET_ERROR: u8 = 15;
pub(super) const CLEAR_ERROR: u8 = 16;
pub(super) const CLEAR_WARNING: u8 = 17;
pub(super) const SET_BRAKE: u8 = 18;
pub(super) const SET_MODE: u8 = 19;

pub(super) const MOVE_LINE: u8 = 21;
/// With a radius that rounds the corner to the next line.
pub(super) const MOVE_LINE_ROUNDED: u8 = 22;
pub(super) const MOVE_JOINT: u8 = 23;
pub(super) const MOVE_JOINT_ROUNDED: u8 = 24;
pub(super) const MOVE_HOME: u8 = 25;
pub(super) const WAIT: u8 = 26;
pub(super) const MOVE_LINE_TOOL: u8 = 28;

pub(super) const SET_TCP_JERK: u8 = 31;
pub(super) const SET_TCP_MAX_ACCELERATION: u8 = 32;
pub(super) const SET_JOINT_JERK: u8 = 33;
pub(super) const SET_JOINT_MAX_ACCELERATION: u8 = 34;
pub(super) const SET_TCP_OFFSET: u8 = 35;
pub(super) const SET_LOAD: u8 = 36;
pub(super) const SET_COLLISION_SENSITIVITY: u8 = 37;
pub(super) const SET_TEACH_SENSITIVITY: u8 = 38;
pub(super) const CLEAN_CONFIG: u8 = 39;
pub(super) const SAVE_CONFIG: u8 = 40;

pub(super) const GET_TCP_POSE: u8 = 41;
pub(super) const GET_JOINT_POSITIONS: u8 = 42;
pub(super) const GET_INVERSE_KINEMATICS: u8 = 43;
pub(super) const GET_FORWARD_KINEMATICS: u8 = 44;
pub(super) const IS_JOINT_LIMIT: u8 = 45;
pub(super) const IS_TCP_LIMIT: u8 = 46;

pub(super) const SET_REDUCED_LINEAR_SPEED: u8 = 47;
pub(super) const SET_REDUCED_JOINT_SPEED: u8 = 48;
pub(super) const GET_REDUCED_MODE: u8 = 49;
pub(super) const SET_REDUCED_MODE: u8 = 50;
pub(super) const SET_GRAVITY_DIRECTION: u8 = 51;
pub(super) const SET_BOUNDARY: u8 = 52;
pub(super) const GET_REDUCED_STATE: u8 = 53;
pub(super) const SET_REDUCED_JOINT_RANGE: u8 = 58;
pub(super) const SET_FENCE: u8 = 59;
pub(super) const SET_COLLISION_REBOUND: u8 = 60;
pub(super) const GET_RECORDING_STATUS: u8 = 65;
pub(super) const SET_ALLOW_APPROXIMATE_MOTION: u8 = 66;
pub(super) const GET_MOVEMENT: u8 = 69;
pub(super) const REPORT_TORQUE_OR_CURRENT: u8 = 70;
pub(super) const SET_TIMER: u8 = 71;
pub(super) const CANCEL_TIMER: u8 = 72;
pub(super) const SET_BASE_OFFSET: u8 = 73;
pub(super) const RESET_COUNTER: u8 = 74;
pub(super) const INCREMENT_COUNTER: u8 = 75;
pub(super) const SET_SELF_COLLISION_CHECK: u8 = 77;
pub(super) const SET_COLLISION_TOOL: u8 = 78;
pub(super) const SET_SIMULATED_ROBOT: u8 = 79;
pub(super) const SET_CONTINUOUS_SPEED: u8 = 80;

pub(super) const MOVE_RELATIVE: u8 = 83;
pub(super) const GET_TCP_POSE_AXIS_ANGLE: u8 = 91;
pub(super) const MOVE_LINE_AXIS_ANGLE: u8 = 92;

pub(super) const SET_TOOL_MODBUS_TIMEOUT: u8 = 123;
pub(super) const RS485_RTU: u8 = 124;
pub(super) const GET_TOOL_ERROR: u8 = 125;
pub(super) const TOOL_GPIO_WRITE: u8 = 127;
pub(super) const TOOL_GPIO_READ: u8 = 128;
pub(super) const GET_BOX_DIGITAL: u8 = 131;
pub(super) const GET_BOX_ANALOG_2: u8 = 133;
pub(super) const GET_BOX_STATE: u8 = 139;
pub(super) const GET_HARDWARE_TYPES: u8 = 141;
pub(super) const SET_COMMON_PARAMETER: u8 = 232;
pub(super) const SET_TOOL_PASSTHROUGH_TIMEOUT: u8 = 240;
pub(super) const CHECK_FEEDBACK: u8 = 253;
pub(super) const SET_FEEDBACK_TYPE: u8 = 254;

/// Whether a request moves the arm.
pub(super) fn is_motion(register: u8) -> bool {
    matches!(register, MOVE_LINE..=MOVE_LINE_TOOL | MOVE_RELATIVE | MOVE_LINE_AXIS_ANGLE)
}

/// Whether a request changes something in the controller or moves something. What a request asks of
/// a device on a bus does not count.
pub(super) fn changes_something(register: u8) -> bool {
    is_motion(register)
        || matches!(
            register,
            MOTION_ENABLE
                | SET_STATE
                | CLEAR_ERROR
                | CLEAR_WARNING
                | SET_MODE
                | SET_TCP_JERK..=SAVE_CONFIG
                | SET_REDUCED_LINEAR_SPEED
                | SET_REDUCED_JOINT_SPEED
                | SET_REDUCED_MODE..=SET_BOUNDARY
                | SET_REDUCED_JOINT_RANGE..=SET_COLLISION_REBOUND
                | SET_TIMER..=INCREMENT_COUNTER
                | SET_SELF_COLLISION_CHECK..=SET_SIMULATED_ROBOT
        )
}
