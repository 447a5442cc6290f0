//! Lines that are clear and lines that are not, with distances that follow from a drawing.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;

use std::f64::consts::FRAC_PI_2;

use cell::{clearance, flange, holding, keep_out, line, open, plate, ready};
use nalgebra::{Isometry3, UnitQuaternion, Vector3};
use rmrl_cell::FlangeLine;
use rmrl_clearance::{
    Allowed, ClearanceError, Entering, Hand, HeldPlate, KeepOut, Nearness, TABLE, ViaError,
};
use rmrl_kinematics::FlangePathError;

fn nearness(error: ClearanceError) -> Nearness {
    match error {
        ClearanceError::TooNear(near) | ClearanceError::TooNearToArm(near) => *near,
        other => panic!("{other}"),
    }
}

/// The fingers' lower ends are at the tool's point but for half a millimeter of the box around them; the plate
/// reaches 3 mm below.
#[test]
fn the_hand_over_the_table() {
    let clearance = clearance(Vec::new());
    for (hand, z_m, below_m) in [(holding(), 0.0345, 0.003), (open(), 0.0325, 0.0005)] {
        let along = line([0.35, -0.1, z_m, 180.0], [0.35, 0.1, z_m, 180.0]);
        let found = clearance.check_line(&along, &ready(), &hand, &Allowed::default()).unwrap();
        assert_eq!(found.least.obstacle, TABLE);
        assert!((found.least.distance_m - (z_m - below_m)).abs() < 1e-9, "{:?}", found.least);
        let low_m = 0.0199 + below_m;
        let low = line([0.35, -0.1, low_m, 180.0], [0.35, 0.1, low_m, 180.0]);
        let refused = clearance.check_line(&low, &ready(), &hand, &Allowed::default()).unwrap_err();
        let near = nearness(refused);
        assert!((near.distance_m - 0.0199).abs() < 1e-9, "{near:?}");
        // A margin of its own lets the hand down, the gripper's body included.
        let entering = |body_margin_m| Allowed {
            entering: Some(Entering { obstacle: TABLE, margin_m: 0.001, body_margin_m }),
            ..Allowed::default()
        };
        let down_m = 0.0015 + below_m;
        let down = line([0.35, 0.1, z_m, 180.0], [0.35, 0.1, down_m, 180.0]);
        let refused = clearance.check_line(&down, &ready(), &hand, &entering(None)).unwrap_err();
        assert_eq!(nearness(refused).part, "gripper body");
        let found = clearance.check_line(&down, &ready(), &hand, &entering(Some(0.01))).unwrap();
        assert!((found.least.distance_m - 0.0015).abs() < 5e-4, "{:?}", found.least);
    }
}

/// A box beside the right finger: fingers along -x, so the right one, at the flange's -y, is at the base's -y.
#[test]
fn a_box_beside_a_finger() {
    // The finger's outer face is 6.5 mm beyond half the opening.
    let outer_m = 0.06 + 0.0065;
    for (gap_m, is_clear) in [(0.0205, true), (0.0195, false)] {
        for side in [-1.0, 1.0] {
            let center_m = [0.37, side * (outer_m + gap_m + 0.05), 0.2];
            let clearance = clearance(vec![keep_out("box", center_m, [0.04, 0.1, 0.02], 0.0)]);
            let down = line([0.35, 0.0, 0.3, 180.0], [0.35, 0.0, 0.19, 180.0]);
            let found = clearance.check_line(&down, &ready(), &open(), &Allowed::default());
            assert_eq!(found.is_ok(), is_clear, "{found:?}");
            let near = match found {
                Ok(found) => found.least,
                Err(error) => nearness(error),
            };
            assert_eq!(near.obstacle, "box");
            assert!(near.part.ends_with("finger"), "{near:?}");
            if !is_clear {
                assert!(near.distance_m < 0.02 && near.distance_m > gap_m - 1e-6, "{near:?}");
            } else {
                assert!((near.distance_m - gap_m).abs() < 5e-4, "{near:?}");
            }
        }
    }
}

