//! What a trial leaves behind besides its outcome.

use rmrl_core::{Fault, Look, PlanarPose};
use rmrl_vision::{Localization, LocalizeError, RgbdFrame};
use serde::{Deserialize, Serialize};

use super::drift::DriftReading;
use super::faults::localization_fault;

/// A frame, and what was found in it.
#[derive(Debug)]
pub struct Capture {
    /// Which of the attempt's frames, counted from 0.
    pub number: usize,
    /// Color and depth.
    pub frame: RgbdFrame,
    /// The plate, or why it could not be localized.
    pub localization: Result<Localization, LocalizeError>,
    /// By how much the picture says that the localization is off, as in [`Look::error_m`].
    pub look_error_m: Option<[f64; 2]>,
}

impl Capture {
    /// The look at the plate that was found.
    pub(crate) fn look_at(&self, found: &Localization) -> Look {
        Look { pose: found.pose, error_m: self.look_error_m }
    }

    /// The plate.
    ///
    /// # Errors
    /// It could not be localized.
    pub(crate) fn plate(&self) -> Result<&Localization, Fault> {
        self.localization.as_ref().map_err(localization_fault)
    }
}

/// Where a trial's time went, in seconds of wall time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// Bringing the plate to its start, in seconds.
    pub prepare_secs: f64,
    /// Taking frames, in seconds.
    pub capture_secs: f64,
    /// Localizing the plate, in seconds.
    pub localize_secs: f64,
    /// Picking and placing, in seconds.
    pub pick_place_secs: f64,
}

/// What the last trial left behind besides its outcome, for the record.
#[derive(Debug, Default)]
pub struct TrialEvidence {
    /// What the camera saw before the action.
    pub start: Option<Capture>,
    /// What the camera saw after placing, or after a grasp that missed.
    pub end: Option<Capture>,
    /// Where the plate was seen after a grasp that missed.
    pub after_miss: Option<PlanarPose>,
    /// Where the time went.
    pub durations: Durations,
    /// How many frames were taken.
    pub frames: usize,
    /// How far the reference board seemed to have moved; `None` where it was not looked at.
    pub drift: Option<DriftReading>,
}
