//! Sites and the inventory, by the commands.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::path::Path;
use std::process::Command;

use binary::{failure, json as result, rmrl};
use jiff::Timestamp;
use rmrl::Layers;
use rmrl_inventory::{Inventory, Place, SlotAddress};
use serde_json::{Value, json};

const LABORATORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");

fn cell(dir: &Path, arguments: &[&str]) -> Command {
    let rest = ["--config", LABORATORY, "--set", "inventory.dir=inventory"];
    rmrl(dir, &[&["cell"], arguments, &rest].concat())
}

fn slot(text: &str) -> SlotAddress {
    text.parse().unwrap()
}

#[test]
fn the_laboratory_has_slots_that_the_arm_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let listed = result(&mut cell(dir.path(), &["sites"]));
    let slots = listed["slots"].as_array().unwrap();
    let names: Vec<&str> = slots.iter().map(|slot| slot["slot"].as_str().unwrap()).collect();
    assert_eq!(names, ["bench", "hotel:1", "hotel:2", "lid-park", "reader"]);
    assert_eq!((&listed["travel"], &listed["above"]), (&json!([]), &json!([])));
    for slot in slots {
        assert!(slot["least_limit_distance_deg"].as_f64().unwrap() > 5.0, "{slot}");
        assert!(slot["nearest"].is_string() && slot.get("not_clear").is_none(), "{slot}");
    }
    for (key, expected) in [("sites.hotel.y_m=0.5", "hotel:1"), ("sites.reader.x_m=0.9", "reader")]
    {
        let output = cell(dir.path(), &["sites", "--set", key]).output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{listed}");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let out = listed["slots"].as_array().unwrap().iter().find(|one| one["slot"] == expected);
        assert!(out.unwrap()["out_of_reach"].is_string(), "{listed}");
    }
    // The doctor says it, too.
    let doctor = |keys: &[&str]| -> Value {
        let output = cell(dir.path(), &[&["doctor"], keys].concat()).output().unwrap();
        let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = diagnosis["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "sites").unwrap().clone()
    };
    assert_eq!(doctor(&[])["status"], "ok");
    let far = doctor(&["--set", "sites.reader.x_m=0.9"]);
    assert!(far["status"] == "fail" && far["found"].as_str().unwrap().contains("reader"), "{far}");
    let unknown = doctor(&["--set", "sites.reader.depth_m=0.9"]);
    assert!(unknown["found"].as_str().unwrap().contains("depth_m"), "{unknown}");
    let none = failure(&mut rmrl(dir.path(), &["cell", "sites"]), 2);
    assert!(none.contains("add [sites.NAME]"), "{none}");
}

/// The example of a real cell is one that the arm reaches, but for what its laboratory has to measure.
#[test]
fn the_real_laboratory_of_the_examples_is_reached_and_clear() {
    let dir = tempfile::tempdir().unwrap();
    let config = LABORATORY.replace("laboratory.toml", "xarm6-laboratory.toml");
    let listed = result(&mut rmrl(dir.path(), &["cell", "sites", "--config", &config]));
    assert_eq!((&listed["travel"], &listed["above"]), (&json!([]), &json!([])));
    assert_eq!(listed["slots"].as_array().unwrap().len(), 5);
    // Its commands name sites that a policy can be for.
    let words = ["policy", "use", "nothing", "bench", "reader", "--config", &config];
    let rest = ["--set", "inventory.dir=inventory"];
    let error = failure(&mut rmrl(dir.path(), &[&words[..], &rest].concat()), 2);
    assert!(error.contains("no directory of a run"), "{error}");
}

