//! The kinematics of the arms: from joint angles to the pose of the flange, and back.
//!
//! Frames: *base* is on the table with z up and x ahead. *flange* is the face that tools are
//! screwed to, with z out of it. With all joints at zero the flange points straight down, roll pi; that
//! of an xArm 5 or 6 is at `[0.207, 0, 0.112]` then, according to the vendor's manual.
//!
//! - `arm_model`: the robots, and the names of the vendor's other robots
//! - `geometry`: the arms' lengths, and the one chain of six joints that describes all of them
//! - `joints`, `limits`, `pointing_down`, `kinematics_error`: the values
//! - `arm_kinematics`: forward kinematics and the Jacobian; `denavit_hartenberg`: the vendor's parameters
//! - `inverse`: inverse kinematics, which is solved by `six_joints` and `least_squares` or by `five_joints`, from
//!   the closed form of the `branch`es of shoulder and elbow
//! - `reach`: the proof that an arm reaches a set of poses
//! - `flange_path`: the proof that a flange, which may be tilted, can follow lines

mod arm_kinematics;
mod arm_model;
mod branch;
mod denavit_hartenberg;
mod five_joints;
mod flange_path;
mod geometry;
mod inverse;
mod joints;
mod kinematics_error;
mod least_squares;
mod limits;
mod pointing_down;
mod reach;
mod six_joints;

pub use arm_kinematics::ArmKinematics;
pub use arm_model::ArmModel;
pub use flange_path::FlangePathError;
pub use geometry::link_frame;
pub use joints::Joints;
pub use kinematics_error::KinematicsError;
pub use limits::JointLimits;
pub use pointing_down::pointing_down;
pub use reach::{Line, ReachError, ReachMargins, ReachProof};
