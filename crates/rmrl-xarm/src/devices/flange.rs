//! The arm with a calibration board.

use std::sync::Arc;

use nalgebra::Isometry3;
use rmrl_cell::{DeviceError, FlangeArm};

use super::robot::Robot;
use crate::kinematics::ReachMargins;

const ARM: &str = "arm";

/// An xArm that moves its flange to any pose, for a calibration: the [`Robot`] has to be connected without a tool
/// offset.
///
/// The world frame is the frame of the robot's base. What is true of [`XArm`](crate::XArm) in case of errors and lost
/// links is true of it, too.
#[derive(Debug, Clone)]
pub struct XArmFlange {
    robot: Arc<Robot>,
}

impl XArmFlange {
    /// The arm of a robot.
    pub fn new(robot: Arc<Robot>) -> Self {
        Self { robot }
    }
}

impl FlangeArm for XArmFlange {
    /// By the kinematics of the arm, from its joints as they stand.
    fn check_path(&mut self, path: &[Isometry3<f64>]) -> Result<(), DeviceError> {
        let standing = self.robot.with(|session, _| Ok((session.flange()?, session.joints()?)));
        let (flange, joints) = standing.map_err(|error| error.into_device_error(ARM))?;
        let arm = self.robot.config().kinematics();
        let joints = arm.from_controller(joints.map(f64::from));
        let proof = arm.prove_flange_path(&flange, &joints, path, ReachMargins::default());
        let refused = |reason: String| DeviceError::Refused { device: ARM, reason };
        proof.map(drop).map_err(|error| refused(error.to_string()))
    }

    fn move_flange(
        &mut self,
        target: &Isometry3<f64>,
        speed_m_s: f64,
    ) -> Result<Isometry3<f64>, DeviceError> {
        self.robot.motion(ARM, |session| session.move_flange(target, speed_m_s))
    }

    fn flange(&mut self) -> Result<Isometry3<f64>, DeviceError> {
        let flange = self.robot.with(|session, _| session.flange());
        flange.map_err(|error| error.into_device_error(ARM))
    }
}
