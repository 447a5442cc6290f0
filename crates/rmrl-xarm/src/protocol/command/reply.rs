//! The controller's replies.

use super::{ArmState, Command, CommandError};
use crate::protocol::byte_order::{Cursor, put_f32s};

/// The contents of an answer, which depend on its command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Only a status.
    Done,
    /// The version of the robot, a text for [`crate::RobotVersion::parse`].
    Version(String),
    /// The state of the arm.
    State(ArmState),
    /// The number of motions in the queue.
    Count(u16),
    /// The error and the warning that wait to be cleared; 0 for none.
    Errors {
        /// The error's number.
        error: u8,
        /// The warning's number.
        warning: u8,
    },
    /// A pose, in mm and radians.
    Pose([f32; 6]),
    /// Joints, in radians. A joint that the robot does not have is 0.
    Joints([f32; 7]),
    /// A motion was accepted.
    Queued {
        /// The number of motions in the queue.
        count: u16,
        /// For a check only: the error that the motion would have; 0 for none.
        check: u8,
    },
    /// On or off.
    Flag(bool),
    /// Reduced mode and fence.
    Reduced(ReducedState),
    /// The answer of a device on a bus.
    Modbus {
        /// The bus.
        host: u8,
        /// The device's number and its answer, without the checksum.
        frame: Vec<u8>,
    },
    /// A register's value.
    Integer(i32),
}

/// All settings of reduced mode and the fence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReducedState {
    /// Whether reduced mode is on.
    pub reduced: bool,
    /// Upper and lower x, upper and lower y, upper and lower z, in mm.
    pub boundary_mm: [i16; 6],
    /// Speed limit of the tool, in mm/s.
    pub linear_speed_mm_s: f32,
    /// Speed limit of the joints, in rad/s.
    pub joint_speed_rad_s: f32,
    /// Lower and upper limit of each joint, in radians.
    pub joint_range_rad: [f32; 14],
    /// Whether a motion out of the boundary is an error.
    pub fence: bool,
    /// Whether the arm backs away from a collision.
    pub rebound: bool,
}

/// The number of characters that the vendor's software expects.
const VERSION_LENGTH: usize = 40;

impl Reply {
    /// Appends the parameters of the answer.
    pub fn encode_params(&self, out: &mut Vec<u8>) {
        match self {
            Self::Done => {}
            Self::Version(text) => {
                let bytes = text.as_bytes();
                let length = bytes.len().min(VERSION_LENGTH);
                out.extend_from_slice(&bytes[..length]);
                out.extend(std::iter::repeat_n(0, VERSION_LENGTH - length));
            }
            Self::State(state) => out.push(state.number()),
            Self::Count(count) => out.extend_from_slice(&count.to_be_bytes()),
            Self::Errors { error, warning } => out.extend_from_slice(&[*error, *warning]),
            Self::Pose(pose) => put_f32s(out, pose),
            Self::Joints(joints) => put_f32s(out, joints),
            Self::Queued { count, check } => {
                out.extend_from_slice(&count.to_be_bytes());
                out.push(*check);
            }
            Self::Flag(on) => out.push(u8::from(*on)),
            Self::Reduced(state) => state.encode(out),
            Self::Modbus { host, frame } => {
                out.push(*host);
                out.extend_from_slice(frame);
            }
            Self::Integer(value) => out.extend_from_slice(&value.to_be_bytes()),
        }
    }
}

impl ReducedState {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.reduced));
        for limit in self.boundary_mm {
            out.extend_from_slice(&limit.to_be_bytes());
        }
        put_f32s(out, &[self.linear_speed_mm_s, self.joint_speed_rad_s]);
        put_f32s(out, &self.joint_range_rad);
        out.extend_from_slice(&[u8::from(self.fence), u8::from(self.rebound)]);
    }

    fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let reduced = cursor.u8()? != 0;
        let mut boundary_mm = [0; 6];
        for limit in &mut boundary_mm {
            *limit = cursor.i16_be()?;
        }
        let [linear_speed_mm_s, joint_speed_rad_s] = cursor.f32s_le()?;
        Some(Self {
            reduced,
            boundary_mm,
            linear_speed_mm_s,
            joint_speed_rad_s,
            joint_range_rad: cursor.f32s_le()?,
            fence: cursor.u8()? != 0,
            rebound: cursor.u8()? != 0,
        })
    }
}

impl Command {
    /// Decodes the parameters of the answer to this command.
    ///
    /// Parameters that newer firmware adds are ignored.
    ///
    /// # Errors
    /// There are too few.
    pub fn decode_reply(&self, params: &[u8]) -> Result<Reply, CommandError> {
        let mut cursor = Cursor::new(params);
        let reply = match self {
            Self::GetVersion => Some(Reply::Version(text(params))),
            Self::GetState => cursor.u8().map(|state| Reply::State(ArmState::from_number(state))),
            Self::GetCommandCount => cursor.u16_be().map(Reply::Count),
            Self::GetErrors => {
                cursor.array().map(|[error, warning]| Reply::Errors { error, warning })
            }
            Self::GetTcpPose | Self::GetTcpPoseAxisAngle | Self::GetForwardKinematics(_) => {
                cursor.f32s_le().map(Reply::Pose)
            }
            Self::GetJointPositions | Self::GetInverseKinematics(_) => {
                cursor.f32s_le().map(Reply::Joints)
            }
            Self::MoveLine { options: Some(_), .. } => cursor.array().map(|[high, low, check]| {
                Reply::Queued { count: u16::from_be_bytes([high, low]), check }
            }),
            Self::GetReducedMode => cursor.u8().map(|on| Reply::Flag(on != 0)),
            Self::GetReducedState => ReducedState::decode(&mut cursor).map(Reply::Reduced),
            Self::ModbusRtu { .. } => {
                cursor.u8().map(|host| Reply::Modbus { host, frame: cursor.rest().to_vec() })
            }
            Self::ToolGpioRead { .. } => cursor.i32_be().map(Reply::Integer),
            _ => Some(Reply::Done),
        };
        reply.ok_or(CommandError::Length { register: self.register(), got: params.len() })
    }
}

/// The characters before the first zero. A byte that is no printable character becomes a question mark.
fn text(bytes: &[u8]) -> String {
    let printable = |&byte: &u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' };
    bytes.iter().take_while(|&&byte| byte != 0).map(printable).collect()
}
