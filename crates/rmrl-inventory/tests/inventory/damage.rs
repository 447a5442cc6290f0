//! Damage that no crash causes is refused by file and line.

use std::fs;
use std::path::Path;

use rmrl_inventory::{World, verify};

use crate::cell::{open_on, place, second, set, slot, stock, stock_lids};
use crate::disks::{FastDisk, Folder, folder, quick_folder, write_folder};

/// Two journals of seven events, and one of four that takes a lid off and puts another one on.
fn events_of_lids() -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open_on(dir.path(), FastDisk, 7);
    stock_lids(&mut inventory);
    let (park, tray, hotel) = (slot("lids"), slot("tray"), slot("hotel:1"));
    for from in [&hotel, &tray] {
        let transfer = inventory.begin_unlid(from, &park, second(2)).unwrap();
        inventory.grasped(transfer, second(3)).unwrap();
        inventory.released(transfer, &park, None, second(4)).unwrap();
        inventory.done(transfer, second(5)).unwrap();
    }
    let park = place("lids");
    let transfer = inventory.begin_relid(&park, &tray, second(6)).unwrap();
    inventory.grasped(transfer, second(7)).unwrap();
    inventory.released(transfer, &tray, None, second(8)).unwrap();
    assert_eq!(inventory.world().sequence(), 18);
    folder(dir.path())
}

/// Three journals of seven, seven and four events.
fn eighteen_events() -> (Folder, World) {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open_on(dir.path(), FastDisk, 7);
    for _ in 0..3 {
        stock(&mut inventory);
    }
    let names: Vec<String> = folder(dir.path()).into_keys().collect();
    let expected = ["journal-0000000001.jsonl", "journal-0000000008.jsonl"];
    assert_eq!(names, [&expected[..], &["journal-0000000015.jsonl", "snapshot.json"]].concat());
    (folder(dir.path()), inventory.world().clone())
}

fn changed(files: &Folder, name: &str, bytes: Vec<u8>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), files);
    fs::write(dir.path().join(name), bytes).unwrap();
    dir
}

/// Reads as a program does that needs this file.
fn read(dir: &Path, name: &str) -> Result<World, String> {
    let is_archive = name.contains("0000001.") || name.contains("0000008.");
    let world = if is_archive { verify(dir) } else { World::read(dir) };
    world.map_err(|error| error.to_string())
}

#[test]
fn every_flipped_byte_is_found_by_file_and_line() {
    assert_every_flip_is_found(&eighteen_events().0);
    assert_every_flip_is_found(&events_of_lids());
}

fn assert_every_flip_is_found(files: &Folder) {
    let dir = quick_folder();
    write_folder(dir.path(), files);
    for (name, bytes) in files {
        for (at, mask) in (0..bytes.len()).flat_map(|at| MASKS.map(|mask| (at, mask))) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= mask;
            fs::write(dir.path().join(name), flipped).unwrap();
            let message = read(dir.path(), name).unwrap_err();
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            let named = format!("{name}, line {line} is damaged: ");
            assert!(message.contains(&named), "byte {at} of {name}: {message}");
            let fix = if name == "snapshot.json" { "move it away" } else { "inventory set" };
            assert!(message.contains(fix), "{message}");
        }
        fs::write(dir.path().join(name), bytes.as_slice()).unwrap();
    }
}

/// One bit, another case of a letter, an end of a line from an end of an object, and all bits.
const MASKS: [u8; 4] = [0x01, 0x20, b'}' ^ b'\n', 0xff];

#[test]
fn lines_that_go_come_twice_or_change_places_are_found() {
    let (files, _) = eighteen_events();
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("journal")) {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let without = [&lines[..1], &lines[2..]].concat();
        let twice = [&lines[..2], &lines[1..]].concat();
        let swapped = [&[lines[0], lines[2], lines[1]][..], &lines[3..]].concat();
        for (lines, expected) in [(without, 2), (twice, 3), (swapped, 2)] {
            let dir = changed(&files, name, lines.concat());
            let message = read(dir.path(), name).unwrap_err();
            assert!(message.contains(&format!("{name}, line {expected} is damaged")), "{message}");
        }
    }
    // A journal of another inventory, whose lines are whole.
    let dir = tempfile::tempdir().unwrap();
    let mut other = open_on(dir.path(), FastDisk, 7);
    for at in ["hotel:1"; 18] {
        set(&mut other, at, &["plate-9"]);
    }
    let name = "journal-0000000015.jsonl";
    let foreign = fs::read(dir.path().join(name)).unwrap();
    let message = read(changed(&files, name, foreign).path(), name).unwrap_err();
    assert!(message.contains("line 1 is damaged"), "{message}");
}

#[test]
fn missing_files_are_found_and_the_archive_replaces_a_snapshot() {
    let (files, world) = eighteen_events();
    let without = |name: &str| {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &files);
        fs::remove_file(dir.path().join(name)).unwrap();
        dir
    };
    let dir = without("snapshot.json");
    assert_eq!(World::read(dir.path()).unwrap(), world);
    let dir = without("journal-0000000015.jsonl");
    let message = World::read(dir.path()).unwrap_err().to_string();
    assert!(
        message.contains("journal-0000000015.jsonl, line 1 is damaged: it is missing"),
        "{message}"
    );
    let dir = without("journal-0000000008.jsonl");
    assert_eq!(World::read(dir.path()).unwrap(), world);
    let message = verify(dir.path()).unwrap_err().to_string();
    assert!(message.contains("begins with event 15, expected 8"), "{message}");
    // The end of an archived journal is torn: it was whole when the next one began.
    let name = "journal-0000000008.jsonl";
    let cut = files[name][..files[name].len() - 9].to_vec();
    let message = verify(changed(&files, name, cut).path()).unwrap_err().to_string();
    assert!(message.contains("line 7 is damaged: it is cut off"), "{message}");
    let nothing = tempfile::tempdir().unwrap();
    for dir in [nothing.path(), &nothing.path().join("none")] {
        let message = World::read(dir).unwrap_err().to_string();
        assert!(message.contains("has no inventory, expected a folder with"), "{message}");
    }
}

#[test]
fn a_line_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let body =
        r#"{"schema":2,"sequence":1,"time":"1970-01-01T00:00:00Z","event":"done","transfer":1"#;
    let digest = crc32c::crc32c(format!("{body}}}").as_bytes());
    let line = format!("{body},\"digest\":\"{digest:08x}\"}}\n");
    fs::write(dir.path().join("journal-0000000001.jsonl"), line).unwrap();
    let message = World::read(dir.path()).unwrap_err().to_string();
    assert!(message.contains("its version is 2, expected 1"), "{message}");
}
