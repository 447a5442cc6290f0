//! The arm of a cell.

use std::sync::Arc;

use rmrl_cell::{Arm, DeviceError, ToolPose};

use super::robot::Robot;

const ARM: &str = "arm";

/// An xArm that moves its tool in straight lines, pointing straight down.
///
/// The world frame is the frame of the robot's base. The arm is stopped when a motion does not end as it should.
/// When the link is lost, or this program is killed, the arm goes no further than the end of the one line that it
/// was last sent.
#[derive(Debug, Clone)]
pub struct XArm {
    robot: Arc<Robot>,
}

impl XArm {
    /// The arm of a robot.
    pub fn new(robot: Arc<Robot>) -> Self {
        Self { robot }
    }

    /// The robot, with what is not in the [`Arm`] trait.
    pub fn robot(&self) -> &Arc<Robot> {
        &self.robot
    }
}

impl Arm for XArm {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.robot.motion(ARM, |session| session.move_to(target, speed_m_s))
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        let pose = self.robot.with(|session, _| session.pose());
        pose.map_err(|error| error.into_device_error(ARM))
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        let recovered = self.robot.with(|session, _| session.recover());
        recovered.map_err(|error| error.into_device_error(ARM))
    }
}
