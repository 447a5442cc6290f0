//! A crash at every instant of a run: the folder is copied after each byte that is written, and opened.

use std::path::Path;

use rmrl_inventory::{FailedAt, Inventory, Moved, Notice, Phase, Place, TransferId, World, verify};

use crate::cell::{id, open_on, place, second, set, slot, stated, stock};
use crate::disks::{FastDisk, Instant, RecordingDisk, quick_folder, write_folder};

/// A run, and its worlds after 0, 1, 2, ... events.
struct Run {
    disk: RecordingDisk,
    inventory: Inventory,
    worlds: Vec<World>,
}

impl Run {
    fn did(&mut self) {
        self.worlds.push(self.inventory.world().clone());
        self.disk.0.lock().unwrap().events += 1;
    }

    fn set(&mut self, at: &str, texts: &[&str]) {
        set(&mut self.inventory, at, texts);
        self.did();
    }

    fn begin(&mut self, from: &str, to: &str) -> TransferId {
        let begun = self.inventory.begin_transfer(&place(from), &slot(to), None, second(2));
        self.did();
        begun.unwrap()
    }

    fn begin_unlid(&mut self, from: &str, to: &str) -> TransferId {
        let begun = self.inventory.begin_unlid(&slot(from), &slot(to), second(2));
        self.did();
        begun.unwrap()
    }

    fn begin_relid(&mut self, from: &str, to: &str) -> TransferId {
        let begun = self.inventory.begin_relid(&place(from), &slot(to), second(2));
        self.did();
        begun.unwrap()
    }

    fn grasped(&mut self, transfer: TransferId) {
        self.inventory.grasped(transfer, second(3)).unwrap();
        self.did();
    }

    fn transfer(&mut self, from: &str, to: &str) {
        let transfer = self.begin(from, to);
        if from != "jaws" {
            self.grasped(transfer);
        }
        self.release(transfer, to);
    }

    /// Released and done.
    fn release(&mut self, transfer: TransferId, at: &str) {
        self.inventory.released(transfer, &slot(at), Some(0.125), second(4)).unwrap();
        self.did();
        self.inventory.done(transfer, second(5)).unwrap();
        self.did();
    }

    fn failed(&mut self, transfer: TransferId, at: FailedAt) {
        self.inventory.failed(transfer, at, "something \"odd\"\n", second(5)).unwrap();
        self.did();
    }

    fn settle(&mut self, item: &str, at: Option<&str>) {
        let at = at.map(place);
        self.inventory.settle(&id(item), at.as_ref(), stated(), second(6)).unwrap();
        self.did();
    }

    /// The process dies, and another one resumes.
    fn reopen(mut self, dir: &Path, snapshot_every: u64) -> Self {
        let was_open = self.inventory.world().open_transfer().is_some();
        drop(self.inventory);
        self.inventory = open_on(dir, self.disk.clone(), snapshot_every);
        if was_open {
            self.worlds.push(self.inventory.world().clone());
            self.disk.0.lock().unwrap().events += 1;
        }
        self
    }
}

/// 36 events of every kind but those of lids, with five snapshots.
fn run(dir: &Path) -> Run {
    let disk = RecordingDisk::default();
    let inventory = open_on(dir, disk.clone(), 7);
    let mut run = Run { disk, worlds: vec![World::default()], inventory };
    run.set("hotel:1", &["plate-1"]);
    run.set("bench", &["plate-2", "plate-3"]);
    run.set("lids", &["lid-1"]);
    run.set("hotel:2", &[]);
    run.set("reader", &[]);
    run.transfer("bench", "reader");
    let transfer = run.begin("bench", "hotel:2");
    run.failed(transfer, FailedAt::AtFrom);
    let transfer = run.begin("bench", "hotel:2");
    run.grasped(transfer);
    run.failed(transfer, FailedAt::InJaws);
    run.transfer("jaws", "hotel:2");
    let transfer = run.begin("hotel:1", "bench");
    run.failed(transfer, FailedAt::Unknown);
    run.settle("plate-1", Some("jaws"));
    run.transfer("jaws", "hotel:1");
    run.begin("hotel:1", "bench");
    run = run.reopen(dir, 7);
    run.set("lids", &["lid-1", "lid-2"]);
    run.set("hotel:1", &["plate-1"]);
    let transfer = run.begin("hotel:2", "bench");
    run.grasped(transfer);
    run = run.reopen(dir, 7);
    run.settle("plate-2", None);
    run.transfer("reader", "hotel:2");
    run.begin("hotel:1", "bench");
    run
}

