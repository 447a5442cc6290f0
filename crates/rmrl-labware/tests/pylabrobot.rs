//! Plates from PyLabRobot's JSON: files of versions 0.2.2 and 1.0.0b1, which
//! `tools/pylabrobot_labware_fixture.py` made, and what can be wrong with such files.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::path::{Path, PathBuf};

use rmrl_labware::{
    ImportGrip, LabwareKind, Library, Lid, PyLabRobotError, Side, parse_pylabrobot, read_pylabrobot,
};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

const VERSIONS: [&str; 2] = ["0.2", "1.0"];

#[test]
fn both_versions_give_the_same_labware() {
    for version in VERSIONS {
        let read = |name: &str| {
            let path = fixture(&format!("pylabrobot-{version}-{name}.json"));
            read_pylabrobot(&path, &ImportGrip::default()).unwrap()
        };
        let plate = read("plate");
        assert_eq!((plate.name.as_str(), plate.kind), ("assay_1", LabwareKind::Microplate));
        assert_eq!([plate.length_m, plate.width_m, plate.height_m], [0.12776, 0.08548, 0.0142]);
        assert_eq!((plate.stacking_height_m, plate.lid), (0.0142, None));
        assert_eq!((plate.held_side(), plate.grip.width_m), (Side::Width, 0.08548));

        let lidded = read("lidded");
        let expected = Lid {
            length_m: 0.12776,
            width_m: 0.08548,
            height_m: 0.0089,
            nesting_m: 0.0076,
            grip_height_m: 0.00445,
        };
        assert_eq!((lidded.name.as_str(), lidded.lid), ("assay_2", Some(expected)));
        assert!((lidded.with_lid_m().unwrap() - 0.0155).abs() < 1e-12);

        let deep = read("deep");
        assert_eq!((deep.name.as_str(), deep.kind), ("deep_1", LabwareKind::DeepWellPlate));
        assert_eq!((deep.height_m, deep.stacking_height_m), (0.0441, 0.042));
        assert!((deep.stack_height_m(3) - 0.1281).abs() < 1e-12);

        let mut library = Library::built_in();
        library.insert(lidded).unwrap();
        library.get("assay_2").unwrap();
    }
}

#[test]
fn the_caller_says_where_the_jaws_hold() {
    let grip = ImportGrip { side: Side::Length, height_m: 0.004, tolerance_m: 0.001 };
    let plate = read_pylabrobot(&fixture("pylabrobot-1.0-plate.json"), &grip).unwrap();
    assert_eq!(plate.held_side(), Side::Length);
    let grip = plate.grip;
    assert_eq!((grip.width_m, grip.height_m, grip.tolerance_m), (0.12776, 0.004, 0.001));
}

