//! The log's line of an attempt, but for the names of its images.

use std::path::Path;

use rmrl_cell::{PickPlace, PlateLocation};
use rmrl_core::TrialReport;
use rmrl_data::{DriftRecord, DurationsRecord, TimeStamp, TrialRecord};

use crate::cell::world::World;

/// What an attempt in `cell` came to, with the truth where `world` knows it.
pub(crate) fn trial_record(
    cell: &PickPlace,
    world: &World,
    report: TrialReport<'_>,
) -> anyhow::Result<TrialRecord> {
    let evidence = cell.evidence();
    let durations = evidence.durations;
    let mut record = TrialRecord {
        time: Some(TimeStamp::now()),
        plate_after_miss: evidence.after_miss,
        durations_s: DurationsRecord {
            prepare: durations.prepare_secs,
            capture: durations.capture_secs,
            localize: durations.localize_secs,
            pick_place: durations.pick_place_secs,
        },
        camera_drift: evidence.drift.map(|drift| DriftRecord {
            dx_m: drift.dx_m,
            dy_m: drift.dy_m,
            dyaw_rad: drift.dyaw_rad,
            drift_m: drift.drift_m,
        }),
        suspect: cell.is_suspect(),
        plate_location: serde_json::to_value(cell.plate_location())?,
        plate_seen: cell.plate_seen(),
        put_by_person: cell.put_by_person(),
        ..TrialRecord::of(report)
    };
    record.place_pose = record.final_pose.map(|_| cell.place_pose());
    if let (Some(truth), Some(_)) = (world.truth(), record.final_pose) {
        record.true_e_trans_m = Some(truth.e_trans_m());
        record.true_yaw_error_rad = Some(truth.yaw_error_rad());
        record.true_seated = Some(truth.seated);
    }
    Ok(record)
}

/// Where the robot believed the plate to be after a record.
///
/// # Errors
/// The record says something else.
pub(crate) fn plate_location_after(
    record: &TrialRecord,
    log: &Path,
) -> anyhow::Result<PlateLocation> {
    serde_json::from_value(record.plate_location.clone()).map_err(|error| {
        anyhow::anyhow!("{}, trial {}: plate_location: {error}", log.display(), record.trial)
    })
}
