//! The judge of the emulated controller: what it reports of motions beside boxes and above a table.
//!
//! Distances are computed by hand from the vendor's drawing of the gripper: blades 6 mm thick whose lower ends are at the
//! tool's point, pads that touch a plate at half the opening. The judge's shapes are up to 2 mm smaller.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::sync::Arc;

use kinematic_plant::KinematicPlant;
use rmrl_cell::{Arm, DeviceError, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, EntryRegion, HeldPlate, KeepOutBox, KeepOutTable,
    KeepOutViolation, KeepOuts, RunningEmulator, StartError,
};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{ArmModel, BioGripperDevice, Robot, XArm, XArmConfig};

struct Cell {
    running: RunningEmulator,
    arm: XArm,
    gripper: BioGripperDevice,
}

/// Where the plant's plate lies.
const PLATE: PlanarPose = PlanarPose { x_m: 0.35, y_m: 0.1, yaw_rad: 0.0 };

fn cell(keep_outs: KeepOuts) -> Cell {
    cell_with(EmulatorConfig { keep_outs: Some(keep_outs), ..EmulatorConfig::default() })
}

fn cell_with(emulated: EmulatorConfig) -> Cell {
    let config = XArmConfig { host: "127.0.0.1".to_string(), ..XArmConfig::default() };
    let emulated = EmulatorConfig { flange_from_tool: config.flange_from_jaws(), ..emulated };
    let running = EmulatedController::start(emulated, KinematicPlant::new(PLATE).plant()).unwrap();
    let addresses = running.addresses().unwrap();
    let config = XArmConfig {
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        ..config
    };
    let robot = Arc::new(Robot::connect(config).unwrap());
    let mut gripper = BioGripperDevice::connect(Arc::clone(&robot)).unwrap();
    gripper.power_on().unwrap();
    Cell { running, arm: XArm::new(robot), gripper }
}

fn tool(x_m: f64, y_m: f64, z_m: f64) -> ToolPose {
    ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m)
}

fn block(name: &str, center_m: [f64; 3], size_m: [f64; 3]) -> KeepOutBox {
    KeepOutBox {
        name: name.to_string(),
        center_m,
        size_m,
        yaw_deg: 0.0,
        margin_m: 0.02,
        entered_within: Vec::new(),
        entry_margin_m: 0.0,
    }
}

fn boxes(boxes: Vec<KeepOutBox>) -> KeepOuts {
    KeepOuts { boxes, ..KeepOuts::default() }
}

/// The outer face of the left blade at a tool at y, with jaws that are open to 150 mm.
fn left_of_the_blade_m(y_m: f64) -> f64 {
    y_m + 0.075 + 0.006
}

/// A block to the left of the finger tips, so far away when they pass at y = 0.1.
fn beside_the_tips(gap_m: f64) -> KeepOutBox {
    let y_m = left_of_the_blade_m(0.1) + gap_m;
    block("hotel", [0.36, y_m + 0.05, 0.11], [0.04, 0.1, 0.06])
}

fn only(violations: &[KeepOutViolation]) -> &KeepOutViolation {
    let [one] = violations else { panic!("{violations:?}") };
    one
}

#[test]
fn what_passes_nearer_than_the_margin_is_reported_and_what_passes_farther_is_not() {
    // From no contact to deep inside.
    for gap_m in [0.04, 0.024, 0.015, 0.008, 0.002, -0.003] {
        let Cell { running, mut arm, .. } = cell(boxes(vec![beside_the_tips(gap_m)]));
        arm.move_to(tool(0.35, 0.1, 0.25), 0.2).unwrap();
        assert_eq!(running.violations(), [], "{gap_m}");
        arm.move_to(tool(0.35, 0.1, 0.1), 0.2).unwrap();
        arm.move_to(tool(0.35, 0.0, 0.1), 0.2).unwrap();
        let violations = running.violations();
        if gap_m > 0.023 {
            assert_eq!(violations, [], "{gap_m}");
            continue;
        }
        // In the motion down, and at the beginning of the motion away.
        let [down, away] = violations.as_slice() else { panic!("{gap_m}: {violations:?}") };
        let motions = running.recording().motions;
        for (one, motion) in [(down, &motions[1]), (away, &motions[2])] {
            assert_eq!((one.keep_out.as_str(), one.part), ("hotel", "blade"));
            assert!((one.distance_m - gap_m).abs() < 0.003, "{one}");
            assert_eq!((one.margin_m, one.motion), (0.02, motion.number));
            assert!(one.point_m[1] > 0.17 && one.point_m[2] < 0.16, "{one:?}");
        }
    }
    // The sentence of a report.
    let violation = KeepOutViolation {
        motion: 12,
        keep_out: "hotel".to_string(),
        part: "blade",
        distance_m: 0.0073,
        margin_m: 0.02,
        point_m: [0.0; 3],
    };
    let words = "keep-out \"hotel\" violated by \"blade\": 7.3 mm instead of 20 mm at motion 12";
    assert_eq!(violation.to_string(), words);
}

