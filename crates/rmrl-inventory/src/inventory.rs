//! The one writer of an inventory.

use std::path::Path;

use crate::address::{Place, SlotAddress};
use crate::checks;
use crate::disk::{Disk, LocalDisk, create_folder};
use crate::error::InventoryError;
use crate::event::{Entry, Event, FailedAt, SCHEMA, StatedBy, TransferId};
use crate::item::{Item, ItemId};
use crate::layout::Layout;
use crate::lock::WriterLock;
use crate::refusal::Refusal;
use crate::replay::Replay;
use crate::store::{Notice, Store};
use crate::world::{Moved, Transfer, World};
use jiff::Timestamp;

/// How an inventory is written.
pub struct InventoryOptions {
    /// After how many events a snapshot is made and the next journal begins, at least 1. 256 by default, untuned: a few
    /// kilobytes to read at a start.
    pub snapshot_every: u64,
    /// Where it is written.
    pub disk: Box<dyn Disk>,
}

impl Default for InventoryOptions {
    fn default() -> Self {
        Self { snapshot_every: 256, disk: Box::new(LocalDisk) }
    }
}

/// What lies where, open to change it. Each change is on disk when its method returns, so that a motion may follow; after an
/// error nothing has changed.
///
/// A transfer is four steps. [`Inventory::begin_transfer`] before the arm moves, [`Inventory::grasped`] when the jaws hold the
/// item, [`Inventory::released`] when they opened at its slot, [`Inventory::done`] when the arm is away from it. Or it ends with
/// [`Inventory::failed`].
///
/// [`Inventory::begin_unlid`] and [`Inventory::begin_relid`] begin transfers of a lid, with the same steps. A lid that is off is
/// an item; one that is on is a part of its plate.
pub struct Inventory {
    world: World,
    layout: Layout,
    store: Store,
    snapshot_every: u64,
    notices: Vec<Notice>,
    _lock: WriterLock,
}

impl Inventory {
    /// Opens the inventory in `dir`, or creates it. A transfer that is open was interrupted: until its item was released, it is
    /// uncertain from now on.
    ///
    /// # Errors
    /// Another process writes it, the file system refused, or a line is damaged in a way that no crash causes.
    pub fn open(dir: &Path, layout: Layout, now: Timestamp) -> Result<Self, InventoryError> {
        Self::open_with(dir, layout, InventoryOptions::default(), now)
    }

    /// As [`Inventory::open`], with options.
    ///
    /// # Errors
    /// As [`Inventory::open`].
    pub fn open_with(
        dir: &Path,
        layout: Layout,
        options: InventoryOptions,
        now: Timestamp,
    ) -> Result<Self, InventoryError> {
        create_folder(dir)?;
        let lock = WriterLock::take(dir, now)?;
        let replay = Replay::read(dir, true)?;
        let (store, notices) = Store::open(dir, options.disk, &replay)?;
        let (world, snapshot_every) = (replay.world, options.snapshot_every);
        let mut inventory = Self { world, layout, store, snapshot_every, notices, _lock: lock };
        if let Some(transfer) = inventory.world.open_transfer().map(|transfer| transfer.id) {
            inventory.record(Event::Interrupted { transfer }, now)?;
        }
        Ok(inventory)
    }

    /// What lies where.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The slots of the cell.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What lies where the layout allows it no longer, because it changed since. Such items can be brought elsewhere.
    pub fn conflicts(&self) -> Vec<Refusal> {
        checks::conflicts(&self.layout, &self.world)
    }

    /// Takes what the operator should know since the last call: repairs on opening, and snapshots that failed.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Somebody says what is in a place: `items` from the bottom, or nothing. This also settles an uncertain item that is named,
    /// or that was the last place where it could be, and an uncertain lid if the plate on top has one that it had not.
    ///
    /// # Errors
    /// The cell has no such slot, the items do not fit into it, one is elsewhere, a lid lies loose on a plate, the open transfer needs the place, nobody or
    /// no reason is named, or the file system refused.
    pub fn set(
        &mut self,
        place: Place,
        items: Vec<Item>,
        stated: StatedBy,
        now: Timestamp,
    ) -> Result<(), InventoryError> {
        checks::statement(&stated)?;
        checks::room(&self.layout, &place, 0, &items)?;
        self.record(Event::Set { place, items, stated }, now)
    }

    /// Announces that the arm moves an item from a place to a slot, before it moves. `item` is the one on top, also if it is not
    /// named. From `jaws` the transfer begins as grasped. A plate
    /// goes with the lid that is on it.
    ///
    /// # Errors
    /// An item is uncertain, another transfer is open, the item is not there or lies under another one, the jaws are not free,
    /// the slot is unknown, full, for other labware or where it is already, a lid would lie loose on a plate, nobody said what
    /// lies there, or the file system refused.
    pub fn begin_transfer(
        &mut self,
        from: &Place,
        to: &SlotAddress,
        item: Option<&ItemId>,
        now: Timestamp,
    ) -> Result<TransferId, InventoryError> {
        let event = self.transfer_event(from, to, item)?;
        self.begin(event, now)
    }

