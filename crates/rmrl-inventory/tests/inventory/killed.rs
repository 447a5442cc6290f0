//! A process that writes is killed again and again.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rmrl_inventory::{
    FailedAt, Inventory, InventoryError, Item, Location, Phase, SlotAddress, StorageError,
    TransferId, World, verify,
};

use crate::cell::{layout, open, open_on, place, second, set, slot, stated, stock};

const FOLDER: &str = "RMRL_INVENTORY_TEST_FOLDER";

/// Moves plates until it is killed, and prints the number of each event that returned. Not a test of its own: the test below
/// starts it in a process.
#[test]
#[ignore = "runs until it is killed; `a_killed_writer_loses_nothing_that_it_acknowledged` starts it"]
fn writer() {
    let Some(dir) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut inventory = open_on(&dir, rmrl_inventory::LocalDisk, 11);
    if let Some(uncertain) = inventory.world().uncertain().cloned() {
        // A lid in the jaws, which is possible in every phase: its plate may be under another one.
        let at = if uncertain.item.is_lid() { place("jaws") } else { place("bench") };
        inventory.settle(&uncertain.item.id, Some(&at), stated(), second(1)).unwrap();
    }
    for n in inventory.world().sequence().. {
        let (transfer, to) = begin(&mut inventory, n as usize);
        println!("event {}", inventory.world().sequence());
        if n % 5 == 0 {
            inventory.failed(transfer, FailedAt::AtFrom, "missed", second(3)).unwrap();
            continue;
        }
        // From the jaws it is grasped already.
        if inventory.world().open_transfer().unwrap().phase == Phase::Begun {
            inventory.grasped(transfer, second(3)).unwrap();
            println!("event {}", inventory.world().sequence());
        }
        inventory.released(transfer, &to, Some(0.1), second(4)).unwrap();
        println!("event {}", inventory.world().sequence());
        inventory.done(transfer, second(5)).unwrap();
    }
}

/// Begins the n-th transfer, and says where it goes: the lid off whenever it can be, on again after some transfers of plates.
fn begin(inventory: &mut Inventory, n: usize) -> (TransferId, SlotAddress) {
    let is_held = inventory.world().jaws().is_some();
    let park = slot("lids");
    let has_lid = |at: &&str| inventory.world().top(&slot(at)).is_some_and(|top| top.has_lid);
    let has_none = |at: &&str| inventory.world().top(&slot(at)).is_some_and(|top| !top.has_lid);
    let is_off = inventory.world().top(&park).is_some_and(Item::is_lid);
    if is_held || (is_off && n % 3 == 1) {
        let from = place(if is_held { "jaws" } else { "lids" });
        let to = slot(SLOTS.iter().find(|at| has_none(at)).unwrap());
        return (inventory.begin_relid(&from, &to, second(2)).unwrap(), to);
    }
    if !is_off && let Some(from) = SLOTS.iter().find(|at| has_lid(at)) {
        return (inventory.begin_unlid(&slot(from), &park, second(2)).unwrap(), park);
    }
    let moves = possible_moves(inventory);
    let (from, to) = moves[n % moves.len()];
    let begun = inventory.begin_transfer(&place(from), &slot(to), None, second(2));
    (begun.unwrap(), slot(to))
}

const SLOTS: [&str; 4] = ["hotel:1", "hotel:2", "bench", "reader"];

/// From where to where the top plate can go.
fn possible_moves(inventory: &Inventory) -> Vec<(&'static str, &'static str)> {
    let holds = |at: &str| inventory.world().slot(&slot(at)).unwrap().len();
    let capacity = |at: &str| layout().rule(&slot(at)).unwrap().capacity;
    let pairs = SLOTS.iter().flat_map(|from| SLOTS.iter().map(move |to| (*from, *to)));
    pairs.filter(|(from, to)| from != to && holds(from) > 0 && holds(to) < capacity(to)).collect()
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut inventory = open(dir.path());
    stock(&mut inventory);
    set(&mut inventory, "hotel:1", &["plate-1+lid"]);
    set(&mut inventory, "lids", &[]);
    drop(inventory);
    let mut events = 0;
    for kill in 0..20 {
        let acknowledged = run_and_kill(dir.path(), Duration::from_millis(15 + 13 * (kill % 7)));
        let world = World::read(dir.path()).unwrap();
        assert!(world.sequence() >= acknowledged, "kill {kill}: {acknowledged} is lost");
        events = events.max(acknowledged);
        assert_whole(&world);
    }
    assert!(events > 60, "only {events} events");
    assert_eq!(verify(dir.path()).unwrap(), World::read(dir.path()).unwrap());
}

/// Starts a writer, kills it a while after its first event, and returns the last event that it acknowledged.
fn run_and_kill(dir: &Path, after: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::writer", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("event ").and_then(|n| n.parse().ok());
    let first: u64 = lines.by_ref().map_while(Result::ok).find_map(number).unwrap();
    // It lives and holds the lock; readers do not care.
    match Inventory::open(dir, layout(), second(0)).map(drop).unwrap_err() {
        InventoryError::Storage(StorageError::InUse { holder, .. }) => {
            assert!(holder.contains(&format!("process {} since", child.id())), "{holder}");
        }
        error => panic!("{error}"),
    }
    assert_whole(&World::read(dir).unwrap());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.map_while(Result::ok).filter_map(number).last().unwrap_or(first)
}

/// All three plates and the lid, wherever it is, are in exactly one place or one set of places, and no slot holds too many.
fn assert_whole(world: &World) {
    let ids: Vec<String> = world.items().map(|item| item.id.to_string()).collect();
    let plates: BTreeSet<&str> =
        ids.iter().map(String::as_str).filter(|id| !id.ends_with(".lid")).collect();
    assert_eq!(plates, BTreeSet::from(["plate-1", "plate-2", "plate-3"]));
    // One that was just released is listed by its slot only, and a lid on its plate by none.
    let lids_on = world.items().filter(|item| item.has_lid).count();
    assert_eq!((ids.len() + lids_on, lids_on <= 1), (4, true), "{ids:?}");
    for item in world.items() {
        match world.location(&item.id).unwrap() {
            Location::At(_) => {}
            Location::OneOf(places) if item.is_lid() => assert!((2..=3).contains(&places.len())),
            Location::OneOf(places) => assert_eq!(places.len(), 2),
        }
    }
    for (at, items) in world.slots() {
        assert!(items.len() <= layout().rule(at).unwrap().capacity, "{at}");
    }
}
