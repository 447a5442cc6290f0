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

/// An item; the labware is the part of its identifier before the `-`. `plate-1+lid` has its lid on, `plate-1.lid` is one.
pub fn item(text: &str) -> Item {
    let (labware, _) = text.split_once('-').unwrap();
    match (text.strip_suffix("+lid"), text.strip_suffix(".lid")) {
        (Some(plate), _) => Item::new(id(plate), labware, true).unwrap(),
        (_, Some(_)) => Item::new(id(text), &format!("{labware}.lid"), false).unwrap(),
        _ => Item::new(id(text), labware, false).unwrap(),
    }
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

/// Three hotel slots and a reader for one plate each, a bench for three, a tray for two plates or dishes with nothing alone on
/// them, and a park for two lids.
pub fn layout() -> Layout {
    let only = |names: &[&str]| Accepts::Only(names.iter().map(|name| name.to_string()).collect());
    let rule = |capacity, accepts| SlotRule { capacity, accepts };
    Layout::from_iter([
        (slot("hotel:1"), SlotRule::default()),
        (slot("hotel:2"), SlotRule::default()),
        (slot("hotel:3"), SlotRule::default()),
        (slot("reader"), rule(1, only(&["plate"]))),
        (slot("bench"), rule(3, Accepts::Any)),
        (slot("tray"), rule(2, only(&["plate", "dish"]))),
        (slot("lids"), rule(2, only(&["lid", "plate.lid", "dish.lid"]))),
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

/// `plate-1` with its lid in `hotel:1`, `plate-3` without one on `plate-2` with one on the bench, `dish-1` with its lid on the
/// tray; the park, the jaws and all else is empty, but nobody said so of `hotel:3`.
pub fn stock_lids(inventory: &mut Inventory) {
    set(inventory, "hotel:1", &["plate-1+lid"]);
    set(inventory, "bench", &["plate-2+lid", "plate-3"]);
    set(inventory, "tray", &["dish-1+lid"]);
    for empty in ["hotel:2", "reader", "lids", "jaws"] {
        set(inventory, empty, &[]);
    }
}

/// The items in a slot from the bottom, as [`item`] reads them.
pub fn pile(inventory: &Inventory, at: &str) -> Vec<String> {
    let items = inventory.world().slot(&slot(at)).unwrap();
    let text = |item: &Item| format!("{}{}", item.id, if item.has_lid { "+lid" } else { "" });
    items.iter().map(text).collect()
}

/// The identifiers in a slot, from the bottom.
pub fn in_slot(inventory: &Inventory, at: &str) -> Vec<String> {
    let items = inventory.world().slot(&slot(at)).unwrap();
    items.iter().map(|item| item.id.to_string()).collect()
}
