//! Decoding a command from its register and parameters.

use super::{Command, LineOptions, MotionLimits, StateChange, register};
use crate::protocol::byte_order::Cursor;

/// Why parameters or an answer do not fit their register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// An unknown register.
    #[error("register {register:#04x} is not known")]
    UnknownRegister {
        /// The register.
        register: u8,
    },
    /// Too few bytes, or too many.
    #[error("register {register:#04x} with {got} bytes, which is not its length")]
    Length {
        /// The register.
        register: u8,
        /// The length, in bytes.
        got: usize,
    },
    /// An invalid number.
    #[error("register {register:#04x} with {got}, which is invalid there")]
    Meaning {
        /// The register.
        register: u8,
        /// The number.
        got: u8,
    },
}

impl Command {
    /// The command of a register with these parameters.
    ///
    /// Flags are on where they are not 0. Parameters that newer software adds after a motion are ignored.
    ///
    /// # Errors
    /// The register is unknown, or the parameters do not fit it.
    pub fn decode(register: u8, params: &[u8]) -> Result<Self, CommandError> {
        let length = CommandError::Length { register, got: params.len() };
        let mut cursor = Cursor::new(params);
        let command = parse(register, &mut cursor)?.ok_or(length)?;
        // Newer software adds `motion_type` to lines, and initial joints to inverse kinematics.
        let may_be_longer = matches!(
            command,
            Self::MoveLine { options: Some(_), .. }
                | Self::MoveLineAxisAngle { .. }
                | Self::MoveRelative { .. }
                | Self::MoveJoint { .. }
                | Self::GetInverseKinematics(_)
                | Self::GetJointPositions
                | Self::ToolGpioWrite { .. }
        );
        if cursor.left().is_empty() || may_be_longer { Ok(command) } else { Err(length) }
    }
}

/// The command; none where bytes are missing.
fn parse(register: u8, cursor: &mut Cursor<'_>) -> Result<Option<Command>, CommandError> {
    if register == register::SET_STATE {
        let Some(number) = cursor.u8() else { return Ok(None) };
        return match number {
            0 => Ok(Some(Command::SetState(StateChange::Run))),
            3 => Ok(Some(Command::SetState(StateChange::Pause))),
            4 => Ok(Some(Command::SetState(StateChange::Stop))),
            got => Err(CommandError::Meaning { register, got }),
        };
    }
    let question = question(register);
    if question.is_some() {
        return Ok(question);
    }
    Ok(match register {
        register::MOTION_ENABLE => motion_enable(cursor),
        register::SET_MODE => {
            cursor.u8().map(|mode| Command::SetMode { mode, detection: cursor.u8() })
        }
        register::MOVE_LINE => move_line(cursor),
        register::MOVE_LINE_AXIS_ANGLE => move_line_axis_angle(cursor),
        register::MOVE_JOINT => move_joint(cursor),
        register::MOVE_RELATIVE => move_relative(cursor),
        register::SET_TCP_JERK => cursor.f32_le().map(Command::SetTcpJerk),
        register::SET_TCP_MAX_ACCELERATION => cursor.f32_le().map(Command::SetTcpMaxAcceleration),
        register::SET_JOINT_JERK => cursor.f32_le().map(Command::SetJointJerk),
        register::SET_JOINT_MAX_ACCELERATION => {
            cursor.f32_le().map(Command::SetJointMaxAcceleration)
        }
        register::SET_REDUCED_LINEAR_SPEED => cursor.f32_le().map(Command::SetReducedLinearSpeed),
        register::SET_REDUCED_JOINT_SPEED => cursor.f32_le().map(Command::SetReducedJointSpeed),
        register::SET_TCP_OFFSET => cursor.f32s_le().map(Command::SetTcpOffset),
        register::SET_BASE_OFFSET => cursor.f32s_le().map(Command::SetBaseOffset),
        register::SET_GRAVITY_DIRECTION => cursor.f32s_le().map(Command::SetGravityDirection),
        register::SET_SIMULATED_ROBOT => flag(cursor).map(Command::SetSimulatedRobot),
        register::GET_INVERSE_KINEMATICS => cursor.f32s_le().map(Command::GetInverseKinematics),
        register::GET_FORWARD_KINEMATICS => cursor.f32s_le().map(Command::GetForwardKinematics),
        register::SET_REDUCED_JOINT_RANGE => cursor.f32s_le().map(Command::SetReducedJointRange),
        register::SET_LOAD => cursor
            .f32s_le()
            .map(|[mass_kg, x, y, z]| Command::SetLoad { mass_kg, center_mm: [x, y, z] }),
        register::SET_COLLISION_SENSITIVITY => cursor.u8().map(Command::SetCollisionSensitivity),
        register::SET_FEEDBACK_TYPE => cursor.u8().map(Command::SetFeedbackType),
        register::SET_COLLISION_REBOUND => flag(cursor).map(Command::SetCollisionRebound),
        register::SET_REDUCED_MODE => flag(cursor).map(Command::SetReducedMode),
        register::SET_FENCE => flag(cursor).map(Command::SetFence),
        register::SET_BOUNDARY => cursor.i32s_le().map(Command::SetBoundary),
        register::SET_TIMER => cursor.i32s_le().map(|[seconds, timer, register, first, second]| {
            Command::SetTimer { seconds, timer, register, params: [first, second] }
        }),
        register::CANCEL_TIMER => cursor.i32_le().map(Command::CancelTimer),
        register::SET_MODBUS_TIMEOUT => cursor.u16_be().map(Command::SetModbusTimeout),
        register::RS485_RTU => modbus_rtu(cursor),
        register::TOOL_GPIO_WRITE => tool_gpio_write(cursor),
        register::TOOL_GPIO_READ => tool_gpio_read(cursor),
        register => return Err(CommandError::UnknownRegister { register }),
    })
}

