//! What the controller did, for assertions afterwards.

use nalgebra::Isometry3;

/// How a motion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MotionOutcome {
    /// The motion reached its target.
    Finished,
    /// Not begun, or aborted on the way, with one of the controller's errors.
    Failed {
        /// The error's number in the vendor's table.
        error: u8,
    },
    /// Aborted on the way by a request to stop, or because the system was reset.
    Stopped,
}

/// A motion that was begun.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionRecord {
    /// Counted from 1.
    pub number: u64,
    /// The register of its request.
    pub register: u8,
    /// The link that the request came over, counted from 1 as clients connect.
    pub link: u64,
    /// The pose of the client's tool at the beginning, in the base's frame.
    pub from: Isometry3<f64>,
    /// The same tool's pose when the motion ended.
    pub to: Isometry3<f64>,
    /// The highest allowed speed, in meters or radians per second.
    pub speed: f64,
    /// How it ended.
    pub outcome: MotionOutcome,
}

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRecord {
    /// The link of the request.
    pub link: u64,
    /// How many motions had been accepted by then.
    pub motions: u64,
}

/// All that was recorded since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    /// Requests on all links.
    pub requests: u64,
    /// Requests that change something in the controller or move the arm.
    pub changes: u64,
    /// Requests to stop.
    pub stops: Vec<StopRecord>,
    /// Motions that were accepted although no report had been sent for more than a second and a half: the
    /// client could not know the controller's settings.
    pub blind_motions: u64,
    /// Targets and velocities that were accepted in servo mode and in the velocity modes.
    pub driven: u64,
    /// Every motion, in order.
    pub motions: Vec<MotionRecord>,
    /// Motions of the gripper.
    pub gripper_motions: u64,
    /// Speed and force of the gripper's last motion, in the vendor's unit and in percent.
    pub gripper_speed_and_force: [u16; 2],
    /// The positions, in meters, in the base's frame, at which the plant's tool was outside of
    /// [`super::EmulatorConfig::watched_m`] at the end of a segment. Empty if all went well.
    pub outside_watched: Vec<[f64; 3]>,
    /// Simulated seconds since the start.
    pub simulated_secs: f64,
}
