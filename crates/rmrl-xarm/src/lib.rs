//! UFACTORY xArm 6 and BIO gripper as the arm and gripper of a cell.

mod controller;
mod kinematics;

pub use controller::{
    Addresses, Controller, ControllerConfig, Faults, Firmware, FirmwareError, GripperFault,
    GripperKind, LinkFault, MotionFault, MotionLimits, MotionOutcome, MotionRecord, Pace, Plant,
    Ports, Recording, Request, RunningController, StartError, UnixSockets,
};
pub use kinematics::{
    JointLimits, Joints, KinematicsError, Line, ReachError, ReachMargins, ReachProof, XArm6,
    pointing_down,
};
