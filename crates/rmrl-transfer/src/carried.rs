//! What all parts of a transfer share: how far it came, and the report of it.

use rmrl_cell::ToolPose;

use crate::job::Job;
use crate::request::{Ending, LeftAt, TransferReport};

/// A lid is on its plate within this, in meters.
pub const LID_SEATING_M: f64 = 0.001_5;
/// A lid is on its plate within this turn, in degrees.
pub const LID_SEATING_DEG: f64 = 1.0;

/// How far a transfer of an item has come.
pub(crate) enum Carried {
    /// It was released at its place, and the tool is at home.
    Released,
    /// It is where it was, and nothing came near it.
    Untouched(String),
    /// It is where it was.
    AtFrom(String),
    /// The jaws hold it.
    InJaws(String),
    /// Nobody knows.
    Unknown(String),
}

pub(crate) fn report(job: &Job, ending: Ending) -> TransferReport {
    TransferReport {
        request: job.request.clone(),
        item: job.item.clone(),
        labware: job.labware_name.clone(),
        ending,
        error: None,
        is_seated: None,
        by_way_of: None,
        carries: 0,
        corrected_by: None,
        passed_over: None,
    }
}

/// Nothing was begun: the item is where it was.
pub(crate) fn not_begun(job: &Job, reason: String) -> TransferReport {
    let at = if job.from.is_some() { LeftAt::From } else { LeftAt::Jaws };
    report(job, Ending::NotDone { at, reason })
}

/// How far apart two poses of the tool are, in meters.
pub(crate) fn distance_m(a: ToolPose, b: ToolPose) -> f64 {
    a.planar.distance_m(b.planar).hypot(a.z_m - b.z_m)
}
