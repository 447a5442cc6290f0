//! Measured widths, compared with the labware that the jaws should hold.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::f64::consts::FRAC_PI_2;

use proptest::prelude::*;
use rmrl_labware::{
    Grip, GripFault, GripReading, Held, Jaws, Labware, Library, Side, judge_grip,
    width_between_jaws,
};

const BIO: Jaws = Jaws { closed_m: 0.071, open_m: 0.150 };

fn plate() -> Labware {
    Library::built_in().get("96-well").unwrap().clone()
}

fn by_length() -> Labware {
    let plate = plate();
    Labware { grip: Grip { width_m: plate.length_m, ..plate.grip }, ..plate }
}

fn judge(labware: &Labware, width_m: f64) -> Result<Held, GripFault> {
    judge_grip(labware, &GripReading { width_m: Some(width_m), jaws: BIO })
}

#[test]
fn a_gripper_without_a_width_is_no_fault() {
    assert_eq!(judge_grip(&plate(), &GripReading { width_m: None, jaws: BIO }), Ok(Held::Unknown));
}

#[test]
fn faults_say_what_was_measured_and_expected_and_where_to_look() {
    let (plate, by_length) = (plate(), by_length());
    for (labware, width_m, expected) in [
        (
            &plate,
            f64::NAN,
            "the gripper reports a width of NaN m, which is no width; check the gripper's cable and its error",
        ),
        (&plate, -0.001, "the gripper reports a width of -0.001 m, which is no width;"),
        (
            &plate,
            0.071,
            "the jaws hold nothing: they are 71.0 mm apart and close to 71.0 mm, expected 85.5 mm of 96-well; \
             look whether 96-well is in its place, and whether the jaws close at its height",
        ),
        (&plate, 0.0729, "the jaws hold nothing"),
        (&plate, 0.0, "the jaws hold nothing"),
        (
            &plate,
            0.0767,
            "what the jaws hold is too narrow for 96-well: they are 76.7 mm apart, expected 85.5 mm within 2.0; \
             look whether it is another labware, or crushed",
        ),
        (
            &plate,
            0.1272,
            "the jaws hold 96-well by the wrong side: they are 127.2 mm apart, which is its length, \
             expected 85.5 mm; look whether it was put down turned by 90 degrees",
        ),
        (
            &by_length,
            0.0855,
            "the jaws hold 96-well by the wrong side: they are 85.5 mm apart, which is its width, expected 127.8 mm",
        ),
        (&by_length, 0.1, "what the jaws hold is too narrow for 96-well"),
        (
            &plate,
            0.0900,
            "96-well is crooked between the jaws: they are 90.0 mm apart, expected 85.5 mm within 2.0, \
             as if turned by 2.1 degrees; look whether it is turned, or whether a lid's edge or a corner is \
             between the jaws",
        ),
        (
            &plate,
            0.1485,
            "the jaws did not close: they are 148.5 mm apart and open to 150.0 mm, expected 85.5 mm of 96-well; \
             look what is between the jaws, and whether the gripper has power",
        ),
    ] {
        let fault = judge(labware, width_m).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}\nexpected {expected}");
    }
}

#[test]
fn wider_than_the_diagonal_is_crooked_without_a_yaw() {
    // 80 x 100 mm: the diagonal is 128.06 mm.
    let small = Labware {
        length_m: 0.1,
        width_m: 0.08,
        grip: Grip { width_m: 0.08, ..plate().grip },
        ..plate()
    };
    small.check(&BIO).unwrap();
    let fault = judge(&small, 0.14).unwrap_err();
    assert!(matches!(fault, GripFault::Crooked { yaw_rad: None, .. }), "{fault:?}");
    assert!(fault.to_string().contains("within 2.0, which no turn explains; look"), "{fault}");
    assert!(matches!(judge(&small, 0.125), Err(GripFault::Crooked { yaw_rad: Some(_), .. })));
}

#[test]
fn the_tolerance_is_that_of_the_labware() {
    let plate = plate();
    for (width_m, is_held) in
        [(0.0834, false), (0.0836, true), (0.08548, true), (0.0874, true), (0.0876, false)]
    {
        assert_eq!(judge(&plate, width_m).is_ok(), is_held, "{width_m}");
    }
    match judge(&plate, 0.086).unwrap() {
        Held::AsExpected { measured_m, deviation_m } => {
            assert_eq!(measured_m, 0.086);
            assert!((deviation_m - 0.00052).abs() < 1e-12);
        }
        Held::Unknown => panic!("a width was measured"),
    }
}

