//! The registers of requests, by the names of the vendor's software.

pub(super) const GET_VERSION: u8 = 1;
pub(super) const GET_SERIAL_NUMBER: u8 = 2;
pub(super) const CHECK_VERIFY: u8 = 3;
pub(super) const RELOAD_DYNAMICS: u8 = 4;
pub(super) const GET_TORQUE_OR_CURRENT: u8 = 5;
pub(super) const GET_TCP_ROTATION_RADIUS: u8 = 6;
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
pub(super) const MOVE_CIRCLE: u8 = 27;
pub(super) const MOVE_LINE_TOOL: u8 = 28;
pub(super) const MOVE_SERVO_JOINT: u8 = 29;
pub(super) const MOVE_SERVO_TOOL: u8 = 30;

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
pub(super) const GET_JOINT_TORQUES: u8 = 55;
pub(super) const GET_SAFETY_LEVEL: u8 = 57;
pub(super) const SET_REDUCED_JOINT_RANGE: u8 = 58;
pub(super) const SET_FENCE: u8 = 59;
pub(super) const SET_COLLISION_REBOUND: u8 = 60;
pub(super) const RECORD_TRAJECTORY: u8 = 61;
pub(super) const SAVE_TRAJECTORY: u8 = 62;
pub(super) const LOAD_TRAJECTORY: u8 = 63;
pub(super) const PLAY_TRAJECTORY: u8 = 64;
pub(super) const GET_TRAJECTORY_STATE: u8 = 65;
pub(super) const SET_ALLOW_APPROXIMATE_MOTION: u8 = 66;
pub(super) const GET_DENAVIT_HARTENBERG: u8 = 67;
pub(super) const SET_DENAVIT_HARTENBERG: u8 = 68;
pub(super) const GET_MOVEMENT: u8 = 69;
pub(super) const REPORT_TORQUE_OR_CURRENT: u8 = 70;
pub(super) const SET_TIMER: u8 = 71;
pub(super) const CANCEL_TIMER: u8 = 72;
pub(super) const SET_BASE_OFFSET: u8 = 73;
pub(super) const RESET_COUNTER: u8 = 74;
pub(super) const INCREMENT_COUNTER: u8 = 75;
pub(super) const GET_POSE_OFFSET: u8 = 76;
pub(super) const SET_SELF_COLLISION_CHECK: u8 = 77;
pub(super) const SET_COLLISION_TOOL: u8 = 78;
pub(super) const SET_SIMULATED_ROBOT: u8 = 79;
pub(super) const SET_CONTINUOUS_SPEED: u8 = 80;
pub(super) const SET_JOINT_VELOCITY: u8 = 81;
pub(super) const SET_TOOL_VELOCITY: u8 = 82;

pub(super) const MOVE_RELATIVE: u8 = 83;
pub(super) const GET_TCP_POSE_AXIS_ANGLE: u8 = 91;
pub(super) const MOVE_LINE_AXIS_ANGLE: u8 = 92;
pub(super) const MOVE_SERVO_TOOL_AXIS_ANGLE: u8 = 93;

pub(super) const READ_SERVO_16: u8 = 102;
pub(super) const READ_SERVO_32: u8 = 104;
pub(super) const GET_SERVO_STATES: u8 = 106;
pub(super) const READ_SERVO_ERROR: u8 = 107;
pub(super) const CALIBRATE_TCP_POSE: u8 = 111;
pub(super) const CALIBRATE_WORLD_POSE: u8 = 114;
pub(super) const IDENTIFY_FRICTION: u8 = 115;

pub(super) const SET_TOOL_MODBUS_TIMEOUT: u8 = 123;
pub(super) const RS485_RTU: u8 = 124;
pub(super) const GET_TOOL_ERROR: u8 = 125;
pub(super) const TOOL_GPIO_WRITE: u8 = 127;
pub(super) const TOOL_GPIO_READ: u8 = 128;
pub(super) const TOOL_GPIO_READ_32: u8 = 130;
pub(super) const GET_BOX_DIGITAL: u8 = 131;
pub(super) const GET_BOX_ANALOG_1: u8 = 132;
pub(super) const GET_BOX_ANALOG_2: u8 = 133;
pub(super) const SET_BOX_DIGITAL: u8 = 134;
pub(super) const SET_BOX_ANALOG_1: u8 = 135;
pub(super) const SET_BOX_ANALOG_2: u8 = 136;
pub(super) const SET_BOX_INPUT_FUNCTION: u8 = 137;
pub(super) const SET_BOX_OUTPUT_FUNCTION: u8 = 138;
pub(super) const GET_BOX_STATE: u8 = 139;
pub(super) const GET_POWER_BOARD_VERSION: u8 = 140;
pub(super) const GET_HARDWARE_TYPES: u8 = 141;
pub(super) const SET_BOX_DIGITAL_LATER: u8 = 142;
pub(super) const SET_TOOL_DIGITAL_LATER: u8 = 143;
pub(super) const SET_BOX_DIGITAL_AT: u8 = 144;
pub(super) const SET_TOOL_DIGITAL_AT: u8 = 145;
pub(super) const SET_SIGNALS_RESET: u8 = 146;
pub(super) const SET_BOX_ANALOG_AT: u8 = 147;
pub(super) const FORCE_SENSOR_DATA_OLD: u8 = 150;