fn lidded() -> Value {
    let text = std::fs::read_to_string(fixture("pylabrobot-1.0-lidded.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn parse(value: &Value) -> Result<rmrl_labware::Labware, PyLabRobotError> {
    parse_pylabrobot(&value.to_string(), Path::new("a.json"), &ImportGrip::default())
}

#[test]
fn a_lid_may_be_at_a_key_of_its_own_and_unknown_keys_do_not_matter() {
    let expected = parse(&lidded()).unwrap();
    let mut plate = lidded();
    let lid = plate["children"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!(parse(&plate).unwrap().lid, None);
    plate["lid"] = lid;
    plate["future"] = json!({"size_x": "none"});
    assert_eq!(parse(&plate).unwrap(), expected);
    plate["lid"] = Value::Null;
    plate["children"] = Value::Null;
    assert_eq!(parse(&plate).unwrap().lid, None);
    // Without a category the type decides.
    plate.as_object_mut().unwrap().remove("category");
    parse(&plate).unwrap();
}

type Change = fn(&mut Value);

#[test]
fn every_error_names_the_file_the_key_and_what_was_expected() {
    let cases: [(Change, &str); 18] = [
        (|p| p["size_x"] = json!("127.76"), "size_x is \"127.76\", expected a number above 0"),
        (|p| p["size_x"] = json!(0.12776e4), "size_x is 1277.6, expected a number above 0"),
        (|p| p["size_y"] = Value::Null, "size_y is null, expected a number above 0"),
        (|p| p["size_y"] = json!(130), "size_y is 130, expected at most size_x"),
        (|p| p["size_z"] = json!(0), "size_z is 0, expected a number above 0"),
        (|p| p["size_z"] = json!(-14.2), "size_z is -14.2, expected a number above 0"),
        (
            |p| drop(p.as_object_mut().unwrap().remove("size_z")),
            "size_z is not there, expected a number above 0 and at most 1000, in millimeters",
        ),
        (|p| p["name"] = json!(7), "name is 7, expected a text"),
        (|p| p["category"] = json!("tip_rack"), "category is \"tip_rack\", expected a plate"),
        (|p| p["category"] = json!(1), "category is 1, expected a text"),
        (
            |p| (p["category"], p["type"]) = (Value::Null, json!("Deck")),
            "type is \"Deck\", expected a plate: category \"plate\" or type \"Plate\"",
        ),
        (|p| p["stacking_z_height"] = json!(true), "stacking_z_height is true, expected a number"),
        (|p| p["children"] = json!(3), "children is 3, expected a list"),
        (|p| p["children"][1] = json!(3), "children[1] is 3, expected an object"),
        (
            |p| p["children"][0] = p["children"][2].clone(),
            "children[2].name is \"assay_2_lid\", expected one",
        ),
        (
            |p| p["children"][2]["nesting_z_height"] = Value::Null,
            "children[2].nesting_z_height is null, expected a number from 0 to 1000",
        ),
        (
            |p| p["children"][2]["size_z"] = json!([1]),
            "children[2].size_z is a list of 1, expected",
        ),
        (|p| p["lid"] = json!("lid"), "lid is \"lid\", expected an object"),
    ];
    for (change, expected) in cases {
        let mut plate = lidded();
        change(&mut plate);
        let error = parse(&plate).unwrap_err();
        assert!(matches!(error, PyLabRobotError::Key { .. }), "{error}");
        let expected = format!("a.json: {expected}");
        assert!(error.to_string().starts_with(&expected), "{error}\nexpected {expected}");
    }
    let error = parse(&json!([])).unwrap_err().to_string();
    assert_eq!(error, "a.json: the file is a list of 0, expected an object");
}

#[test]
fn a_plate_that_is_no_labware_is_refused_with_the_labwares_key() {
    let cases: [(Change, &str); 3] = [
        (
            |p| p["children"][2]["size_x"] = json!(100),
            "a.json: as labware, lid.length_m is 0.1, expected at most 0.006 less",
        ),
        (
            |p| p["stacking_z_height"] = json!(20),
            "a.json: as labware, stacking_height_m is 0.02, expected at most height_m, 0.0142",
        ),
        (|p| p["name"] = json!(""), "a.json: as labware, name is \"\", expected 1 to 100 bytes"),
    ];
    for (change, expected) in cases {
        let mut plate = lidded();
        change(&mut plate);
        let error = parse(&plate).unwrap_err();
        assert!(matches!(error, PyLabRobotError::Invalid { .. }), "{error}");
        assert!(error.to_string().starts_with(expected), "{error}\nexpected {expected}");
    }
}

#[test]
fn files_that_are_no_json_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plate.json");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_pylabrobot(&path, &ImportGrip::default()).unwrap_err()
    };
    let deep = "[".repeat(100_000);
    for bytes in
        [&b"{"[..], b"", b"\xFF", b"{\"size_x\": NaN}", b"{\"size_x\": 1e999}", deep.as_bytes()]
    {
        let error = read(bytes);
        assert!(matches!(error, PyLabRobotError::Syntax { .. }), "{error}");
        assert!(error.to_string().contains("plate.json is no JSON: "), "{error}");
    }
    let error = read_pylabrobot(folder.path(), &ImportGrip::default()).unwrap_err();
    assert!(matches!(error, PyLabRobotError::Read { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}
