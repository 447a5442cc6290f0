//! Readers beside a writer.

use std::path::Path;
use std::time::Duration;

use rmrl_inventory::{LocalDisk, World, verify};

use crate::cell::{open, open_on, set, stock};
use crate::disks::quick_folder;

/// A reader may come at any instant of a snapshot, or of a line.
#[test]
fn readers_see_a_whole_world_at_every_instant() {
    let dir = quick_folder();
    let mut inventory = open_on(dir.path(), LocalDisk, 3);
    stock(&mut inventory);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            for n in 0..200 {
                let world = if n % 20 == 0 { verify(dir.path()) } else { World::read(dir.path()) };
                let sequence = world.unwrap().sequence();
                assert!(sequence >= last, "{sequence} after {last}");
                last = sequence;
            }
        });
        for n in 0.. {
            if n > 50 && reader.is_finished() {
                break;
            }
            stock(&mut inventory);
            std::thread::sleep(Duration::from_micros(300));
        }
        reader.join().unwrap();
    });
    assert_eq!(World::read(dir.path()).unwrap(), *inventory.world());
}

#[test]
fn folders_that_are_missing_are_created() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("cell/inventory/");
    let mut inventory = open(&deep);
    set(&mut inventory, "hotel:1", &["plate-1"]);
    let names = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
    assert_eq!(names(&deep), 2, "the journal and the lock");
    assert_eq!(World::read(&deep).unwrap(), *inventory.world());
}