/// 38 events with lids, with five snapshots: off and on, put back, onto another plate, interrupted in each phase.
fn run_of_lids(dir: &Path) -> Run {
    let disk = RecordingDisk::default();
    let inventory = open_on(dir, disk.clone(), 7);
    let mut run = Run { disk, worlds: vec![World::default()], inventory };
    run.set("hotel:1", &["plate-1+lid"]);
    run.set("bench", &["plate-2", "plate-3+lid"]);
    run.set("lids", &[]);
    let transfer = run.begin_unlid("hotel:1", "lids");
    run.grasped(transfer);
    run.release(transfer, "lids");
    let transfer = run.begin_unlid("bench", "lids");
    run.grasped(transfer);
    run.release(transfer, "bench");
    let transfer = run.begin_unlid("bench", "lids");
    run.failed(transfer, FailedAt::AtFrom);
    let transfer = run.begin_unlid("bench", "lids");
    run.grasped(transfer);
    run.failed(transfer, FailedAt::InJaws);
    let transfer = run.begin_relid("jaws", "hotel:1");
    run.release(transfer, "hotel:1");
    let transfer = run.begin_relid("lids", "bench");
    run.failed(transfer, FailedAt::Unknown);
    run.settle("plate-1.lid", Some("bench"));
    run.begin_unlid("bench", "lids");
    run = run.reopen(dir, 7);
    run.settle("plate-3.lid", Some("lids"));
    let transfer = run.begin_relid("lids", "bench");
    run.grasped(transfer);
    run = run.reopen(dir, 7);
    run.set("bench", &["plate-2", "plate-3+lid"]);
    let transfer = run.begin_unlid("hotel:1", "lids");
    run.grasped(transfer);
    run = run.reopen(dir, 7);
    run.settle("plate-1.lid", Some("jaws"));
    let transfer = run.begin_relid("jaws", "hotel:1");
    run.inventory.released(transfer, &slot("hotel:1"), None, second(4)).unwrap();
    run.did();
    run.failed(transfer, FailedAt::InJaws);
    let transfer = run.begin_relid("jaws", "hotel:1");
    run.inventory.released(transfer, &slot("hotel:1"), None, second(4)).unwrap();
    run.did();
    run
}

/// The world is the expected one, but for the transfer that the crash interrupted.
fn assert_interrupted(world: &World, expected: &World, at: &Instant) {
    let Some(transfer) = expected.open_transfer() else {
        assert_eq!(world, expected, "{}", at.step);
        return;
    };
    assert_eq!(world.open_transfer(), None);
    assert_eq!(world.sequence(), expected.sequence() + 1);
    assert!(world.slots().eq(expected.slots()), "{}", at.step);
    let to = Place::Slot(transfer.to.clone());
    let places = match (transfer.phase, transfer.moved) {
        (Phase::Begun, _) => vec![transfer.from.clone(), Place::Jaws],
        (Phase::Grasped, Moved::Item) => vec![Place::Jaws, to],
        // A lid may have been put back.
        (Phase::Grasped, _) => vec![transfer.from.clone(), Place::Jaws, to],
        (Phase::Released, _) => return assert_eq!(world.uncertain(), None),
    };
    let uncertain = world.uncertain().unwrap();
    assert_eq!((&uncertain.item, uncertain.transfer), (&transfer.item, transfer.id));
    assert_eq!(uncertain.places, places.into_iter().collect());
}

#[test]
fn a_crash_at_any_byte_leaves_the_world_before_or_after_the_event() {
    for (run, events) in [(run as fn(&Path) -> Run, 36), (run_of_lids, 38)] {
        let dir = quick_folder();
        assert_every_instant(run(dir.path()), events);
    }
}

fn assert_every_instant(run: Run, events: usize) {
    let instants = std::mem::take(&mut run.disk.0.lock().unwrap().instants);
    assert_eq!(run.worlds.len(), 1 + events);
    assert!(instants.len() > 4000, "{}", instants.len());
    let snapshots = instants.iter().filter(|at| at.step.starts_with("after renaming")).count();
    assert_eq!(snapshots, 5);
    let mut torn = 0;
    for at in &instants {
        let copy = quick_folder();
        write_folder(copy.path(), &at.folder);
        // A snapshot comes after its event, before the test counts that.
        let is_after =
            at.has_event.unwrap_or(at.step.contains("snapshot") || at.step.contains("creating"));
        let events = if at.folder.is_empty() || is_first(at) {
            0
        } else {
            at.events + usize::from(is_after)
        };
        let expected = &run.worlds[events];
        if !at.folder.is_empty() {
            assert_eq!(World::read(copy.path()).unwrap(), *expected, "{}, event {events}", at.step);
        }
        let mut opened = open_on(copy.path(), FastDisk, 7);
        assert_interrupted(opened.world(), expected, at);
        let world = opened.world().clone();
        for notice in opened.take_notices() {
            torn += usize::from(matches!(notice, Notice::TornLine { .. }));
        }
        drop(opened);
        // What was repaired stays so, and the archive says the same.
        let mut again = open_on(copy.path(), FastDisk, 7);
        assert_eq!(again.take_notices(), [], "{}", at.step);
        assert_eq!(*again.world(), world, "{}", at.step);
        assert_eq!(verify(copy.path()).unwrap(), world, "{}", at.step);
        assert!(!copy.path().join("snapshot.json.x7Yz.tmp").exists());
    }
    assert!(torn > 3000, "{torn}");
}

/// The first journal is being created.
fn is_first(at: &Instant) -> bool {
    at.folder.values().all(|bytes| bytes.is_empty())
}

#[test]
fn a_torn_line_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open_on(dir.path(), FastDisk, 100);
    stock(&mut inventory);
    let world = inventory.world().clone();
    drop(inventory);
    let path = dir.path().join("journal-0000000001.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [whole.as_slice(), b"{\"schema\":1,\"seq"].concat()).unwrap();
    // A reader sees what is whole, and changes nothing.
    assert_eq!(World::read(dir.path()).unwrap(), world);
    assert!(std::fs::read(&path).unwrap().len() > whole.len());
    let mut opened = open_on(dir.path(), FastDisk, 100);
    assert_eq!(*opened.world(), world);
    let notices = opened.take_notices();
    let message = notices[0].to_string();
    assert!(message.contains("jsonl: line 7, the last, was cut off"), "{message}");
    assert!(message.ends_with("{\"schema\":1,\"seq"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}