    fn transfer_event(
        &self,
        from: &Place,
        to: &SlotAddress,
        item: Option<&ItemId>,
    ) -> Result<Event, Refusal> {
        self.check_ways(from, to)?;
        let item = match item {
            Some(item) => item.clone(),
            None => self.world.topmost(from)?.id.clone(),
        };
        let (transfer, from, to) = (self.next_transfer(), from.clone(), to.clone());
        Ok(Event::Begin { transfer, from, to, item })
    }

    /// Announces that the arm grips the topmost item of `at` and puts it down there again, before it moves.
    ///
    /// # Errors
    /// As [`Inventory::begin_transfer`].
    pub fn begin_adjust(
        &mut self,
        at: &SlotAddress,
        now: Timestamp,
    ) -> Result<TransferId, InventoryError> {
        self.world.check_rest()?;
        let place = Place::Slot(at.clone());
        checks::known(&self.layout, &place)?;
        let item = self.world.topmost(&place)?.id.clone();
        let (transfer, at) = (self.next_transfer(), at.clone());
        self.begin(Event::Adjust { transfer, at, item }, now)
    }

    /// Whether [`Inventory::begin_transfer`] would begin. Nothing is written.
    ///
    /// # Errors
    /// What it would refuse.
    pub fn check_transfer(&self, from: &Place, to: &SlotAddress) -> Result<(), InventoryError> {
        self.prepared(self.transfer_event(from, to, None)?, Timestamp::UNIX_EPOCH).map(|_| ())
    }

    /// Whether [`Inventory::begin_unlid`] would begin. Nothing is written.
    ///
    /// # Errors
    /// What it would refuse.
    pub fn check_unlid(&self, from: &SlotAddress, to: &SlotAddress) -> Result<(), InventoryError> {
        self.prepared(self.unlid_event(from, to)?, Timestamp::UNIX_EPOCH).map(|_| ())
    }

    /// Whether [`Inventory::begin_relid`] would begin. Nothing is written.
    ///
    /// # Errors
    /// What it would refuse.
    pub fn check_relid(&self, from: &Place, to: &SlotAddress) -> Result<(), InventoryError> {
        self.prepared(self.relid_event(from, to)?, Timestamp::UNIX_EPOCH).map(|_| ())
    }

    /// Announces that the arm takes the lid off the topmost plate of `from` and brings it to `to`, before the arm moves. From now
    /// on the lid is an item of its own: `PLATE.lid` of the labware `LABWARE.lid`. Until it is grasped it is on the plate or in
    /// the jaws; the plate stays. A lid that is put back onto the plate is released at `from`.
    ///
    /// # Errors
    /// As [`Inventory::begin_transfer`]; or the topmost item is a lid or has none, the lid's identifier is taken, or a plate lies
    /// on top in `to`.
    pub fn begin_unlid(
        &mut self,
        from: &SlotAddress,
        to: &SlotAddress,
        now: Timestamp,
    ) -> Result<TransferId, InventoryError> {
        let event = self.unlid_event(from, to)?;
        self.begin(event, now)
    }

    fn unlid_event(&self, from: &SlotAddress, to: &SlotAddress) -> Result<Event, Refusal> {
        let place = Place::Slot(from.clone());
        self.check_ways(&place, to)?;
        let plate = self.world.topmost(&place)?.id.clone();
        let (transfer, from, to) = (self.next_transfer(), from.clone(), to.clone());
        Ok(Event::Unlid { transfer, from, to, plate })
    }

    /// Announces that the arm puts the topmost lid of `from` onto the topmost plate of `to`, before it moves. Once the lid is
    /// released the plate has a lid, and the lid is no item any more. From `jaws` the transfer begins as grasped.
    ///
    /// # Errors
    /// As [`Inventory::begin_transfer`], but for the room in the slot; or the item is no lid, there is no plate, or the plate has
    /// a lid or is of another labware.
    pub fn begin_relid(
        &mut self,
        from: &Place,
        to: &SlotAddress,
        now: Timestamp,
    ) -> Result<TransferId, InventoryError> {
        let event = self.relid_event(from, to)?;
        self.begin(event, now)
    }

    fn relid_event(&self, from: &Place, to: &SlotAddress) -> Result<Event, Refusal> {
        self.check_ways(from, to)?;
        let lid = self.world.topmost(from)?.id.clone();
        let plate = match self.world.topmost(&Place::Slot(to.clone())) {
            Err(Refusal::Empty { .. }) => {
                return Err(Refusal::NoPlate { lid, slot: to.clone() });
            }
            plate => plate?.id.clone(),
        };
        let (transfer, from, to) = (self.next_transfer(), from.clone(), to.clone());
        Ok(Event::Relid { transfer, from, to, lid, plate })
    }

    /// The jaws closed, and hold the item.
    ///
    /// # Errors
    /// The transfer is not open or not begun, or the file system refused.
    pub fn grasped(&mut self, transfer: TransferId, now: Timestamp) -> Result<(), InventoryError> {
        self.record(Event::Grasped { transfer }, now)
    }