#[test]
fn ways_that_are_not_clear_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let sites = |boxes: &str| {
        let key = format!("clearance.keep_outs=[{boxes}]");
        let output = cell(dir.path(), &["sites", "--set", &key]).output().unwrap();
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), listed)
    };
    // Walls of the hotel that leave 95 mm: the plate fits, and the fingers beside it do not.
    let wall = |x_m: f64| {
        format!(
            "{{ name = \"hotel\", center_m = [{x_m}, 0.305, 0.09], size_m = [0.004, 0.13, 0.18] }}"
        )
    };
    let (status, listed) = sites(&format!("{}, {}", wall(0.2105), wall(0.3095)));
    assert_eq!(status, Some(1));
    let hotel = &listed["slots"][1];
    let reason = hotel["not_clear"].as_str().unwrap();
    assert!(reason.contains("hotel:1 with") && reason.contains("finger"), "{reason}");
    // A box on the straight line between bench and reader is passed above.
    let low = r#"{ name = "mixer", center_m = [0.37, 0.06, 0.11], size_m = [0.04, 0.04, 0.22] }"#;
    let (_, listed) = sites(low);
    let above = listed["above"].as_array().unwrap();
    let pair = above.iter().find(|one| one["from"] == "bench" && one["to"] == "reader").unwrap();
    assert!((230.0..300.0).contains(&pair["height_mm"].as_f64().unwrap()), "{pair}");
    // One that is higher than the workspace is in the way.
    let high = r#"{ name = "post", center_m = [0.4, 0.03, 0.3], size_m = [0.05, 0.05, 0.6] }"#;
    let (status, listed) = sites(high);
    assert_eq!(status, Some(1));
    let travel = listed["travel"].as_array().unwrap();
    let mut reasons = travel.iter().map(|reason| reason.as_str().unwrap());
    let between = reasons.any(|one| one.contains("between bench and") && one.contains("post"));
    assert!(between, "{travel:?}");
}

#[test]
fn what_lies_where_is_said_shown_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let set = |place: &str, items: &[&str]| {
        cell(dir.path(), &[&["inventory", "set", place, "--reason", "loaded"], items].concat())
    };
    let shown = result(&mut set("hotel:1", &["plate-1=96-well"]));
    assert_eq!(shown["slots"]["hotel:1"][0]["id"], "plate-1");
    result(&mut set("bench", &["plate-2=96-well-with-lid+lid"]));
    for (place, items, expected) in [
        ("hotel:3", vec!["p=96-well"], vec!["hotel:3"]),
        ("hotel:2", vec!["p=96-wells"], vec!["96-wells", "384-well"]),
        ("hotel:2", vec!["p=96-deep-well"], vec!["96-deep-well", "hotel:2"]),
        ("hotel:2", vec!["p=96-well", "q=96-well"], vec!["hotel:2"]),
        ("hotel:2", vec!["plate-1=96-well"], vec!["plate-1", "hotel:1"]),
        ("hotel:2", vec!["p=96-well+lid"], vec!["96-well has no lid"]),
        ("hotel:2", vec!["p"], vec!["ID=LABWARE"]),
    ] {
        let output = set(place, &items).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{place} {items:?}");
        assert!(expected.iter().all(|word| said.contains(word)), "{place} {items:?}: {said}");
    }
    let shown = result(&mut cell(dir.path(), &["inventory", "show"]));
    assert_eq!(shown["slots"]["bench"][0]["has_lid"], true);
    assert_eq!(shown["unknown"], json!(["hotel:2", "lid-park", "reader"]));
    result(&mut cell(dir.path(), &["inventory", "verify"]));
    // A byte that was changed is found by its line.
    let journal = dir.path().join("inventory/journal-0000000001.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replacen("plate-1", "plate-9", 1)).unwrap();
    let damaged = failure(&mut cell(dir.path(), &["inventory", "show"]), 1);
    assert!(
        damaged.contains("journal-0000000001.jsonl") && damaged.contains("line 1"),
        "{damaged}"
    );
}

/// A transfer that a power failure interrupted: nobody knows whether the jaws hold the plate, so somebody has to look.
#[test]
fn an_uncertain_item_is_settled_by_a_person() {
    let dir = tempfile::tempdir().unwrap();
    result(&mut cell(
        dir.path(),
        &["inventory", "set", "hotel:1", "p=96-well", "--reason", "loaded"],
    ));
    result(&mut cell(dir.path(), &["inventory", "set", "reader", "--reason", "empty"]));
    let places = Layers::default().with_file(Path::new(LABORATORY)).unwrap().places().unwrap();
    let (folder, now) = (dir.path().join("inventory"), Timestamp::UNIX_EPOCH);
    let mut inventory = Inventory::open(&folder, places.layout(), now).unwrap();
    let from = Place::Slot(slot("hotel:1"));
    inventory.begin_transfer(&from, &slot("reader"), None, now).unwrap();
    drop(inventory);
    let shown = result(&mut cell(
        dir.path(),
        &["inventory", "settle", "p", "hotel:1", "--reason", "looked"],
    ));
    assert_eq!(shown["slots"]["hotel:1"][0]["id"], "p");
    assert!(shown["uncertain"].is_null());
    let again = cell(dir.path(), &["inventory", "settle", "p", "reader", "--reason", "looked"]);
    let said = failure(&mut { again }, 1);
    assert!(said.contains("p"), "{said}");
}
