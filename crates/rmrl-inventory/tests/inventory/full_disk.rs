//! A disk that is full: what is known and what is on disk stay as they were, and it resumes when there is space.

use rmrl_inventory::{Inventory, Notice, TransferId, World};

use crate::cell::{open_on, place, second, set, slot, stock};
use crate::disks::{Full, FullDisk};

/// A request that does not fit on the disk.
type Request = fn(&mut Inventory) -> Result<TransferId, String>;

/// Plate-9 with its lid on the tray, plate-8 without one in `hotel:2` and a lid in the park.
fn add_lids(inventory: &mut Inventory) {
    set(inventory, "tray", &["plate-9+lid"]);
    set(inventory, "hotel:2", &["plate-8"]);
    set(inventory, "lids", &["plate-7.lid"]);
}

fn unlid(inventory: &mut Inventory) -> Result<TransferId, String> {
    let begun = inventory.begin_unlid(&slot("tray"), &slot("lids"), second(2));
    begun.map_err(|error| error.to_string())
}

fn relid(inventory: &mut Inventory) -> Result<TransferId, String> {
    let begun = inventory.begin_relid(&place("lids"), &slot("hotel:2"), second(2));
    begun.map_err(|error| error.to_string())
}

fn begin(inventory: &mut Inventory) -> Result<TransferId, String> {
    let begun = inventory.begin_transfer(&place("hotel:1"), &slot("reader"), None, second(2));
    begun.map_err(|error| error.to_string())
}

#[test]
fn an_event_that_does_not_fit_changes_nothing() {
    let requests: [Request; 3] = [begin, unlid, relid];
    for after in (0..220).step_by(7).chain([usize::MAX]) {
        for (is_stuck, begin) in
            [false, true].into_iter().flat_map(|is_stuck| requests.map(|begin| (is_stuck, begin)))
        {
            let dir = tempfile::tempdir().unwrap();
            let disk = FullDisk::default();
            let mut inventory = open_on(dir.path(), disk.clone(), 100);
            stock(&mut inventory);
            add_lids(&mut inventory);
            let before = inventory.world().clone();
            disk.is(Full { append_after: Some(after), truncate: is_stuck, ..Full::default() });
            for _ in 0..2 {
                let message = begin(&mut inventory).unwrap_err();
                assert!(message.contains("the disk is full: free some space"), "{message}");
                assert!(message.contains("journal-0000000001.jsonl"), "{message}");
                assert_eq!(*inventory.world(), before);
                if !is_stuck {
                    assert_eq!(World::read(dir.path()).unwrap(), before);
                }
            }
            // There is space again: the part that was written goes first.
            disk.is(Full::default());
            begin(&mut inventory).unwrap();
            assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
            drop(inventory);
            let mut inventory = open_on(dir.path(), FullDisk::default(), 100);
            assert_eq!(inventory.take_notices(), []);
        }
    }
}

/// The event failed, its part could not be removed, and then the process died.
#[test]
fn a_part_that_was_left_is_removed_at_the_next_start() {
    let requests: [Request; 3] = [begin, unlid, relid];
    for (after, begin) in
        [0, 1, 50, usize::MAX].into_iter().flat_map(|after| requests.map(|begin| (after, begin)))
    {
        let dir = tempfile::tempdir().unwrap();
        let disk = FullDisk::default();
        let mut inventory = open_on(dir.path(), disk.clone(), 100);
        stock(&mut inventory);
        add_lids(&mut inventory);
        disk.is(Full { append_after: Some(after), truncate: true, ..Full::default() });
        begin(&mut inventory).unwrap_err();
        drop(inventory);
        let mut inventory = open_on(dir.path(), FullDisk::default(), 100);
        // Only the sync failed: the announcement may be there. Then somebody has to look, though the arm never moved.
        assert_eq!(inventory.world().uncertain().is_some(), after == usize::MAX);
        let torn = matches!(inventory.take_notices()[..], [Notice::TornLine { .. }]);
        assert_eq!(torn, (1..=50).contains(&after));
    }
}

#[test]
fn a_snapshot_that_does_not_fit_is_reported_and_made_later() {
    for full in [
        Full { create: true, ..Full::default() },
        Full { replace: true, ..Full::default() },
        Full { create: true, remove: true, ..Full::default() },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FullDisk::default();
        let mut inventory = open_on(dir.path(), disk.clone(), 6);
        disk.is(full);
        stock(&mut inventory);
        let notices = inventory.take_notices();
        assert!(matches!(&notices[..], [Notice::NoSnapshot { .. }]), "{notices:?}");
        let message = notices[0].to_string();
        assert!(message.contains("no snapshot was made") && message.contains("full"), "{message}");
        assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
        if full.remove {
            // The next journal is half made: an event in the old one would come before an empty one.
            let before = inventory.world().clone();
            begin(&mut inventory).unwrap_err();
            assert_eq!(*inventory.world(), before);
            disk.is(Full { remove: false, ..full });
        }
        // Nothing stands in the way of events.
        begin(&mut inventory).unwrap();
        assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
        assert!(!dir.path().join("snapshot.json").exists());
        disk.is(Full::default());
        set(&mut inventory, "hotel:3", &[]);
        assert!(dir.path().join("snapshot.json").exists());
        let world = inventory.world().clone();
        drop(inventory);
        assert_eq!(World::read(dir.path()).unwrap(), world);
        assert_eq!(rmrl_inventory::verify(dir.path()).unwrap(), world);
    }
}
