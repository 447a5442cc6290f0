//! What a trial leaves behind besides its outcome.

use rmrl_core::PlanarPose;
use rmrl_vision::{Localization, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::DriftReading;

/// One picture and what was found in it.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Which of the attempt's pictures, counted from 0.
    pub number: usize,
    /// Colour and depth.
    pub frame: RgbdFrame,
    /// What was found; `None` if localisation failed.
    pub localization: Option<Localization>,
}

/// Where a trial's time went, by the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// Bringing the plate to its start, in seconds.
    pub prepare_secs: f64,
    /// Taking pictures, in seconds.
    pub capture_secs: f64,
    /// Localising, in seconds.
    pub localize_secs: f64,
    /// Picking and placing, in seconds.
    pub pick_place_secs: f64,
}

/// What the last trial left behind besides its outcome, for whoever keeps records.
#[derive(Debug, Clone, Default)]
pub struct TrialEvidence {
    /// The picture before the action.
    pub start: Option<Capture>,
    /// The picture after placing, or after a grasp that missed.
    pub end: Option<Capture>,
    /// Where the plate was seen after a grasp that missed.
    pub after_miss: Option<PlanarPose>,
    /// Where the time went.
    pub durations: Durations,
    /// How many pictures were taken.
    pub pictures: usize,
    /// How far the reference board seemed to have moved; `None` where it was not looked at.
    pub drift: Option<DriftReading>,
}