/// A line that begins and ends far away from a post may pass it on its way.
#[test]
fn a_thin_post_in_the_middle_of_a_fast_line_is_not_missed() {
    let post = block("post", [0.49, 0.0, 0.1], [0.004, 0.004, 0.2]);
    let Cell { running, mut arm, .. } = cell(boxes(vec![post]));
    arm.move_to(tool(0.3, -0.25, 0.2), 0.25).unwrap();
    arm.move_to(tool(0.35, -0.25, 0.15), 0.25).unwrap();
    assert_eq!(running.violations(), []);
    arm.move_to(tool(0.35, 0.25, 0.15), 0.25).unwrap();
    let violations = running.violations();
    let body = violations.iter().find(|one| one.part == "gripper body").unwrap();
    // The post ends 50 mm above the tool's point, inside the body, whose underside is 14 mm above it.
    assert!(body.distance_m < 0.001, "{violations:?}");
    assert_eq!(body.motion, 3);
}

/// The machine moves in pieces of a second here, 250 mm: none ends within the body's width of the wall.
#[test]
fn a_wall_between_the_ends_of_two_pieces_of_a_motion_is_not_missed() {
    let wall = block("wall", [0.49, 0.1, 0.1], [0.15, 0.004, 0.2]);
    let Cell { running, mut arm, .. } = cell_with(EmulatorConfig {
        segment_secs: 1.0,
        keep_outs: Some(boxes(vec![wall])),
        ..EmulatorConfig::default()
    });
    arm.move_to(tool(0.35, -0.25, 0.2), 0.25).unwrap();
    arm.move_to(tool(0.35, -0.25, 0.15), 0.25).unwrap();
    assert_eq!(running.violations(), []);
    arm.move_to(tool(0.35, 0.25, 0.15), 0.25).unwrap();
    let violations = running.violations();
    let body = violations.iter().find(|one| one.part == "gripper body").unwrap();
    // Samples 2 mm apart: half the wall's thickness deep or nearly so.
    assert!(body.distance_m < 0.0 && body.distance_m >= -0.002 - 1e-9, "{violations:?}");
}

#[test]
fn links_are_judged_and_keep_their_margin_in_an_entry_region() {
    // The elbow of an arm that works ahead of its base is about here: any box around it is a violation of links only.
    let shelf = |entered_within| KeepOutBox {
        entered_within,
        ..block("shelf", [0.12, 0.0, 0.62], [0.5, 0.5, 0.1])
    };
    let everywhere = EntryRegion {
        center_m: [0.35, 0.0],
        z_m: [-1.0, 1.0],
        radius_m: Some(2.0),
        size_m: None,
        yaw_deg: 0.0,
        margin_m: None,
    };
    let mut found = Vec::new();
    for entered_within in [Vec::new(), vec![everywhere]] {
        let Cell { running, mut arm, .. } = cell(boxes(vec![shelf(entered_within)]));
        arm.move_to(tool(0.3, 0.05, 0.3), 0.2).unwrap();
        let violations = running.violations();
        assert!(!violations.is_empty());
        assert!(violations.iter().all(|one| one.part.starts_with("link")), "{violations:?}");
        assert!(violations.iter().all(|one| one.margin_m == 0.02), "{violations:?}");
        found.push(violations);
    }
    assert_eq!(found[0], found[1]);
}

/// A table with a place on it at [`PLATE`].
fn table_with_a_place() -> KeepOutTable {
    let column = EntryRegion {
        center_m: [PLATE.x_m, PLATE.y_m],
        z_m: [-0.01, 0.1],
        radius_m: Some(0.002),
        size_m: None,
        yaw_deg: 0.0,
        margin_m: None,
    };
    KeepOutTable {
        height_m: 0.0,
        margin_m: 0.02,
        entered_within: vec![column],
        entry_margin_m: 0.001,
    }
}

fn sbs_plate() -> HeldPlate {
    HeldPlate {
        along_fingers_m: 0.12776,
        across_fingers_m: 0.08548,
        height_m: 0.0142,
        beyond_tips_m: 0.0,
        grip_height_m: 0.008,
    }
}

