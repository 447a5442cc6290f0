//! Journals and snapshots of before there were lids off their plates mean what they meant.

use std::fs;

use rmrl_inventory::{Inventory, ItemKind, Moved, World, verify};

use crate::cell::{id, layout, open, pile, place, second, slot};

/// The lines as the program wrote them then, without their digests.
const LINES: [&str; 11] = [
    r#""event":"set","place":"bench","items":[{"id":"p1","labware":"plate","has_lid":false},{"id":"p1.lid","labware":"plate.lid","has_lid":false}],"by":"operator","reason":"loaded""#,
    r#""event":"set","place":"hotel:1","items":[{"id":"p2","labware":"plate","has_lid":true}],"by":"operator","reason":"loaded""#,
    r#""event":"set","place":"hotel:2","items":[],"by":"operator","reason":"empty""#,
    r#""event":"begin","transfer":4,"from":"bench","to":"hotel:2","item":"p1.lid""#,
    r#""event":"grasped","transfer":4"#,
    r#""event":"released","transfer":4,"at":"hotel:2","error_mm":0.25"#,
    r#""event":"done","transfer":4"#,
    r#""event":"begin","transfer":8,"from":"hotel:2","to":"bench","item":"p1.lid""#,
    r#""event":"interrupted","transfer":8"#,
    r#""event":"settled","item":"p1.lid","place":"bench","by":"operator","reason":"looked""#,
    r#""event":"begin","transfer":11,"from":"bench","to":"hotel:2","item":"p1.lid""#,
];

/// A sealed line: the digest is that of this body and all before it.
fn seal(body: &str, chain: &mut u32) -> String {
    *chain = crc32c::crc32c_append(*chain, format!("{body}}}").as_bytes());
    format!("{body},\"digest\":\"{chain:08x}\"}}\n")
}

fn journal(chain: &mut u32) -> String {
    let lines = LINES.iter().zip(1..).map(|(event, n)| {
        let head = format!(r#"{{"schema":1,"sequence":{n},"time":"1970-01-01T00:00:01Z","#);
        seal(&format!("{head}{event}"), chain)
    });
    lines.collect()
}

#[test]
fn an_old_journal_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = 0;
    fs::write(dir.path().join("journal-0000000001.jsonl"), journal(&mut chain)).unwrap();
    let world = World::read(dir.path()).unwrap();
    assert_eq!(world.sequence(), 11);
    // Nothing then was a lid, whatever its labware was called: it never became a part of the plate below.
    let transfer = world.open_transfer().unwrap();
    assert_eq!((transfer.moved, transfer.item.kind()), (Moved::Item, ItemKind::Plate));
    let below = world.top(&slot("bench")).unwrap();
    assert_eq!((below.id.as_str(), below.has_lid), ("p1", false));
    // The world is written as it was then.
    let json = serde_json::to_string(&world).unwrap();
    let expected = r#"{"sequence":11,"slots":{"bench":[{"id":"p1","labware":"plate","has_lid":false}],"hotel:1":[{"id":"p2","labware":"plate","has_lid":true}],"hotel:2":[]},"jaws":null,"transfer":{"id":11,"item":{"id":"p1.lid","labware":"plate.lid","has_lid":false},"from":"bench","to":"hotel:2","phase":"begun","begun":"1970-01-01T00:00:01Z"},"uncertain":null}"#;
    assert_eq!(json, expected);
    // So an old snapshot is read, too.
    let head = r#"{"schema":1,"time":"1970-01-01T00:00:02Z","#;
    let snapshot = seal(&format!(r#"{head}"chain":"{chain:08x}","world":{expected}"#), &mut 0);
    fs::write(dir.path().join("snapshot.json"), snapshot).unwrap();
    fs::write(dir.path().join("journal-0000000012.jsonl"), "").unwrap();
    assert_eq!(World::read(dir.path()).unwrap(), world);
    assert_eq!(verify(dir.path()).unwrap(), world);
    // Work continues: the plate's lid can be taken off, and what was called a lid then is said again.
    let mut inventory = open(dir.path());
    inventory.settle(&id("p1.lid"), None, crate::cell::stated(), second(3)).unwrap();
    let lid = rmrl_inventory::Item::new(id("p1.lid"), "plate.lid", false).unwrap();
    inventory.set(place("lids"), vec![lid], crate::cell::stated(), second(3)).unwrap();
    inventory.begin_relid(&place("lids"), &slot("bench"), second(4)).unwrap();
    let world = inventory.world().clone();
    assert_eq!(pile(&inventory, "lids"), [""; 0]);
    drop(inventory);
    assert_eq!(World::read(dir.path()).unwrap(), world);
    drop(Inventory::open(dir.path(), layout(), second(5)).unwrap());
    assert_eq!(verify(dir.path()).unwrap(), World::read(dir.path()).unwrap());
}
