//! How trajectories are recorded and played back.

use super::drive::Drive;
use super::error_code;
use super::machine::{DONE, FAILED, Machine, OTHER_FINISHED};
use super::origin::Origin;
use super::trajectories::Playback;
use super::trajectory::between_joints;

/// The time between two points, in seconds.
const PERIOD_SECS: f64 = 0.01;
/// The longest record, of five minutes.
const MAX_POINTS: usize = 30_000;
/// The most records that are kept.
const MAX_RECORDS: usize = 32;

/// What saving and loading has come to, by the vendor's numbers.
const IDLE: u8 = 0;
const LOADED: u8 = 2;
const NOT_LOADED: u8 = 3;
const SAVED: u8 = 5;
const NOT_SAVED: u8 = 6;

impl Machine {
    /// Begins a record, or ends it.
    pub fn record_trajectory(&mut self, on: bool) {
        let trajectories = &mut self.trajectories;
        trajectories.recording_secs = on.then_some(0.0);
        if on {
            trajectories.recorded = vec![self.joints];
        }
        trajectories.state = IDLE;
    }

    /// Keeps the record under a name. Returns whether there was one, and room for it.
    pub fn save_trajectory(&mut self, name: String) -> bool {
        let trajectories = &mut self.trajectories;
        let is_done = trajectories.recording_secs.is_none() && !trajectories.recorded.is_empty();
        let has_room =
            trajectories.saved.len() < MAX_RECORDS || trajectories.saved.contains_key(&name);
        let saved = is_done && has_room;
        if saved {
            trajectories.saved.insert(name, trajectories.recorded.as_slice().into());
        }
        trajectories.state = if saved { SAVED } else { NOT_SAVED };
        saved
    }

    /// Loads the record of a name. Returns whether there is one.
    pub fn load_trajectory(&mut self, name: &str) -> bool {
        let trajectories = &mut self.trajectories;
        trajectories.loaded = trajectories.saved.get(name).cloned();
        let loaded = trajectories.loaded.is_some();
        trajectories.state = if loaded { LOADED } else { NOT_LOADED };
        loaded
    }

    /// The loaded record, to be played so many times (for ever with `None`) and so many times as fast.
    pub fn playback(&self, left: Option<u32>, speed: f64, origin: Origin) -> Option<Playback> {
        let points = self.trajectories.loaded.clone()?;
        Some(Playback { points, secs: None, left, speed, origin })
    }

    /// Records where the arm is as time passes.
    pub fn note_trajectory(&mut self, secs: f64) {
        let trajectories = &mut self.trajectories;
        let Some(since_secs) = &mut trajectories.recording_secs else { return };
        *since_secs += secs;
        while *since_secs >= PERIOD_SECS {
            *since_secs -= PERIOD_SECS;
            trajectories.recorded.push(self.joints);
        }
        if trajectories.recorded.len() > MAX_POINTS {
            trajectories.recording_secs = None;
            self.fail(error_code::RECORDING_TIMEOUT);
        }
    }

    /// Plays a record back for a time: to its beginning first, then along its points.
    pub fn play(&mut self, mut playback: Playback, secs: f64) -> Result<Option<Drive>, u8> {
        /// The way to the beginning of a record is gone at this speed.
        const APPROACH_RAD_S: f64 = 0.5;
        let Some(begun_secs) = &mut playback.secs else {
            let to = playback.points[0];
            let farthest =
                to.iter().zip(&self.joints).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let share = (APPROACH_RAD_S * secs / farthest.max(1e-12)).min(1.0);
            self.put_joints(between_joints(&self.joints, &to, share), secs)?;
            playback.secs = (share >= 1.0).then_some(0.0);
            return Ok(Some(Drive::Playback(playback)));
        };
        *begun_secs += secs * playback.speed;
        let place = *begun_secs / PERIOD_SECS;
        let last = playback.points.len() - 1;
        let at = (place as usize).min(last);
        let next = playback.points[(at + 1).min(last)];
        let share = (place - at as f64).clamp(0.0, 1.0);
        self.put_joints(between_joints(&playback.points[at], &next, share), secs)?;
        if at < last {
            return Ok(Some(Drive::Playback(playback)));
        }
        playback.secs = None;
        playback.left = playback.left.map(|left| left.saturating_sub(1));
        if playback.left == Some(0) {
            self.send_feedback(&playback.origin, OTHER_FINISHED, DONE);
            return Ok(None);
        }
        Ok(Some(Drive::Playback(playback)))
    }
}

/// The code of a feedback.
pub(super) fn outcome(done: bool) -> u8 {
    if done { DONE } else { FAILED }
}
