//! What a trial reports while it is under way.

use super::evidence::Capture;
use crate::ToolPose;

/// What happens in the cell. An action is reported before it begins.
#[derive(Debug, Clone, Copy)]
pub enum CellEvent<'a> {
    /// The robot brings the plate to its start.
    Preparing,
    /// The camera takes frames.
    Looking,
    /// The localizer has searched this frame for the plate.
    Seen(&'a Capture),
    /// The arm moves to grasp the plate, with the tool at this pose.
    Picking(ToolPose),
    /// The arm holds the plate and carries it to its place.
    Placing,
    /// The robot cannot continue before the operator has done this.
    NeedsOperator(&'a str),
}

/// Is called with every event, on the trial's own thread.
pub(crate) type EventListener = Box<dyn FnMut(CellEvent<'_>) + Send>;
