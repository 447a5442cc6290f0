//! Single questions to the controller.

use super::Client;
use crate::protocol::bio_gripper::DEVICE;
use crate::{
    ArmState, Command, FirmwareVersion, ReducedState, Reply, RobotVersion, RtuError, RtuRequest,
    TOOL_BUS, XArmError,
};

impl Client {
    /// The version of the robot.
    ///
    /// # Errors
    /// As [`Self::ask`], or the firmware is too old.
    pub(crate) fn robot_version(&mut self) -> Result<RobotVersion, XArmError> {
        let text = match self.ask(&Command::GetVersion)? {
            Reply::Version(text) => text,
            _ => String::new(),
        };
        let known = RobotVersion::parse(&text).filter(|it| it.firmware >= FirmwareVersion::OLDEST);
        known.ok_or(XArmError::UnsupportedFirmware { version: text })
    }

    /// The state of the arm.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn state(&mut self) -> Result<ArmState, XArmError> {
        match self.ask(&Command::GetState)? {
            Reply::State(state) => Ok(state),
            _ => Ok(ArmState::Other(u8::MAX)),
        }
    }

    /// The number of motions in the queue, the present one included.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn waiting(&mut self) -> Result<u16, XArmError> {
        match self.ask(&Command::GetCommandCount)? {
            Reply::Count(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// The joint angles, in radians. A joint that the robot does not have is 0.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn joints(&mut self) -> Result<[f32; 7], XArmError> {
        match self.ask(&Command::GetJointPositions)? {
            Reply::Joints(joints) => Ok(joints),
            _ => Err(XArmError::NotANumber { what: "joints", value: f64::NAN }),
        }
    }

    /// The tool's pose, in mm and radians.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn pose(&mut self) -> Result<[f32; 6], XArmError> {
        match self.ask(&Command::GetTcpPose)? {
            Reply::Pose(pose) => Ok(pose),
            _ => Err(XArmError::NotANumber { what: "pose", value: f64::NAN }),
        }
    }

    /// Fence and reduced mode.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn reduced_state(&mut self) -> Result<ReducedState, XArmError> {
        match self.ask(&Command::GetReducedState)? {
            Reply::Reduced(reduced) => Ok(reduced),
            _ => Err(XArmError::not_kept("reduced mode", &"on", &"nothing")),
        }
    }

    /// Sends a request to the gripper. Its own answer may be an error, too.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn ask_gripper(
        &mut self,
        request: &RtuRequest,
    ) -> Result<Result<Vec<u16>, RtuError>, XArmError> {
        let frame = request.encode(DEVICE);
        Ok(match self.ask(&Command::ModbusRtu { host: TOOL_BUS, frame })? {
            Reply::Modbus { host: TOOL_BUS, frame } => request.decode_reply(DEVICE, &frame),
            _ => Err(RtuError::WrongAnswer),
        })
    }
}
