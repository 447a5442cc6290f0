//! Transfers in simulated laboratories, from a fresh start on, judged by the simulator's truth.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod common;

use std::f64::consts::FRAC_PI_2;

use common::{First, Laboratory, TWO_PLATES, cell_among, item, simulated, stated, task};
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;
use rmrl_inventory::{LocalDisk, Place};
use rmrl_transfer::{
    Ending, ItemAt, LeftAt, Load, Protocol, SlotLine, StepOutcome, TakesSteps, TransferError, Ways,
};

const STEP: &str =
    "name = \"read\"\n[[steps]]\nname = \"in\"\ntransfer = \"hotel:1\"\nto = \"reader\"\n";

#[test]
fn a_fresh_cell_brings_a_plate_from_the_hotel_to_the_reader_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &TWO_PLATES[..1], 3);
    let report = laboratory.transfer("hotel:1", "reader");
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(report.is_seated, Some(true), "{report:?}");
    // Nothing was known of the camera: the plate was put down in view and carried about.
    assert_eq!((report.by_way_of.unwrap().to_string(), report.carries), ("bench".to_string(), 7));
    let (slot, off_mm) = laboratory.lies("plate-1");
    assert!(slot == "reader" && off_mm < 1.5, "{slot} {off_mm}");
    // Now it is known how it lies, and it needs no look in between.
    for (from, to) in [("reader", "hotel:2"), ("hotel:2", "reader")] {
        let report = laboratory.transfer(from, to);
        assert_eq!((&report.ending, report.carries), (&Ending::Done, 0), "{report:?}");
        assert_eq!((report.by_way_of, report.is_seated), (None, Some(true)));
        assert_eq!(laboratory.lies("plate-1").0, to);
        assert_eq!(laboratory.recorded("plate-1"), to);
    }
}

#[test]
fn what_cannot_be_kept_for_the_next_program_ends_no_transfer() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("knowledge.json")).unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &TWO_PLATES[..1], 3);
    // From here on nothing is logged either.
    std::fs::create_dir(dir.path().join("transfers.jsonl")).unwrap();
    let report = laboratory.transfer("hotel:1", "reader");
    assert_eq!((&report.ending, report.carries), (&Ending::Done, 7), "{report:?}");
    assert_eq!(laboratory.recorded("plate-1"), "reader");
}

#[test]
fn a_lidded_plate_is_read_without_its_lid_and_put_away_with_it() {
    for seed in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        let mut laboratory = Laboratory::new(dir.path(), &TWO_PLATES, seed);
        let unlid = laboratory.unlid("bench", "lid-park");
        assert_eq!(unlid.ending, Ending::Done);
        assert_eq!(laboratory.recorded("plate-2.lid"), "lid-park");
        for (from, to, id) in [
            ("bench", "reader", "plate-2"),
            ("reader", "bench", "plate-2"),
            ("lid-park", "bench", "plate-2.lid"),
            ("bench", "hotel:2", "plate-2"),
        ] {
            let report = laboratory.transfer(from, to);
            assert_eq!(report.ending, Ending::Done, "{report:?}");
            assert_eq!(report.is_seated, Some(true), "{report:?}");
            assert_eq!(laboratory.lies(id).0, to, "seed {seed}");
        }
        let (lid, plate) = (laboratory.item("plate-2.lid"), laboratory.item("plate-2"));
        assert_eq!(lid.lies_on.as_deref(), Some("plate-2"));
        let apart = (lid.world_from_item.translation.vector
            - plate.world_from_item.translation.vector)
            .xy()
            .norm();
        // A look through a lid errs by up to two millimeters where nothing reads its picture, as here.
        assert!(apart < 0.003, "seed {seed}: {apart}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_moves() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("deep", "96-deep-well", false, "hotel:2")];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 1);
    let before = laboratory.cell.inventory().world().clone();
    for (from, to, expected) in [
        ("hotel:1", "fridge", "there is no slot fridge; the configuration has bench, hotel:1"),
        ("hotel:1", "hotel:2", "hotel:2 holds 1 of at most 1"),
        ("bench", "reader", "bench"),
        ("hotel:2", "reader", "96-deep-well"),
        ("hotel:1", "hotel:1", "hotel:1"),
        ("jaws", "bench", "jaws"),
    ] {
        let error = laboratory.refused(from, to);
        assert!(error.contains(expected), "{from} {to}: {error}");
    }
    assert_eq!(*laboratory.cell.inventory().world(), before);
    assert_eq!(laboratory.lies("plate-1").0, "hotel:1");
}

/// A lid reaches 7.6 mm down beside its plate, and in the hotel items are lifted by 4 mm before they move level.
#[test]
fn lids_are_neither_taken_off_nor_put_on_where_the_way_is_level() {
    let first: [First; 2] = [
        ("plate-1", "96-well-with-lid", true, "hotel:1"),
        ("plate-2", "96-well-with-lid", true, "bench"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 2);
    let request = laboratory.request("bench", "lid-park", true);
    assert_eq!(laboratory.cell.transfer(&request).unwrap().ending, Ending::Done);
    // The bare plate goes away, and its lid should follow.
    let gone = laboratory.transfer("bench", "hotel:2");
    assert_eq!(gone.ending, Ending::Done, "{gone:?}");
    for (from, to, is_lid) in [("lid-park", "hotel:2", false), ("hotel:1", "bench", true)] {
        let request = laboratory.request(from, to, is_lid);
        let error = laboratory.cell.transfer(&request).unwrap_err();
        assert!(matches!(error, TransferError::LiftTooLow { .. }), "{error}");
        assert!(error.to_string().contains("sites.hotel.lift_m"), "{error}");
    }
    assert_eq!(laboratory.lies("plate-2.lid").0, "lid-park");
}

#[test]
fn a_plate_that_nobody_knows_of_is_not_put_upon() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("ghost", "96-well", false, "bench")];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 4);
    // A person takes the second plate along, and says so.
    let bench = Place::Slot("bench".parse().unwrap());
    let now = jiff::Timestamp::UNIX_EPOCH;
    laboratory.cell.inventory_mut().set(bench, Vec::new(), stated(), now).unwrap();
    laboratory.truth.take_away("ghost").unwrap();
    assert_eq!(laboratory.transfer("hotel:1", "bench").ending, Ending::Done);
    // And puts it where the camera sees it, and nobody says so.
    laboratory.truth.put_item("ghost", "reader", PlanarPose::default()).unwrap();
    let report = laboratory.transfer("bench", "reader");
    let Ending::NotDone { at: LeftAt::From, reason } = report.ending else { panic!("{report:?}") };
    assert!(reason.contains("the camera sees a plate"), "{reason}");
    // Or where it does not see it: the jaws feel it.
    laboratory.truth.put_item("ghost", "hotel:2", PlanarPose::default()).unwrap();
    let report = laboratory.transfer("bench", "hotel:2");
    let Ending::NotDone { at: LeftAt::Jaws, reason } = report.ending else { panic!("{report:?}") };
    assert!(reason.contains("met something"), "{reason}");
    assert!(laboratory.item("plate-1").is_held);
    assert_eq!(laboratory.recorded("plate-1"), "jaws");
    assert!(laboratory.lies("ghost").1 < 15.0, "it was pushed: {:?}", laboratory.lies("ghost"));
    // What the jaws hold is put down where there is room.
    let report = laboratory.transfer("jaws", "hotel:1");
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(laboratory.lies("plate-1").0, "hotel:1");
}