#[test]
fn a_held_plate_is_judged_from_the_grip_on_and_its_own_slot_is_entered() {
    let keep_outs = KeepOuts {
        table: Some(table_with_a_place()),
        held_plate: Some(sbs_plate()),
        ..KeepOuts::default()
    };
    // The lower ends of the blades are at the tool's point, the plate's underside is 8 mm lower.
    for (z_m, parts) in [(0.050, &[][..]), (0.023, &["held plate"][..])] {
        let Cell { running, mut arm, mut gripper } = cell(keep_outs.clone());
        arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.1), 0.2).unwrap();
        arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.01), 0.1).unwrap();
        gripper.close().unwrap();
        assert!(gripper.holds_object().unwrap());
        arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.1), 0.1).unwrap();
        arm.move_to(tool(0.3, 0.0, 0.1), 0.2).unwrap();
        assert_eq!(running.violations(), [], "the slot was entered, and left again");
        arm.move_to(tool(0.3, 0.0, z_m), 0.1).unwrap();
        let violations = running.violations();
        let got: Vec<_> = violations.iter().map(|one| one.part).collect();
        assert_eq!(got, parts, "{violations:?}");
        assert!(violations.iter().all(|one| one.keep_out == "table" && one.motion == 5));
        assert!(violations.iter().all(|one| (one.distance_m - (z_m - 0.008)).abs() < 0.001));
        // Empty jaws at the same height are far enough away.
        gripper.open(0.15).unwrap();
        let before = running.violations().len();
        arm.move_to(tool(0.3, 0.0, 0.1), 0.1).unwrap();
        assert_eq!(running.violations().len(), before);
    }
    // Outside of the column, jaws that go as low as in it come too near.
    let Cell { running, mut arm, .. } = cell(keep_outs);
    arm.move_to(tool(PLATE.x_m + 0.01, PLATE.y_m, 0.1), 0.2).unwrap();
    arm.move_to(tool(PLATE.x_m + 0.01, PLATE.y_m, 0.01), 0.1).unwrap();
    let violations = running.violations();
    let blade = violations.iter().find(|one| one.part == "blade").unwrap();
    assert!((blade.distance_m - 0.01).abs() < 0.003, "{blade}");
}

#[test]
fn another_plate_may_be_named_between_two_motions() {
    let keep_outs = KeepOuts {
        table: Some(table_with_a_place()),
        held_plate: Some(sbs_plate()),
        ..KeepOuts::default()
    };
    let Cell { running, mut arm, mut gripper } = cell(keep_outs);
    arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.1), 0.2).unwrap();
    arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.01), 0.1).unwrap();
    gripper.close().unwrap();
    arm.move_to(tool(PLATE.x_m, PLATE.y_m, 0.1), 0.1).unwrap();
    arm.move_to(tool(0.3, 0.0, 0.06), 0.2).unwrap();
    assert_eq!(running.violations(), []);
    let deep = HeldPlate { height_m: 0.06, grip_height_m: 0.05, ..sbs_plate() };
    running.set_held_plate(Some(deep)).unwrap();
    arm.move_to(tool(0.3, 0.01, 0.06), 0.2).unwrap();
    let violations = running.violations();
    let one = only(&violations);
    assert_eq!(one.part, "held plate");
    assert!((one.distance_m - 0.01).abs() < 0.001, "{one}");
    let invalid = HeldPlate { height_m: f64::NAN, ..sbs_plate() };
    assert!(running.set_held_plate(Some(invalid)).unwrap_err().to_string().contains("height_m"));
}

#[test]
fn on_request_the_arm_stops_before_the_margin_and_can_be_moved_away() {
    let keep_outs = KeepOuts { stop_on_violation: true, ..boxes(vec![beside_the_tips(0.015)]) };
    let Cell { running, mut arm, .. } = cell(keep_outs);
    arm.move_to(tool(0.35, 0.05, 0.1), 0.2).unwrap();
    let error = arm.move_to(tool(0.35, 0.15, 0.1), 0.2).unwrap_err();
    let DeviceError::Collision { at } = error else { panic!("{error}") };
    // Its blade is 20 to 23 mm from the block, after 45 mm of the way or less.
    let gap_m = left_of_the_blade_m(0.1) + 0.015 - left_of_the_blade_m(at.planar.y_m);
    assert!((0.0195..0.0235).contains(&gap_m), "{at:?}: {gap_m}");
    let violations = running.violations();
    let one = only(&violations);
    assert_eq!((one.part, one.motion), ("blade", 2));
    assert!(one.distance_m < 0.02 && one.distance_m > 0.017, "{one}");
    arm.recover().unwrap();
    arm.move_to(tool(0.35, 0.05, 0.1), 0.2).unwrap();
    assert_eq!(running.violations().len(), 1, "moving away is no violation");
}

