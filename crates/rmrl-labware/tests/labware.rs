//! Dimensions of labware, against the standards and each other.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_core::ConfigKeys;
use rmrl_labware::{
    Grip, Jaws, Labware, LabwareKind, Library, Lid, SLAS_SIDE_TOLERANCE_M, Side, built_in_labware,
};

const BIO: Jaws = Jaws { closed_m: 0.071, open_m: 0.150 };

fn lidded() -> Labware {
    Library::built_in().get("96-well-with-lid").unwrap().clone()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
}

#[test]
fn built_in_labware_has_the_standards_dimensions_and_fits_the_bio_gripper() {
    let all = built_in_labware();
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["96-well", "384-well", "96-deep-well", "96-well-with-lid"]);
    for one in &all {
        one.check(&BIO).unwrap();
        // ANSI/SLAS 1-2004: 127.76 x 85.48 mm, within 0.5 mm.
        assert_eq!([one.length_m, one.width_m], [0.12776, 0.08548]);
        // A measured width may be as far off as the plate's own tolerance, and more.
        assert!(one.grip.tolerance_m > SLAS_SIDE_TOLERANCE_M);
        // ANSI/SLAS 3-2004: flanges are 2.41 mm high, within 0.38 mm.
        assert!(one.grip.height_m < 0.00241 - 0.00038);
        assert_eq!(one.held_side(), Side::Width);
        // ANSI/SLAS 2-2004: 14.35 mm within 0.76 mm.
        let is_standard = (one.height_m - 0.01435).abs() <= 0.00076;
        assert_eq!(is_standard, one.kind == LabwareKind::Microplate);
    }
}

#[test]
fn heights_with_a_lid_are_those_of_the_lids_geometry() {
    let plate = lidded();
    near(plate.without_lid_m(), 0.01435);
    // 14.35 - 7.6 + 8.9 mm.
    near(plate.with_lid_m().unwrap(), 0.01565);
    near(plate.lid_rim_m().unwrap(), 0.00675);
    near(plate.lid_grip_height_m().unwrap(), 0.0112);
    assert_eq!(plate.lid_overhang_m(), Some([0.0, 0.0]));
    let lid = Lid { length_m: 0.13, width_m: 0.0848, ..plate.lid.unwrap() };
    let [along_length_m, along_width_m] =
        Labware { lid: Some(lid), ..plate }.lid_overhang_m().unwrap();
    near(along_length_m, 0.00112);
    near(along_width_m, -0.00034);

    let bare = Library::built_in().get("96-well").unwrap().clone();
    for none in [bare.with_lid_m(), bare.lid_rim_m(), bare.lid_grip_height_m()] {
        assert_eq!(none, None);
    }
    assert_eq!((bare.lid_overhang_m(), bare.lid_alone()), (None, None));
}

#[test]
fn a_stack_grows_by_the_stacking_height() {
    let plate = lidded();
    assert_eq!(plate.stack_height_m(0), 0.0);
    for count in 1..50 {
        let expected = 0.01435 + f64::from(count - 1) * (0.01435 - 0.00111);
        near(plate.stack_height_m(count), expected);
    }
    assert!(plate.stack_height_m(u32::MAX).is_finite());
}

#[test]
fn a_lid_alone_is_labware_that_the_jaws_hold_by_the_same_sides() {
    let plate = lidded();
    let lid = plate.lid_alone().unwrap();
    lid.check(&BIO).unwrap();
    assert_eq!((lid.kind, lid.name.as_str()), (LabwareKind::Lid, "96-well-with-lid.lid"));
    assert_eq!((lid.height_m, lid.grip.width_m, lid.lid), (0.0089, 0.08548, None));
    let by_length = Labware { grip: Grip { width_m: 0.12776, ..plate.grip }, ..plate };
    by_length.check(&BIO).unwrap();
    assert_eq!(by_length.held_side(), Side::Length);
    assert_eq!(by_length.lid_alone().unwrap().grip.width_m, 0.12776);
}

#[test]
fn above_a_flange_both_sides_are_narrower() {
    let plate = lidded();
    let narrow = Labware { grip: Grip { width_m: 0.0815, ..plate.grip }, ..plate };
    narrow.check(&BIO).unwrap();
    assert_eq!(narrow.held_side(), Side::Width);
    near(narrow.other_grip_width_m(), 0.12776 - 0.00398);
}

type Change = fn(&mut Labware);