#[test]
fn a_plate_that_was_taken_away_is_missed_by_camera_and_by_jaws() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("plate-2", "96-well", false, "bench")];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 5);
    laboratory.truth.take_away("plate-1").unwrap();
    // The operator has to seat it, and cannot: it is gone.
    let report = laboratory.transfer("hotel:1", "reader");
    let Ending::NotDone { at: LeftAt::From, reason } = report.ending else { panic!("{report:?}") };
    assert!(reason.contains("hold") || reason.contains("known to"), "{reason}");
    laboratory.truth.take_away("plate-2").unwrap();
    let report = laboratory.transfer("bench", "hotel:2");
    let Ending::Unknown { reason } = &report.ending else { panic!("{report:?}") };
    assert!(reason.contains("plate-2 should lie in bench"), "{reason}");
    // Nothing moves until somebody has said where it is.
    let error = laboratory.refused("hotel:1", "hotel:2");
    assert!(error.contains("plate-2"), "{error}");
    let id = "plate-2".parse().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    laboratory.cell.inventory_mut().settle(&id, None, stated(), now).unwrap();
    assert_eq!(laboratory.recorded("plate-2"), "nowhere");
}

/// A reader that the arm does not get into.
struct ReaderIsShut;

impl Ways for ReaderIsShut {
    fn travel(&mut self, _: ToolPose, to: ToolPose, _: Load<'_>) -> Result<Vec<ToolPose>, String> {
        Ok(vec![to])
    }

    fn at_slot(&mut self, line: SlotLine<'_>, _: Load<'_>) -> Result<(), String> {
        match line.slot.site() {
            "reader" => Err("its lid is shut".to_string()),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_plate_that_was_put_down_in_between_is_said_to_be_there() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("ghost", "96-well", false, "hotel:2")];
    // The way into the reader is shut, or somebody has put a plate into it.
    for is_shut in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut laboratory = if is_shut {
            let truth = simulated(&first, 3);
            let kept = (dir.path(), &first[..]);
            let cell = cell_among(ReaderIsShut, truth.devices(), kept, LocalDisk);
            Laboratory { cell, truth }
        } else {
            let laboratory = Laboratory::new(dir.path(), &first, 3);
            laboratory.truth.put_item("ghost", "reader", PlanarPose::default()).unwrap();
            laboratory
        };
        let step = Protocol::parse(STEP, "one.toml", |_| true).unwrap().steps()[0].clone();
        let outcome = laboratory.cell.take(&step);
        let StepOutcome::NotDone { item: ItemAt::Slot(slot), reason } = outcome else {
            panic!("{outcome:?}")
        };
        let expected = if is_shut { "its lid is shut" } else { "the camera sees a plate" };
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(slot.to_string(), "bench");
        assert_eq!(laboratory.recorded("plate-1"), "bench");
        assert_eq!(laboratory.lies("plate-1").0, "bench");
        if is_shut {
            // From there nothing is moved first: it is refused.
            assert!(laboratory.refused("bench", "reader").contains("no clear way"));
        }
        let report = laboratory.transfer("bench", "hotel:1");
        assert_eq!(report.ending, Ending::Done, "{report:?}");
    }
}

