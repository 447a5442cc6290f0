//! What follows from all events so far: what lies where, and what is uncertain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{Place, SlotAddress};
use crate::event::TransferId;
use crate::item::{Item, ItemId, loose_lid};

/// What lies where. Each item is in one place, or in one set of places that it can be in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    pub(crate) sequence: u64,
    pub(crate) slots: BTreeMap<SlotAddress, Vec<Item>>,
    pub(crate) jaws: Option<Item>,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) uncertain: Option<Uncertain>,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The arm moves for the item: it is at `from` or in the jaws.
    Begun,
    /// The jaws hold the item: it is in the jaws or, if they opened, at `to`.
    Grasped,
    /// The item lies at `to`, or a lid that was put back at `from`; the arm moves away.
    Released,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begun => "begun",
            Self::Grasped => "grasped",
            Self::Released => "released",
        })
    }
}

/// What a transfer moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// An item, from a place to a slot; a plate with the lid that is on it.
    #[default]
    Item,
    /// The lid of the plate at `from`, from the plate to a slot.
    LidOff,
    /// A lid, from a place onto the plate at `to`.
    LidOn,
}

impl Moved {
    fn is_item(&self) -> bool {
        *self == Self::Item
    }
}

/// A transfer that is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Its identifier.
    pub id: TransferId,
    /// The item. Until it is released no slot and no jaws list it. A lid that was released onto a plate is an item no more.
    pub item: Item,
    /// Whether it is moved as an item, or as the lid of a plate.
    #[serde(default, skip_serializing_if = "Moved::is_item")]
    pub moved: Moved,
    /// Where the item was.
    pub from: Place,
    /// Where it will be.
    pub to: SlotAddress,
    /// Whether a lid was put back onto the plate at `from`, after it had been taken off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub put_back: bool,
    /// How far it is.
    pub phase: Phase,
    /// When it began.
    pub begun: Timestamp,
}

impl Transfer {
    /// Where the item can be now: one place after its release, several before. A grasped lid may have been put back.
    pub fn places(&self) -> BTreeSet<Place> {
        let (from, to) = (self.from.clone(), Place::Slot(self.to.clone()));
        match self.phase {
            Phase::Begun => BTreeSet::from([from, Place::Jaws]),
            Phase::Grasped if self.moved.is_item() => BTreeSet::from([Place::Jaws, to]),
            Phase::Grasped => BTreeSet::from([from, Place::Jaws, to]),
            Phase::Released if self.put_back => BTreeSet::from([from]),
            Phase::Released => BTreeSet::from([to]),
        }
    }

    /// Whether the release puts a lid onto a plate, where it is an item no more.
    pub(crate) fn is_on_plate(&self) -> bool {
        self.moved == Moved::LidOn || self.put_back
    }

    /// Whether it keeps its hands on a place: nobody else may say what is there meanwhile.
    pub(crate) fn touches(&self, place: &Place) -> bool {
        *place == Place::Jaws
            || *place == self.from
            || matches!(place, Place::Slot(slot) if *slot == self.to)
    }
}

/// An item of which nobody knows where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uncertain {
    /// The item. No slot and no jaws list it.
    pub item: Item,
    /// Where it can be, if nobody took it away.
    pub places: BTreeSet<Place>,
    /// The transfer that left it uncertain.
    pub transfer: TransferId,
    /// Why it is uncertain.
    pub reason: String,
}

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// There, for certain.
    At(Place),
    /// In one of these: it is being moved, or it is uncertain.
    OneOf(BTreeSet<Place>),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place) => write!(f, "{place}"),
            Self::OneOf(places) => f.write_str(&either(places)),
        }
    }
}

/// Places as a text: `hotel:1 or jaws`.
pub(crate) fn either(places: &BTreeSet<Place>) -> String {
    places.iter().map(Place::to_string).collect::<Vec<_>>().join(" or ")
}

