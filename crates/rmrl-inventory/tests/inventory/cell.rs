//! A small cell, and short words for tests.

use std::path::Path;

use jiff::Timestamp;
use rmrl_inventory::{
    Accepts, Disk, Inventory, InventoryOptions, Item, ItemId, Layout, Place, SlotAddress, SlotRule,
    StatedBy,
};

pub fn slot(text: &str) -> SlotAddress {
    text.parse().unwrap()
}

pub fn place(text: &str) -> Place {
    text.parse().unwrap()
}

pub fn id(text: &str) -> ItemId {
    text.parse().unwrap()
}

/// An item; the labware is the part of its identifier before the `-`.
pub fn item(text: &str) -> Item {
    let (labware, _) = text.split_once('-').unwrap();
    Item::new(id(text), labware, false).unwrap()
}

pub fn items(texts: &[&str]) -> Vec<Item> {
    texts.iter().map(|text| item(text)).collect()
}

pub fn stated() -> StatedBy {
    StatedBy { by: "operator".into(), reason: "looked".into() }
}

/// The n-th second of 1970.
pub fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

/// Three hotel slots and a reader for one plate each, a bench for three, and a park for two lids.
pub fn layout() -> Layout {
    let only = |name: &str| Accepts::Only([name.to_string()].into());
    let rule = |capacity, accepts| SlotRule { capacity, accepts };
    Layout::from_iter([
        (slot("hotel:1"), SlotRule::default()),
        (slot("hotel:2"), SlotRule::default()),
        (slot("hotel:3"), SlotRule::default()),
        (slot("reader"), rule(1, only("plate"))),
        (slot("bench"), rule(3, Accepts::Any)),
        (slot("lids"), rule(2, only("lid"))),
    ])
}

pub fn open(dir: &Path) -> Inventory {
    Inventory::open(dir, layout(), second(0)).unwrap()
}

pub fn open_on(dir: &Path, disk: impl Disk + 'static, snapshot_every: u64) -> Inventory {
    let options = InventoryOptions { snapshot_every, disk: Box::new(disk) };
    Inventory::open_with(dir, layout(), options, second(0)).unwrap()
}

pub fn set(inventory: &mut Inventory, at: &str, texts: &[&str]) {
    inventory.set(place(at), items(texts), stated(), second(1)).unwrap();
}

/// `plate-1` in `hotel:1`, `plate-2` under `plate-3` on the bench, a lid in the park; all else is empty.
pub fn stock(inventory: &mut Inventory) {
    set(inventory, "hotel:1", &["plate-1"]);
    set(inventory, "bench", &["plate-2", "plate-3"]);
    set(inventory, "lids", &["lid-1"]);
    for empty in ["hotel:2", "reader", "jaws"] {
        set(inventory, empty, &[]);
    }
}

/// The identifiers in a slot, from the bottom.
pub fn in_slot(inventory: &Inventory, at: &str) -> Vec<String> {
    let items = inventory.world().slot(&slot(at)).unwrap();
    items.iter().map(|item| item.id.to_string()).collect()
}