pub(super) const FORCE_SENSOR_DATA: u8 = 200;
pub(super) const FORCE_SENSOR_ENABLE: u8 = 201;
pub(super) const FORCE_SENSOR_SET_MODE: u8 = 202;
pub(super) const FORCE_SENSOR_GET_MODE: u8 = 203;
pub(super) const IDENTIFY_LOAD: u8 = 204;
pub(super) const FORCE_SENSOR_SET_LOAD: u8 = 205;
pub(super) const FORCE_SENSOR_SET_ZERO: u8 = 206;
pub(super) const ADMITTANCE: u8 = 207;
pub(super) const FORCE_CONTROL_GAINS: u8 = 208;
pub(super) const FORCE_CONTROL: u8 = 209;
pub(super) const ADMITTANCE_GAINS: u8 = 210;
pub(super) const ADMITTANCE_AXES: u8 = 211;
pub(super) const FORCE_SENSOR_GET_CONFIG: u8 = 212;
pub(super) const GET_TRAJECTORY_SPEEDS: u8 = 230;
pub(super) const GET_MAX_JOINT_VELOCITY: u8 = 231;
pub(super) const SET_COMMON_PARAMETER: u8 = 232;
pub(super) const GET_COMMON_PARAMETER: u8 = 233;
pub(super) const GET_COMMON_INFORMATION: u8 = 234;
pub(super) const SET_TOOL_PASSTHROUGH_TIMEOUT: u8 = 240;
pub(super) const CHECK_FEEDBACK: u8 = 253;
pub(super) const SET_FEEDBACK_TYPE: u8 = 254;

/// Whether a request moves the arm without a queue: in servo mode and in the velocity modes.
pub(super) fn is_drive(register: u8) -> bool {
    matches!(
        register,
        MOVE_SERVO_JOINT
            | MOVE_SERVO_TOOL
            | MOVE_SERVO_TOOL_AXIS_ANGLE
            | SET_JOINT_VELOCITY
            | SET_TOOL_VELOCITY
    )
}

/// Whether a request queues a motion.
pub(super) fn is_motion(register: u8) -> bool {
    matches!(register, MOVE_LINE..=MOVE_LINE_TOOL | MOVE_RELATIVE | MOVE_LINE_AXIS_ANGLE)
}

/// Whether a request changes something in the controller or moves something. What a request asks of
/// a device on a bus does not count.
pub(super) fn changes_something(register: u8) -> bool {
    is_motion(register)
        || is_drive(register)
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
                | RECORD_TRAJECTORY..=PLAY_TRAJECTORY
                | SET_TIMER..=INCREMENT_COUNTER
                | SET_SELF_COLLISION_CHECK..=SET_SIMULATED_ROBOT
                | SET_BOX_DIGITAL..=SET_BOX_OUTPUT_FUNCTION
                | SET_BOX_DIGITAL_LATER..=SET_BOX_ANALOG_AT
        )
}

/// The length of the data in the answer to a request, where it has a fixed one that is not zero; motions,
/// which answer with a count and an error, apart. Requests that the emulator does not know are listed, too.
pub(super) fn answer_length(register: u8) -> usize {
    match register {
        // A flag or a state.
        CHECK_VERIFY | GET_TORQUE_OR_CURRENT | GET_ALLOW_APPROXIMATE_MOTION => 1,
        IS_JOINT_LIMIT | IS_TCP_LIMIT | GET_SAFETY_LEVEL | SET_DENAVIT_HARTENBERG => 1,
        GET_TRAJECTORY_STATE | GET_MOVEMENT | FORCE_SENSOR_GET_MODE => 1,
        // One number.
        GET_TCP_ROTATION_RADIUS | IDENTIFY_FRICTION | GET_MAX_JOINT_VELOCITY => 4,
        READ_SERVO_16 | READ_SERVO_32 | READ_SERVO_ERROR => 4,
        TOOL_GPIO_READ | TOOL_GPIO_READ_32 => 4,
        // Three, six, seven or ten numbers.
        CALIBRATE_TCP_POSE..=CALIBRATE_WORLD_POSE | GET_TRAJECTORY_SPEEDS => 12,
        GET_POSE_OFFSET | GET_FORWARD_KINEMATICS => 24,
        FORCE_SENSOR_DATA | FORCE_SENSOR_DATA_OLD | GET_COMMON_PARAMETER => 24,
        GET_INVERSE_KINEMATICS => 28,
        GET_COMMON_INFORMATION => 29,
        IDENTIFY_LOAD => 40,
        GET_DENAVIT_HARTENBERG => 4 * 28,
        FORCE_SENSOR_GET_CONFIG => 280,
        _ => 0,
    }
}
