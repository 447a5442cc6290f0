//! Encoding the parameters of a command.

use super::{Command, LineOptions, MotionLimits, register};
use crate::protocol::byte_order::{put_f32s, put_i32s};

impl Command {
    /// The register of the command.
    pub fn register(&self) -> u8 {
        match self {
            Self::GetVersion => register::GET_VERSION,
            Self::MotionEnable { .. } => register::MOTION_ENABLE,
            Self::SetState(_) => register::SET_STATE,
            Self::GetState => register::GET_STATE,
            Self::GetCommandCount => register::GET_COMMAND_COUNT,
            Self::GetErrors => register::GET_ERROR,
            Self::CleanError => register::CLEAN_ERROR,
            Self::CleanWarning => register::CLEAN_WARNING,
            Self::SetMode { .. } => register::SET_MODE,
            Self::MoveLine { .. } => register::MOVE_LINE,
            Self::MoveLineAxisAngle { .. } => register::MOVE_LINE_AXIS_ANGLE,
            Self::MoveJoint { .. } => register::MOVE_JOINT,
            Self::MoveRelative { .. } => register::MOVE_RELATIVE,
            Self::SetTcpJerk(_) => register::SET_TCP_JERK,
            Self::SetTcpMaxAcceleration(_) => register::SET_TCP_MAX_ACCELERATION,
            Self::SetJointJerk(_) => register::SET_JOINT_JERK,
            Self::SetJointMaxAcceleration(_) => register::SET_JOINT_MAX_ACCELERATION,
            Self::SetTcpOffset(_) => register::SET_TCP_OFFSET,
            Self::SetLoad { .. } => register::SET_LOAD,
            Self::SetGravityDirection(_) => register::SET_GRAVITY_DIRECTION,
            Self::SetBaseOffset(_) => register::SET_BASE_OFFSET,
            Self::SetSimulatedRobot(_) => register::SET_SIMULATED_ROBOT,
            Self::SetCollisionSensitivity(_) => register::SET_COLLISION_SENSITIVITY,
            Self::SetCollisionRebound(_) => register::SET_COLLISION_REBOUND,
            Self::GetTcpPose => register::GET_TCP_POSE,
            Self::GetTcpPoseAxisAngle => register::GET_TCP_POSE_AXIS_ANGLE,
            Self::GetJointPositions => register::GET_JOINT_POSITIONS,
            Self::GetInverseKinematics(_) => register::GET_INVERSE_KINEMATICS,
            Self::GetForwardKinematics(_) => register::GET_FORWARD_KINEMATICS,
            Self::SetReducedLinearSpeed(_) => register::SET_REDUCED_LINEAR_SPEED,
            Self::SetReducedJointSpeed(_) => register::SET_REDUCED_JOINT_SPEED,
            Self::SetReducedJointRange(_) => register::SET_REDUCED_JOINT_RANGE,
            Self::SetReducedMode(_) => register::SET_REDUCED_MODE,
            Self::GetReducedMode => register::GET_REDUCED_MODE,
            Self::GetReducedState => register::GET_REDUCED_STATE,
            Self::SetBoundary(_) => register::SET_BOUNDARY,
            Self::SetFence(_) => register::SET_FENCE,
            Self::SetTimer { .. } => register::SET_TIMER,
            Self::CancelTimer(_) => register::CANCEL_TIMER,
            Self::SetModbusTimeout(_) => register::SET_MODBUS_TIMEOUT,
            Self::ModbusRtu { .. } => register::RS485_RTU,
            Self::ToolGpioWrite { .. } => register::TOOL_GPIO_WRITE,
            Self::ToolGpioRead { .. } => register::TOOL_GPIO_READ,
            Self::SetFeedbackType(_) => register::SET_FEEDBACK_TYPE,
        }
    }

