//! Numbers of the vendor's table of errors.

use crate::kinematics::KinematicsError;

pub(super) const EMERGENCY_IO: u8 = 2;
pub(super) const SERVO: u8 = 10;
pub(super) const END_EFFECTOR: u8 = 19;
pub(super) const KINEMATICS: u8 = 21;
pub(super) const JOINT_LIMIT: u8 = 23;
pub(super) const SPEED: u8 = 24;
pub(super) const PLANNING: u8 = 25;
pub(super) const COLLISION: u8 = 31;
pub(super) const CIRCLE: u8 = 32;
pub(super) const RECORDING_TIMEOUT: u8 = 34;
pub(super) const BOUNDARY: u8 = 35;
pub(super) const TOO_MANY_DELAYED: u8 = 36;
pub(super) const FORCE_SENSOR: u8 = 50;
pub(super) const FORCE_SENSOR_MODE: u8 = 51;
pub(super) const FORCE_SENSOR_ZERO: u8 = 52;
pub(super) const BOX_BUS: u8 = 111;

/// The number of a motion that the arm's joints cannot do.
pub(super) fn error_code_of(reason: KinematicsError) -> u8 {
    match reason {
        KinematicsError::JointLimit { .. } => JOINT_LIMIT,
        KinematicsError::NotANumber
        | KinematicsError::OutOfReach { .. }
        | KinematicsError::FiveJoints { .. }
        | KinematicsError::NotContinuous => KINEMATICS,
    }
}