/// An arm that stands too near when the judge looks first is not held there.
#[test]
fn an_arm_that_is_too_near_already_stops_only_if_it_comes_nearer() {
    // The plant's tool begins at x = 0.3, y = 0, z = 0.2.
    let y_m = left_of_the_blade_m(0.0) + 0.01;
    let near = block("wall", [0.3, y_m + 0.05, 0.2], [0.04, 0.1, 0.06]);
    let keep_outs = KeepOuts { stop_on_violation: true, ..boxes(vec![near]) };
    let Cell { running, mut arm, .. } = cell(keep_outs);
    let error = arm.move_to(tool(0.3, 0.005, 0.2), 0.2).unwrap_err();
    assert!(matches!(error, DeviceError::Collision { .. }), "{error}");
    arm.recover().unwrap();
    arm.move_to(tool(0.3, -0.05, 0.2), 0.2).unwrap();
    let violations = running.violations();
    assert!(violations.iter().all(|one| one.keep_out == "wall"), "{violations:?}");
    assert!(violations.iter().all(|one| (one.distance_m - 0.01).abs() < 0.003), "{violations:?}");
}

#[test]
fn the_same_motions_have_the_same_violations() {
    let run = || {
        let keep_outs = KeepOuts {
            table: Some(table_with_a_place()),
            ..boxes(vec![beside_the_tips(0.01), block("post", [0.5, 0.1, 0.1], [0.02, 0.02, 0.2])])
        };
        let Cell { running, mut arm, .. } = cell(keep_outs);
        for (x_m, y_m, z_m) in [(0.3, -0.2, 0.05), (0.35, 0.1, 0.1), (0.45, 0.0, 0.02)] {
            arm.move_to(tool(x_m, y_m, z_m), 0.25).unwrap();
        }
        running.violations()
    };
    let first = run();
    assert!(first.len() > 2, "{first:?}");
    assert_eq!(run(), first);
}

#[test]
fn keep_outs_are_read_strictly_and_checked() {
    let text = r#"
        [[boxes]]
        name = "hotel"
        center_m = [0.4, 0.3, 0.1]
        size_m = [0.1, 0.2, 0.3]
        margin_m = 0.02
        entry_margin_m = 0.002
        entered_within = [{ center_m = [0.4, 0.2], z_m = [0.0, 0.4], radius_m = 0.01 }]
        [table]
        height_m = 0.0
        margin_m = 0.01
    "#;
    let keep_outs: KeepOuts = toml::from_str(text).unwrap();
    keep_outs.validate().unwrap();
    assert!(toml::from_str::<KeepOuts>(&text.replace("radius_m", "radius")).is_err());
    for (from, to, key) in [
        ("\"hotel\"", "\"table\"", "boxes[0].name"),
        ("0.2, 0.3]", "0.0, 0.3]", "boxes[0].size_m[1]"),
        ("margin_m = 0.02", "margin_m = nan", "boxes[0].margin_m"),
        ("z_m = [0.0, 0.4]", "z_m = [0.4, 0.0]", "boxes[0].entered_within[0].z_m"),
        (", radius_m = 0.01", "", "boxes[0].entered_within[0].radius_m"),
        ("radius_m", "size_m = [0.1, 0.1], radius_m", "boxes[0].entered_within[0].radius_m"),
        ("height_m = 0.0", "height_m = 100.0", "table.height_m"),
    ] {
        let changed = text.replace(from, to);
        let keep_outs: KeepOuts = toml::from_str(&changed).unwrap();
        let config = EmulatorConfig { keep_outs: Some(keep_outs), ..EmulatorConfig::default() };
        let plant = KinematicPlant::new(PLATE).plant();
        let Err(StartError::KeepOuts(error)) = EmulatedController::start(config, plant) else {
            panic!("{changed}")
        };
        assert!(error.to_string().starts_with(key), "{error}");
    }
    let other = EmulatorConfig {
        arm: ArmKinematics::new(ArmModel::XArm5),
        keep_outs: Some(keep_outs),
        ..EmulatorConfig::default()
    };
    let refused = EmulatedController::start(other, KinematicPlant::new(PLATE).plant());
    assert!(matches!(refused, Err(StartError::KeepOutsOfModel { .. })));
}