/// Labware that jaws from 71 to 150 mm can hold.
fn any_labware() -> impl Strategy<Value = Labware> {
    let sides = (0.076..0.145_f64, 0.0..0.06_f64, 0.000_5..0.002_f64, any::<bool>());
    sides.prop_filter_map("the jaws do not reach", |(width_m, longer_m, tolerance_m, is_length)| {
        let length_m = width_m + longer_m;
        let held_m = if is_length { length_m } else { width_m };
        let grip = Grip { width_m: held_m, height_m: 0.002, tolerance_m };
        let labware = Labware { length_m, width_m, grip, ..plate() };
        labware.check(&BIO).is_ok().then_some(labware)
    })
}

proptest! {
    /// A plate that is turned by `a` is crooked, and the yaw found is `a`: unless the width is one of the plate's own, or
    /// the jaws are as wide as they go.
    #[test]
    fn a_turned_plate_is_crooked_by_its_yaw(labware in any_labware(), share in 0.001..0.99_f64) {
        let (held_m, other_m) = (labware.grip.width_m, labware.other_grip_width_m());
        let yaw_rad = share * other_m.atan2(held_m);
        let measured_m = width_between_jaws(held_m, other_m, yaw_rad);
        let tolerance_m = labware.grip.tolerance_m;
        match judge(&labware, measured_m) {
            Ok(Held::AsExpected { deviation_m, .. }) => prop_assert!(deviation_m <= tolerance_m),
            Err(GripFault::WrongSide { side, .. }) => {
                prop_assert!((measured_m - other_m).abs() <= tolerance_m);
                prop_assert_eq!(side, labware.held_side().other());
            }
            Err(GripFault::StillOpen { .. }) => {
                prop_assert!(measured_m >= BIO.open_m - tolerance_m);
            }
            Err(GripFault::Crooked { yaw_rad: Some(found), .. }) => {
                prop_assert!((found - yaw_rad).abs() < 1e-9, "{found} {yaw_rad}");
                prop_assert!(measured_m > held_m + tolerance_m);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    /// A plate turned by a quarter is held by the wrong side, if its sides differ by more than the tolerance.
    #[test]
    fn a_quarter_turn_is_the_wrong_side(labware in any_labware()) {
        let (held_m, other_m) = (labware.grip.width_m, labware.other_grip_width_m());
        let tolerance_m = labware.grip.tolerance_m;
        prop_assume!((held_m - other_m).abs() > tolerance_m);
        let measured_m = width_between_jaws(held_m, other_m, FRAC_PI_2);
        let fault = judge(&labware, measured_m).unwrap_err();
        if measured_m > BIO.closed_m + tolerance_m {
            let side = labware.held_side().other();
            let is_named = matches!(fault, GripFault::WrongSide { side: found, .. } if found == side);
            prop_assert!(is_named, "{fault}");
        }
    }

    /// Any number gets a verdict, and only widths within the tolerance are held.
    #[test]
    fn only_widths_within_the_tolerance_are_held(labware in any_labware(), width_m in any::<f64>()) {
        let is_held = judge(&labware, width_m).is_ok();
        prop_assert_eq!(is_held, (width_m - labware.grip.width_m).abs() <= labware.grip.tolerance_m);
    }

    /// The same, over the widths that jaws have.
    #[test]
    fn each_width_has_the_fault_of_its_range(labware in any_labware(), width_m in 0.06..0.16_f64) {
        let Grip { width_m: held_m, tolerance_m, .. } = labware.grip;
        match judge(&labware, width_m) {
            Ok(_) => prop_assert!((width_m - held_m).abs() <= tolerance_m),
            Err(GripFault::NothingHeld { .. }) => {
                prop_assert!(width_m <= BIO.closed_m + tolerance_m);
            }
            Err(GripFault::TooNarrow { .. }) => prop_assert!(width_m < held_m - tolerance_m),
            Err(GripFault::Crooked { .. } | GripFault::StillOpen { .. }) => {
                prop_assert!(width_m > held_m + tolerance_m);
            }
            Err(GripFault::WrongSide { side, .. }) => {
                prop_assert!((width_m - labware.side_m(side)).abs() <= tolerance_m + 1e-12);
            }
            Err(fault @ GripFault::NotAWidth { .. }) => prop_assert!(false, "{fault}"),
        }
    }
}

#[test]
fn a_lid_is_judged_like_a_plate() {
    let library = Library::built_in();
    let lid = library.get("96-well-with-lid").unwrap().lid_alone().unwrap();
    assert!(judge(&lid, 0.0855).is_ok());
    let fault = judge(&lid, 0.1278).unwrap_err();
    assert!(matches!(fault, GripFault::WrongSide { side: Side::Length, .. }), "{fault:?}");
}
