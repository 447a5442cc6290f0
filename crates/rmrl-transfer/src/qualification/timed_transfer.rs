//! One transfer of a qualification.

use jiff::Timestamp;
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use crate::request::{Ending, KnownBy, PlaceError, TransferReport};
use crate::watch::RecordError;

/// Where an item truly lies, in the frame of the tool at its slot. Only the truth of a simulation is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrueError {
    /// Along the fingers, in millimeters.
    pub along_mm: f64,
    /// Across them, in millimeters.
    pub across_mm: f64,
    /// Its turn, in degrees.
    pub yaw_deg: f64,
}

impl TrueError {
    /// The distance in the plane, in millimeters.
    pub fn distance_mm(&self) -> f64 {
        self.along_mm.hypot(self.across_mm)
    }
}

/// A transfer with its time and its cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedTransfer {
    /// When it ended.
    pub time: Timestamp,
    /// What it came to.
    pub report: TransferReport,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
    /// How much processor time it took, in seconds.
    pub cpu_seconds: f64,
    /// Where the item truly lies; `None` in a real cell, and where it was not released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_error: Option<TrueError>,
    /// The path of an image of the item where it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl TimedTransfer {
    /// Where the item was brought, or should have been.
    pub fn to(&self) -> &SlotAddress {
        self.report.request.to()
    }

    /// Whether it succeeded: the item lies there, within the site's tolerance as far as is known. One that was not begun
    /// because too little was known did not succeed.
    pub fn is_success(&self) -> bool {
        self.report.ending == Ending::Done && self.report.is_seated == Some(true)
    }

    /// The error, if the camera measured it.
    pub fn measured(&self) -> Option<PlaceError> {
        self.report.error.filter(|error| error.known_by == KnownBy::Measured)
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// One is not finite, or a duration or an interval is negative.
    pub(super) fn check(&self) -> Result<(), RecordError> {
        let durations =
            [("wall_seconds", self.wall_seconds), ("cpu_seconds", self.cpu_seconds)].into_iter();
        let intervals = self.report.error.map(|error| ("interval_mm", error.interval_mm));
        let sizes = durations.chain(intervals).map(|(key, value)| (key, value, value >= 0.0));
        let of_report = self.report.error.map(|e| [e.along_mm, e.across_mm, e.yaw_deg]);
        let of_truth = self.true_error.map(|e| [e.along_mm, e.across_mm, e.yaw_deg]);
        let keys = ["along_mm", "across_mm", "yaw_deg"];
        let errors = [of_report, of_truth].into_iter().flatten();
        let errors = errors.flat_map(|errors| keys.into_iter().zip(errors));
        let mut numbers = sizes.chain(errors.map(|(key, value)| (key, value, true)));
        match numbers.find(|(_, value, is_in_range)| !(value.is_finite() && *is_in_range)) {
            None => Ok(()),
            Some((key, value, is_in_range)) => Err(RecordError::Number {
                key,
                to: self.to().clone(),
                value,
                expected: if is_in_range { "a finite number" } else { "0 or more" },
            }),
        }
    }
}
