//! The transfers with the largest errors.

use jiff::Timestamp;
use rmrl_inventory::{Place, SlotAddress};
use serde::{Deserialize, Serialize};

use super::timed_transfer::TimedTransfer;
use crate::request::PlaceError;

/// How many of them a report shows.
const SHOWN: usize = 3;

/// A transfer with a large measured error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorstTransfer {
    /// Which transfer of the qualification it is, counted from 1.
    pub number: usize,
    /// When it ended.
    pub time: Timestamp,
    /// The item.
    pub item: String,
    /// Its labware.
    pub labware: String,
    /// Where it came from.
    pub from: Place,
    /// Where it was brought.
    pub to: SlotAddress,
    /// Its error.
    pub error: PlaceError,
    /// Whether that is within the site's tolerance.
    pub is_seated: bool,
    /// The path of an image of it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The three transfers with the largest measured distance, the worst first.
pub(super) fn worst(transfers: &[TimedTransfer]) -> Vec<WorstTransfer> {
    let mut measured: Vec<WorstTransfer> = transfers
        .iter()
        .enumerate()
        .filter_map(|(index, transfer)| {
            let TimedTransfer { time, report, image, .. } = transfer;
            Some(WorstTransfer {
                number: index + 1,
                time: *time,
                item: report.item.clone(),
                labware: report.labware.clone(),
                from: report.request.from(),
                to: report.request.to().clone(),
                error: transfer.measured()?,
                is_seated: report.is_seated == Some(true),
                image: image.clone(),
            })
        })
        .collect();
    measured.sort_by(|a, b| b.error.distance_mm().total_cmp(&a.error.distance_mm()));
    measured.truncate(SHOWN);
    measured
}