/// A wire of 1 mm across the path of the plate: between two samples a few millimeters apart nothing would see it.
#[test]
fn a_thin_box_between_two_samples_is_caught() {
    for y_m in [-0.0731, -0.01, 0.0007, 0.0512] {
        let wire = keep_out("wire", [0.35, y_m, 0.15], [0.4, 0.001, 0.001], 0.0);
        let clearance = clearance(vec![wire]);
        let along = |z_m: f64| line([0.35, -0.15, z_m, 180.0], [0.35, 0.15, z_m, 180.0]);
        let hit = clearance.check_line(&along(0.16), &ready(), &holding(), &Allowed::default());
        let near = nearness(hit.unwrap_err());
        assert_eq!(near.obstacle, "wire");
        // It passes 20.1 mm above the wire's upper face, and not 19.9 mm.
        for (gap_m, is_clear) in [(0.0202, true), (0.0199, false)] {
            let z_m = 0.1505 + gap_m + 0.003;
            let found =
                clearance.check_line(&along(z_m), &ready(), &holding(), &Allowed::default());
            assert_eq!(found.is_ok(), is_clear, "{found:?}");
        }
    }
}

/// A needle whose tip only grazes the margin in the middle of a turn.
#[test]
fn a_corner_that_sweeps_past_on_a_turn_is_caught() {
    let about = [0.42, 0.0, 0.2];
    // The plate's farthest corner on its circle about the flange, whose axis stands still in this line.
    let far_m = (0.1595f64 + 0.06388).hypot(0.04274);
    let turning = |yaw_deg: f64| {
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_deg.to_radians());
        let mut flange = flange(0.0, 0.0, about[2], 0.0);
        flange.translation.vector = Vector3::new(about[0], about[1], about[2] + 0.0595);
        Isometry3::from_parts(flange.translation, turn * flange.rotation)
    };
    let line = FlangeLine { from: turning(150.0), to: turning(210.0) };
    for (gap_m, is_clear) in [(0.0203, true), (0.0198, false)] {
        // Where the corner is when the fingers point along -x and a little aside.
        let needle_m = 0.002;
        let x_m = about[0] - far_m - gap_m - 0.5 * needle_m;
        let needle = keep_out("needle", [x_m, 0.0, 0.2], [needle_m, needle_m, 0.1], 0.0);
        let clearance = clearance(vec![needle]);
        let found = clearance.check_line(&line, &ready(), &holding(), &Allowed::default());
        assert_eq!(found.is_ok(), is_clear, "{found:?}");
    }
}

/// A slot of a hotel that opens towards the base; the plate comes in along +x between its walls and shelves.
fn slot(width_m: f64, height_m: f64) -> Vec<KeepOut> {
    let [x_m, depth_m, floor_m] = [0.62, 0.14, 0.25];
    let wall_m = 0.5 * width_m + 0.005;
    let wall = |y_m: f64| {
        keep_out("slot", [x_m, y_m, floor_m + 0.5 * height_m], [depth_m, 0.01, height_m], 0.0)
    };
    let shelf = |z_m: f64| keep_out("slot", [x_m, 0.0, z_m], [depth_m, width_m + 0.02, 0.004], 0.0);
    vec![wall(-wall_m), wall(wall_m), shelf(floor_m - 0.002), shelf(floor_m + height_m + 0.002)]
}

#[test]
fn a_level_motion_enters_a_slot_with_its_margin_and_no_narrower_one() {
    // Pads of 6.5 mm on either side of the plate, and the margin.
    let hand = holding();
    let needed_m = 0.0855 + 2.0 * (0.0065 + 0.002);
    let allowed = Allowed {
        entering: Some(Entering { obstacle: "slot", margin_m: 0.002, body_margin_m: None }),
        ..Allowed::default()
    };
    let floor_m = 0.25;
    let z_m = floor_m + 0.003 + 0.003;
    let enter = line([0.46, 0.0, z_m, 0.0], [0.6, 0.0, z_m, 0.0]);
    let wide = clearance(slot(needed_m + 0.0005, 0.03));
    let found = wide.check_line(&enter, &ready(), &hand, &allowed).unwrap();
    assert_eq!(found.least.obstacle, "slot");
    assert!((found.least.distance_m - 0.00225).abs() < 1e-4, "{:?}", found.least);
    let error = wide.check_line(&enter, &ready(), &hand, &Allowed::default()).unwrap_err();
    assert_eq!(nearness(error.clone()).margin_m, 0.02);
    assert!(error.to_string().contains("mm from slot where the margin is 20.0 mm"), "{error}");
    let narrow = clearance(slot(needed_m + 0.0005 - 0.005, 0.03));
    let near = nearness(narrow.check_line(&enter, &ready(), &hand, &allowed).unwrap_err());
    assert!(near.part.ends_with("finger") && near.distance_m < 0.002, "{near:?}");
    // A lid makes the plate too high for the same slot.
    let lid = HeldPlate { lid_m: 0.018, ..plate() };
    let hand = Hand { held: Some(lid), ..hand };
    let near = nearness(wide.check_line(&enter, &ready(), &hand, &allowed).unwrap_err());
    assert_eq!(near.part, "held plate");
    // With the slot exempt only the arm's links keep away from it.
    let exempt = Allowed { exempt: &["slot"], ..Allowed::default() };
    narrow.check_line(&enter, &ready(), &hand, &exempt).unwrap();
}

