//! What the controller did, for whoever asserts it afterwards.

use nalgebra::Isometry3;

/// How a motion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionOutcome {
    /// Where it was to end.
    Finished,
    /// Not begun, or given up on the way, with one of the controller's errors.
    Failed {
        /// The error's number in the vendor's table.
        error: u8,
    },
    /// Given up on the way because somebody wanted it, or the system reset.
    Stopped,
}

/// A motion that was begun.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionRecord {
    /// Counted from 1.
    pub number: u64,
    /// The request that asked for it.
    pub register: u8,
    /// The link that the request came over, counted from 1 as clients connect.
    pub link: u64,
    /// The tool's point at the beginning, as the client knows it, in the base's frame.
    pub from: Isometry3<f64>,
    /// Where it was when the motion ended.
    pub to: Isometry3<f64>,
    /// The highest speed it was allowed, in metres or radians per second.
    pub speed: f64,
    /// How it ended.
    pub outcome: MotionOutcome,
}

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRecord {
    /// The link that it came over.
    pub link: u64,
    /// How many motions had been taken by then.
    pub motions: u64,
}

/// All that was recorded since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    /// Requests on all links.
    pub requests: u64,
    /// Those that change something in the controller or move the arm, instead of asking only.
    pub changes: u64,
    /// Requests to stop.
    pub stops: Vec<StopRecord>,
    /// Motions that were taken although no report had been sent for more than a second and a half: whoever
    /// sent them could not know how the controller is set.
    pub blind_motions: u64,
    /// Every motion, in order.
    pub motions: Vec<MotionRecord>,
    /// Motions of the gripper.
    pub gripper_motions: u64,
    /// Speed and force of the gripper's last motion, in the vendor's unit and in percent.
    pub gripper_speed_and_force: [u16; 2],
    /// Every place, in metres, in the base's frame, at which the plant's tool was outside of
    /// [`super::ControllerConfig::watched_m`], at the end of a segment. Empty if all went well.
    pub outside_watched: Vec<[f64; 3]>,
    /// Simulated seconds since the start.
    pub simulated_secs: f64,
}