impl World {
    /// The number of the last event; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The items in a slot, from the bottom; `None` if nobody ever said what lies there. An item that is being moved or
    /// uncertain is not among them.
    pub fn slot(&self, slot: &SlotAddress) -> Option<&[Item]> {
        self.slots.get(slot).map(Vec::as_slice)
    }

    /// The item on top in a slot, the one that can be taken; `None` if the slot is empty or nobody ever said what lies there. An
    /// item that is being moved or uncertain is none.
    pub fn top(&self, slot: &SlotAddress) -> Option<&Item> {
        self.slot(slot)?.last()
    }

    /// All slots of which somebody said what lies in them, sorted by site and number.
    pub fn slots(&self) -> impl Iterator<Item = (&SlotAddress, &[Item])> {
        self.slots.iter().map(|(slot, items)| (slot, items.as_slice()))
    }

    /// The item that the jaws hold between transfers. During one, [`World::open_transfer`] says where the item can be.
    pub fn jaws(&self) -> Option<&Item> {
        self.jaws.as_ref()
    }

    /// The transfer that is open. Where no process writes this inventory, it was interrupted.
    pub fn open_transfer(&self) -> Option<&Transfer> {
        self.transfer.as_ref()
    }

    /// The item of which nobody knows where it is.
    pub fn uncertain(&self) -> Option<&Uncertain> {
        self.uncertain.as_ref()
    }

    /// Where an item is; `None` if the cell has no such item.
    pub fn location(&self, id: &ItemId) -> Option<Location> {
        if let Some(transfer) = self.moving().filter(|transfer| transfer.item.id == *id) {
            return Some(Location::OneOf(transfer.places()));
        }
        if let Some(uncertain) = self.uncertain().filter(|uncertain| uncertain.item.id == *id) {
            return Some(Location::OneOf(uncertain.places.clone()));
        }
        if self.jaws().is_some_and(|item| item.id == *id) {
            return Some(Location::At(Place::Jaws));
        }
        let holds = |items: &[Item]| items.iter().any(|item| item.id == *id);
        let (slot, _) = self.slots().find(|(_, items)| holds(items))?;
        Some(Location::At(Place::Slot(slot.clone())))
    }

    /// Every item of the cell.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let moved = self.moving().map(|transfer| &transfer.item);
        let uncertain = self.uncertain().map(|uncertain| &uncertain.item);
        self.slots.values().flatten().chain(self.jaws()).chain(moved).chain(uncertain)
    }

    /// The open transfer, while its item is in no slot.
    fn moving(&self) -> Option<&Transfer> {
        self.open_transfer().filter(|transfer| transfer.phase != Phase::Released)
    }

    /// Where an item is, for a message.
    pub(crate) fn found(&self, id: &ItemId) -> String {
        match self.location(id) {
            Some(location) => format!("it is in {location}"),
            None => match self.items().find(|plate| plate.has_lid && id.is_lid_of(&plate.id)) {
                Some(plate) => format!("it is on {}, and has to be taken off first", plate.id),
                None => "the cell has no such item".to_string(),
            },
        }
    }

    /// What no sequence of events leads to.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        if let Some(twice) = self.items().find(|item| !ids.insert(&item.id)) {
            return Err(format!("{} is in two places", twice.id));
        }
        if self.transfer.is_some() && (self.uncertain.is_some() || self.jaws.is_some()) {
            return Err("a transfer is open beside an item that is uncertain or in the jaws".into());
        }
        let moves_lid = |transfer: &Transfer| transfer.moved.is_item() || transfer.item.is_lid();
        if !self.transfer.as_ref().is_none_or(moves_lid) {
            return Err("a plate is moved as a lid".into());
        }
        if let Some((lid, plate)) = self.slots().find_map(|(_, items)| loose_lid(items)) {
            return Err(format!("{} lies loose on {}", lid.id, plate.id));
        }
        Ok(())
    }
}