/// A flange that is tilted by a quarter turn: the fingers point down, and the tips are lowest.
#[test]
fn a_tilted_flange_has_its_fingers_below() {
    let clearance = clearance(Vec::new());
    let level = UnitQuaternion::from_euler_angles(0.0, FRAC_PI_2, 0.0);
    let at = |y_m: f64, z_m: f64| Isometry3::from_parts(Vector3::new(0.4, y_m, z_m).into(), level);
    // The flange's x points down, its z ahead; the blades end 160.5 mm below.
    let line = |z_m: f64| FlangeLine { from: at(-0.1, z_m), to: at(0.1, z_m) };
    let allowed = Allowed::default();
    let found = clearance.check_line(&line(0.1905), &ready(), &open(), &allowed).unwrap();
    assert_eq!(found.least.obstacle, TABLE);
    assert!((found.least.distance_m - 0.03).abs() < 1e-6, "{:?}", found.least);
    let near =
        nearness(clearance.check_line(&line(0.18), &ready(), &open(), &allowed).unwrap_err());
    assert!(near.part.ends_with("finger"), "{near:?}");
}

/// A post beside the forearm: the hand passes well in front of it, the arm does not.
#[test]
fn an_elbow_that_swings_into_a_post_is_caught() {
    let arm_over = line([0.3, -0.3, 0.2, 180.0], [0.3, 0.3, 0.2, 180.0]);
    let post = |x_m: f64, y_m: f64| keep_out("post", [x_m, y_m, 0.45], [0.03, 0.03, 0.3], 20.0);
    let beside = clearance(vec![post(0.2, 0.25)]);
    let near = beside.check_line(&arm_over, &ready(), &open(), &Allowed::default()).unwrap_err();
    let near = nearness(near);
    assert!(near.part.starts_with("link"), "{near:?}");
    // Exempt obstacles are exempt for the hand only.
    let exempt = Allowed { exempt: &["post"], ..Allowed::default() };
    assert!(beside.check_line(&arm_over, &ready(), &open(), &exempt).is_err());
    let far = clearance(vec![post(-0.4, 0.4)]);
    far.check_line(&arm_over, &ready(), &open(), &Allowed::default()).unwrap();
}

/// The fingers point back to the base, and the plate meets the arm's own column.
#[test]
fn the_plate_stays_away_from_the_arm() {
    let clearance = clearance(Vec::new());
    let back = line([0.25, 0.0, 0.2, 180.0], [0.1, 0.0, 0.2, 180.0]);
    let error = clearance.check_line(&back, &ready(), &holding(), &Allowed::default()).unwrap_err();
    let near = nearness(error.clone());
    assert_eq!(near.part, "held plate");
    assert!(near.obstacle.starts_with("link"), "{near:?}");
    assert!(matches!(error, ClearanceError::TooNearToArm(_)), "{error}");
}

#[test]
fn what_cannot_be_reached_is_the_kinematics_error() {
    let clearance = clearance(Vec::new());
    let check = |line: &FlangeLine| {
        clearance.check_line(line, &ready(), &open(), &Allowed::default()).unwrap_err()
    };
    let out = check(&line([0.35, 0.0, 0.3, 180.0], [0.8, 0.0, 0.3, 180.0]));
    assert!(
        matches!(
            out,
            ClearanceError::Path(FlangePathError::Line { .. } | FlangePathError::Singular { .. })
        ),
        "{out}"
    );
    let start = check(&line([0.9, 0.0, 0.3, 180.0], [0.35, 0.0, 0.3, 180.0]));
    assert!(matches!(start, ClearanceError::Start(_)), "{start}");
    let around = check(&line([0.35, 0.0, 0.3, 90.0], [0.35, 0.0, 0.3, 270.0]));
    assert_eq!(around, ClearanceError::HalfTurn);
}