#[test]
fn every_error_names_its_key_and_what_was_expected() {
    fn lid(plate: &mut Labware) -> &mut Lid {
        plate.lid.as_mut().unwrap()
    }
    let cases: [(Change, &str); 21] = [
        (|p| p.name = " a".into(), "name is \" a\", expected 1 to 100 bytes of visible text"),
        (|p| p.name = String::new(), "name is \"\", expected 1 to 100 bytes"),
        (|p| p.name = "a\nb".into(), "expected 1 to 100 bytes of visible text"),
        (|p| p.length_m = 127.76, "length_m is 127.76, expected above 0 and at most 1"),
        (|p| p.height_m = f64::NAN, "height_m is NaN, expected above 0 and at most 1"),
        (
            |p| p.width_m = 0.13,
            "width_m is 0.13, expected at most length_m, 0.12776: x is along the long side",
        ),
        (|p| p.stacking_height_m = 0.02, "stacking_height_m is 0.02, expected at most height_m"),
        (
            |p| p.grip.width_m = 0.1,
            "grip.width_m is 0.1, expected length_m, 0.12776, or width_m, 0.08548, or at most 0.006 less",
        ),
        (|p| p.grip.width_m = 0.0, "grip.width_m is 0, expected above 0"),
        (|p| p.grip.height_m = 0.01435, "grip.height_m is 0.01435, expected less than height_m"),
        (|p| p.grip.tolerance_m = 0.02, "grip.tolerance_m is 0.02, expected above 0 and at most"),
        (
            |p| p.grip.height_m = 0.007,
            "grip.height_m is 0.007, expected below the lid's rim at 0.00675, or the jaws hold the lid, too",
        ),
        (|p| lid(p).nesting_m = 0.0089, "lid.nesting_m is 0.0089, expected less than the lid's"),
        (
            |p| lid(p).grip_height_m = 0.01,
            "lid.grip_height_m is 0.01, expected less than the lid's height_m, 0.0089",
        ),
        (|p| lid(p).width_m = 0.2, "lid.width_m is 0.2, expected at most length_m"),
        (
            |p| lid(p).length_m = 0.14,
            "lid.length_m is 0.14, expected at most 0.006 less or 0.01 more than the plate's 0.12776",
        ),
        (|p| lid(p).width_m = 0.07, "lid.width_m is 0.07, expected at most 0.006 less"),
        (
            |p| (lid(p).height_m, lid(p).nesting_m) = (0.02, 0.015),
            "lid.nesting_m is 0.015, expected less than the plate's height_m, 0.01435",
        ),
        // The jaws' reach: 71 to 150 mm, less tolerances of 2 mm.
        (
            |p| (p.lid, p.width_m, p.grip.width_m) = (None, 0.075, 0.075),
            "grip.width_m is 0.075, expected above 0.07500 and below 0.14800, because the jaws go from 0.071 to 0.15",
        ),
        (
            |p| (p.lid, p.length_m, p.grip.width_m) = (None, 0.148, 0.148),
            "grip.width_m is 0.148, expected above 0.07500 and below 0.14800",
        ),
        (
            |p| {
                (p.length_m, p.grip.width_m) = (0.147, 0.147);
                lid(p).length_m = 0.149;
            },
            "lid.length_m is 0.149, expected above 0.07500 and below 0.14800",
        ),
    ];
    for (change, expected) in cases {
        let mut plate = lidded();
        change(&mut plate);
        let error = plate.check(&BIO).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    let jaws = Jaws { closed_m: 0.15, open_m: 0.071 };
    let error = lidded().check(&jaws).unwrap_err().to_string();
    assert_eq!(error, "open_m is 0.071, expected more than closed_m, 0.15");
}

#[test]
fn labware_is_the_same_after_it_was_written_and_every_key_is_described() {
    for one in built_in_labware() {
        let text = toml::to_string(&one).unwrap();
        assert_eq!(toml::from_str::<Labware>(&text).unwrap(), one, "{text}");
        let error = toml::from_str::<Labware>(&format!("hight_m = 1\n{text}")).unwrap_err();
        assert!(error.message().contains("unknown field `hight_m`"), "{error}");
    }
    let keys = Labware::keys();
    assert!(keys.iter().any(|key| key.path == "lid.nesting_m" && key.range.is_some()));
    assert!(keys.iter().any(|key| key.path == "grip.tolerance_m"));
}
