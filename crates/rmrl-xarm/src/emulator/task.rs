//! What a request to move asks for.

use nalgebra::{Isometry3, Vector3};

use super::origin::Origin;
use super::signals::{Output, Place};
use crate::kinematics::Joints;

/// Where a queued task leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// The tool in a straight line: the vendor's six numbers. An infinite number keeps its coordinate.
    Tool([f64; 6]),
    /// The tool in a straight line, to a pose in meters.
    Pose(Isometry3<f64>),
    /// Relative to the tool's present pose, in its own frame.
    InTool(Isometry3<f64>),
    /// Added to the tool's present pose: six numbers.
    By([f64; 6]),
    /// Relative to the tool's present pose, in the base's frame, the rotation before the tool's.
    ByPose(Isometry3<f64>),
    /// A circle through two points, in meters; one turn is all of it.
    Circle { points_m: [Vector3<f64>; 2], in_tool: bool, turns: f64 },
    /// Joint angles. An infinite one keeps its joint.
    Joints(Joints),
    /// Added to the present joint angles; an infinite one keeps its joint.
    ByJoints(Joints),
    /// A pause, in seconds.
    Wait(f64),
    /// Sets an output.
    Output(Output),
    /// Sets an output where the tool passes from now on.
    OutputAt(Place),
}

/// A queued task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub target: Target,
    /// In meters or radians per second.
    pub speed: f64,
    /// In meters or radians per second per second.
    pub acceleration: f64,
    /// The request of this task, for the feedback at its end.
    pub origin: Origin,
}
