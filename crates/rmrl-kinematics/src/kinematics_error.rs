//! Errors of the kinematics.

/// Why no joint angles put the flange at a pose.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum KinematicsError {
    /// A pose or an angle is not a number.
    #[error("a pose or joint angle is not a number")]
    NotANumber,
    /// The pose is too far from the arm, or too close.
    #[error("the flange cannot be at x = {:.1}, y = {:.1}, z = {:.1} mm in that orientation: the arm does not reach",
        position_m[0] * 1000.0, position_m[1] * 1000.0, position_m[2] * 1000.0)]
    OutOfReach {
        /// The position of the flange, in meters, in the base's frame.
        position_m: [f64; 3],
    },
    /// All joint angles for the pose exceed a limit; these exceed it least.
    #[error("joint {joint} would be at {:.1} degrees, allowed are {:.1} to {:.1}",
        angle_rad.to_degrees(), lower_rad.to_degrees(), upper_rad.to_degrees())]
    JointLimit {
        /// The number of the joint, from 1 on, as the arm counts them.
        joint: usize,
        /// The angle it would need, in radians.
        angle_rad: f64,
        /// Its lower limit, in radians.
        lower_rad: f64,
        /// Its upper limit, in radians.
        upper_rad: f64,
    },
    /// An xArm 5 tilts its flange in the vertical plane of its upper arm and forearm only.
    #[error(
        "not reachable with five joints: the flange would tilt sideways by {:.1} degrees; point it straight down",
        angle_rad.to_degrees()
    )]
    FiveJoints {
        /// The angle between the flange's axis and the plane, in radians.
        angle_rad: f64,
    },
    /// No continuous motion leads to the pose from the given joint angles.
    #[error("no continuous motion of the joints leads there")]
    NotContinuous,
}
