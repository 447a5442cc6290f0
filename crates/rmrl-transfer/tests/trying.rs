//! Transfers with the tool where the caller says, in simulated laboratories.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod common;

use common::{First, Laboratory};
use rmrl_core::PoseAdjustment;
use rmrl_transfer::{Ending, LookError};

const ON_THE_BENCH: [First; 1] = [("plate-1", "96-well", false, "bench")];

/// How far off the lid park a plate lies along the fingers, in millimeters, that was gripped `along_mm` beside where it is seen.
fn off_after(along_mm: f64) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &ON_THE_BENCH, 3);
    let request = laboratory.request("bench", "lid-park", false);
    let seen = laboratory.cell.look_at_plate(&request).unwrap();
    let action = PoseAdjustment { dx_m: 1e-3 * along_mm, ..PoseAdjustment::default() };
    let tool = seen.estimated_pose.adjusted(action);
    let report = laboratory.cell.transfer_at(&request, seen.look(), tool).unwrap();
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(laboratory.recorded("plate-1"), "lid-park");
    let (slot, error) = laboratory.item("plate-1").slot.unwrap();
    assert_eq!(slot, "lid-park");
    error.x_mm
}

#[test]
fn a_plate_ends_as_far_off_as_the_caller_grips_it() {
    let [less, exactly, more] = [-4.0, 0.0, 4.0].map(off_after);
    // The jaws release at the same pose: a plate that was gripped farther along lies as much farther back.
    for (found, expected) in [(less - exactly, 4.0), (more - exactly, -4.0)] {
        assert!((found - expected).abs() < 0.5, "{found} {expected}");
    }
}

#[test]
fn what_the_camera_does_not_see_is_said_and_nothing_moves() {
    let dir = tempfile::tempdir().unwrap();
    let first = [("plate-1", "96-well", false, "hotel:1")];
    let mut laboratory = Laboratory::new(dir.path(), &first, 3);
    let request = laboratory.request("hotel:1", "bench", false);
    let error = laboratory.cell.look_at_plate(&request).unwrap_err();
    assert!(matches!(error, LookError::NotSeen { .. }), "{error}");
    assert!(error.to_string().contains("plate-1 is not seen in hotel:1"), "{error}");
    assert!(error.to_string().contains("is_seen"), "{error}");

    let gone = laboratory.request("reader", "bench", false);
    let error = laboratory.cell.look_at_plate(&gone).unwrap_err();
    assert!(matches!(error, LookError::Transfer(_)), "{error}");
    assert_eq!(laboratory.lies("plate-1").0, "hotel:1");
}

#[test]
fn a_laboratory_that_begins_again_knows_nothing_of_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &ON_THE_BENCH, 3);
    assert_eq!(laboratory.transfer("bench", "reader").ending, Ending::Done);
    assert!(laboratory.cell.knowledge().belief().carries() > 0);
    laboratory.truth.put_item("plate-1", "bench", rmrl_core::PlanarPose::default()).unwrap();
    let again = tempfile::tempdir().unwrap();
    let inventory = common::inventory(
        again.path(),
        &ON_THE_BENCH,
        rmrl_inventory::LocalDisk,
        jiff::Timestamp::UNIX_EPOCH,
    );
    laboratory.cell.begin_again(inventory);
    assert_eq!(laboratory.cell.knowledge().belief().carries(), 0);
    assert_eq!(laboratory.recorded("plate-1"), "bench");
    let request = laboratory.request("bench", "reader", false);
    laboratory.cell.look_at_plate(&request).unwrap();
}