    /// The jaws opened, and the item lies in the slot `at`, `error_mm` millimeters from where it should, if that was measured.
    /// `at` is the slot that was announced, or of a lid that was put back the slot of its plate.
    ///
    /// # Errors
    /// The transfer is not open, not grasped or to another slot, the error is no distance, or the file system refused.
    pub fn released(
        &mut self,
        transfer: TransferId,
        at: &SlotAddress,
        error_mm: Option<f64>,
        now: Timestamp,
    ) -> Result<(), InventoryError> {
        self.record(Event::Released { transfer, at: at.clone(), error_mm }, now)
    }

    /// The arm is away from the item that it released. The next transfer may begin.
    ///
    /// # Errors
    /// The transfer is not open or not released, or the file system refused.
    pub fn done(&mut self, transfer: TransferId, now: Timestamp) -> Result<(), InventoryError> {
        self.record(Event::Done { transfer }, now)
    }

    /// The transfer ended otherwise.
    ///
    /// # Errors
    /// The transfer is not open, it was released and cannot be back, no reason is named, or the file system refused.
    pub fn failed(
        &mut self,
        transfer: TransferId,
        at: FailedAt,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), InventoryError> {
        checks::said("reason", reason, "why the transfer failed")?;
        self.record(Event::Failed { transfer, at, reason: reason.to_string() }, now)
    }

    /// Somebody says where the uncertain item is: on top of what lies in a place, or taken out of the cell (`None`). A lid in a
    /// slot with a plate on top is on that plate.
    ///
    /// # Errors
    /// The item is not uncertain, the place is unknown, full or for other labware, a lid does not fit onto the plate there, nobody said what lies there, nobody or no
    /// reason is named, or the file system refused.
    pub fn settle(
        &mut self,
        item: &ItemId,
        place: Option<&Place>,
        stated: StatedBy,
        now: Timestamp,
    ) -> Result<(), InventoryError> {
        checks::statement(&stated)?;
        let event = Event::Settled { item: item.clone(), place: place.cloned(), stated };
        let entry = self.entry(event, now);
        let next = self.world.after(&entry)?;
        // A lid on its plate is no item of the slot.
        let is_item = next.items().any(|one| one.id == *item);
        if let (true, Some(place), Some(uncertain)) = (is_item, place, self.world.uncertain()) {
            checks::known(&self.layout, place)?;
            let below = match place {
                Place::Slot(slot) => self.world.slot(slot).map_or(0, <[Item]>::len),
                Place::Jaws => 0,
            };
            // A lid that is on a plate now is no item, and takes no room.
            if next.location(item).is_some() {
                checks::room(&self.layout, place, below, std::slice::from_ref(&uncertain.item))?;
            }
        }
        self.write(&entry, next)
    }

    /// Nothing moves or is uncertain, and the cell has both places.
    fn check_ways(&self, from: &Place, to: &SlotAddress) -> Result<(), Refusal> {
        self.world.check_rest()?;
        checks::known(&self.layout, from)?;
        checks::known(&self.layout, &Place::Slot(to.clone()))
    }

    fn next_transfer(&self) -> TransferId {
        TransferId(self.world.sequence() + 1)
    }

    /// Begins a transfer.
    fn begin(&mut self, event: Event, now: Timestamp) -> Result<TransferId, InventoryError> {
        let (entry, next) = self.prepared(event, now)?;
        self.write(&entry, next)?;
        Ok(TransferId(entry.sequence))
    }

    /// The event that begins a transfer, and the world after it, if the slot that it leads to has room for what will be an item
    /// there.
    fn prepared(&self, event: Event, now: Timestamp) -> Result<(Entry, World), InventoryError> {
        let entry = self.entry(event, now);
        let next = self.world.after(&entry)?;
        if let Some(Transfer { item, moved: Moved::Item | Moved::LidOff, to, .. }) =
            next.open_transfer()
        {
            let below = self.world.slot(to).map_or(0, <[Item]>::len);
            let below = if matches!(entry.event, Event::Adjust { .. }) { below - 1 } else { below };
            checks::room(&self.layout, &to.clone().into(), below, std::slice::from_ref(item))?;
        }
        Ok((entry, next))
    }

    fn record(&mut self, event: Event, now: Timestamp) -> Result<(), InventoryError> {
        let entry = self.entry(event, now);
        let next = self.world.after(&entry)?;
        self.write(&entry, next)
    }

    fn entry(&self, event: Event, time: Timestamp) -> Entry {
        Entry { schema: SCHEMA, sequence: self.world.sequence() + 1, time, event }
    }

    /// Writes an event, and then only believes it.
    fn write(&mut self, entry: &Entry, next: World) -> Result<(), InventoryError> {
        self.store.append(entry)?;
        self.world = next;
        if self.store.since_snapshot(&self.world) >= self.snapshot_every.max(1)
            && let Err(error) = self.store.rotate(&self.world, entry.time)
        {
            // The event is on disk. A motion need not wait for a snapshot.
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let reason = format!("{error}{}", cause.unwrap_or_default());
            self.notices.push(Notice::NoSnapshot { reason });
        }
        Ok(())
    }
}