/// The command of a register without parameters.
fn question(register: u8) -> Option<Command> {
    match register {
        register::GET_VERSION => Some(Command::GetVersion),
        register::GET_STATE => Some(Command::GetState),
        register::GET_COMMAND_COUNT => Some(Command::GetCommandCount),
        register::GET_ERROR => Some(Command::GetErrors),
        register::CLEAN_ERROR => Some(Command::CleanError),
        register::CLEAN_WARNING => Some(Command::CleanWarning),
        register::GET_TCP_POSE => Some(Command::GetTcpPose),
        register::GET_TCP_POSE_AXIS_ANGLE => Some(Command::GetTcpPoseAxisAngle),
        register::GET_JOINT_POSITIONS => Some(Command::GetJointPositions),
        register::GET_REDUCED_MODE => Some(Command::GetReducedMode),
        register::GET_REDUCED_STATE => Some(Command::GetReducedState),
        _ => None,
    }
}

fn flag(cursor: &mut Cursor<'_>) -> Option<bool> {
    cursor.u8().map(|flag| flag != 0)
}

fn limits(cursor: &mut Cursor<'_>) -> Option<MotionLimits> {
    let [speed, acceleration, time] = cursor.f32s_le()?;
    Some(MotionLimits { speed, acceleration, time })
}

fn motion_enable(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::MotionEnable { joint: cursor.u8()?, on: flag(cursor)? })
}

fn move_line(cursor: &mut Cursor<'_>) -> Option<Command> {
    let (pose, limits) = (cursor.f32s_le()?, limits(cursor)?);
    let options = if cursor.left().is_empty() {
        None
    } else {
        Some(LineOptions {
            radius_mm: cursor.f32_le()?,
            frame: cursor.u8()?,
            axis_angle: flag(cursor)?,
            only_check: cursor.u8()?,
        })
    };
    Some(Command::MoveLine { pose, limits, options })
}

fn move_line_axis_angle(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::MoveLineAxisAngle {
        pose: cursor.f32s_le()?,
        limits: limits(cursor)?,
        in_tool_frame: flag(cursor)?,
        relative: flag(cursor)?,
    })
}

fn move_joint(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::MoveJoint { joints: cursor.f32s_le()?, limits: limits(cursor)? })
}

fn move_relative(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::MoveRelative {
        by: cursor.f32s_le()?,
        limits: limits(cursor)?,
        radius_mm: cursor.f32_le()?,
        joints: flag(cursor)?,
        axis_angle: flag(cursor)?,
    })
}

fn modbus_rtu(cursor: &mut Cursor<'_>) -> Option<Command> {
    let host = cursor.u8()?;
    let frame = cursor.rest().to_vec();
    Some(Command::ModbusRtu { host, frame })
}

fn tool_gpio_write(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::ToolGpioWrite {
        host: cursor.u8()?,
        address: cursor.u16_be()?,
        value: cursor.f32_le()?,
    })
}

fn tool_gpio_read(cursor: &mut Cursor<'_>) -> Option<Command> {
    Some(Command::ToolGpioRead { host: cursor.u8()?, address: cursor.u16_be()? })
}
