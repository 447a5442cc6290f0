//! UFACTORY xArm 6 and BIO gripper as the arm and gripper of a cell.

mod kinematics;

pub use kinematics::{
    JointLimits, Joints, KinematicsError, Line, ReachError, ReachMargins, ReachProof, XArm6,
    pointing_down,
};
