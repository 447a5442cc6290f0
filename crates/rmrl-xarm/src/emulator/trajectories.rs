//! Recorded trajectories: what an operator leads the arm along, to be played back.
//!
//! They are kept in memory, so that they end with the emulator.

use std::collections::HashMap;
use std::sync::Arc;

use super::origin::Origin;
use crate::kinematics::Joints;

/// The records of a controller.
#[derive(Debug, Clone, Default)]
pub(super) struct Trajectories {
    /// The time since the last point, while a record is made.
    pub recording_secs: Option<f64>,
    pub recorded: Vec<Joints>,
    pub saved: HashMap<String, Arc<[Joints]>>,
    pub loaded: Option<Arc<[Joints]>>,
    /// What saving and loading has come to.
    pub state: u8,
}

/// A record that is being played back.
#[derive(Debug, Clone)]
pub(super) struct Playback {
    pub points: Arc<[Joints]>,
    /// The time since its beginning; none while the arm is on the way there.
    pub secs: Option<f64>,
    /// How many times it is still to be played; none is for ever.
    pub left: Option<u32>,
    pub speed: f64,
    pub origin: Origin,
}

impl Playback {
    /// Whether it ends by itself.
    pub fn ends(&self) -> bool {
        self.left.is_some()
    }
}