/// A program ended while the tool stood in a slot. The next one leaves it backwards, unless that is not clear.
#[test]
fn a_tool_in_a_slot_leaves_it_backwards_or_not_at_all() {
    for is_shut in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let truth = simulated(&TWO_PLATES, 3);
        let mut devices = truth.devices();
        devices.gripper.open(0.1).unwrap();
        let tool = |y_m: f64, z_m: f64| ToolPose::new(PlanarPose::new(0.26, y_m, -FRAC_PI_2), z_m);
        devices.arm.move_to(tool(0.15, 0.22), 0.2).unwrap();
        devices.arm.move_to(tool(0.15, 0.064), 0.2).unwrap();
        let inside = devices.arm.move_to(tool(0.29, 0.064), 0.05).unwrap();
        let kept = (dir.path(), &TWO_PLATES[..]);
        let mut cell = match is_shut {
            true => cell_among(HotelIsNotClear, truth.devices(), kept, LocalDisk),
            false => cell_among(ReaderIsShut, truth.devices(), kept, LocalDisk),
        };
        let came_home = cell.come_home();
        let after = devices.arm.pose().unwrap();
        if is_shut {
            let error = came_home.unwrap_err().to_string();
            assert!(error.contains("hotel:1") && error.contains("a pipe"), "{error}");
            assert_eq!(after, inside);
        } else {
            came_home.unwrap();
            assert_eq!(after.planar.x_m, task().home.tool_pose().planar.x_m);
        }
    }
}

/// A hotel in whose way something stands.
struct HotelIsNotClear;

impl Ways for HotelIsNotClear {
    fn travel(&mut self, _: ToolPose, to: ToolPose, _: Load<'_>) -> Result<Vec<ToolPose>, String> {
        Ok(vec![to])
    }

    fn at_slot(&mut self, line: SlotLine<'_>, _: Load<'_>) -> Result<(), String> {
        match line.slot.site() {
            "hotel" => Err("a pipe is too near".to_string()),
            _ => Ok(()),
        }
    }
}

#[test]
fn jaws_that_hold_what_nobody_knows_of_move_nothing() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("plate-2", "96-well", false, "bench")];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 6);
    // Somebody used the arm by hand.
    let mut devices = laboratory.truth.devices();
    let tool = |z_m: f64| {
        let (_, error) = laboratory.item("plate-2").slot.unwrap();
        rmrl_cell::ToolPose::new(
            PlanarPose::new(0.34 + 1e-3 * error.x_mm, -0.13 + 1e-3 * error.y_mm, 0.0),
            z_m,
        )
    };
    devices.gripper.open(0.13).unwrap();
    devices.arm.move_to(tool(0.1), 0.2).unwrap();
    devices.arm.move_to(tool(0.002), 0.05).unwrap();
    devices.gripper.close().unwrap();
    devices.arm.move_to(tool(0.1), 0.05).unwrap();
    assert!(devices.gripper.holds_object().unwrap());
    let request = laboratory.request("hotel:1", "hotel:2", false);
    let before = devices.arm.pose().unwrap();
    let error = laboratory.cell.transfer(&request).unwrap_err();
    assert!(matches!(error, TransferError::Jaws(_)), "{error}");
    assert_eq!(devices.arm.pose().unwrap(), before);
    assert!(error.to_string().contains("rmrl cell inventory set"), "{error}");
    assert!(laboratory.item("plate-2").is_held);
    // Once somebody has said it, it can be put down.
    let now = jiff::Timestamp::UNIX_EPOCH;
    let inventory = laboratory.cell.inventory_mut();
    inventory.set(Place::Slot("bench".parse().unwrap()), Vec::new(), stated(), now).unwrap();
    inventory.set(Place::Jaws, vec![item("plate-2", "96-well", false)], stated(), now).unwrap();
    let report = laboratory.transfer("jaws", "bench");
    assert!(matches!(report.ending, Ending::NotDone { at: LeftAt::Jaws, .. }), "{report:?}");
}

#[test]
fn a_plate_below_another_slot_is_seated_in_its_own() {
    let first: [First; 2] =
        [("plate-1", "96-well", false, "hotel:1"), ("plate-2", "96-well", false, "hotel:2")];
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &first, 2);
    let report = laboratory.transfer("hotel:1", "bench");
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(laboratory.lies("plate-2").0, "hotel:2");
    assert_eq!(laboratory.lies("plate-1").0, "bench");
}