    /// Appends the parameters.
    pub fn encode_params(&self, out: &mut Vec<u8>) {
        match self {
            Self::GetVersion
            | Self::GetState
            | Self::GetCommandCount
            | Self::GetErrors
            | Self::CleanError
            | Self::CleanWarning
            | Self::GetTcpPose
            | Self::GetTcpPoseAxisAngle
            | Self::GetJointPositions
            | Self::GetReducedMode
            | Self::GetReducedState => {}
            Self::MotionEnable { joint, on } => out.extend_from_slice(&[*joint, u8::from(*on)]),
            Self::SetState(change) => out.push(change.number()),
            Self::SetMode { mode, detection } => {
                out.push(*mode);
                out.extend(*detection);
            }
            Self::MoveLine { pose, limits, options } => {
                put_f32s(out, pose);
                put_limits(out, limits);
                if let Some(options) = options {
                    put_options(out, options);
                }
            }
            Self::MoveLineAxisAngle { pose, limits, in_tool_frame, relative } => {
                put_f32s(out, pose);
                put_limits(out, limits);
                out.extend_from_slice(&[u8::from(*in_tool_frame), u8::from(*relative)]);
            }
            Self::MoveJoint { joints, limits } => {
                put_f32s(out, joints);
                put_limits(out, limits);
            }
            Self::MoveRelative { by, limits, radius_mm, joints, axis_angle } => {
                put_f32s(out, by);
                put_limits(out, limits);
                put_f32s(out, &[*radius_mm]);
                out.extend_from_slice(&[u8::from(*joints), u8::from(*axis_angle)]);
            }
            Self::SetTcpJerk(value)
            | Self::SetTcpMaxAcceleration(value)
            | Self::SetJointJerk(value)
            | Self::SetJointMaxAcceleration(value)
            | Self::SetReducedLinearSpeed(value)
            | Self::SetReducedJointSpeed(value) => put_f32s(out, &[*value]),
            Self::SetTcpOffset(values)
            | Self::SetBaseOffset(values)
            | Self::GetInverseKinematics(values) => put_f32s(out, values),
            Self::SetGravityDirection(values) => put_f32s(out, values),
            Self::GetForwardKinematics(joints) => put_f32s(out, joints),
            Self::SetLoad { mass_kg, center_mm } => {
                put_f32s(out, &[*mass_kg]);
                put_f32s(out, center_mm);
            }
            Self::SetCollisionSensitivity(value) | Self::SetFeedbackType(value) => out.push(*value),
            Self::SetCollisionRebound(on)
            | Self::SetReducedMode(on)
            | Self::SetFence(on)
            | Self::SetSimulatedRobot(on) => out.push(u8::from(*on)),
            Self::SetReducedJointRange(range) => put_f32s(out, range),
            Self::SetBoundary(limits) => put_i32s(out, limits),
            Self::SetTimer { seconds, timer, register, params } => {
                put_i32s(out, &[*seconds, *timer, *register]);
                put_i32s(out, params);
            }
            Self::CancelTimer(timer) => put_i32s(out, &[*timer]),
            Self::SetModbusTimeout(timeout_ms) => {
                out.extend_from_slice(&timeout_ms.to_be_bytes());
            }
            Self::ModbusRtu { host, frame } => {
                out.push(*host);
                out.extend_from_slice(frame);
            }
            Self::ToolGpioWrite { host, address, value } => {
                out.push(*host);
                out.extend_from_slice(&address.to_be_bytes());
                put_f32s(out, &[*value]);
            }
            Self::ToolGpioRead { host, address } => {
                out.push(*host);
                out.extend_from_slice(&address.to_be_bytes());
            }
        }
    }
}

fn put_limits(out: &mut Vec<u8>, limits: &MotionLimits) {
    put_f32s(out, &[limits.speed, limits.acceleration, limits.time]);
}

fn put_options(out: &mut Vec<u8>, options: &LineOptions) {
    put_f32s(out, &[options.radius_mm]);
    out.extend_from_slice(&[options.frame, u8::from(options.axis_angle), options.only_check]);
}