#[test]
fn names_margins_openings_and_plates_are_checked() {
    let clearance = clearance(vec![keep_out("reader", [0.9, 0.0, 0.1], [0.1; 3], 0.0)]);
    let up = line([0.35, 0.0, 0.2, 180.0], [0.35, 0.0, 0.3, 180.0]);
    let check = |hand: &Hand, allowed: &Allowed<'_>| {
        clearance.check_line(&up, &ready(), hand, allowed).unwrap_err().to_string()
    };
    let exempt = Allowed { exempt: &["raeder"], ..Allowed::default() };
    assert!(check(&open(), &exempt).contains("`raeder` is no obstacle"));
    let entering = |margin_m| Allowed {
        entering: Some(Entering { obstacle: "reader", margin_m, body_margin_m: None }),
        ..Allowed::default()
    };
    for margin_m in [-0.001, 0.021, f64::NAN] {
        let message = check(&open(), &entering(margin_m));
        assert!(message.contains("expected from 0 to 20.0"), "{message}");
    }
    let wide = Hand { jaw_opening_m: 0.2, ..open() };
    assert!(check(&wide, &Allowed::default()).contains("expected from 71.0 to 150.0"));
    let none = HeldPlate { height_m: f64::NAN, ..plate() };
    let none = Hand { held: Some(none), ..holding() };
    assert!(check(&none, &Allowed::default()).contains("the held plate: height_m is NaN"));
}

#[test]
fn the_same_line_gives_the_same_bits() {
    let clearance = clearance(vec![keep_out("box", [0.6, 0.45, 0.1], [0.1, 0.1, 0.2], 30.0)]);
    let across = line([0.35, -0.2, 0.2, 170.0], [0.3, 0.2, 0.3, 215.0]);
    let check = || clearance.check_line(&across, &ready(), &holding(), &Allowed::default());
    let [first, second] = [check().unwrap(), check().unwrap()];
    assert_eq!(first, second);
    assert_eq!(first.least.distance_m.to_bits(), second.least.distance_m.to_bits());
    // The way back has the same least distance.
    let back = FlangeLine { from: across.to, to: across.from };
    let back = clearance.check_line(&back, &first.end, &holding(), &Allowed::default()).unwrap();
    assert!((back.least.distance_m - first.least.distance_m).abs() < 6e-4);
    let apart = back.end.iter().zip(&first.start).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-6, "{apart}");
}

#[test]
fn a_way_above_is_the_lowest_one() {
    let fence = keep_out("fence", [0.35, 0.0, 0.1], [0.3, 0.02, 0.2], 0.0);
    let clearance = clearance(vec![fence]);
    let low = line([0.35, -0.15, 0.1, 180.0], [0.35, 0.15, 0.12, 180.0]);
    let propose = |z_m| clearance.propose_via(&low, &ready(), &holding(), &Allowed::default(), z_m);
    let via = propose([0.0, 0.4]).unwrap();
    // The fence's 200 mm, the margin, and the 3 mm of the plate below the tips: 223 mm, and the next step from 120.
    let offset = rmrl_clearance::GripperBody::bio().flange_from_tool;
    for (point, y_m) in via.points.iter().zip([-0.15, 0.15]) {
        let tool = (point * offset).translation.vector;
        assert!((tool - Vector3::new(0.35, y_m, 0.225)).norm() < 1e-9, "{tool}");
    }
    assert_eq!((via.points.len(), via.lines.len()), (2, 3));
    let low_room = propose([0.0, 0.2]).unwrap_err();
    assert!(matches!(low_room, ViaError::Level { .. }), "{low_room}");
    let message = low_room.to_string();
    assert!(
        message.contains("up to a height of 200.0 mm") && message.contains("fence"),
        "{message}"
    );
    let no_room = propose([0.0, 0.05]).unwrap_err();
    assert!(matches!(no_room, ViaError::NoRoom { .. }), "{no_room}");
    // A direct line that is clear needs no way above.
    let high = line([0.35, -0.15, 0.3, 180.0], [0.35, 0.15, 0.3, 180.0]);
    let via = clearance.propose_via(&high, &ready(), &holding(), &Allowed::default(), [0.0, 0.4]);
    assert!(via.unwrap().points.is_empty());
}

#[test]
fn a_lid_over_the_beginning_leaves_no_way_above() {
    let fence = keep_out("fence", [0.35, 0.0, 0.1], [0.3, 0.02, 0.2], 0.0);
    let roof = keep_out("roof", [0.35, -0.15, 0.4], [0.5, 0.1, 0.02], 0.0);
    let clearance = clearance(vec![fence, roof]);
    let low = line([0.35, -0.15, 0.1, 180.0], [0.35, 0.15, 0.1, 180.0]);
    let refused = clearance
        .propose_via(&low, &ready(), &holding(), &Allowed::default(), [0.0, 0.5])
        .unwrap_err();
    assert!(matches!(refused, ViaError::Upright { .. }), "{refused}");
    assert!(refused.to_string().contains("roof"), "{refused}");
}
