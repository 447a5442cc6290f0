//! What a request to move asks for.

use nalgebra::Isometry3;

use crate::kinematics::Joints;

/// Where a queued task leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// The tool in a straight line: the vendor's six numbers, infinite ones of which stay as they are.
    Tool([f64; 6]),
    /// The tool in a straight line, to a pose in metres.
    Pose(Isometry3<f64>),
    /// From where the tool is, in its own frame.
    InTool(Isometry3<f64>),
    /// By so much from where the tool is: six numbers.
    By([f64; 6]),
    /// By so much in the base's frame, the rotation before the tool's.
    ByPose(Isometry3<f64>),
    /// Joint angles.
    Joints(Joints),
    /// By so much from where the joints are.
    ByJoints(Joints),
    /// Waits, in seconds.
    Wait(f64),
}

/// A queued task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub target: Target,
    /// In metres or radians per second; per second again.
    pub speed: f64,
    pub acceleration: f64,
    /// Who asked, for the news of its end.
    pub asked: Asked,
}

/// The request that asked for something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub link: u64,
    pub transaction: u16,
    pub protocol: u16,
    pub register: u8,
    /// The bits of the news that the link wants.
    pub feedback: u8,
}
