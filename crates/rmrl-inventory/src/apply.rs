//! One event's step from world to world. It refuses what does not follow from the events before, whatever the layout.

use std::collections::BTreeSet;

use crate::address::{Place, SlotAddress};
use crate::event::{Entry, Event, FailedAt, TransferId};
use crate::item::{Item, ItemId};
use crate::refusal::Refusal;
use crate::top::{check_loose, check_pile};
use crate::world::{Location, Moved, Phase, Transfer, Uncertain, World, either};

impl World {
    /// The world after an event.
    ///
    /// # Errors
    /// The event does not follow from those before it.
    pub(crate) fn after(&self, entry: &Entry) -> Result<Self, Refusal> {
        if entry.sequence != self.sequence + 1 {
            return Err(Refusal::Gap { before: self.sequence, found: entry.sequence });
        }
        let mut world = self.clone();
        match &entry.event {
            Event::Set { place, items, .. } => world.set(place, items)?,
            Event::Begin { .. } => world.begin(entry)?,
            Event::Adjust { .. } => world.adjust(entry)?,
            Event::Unlid { .. } => world.unlid(entry)?,
            Event::Relid { .. } => world.relid(entry)?,
            Event::Grasped { transfer } => {
                world.step(*transfer, "grasped", &[Phase::Begun])?.phase = Phase::Grasped;
            }
            Event::Released { transfer, at, error_mm } => {
                world.release(*transfer, at, *error_mm)?;
            }
            Event::Done { transfer } => {
                world.step(*transfer, "done", &[Phase::Released])?;
                world.transfer = None;
            }
            Event::Failed { transfer, at, reason } => world.fail(*transfer, *at, reason)?,
            Event::Interrupted { transfer } => world.interrupt(*transfer)?,
            Event::Settled { item, place, .. } => world.settle(item, place.as_ref())?,
        }
        world.sequence = entry.sequence;
        Ok(world)
    }

    fn set(&mut self, place: &Place, items: &[Item]) -> Result<(), Refusal> {
        let is_moved = |transfer: &Transfer| items.iter().any(|item| item.id == transfer.item.id);
        if let Some(transfer) = &self.transfer
            && (transfer.touches(place) || is_moved(transfer))
        {
            return Err(is_open(transfer));
        }
        self.check_elsewhere(place, items)?;
        check_pile(place, items)?;
        let is_lid_on = self.is_uncertain_lid_on(place, items);
        match place {
            Place::Jaws if items.len() > 1 => {
                return Err(Refusal::TooManyForJaws { count: items.len() });
            }
            Place::Jaws => self.jaws = items.first().cloned(),
            Place::Slot(slot) => drop(self.slots.insert(slot.clone(), items.to_vec())),
        }
        if let Some(uncertain) = &mut self.uncertain {
            // It is here, or it is not here. That it is in another place does not follow: somebody may have taken it away.
            let is_here = items.iter().any(|item| item.id == uncertain.item.id);
            uncertain.places.remove(place);
            if is_here || is_lid_on || uncertain.places.is_empty() {
                self.uncertain = None;
            }
        }
        Ok(())
    }

    /// No item is named twice, and none is known to be in another place.
    fn check_elsewhere(&self, place: &Place, items: &[Item]) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        for item in items {
            let found = match self.location(&item.id) {
                _ if !seen.insert(&item.id) => format!("the list for {place}"),
                Some(Location::At(other)) if other != *place => other.to_string(),
                _ => continue,
            };
            return Err(Refusal::TwoPlaces { item: item.id.clone(), found });
        }
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Event::Begin { transfer: id, from, to, item } = &entry.event else { return Ok(()) };
        self.check_begin(*id, entry.sequence)?;
        self.check_ways(from, to, item)?;
        check_loose(self.check_top(from, item)?, self.top(to), to)?;
        let (item, phase) = self.take(from)?;
        self.open(entry, Moved::Item, (item, from.clone(), to.clone()), phase);
        Ok(())
    }

    /// The item is gripped, and put down where it was.
    fn adjust(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Event::Adjust { transfer: id, at, item } = &entry.event else { return Ok(()) };
        self.check_begin(*id, entry.sequence)?;
        let place = Place::Slot(at.clone());
        self.check_top(&place, item)?;
        let (item, phase) = self.take(&place)?;
        self.open(entry, Moved::Item, (item, place, at.clone()), phase);
        Ok(())
    }

    /// The lid of the plate becomes an item, and leaves it.
    fn unlid(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Event::Unlid { transfer: id, from, to, plate } = &entry.event else { return Ok(()) };
        self.check_begin(*id, entry.sequence)?;
        let lid = self.lid_on(from, plate)?;
        let place = Place::Slot(from.clone());
        self.check_ways(&place, to, &lid.id)?;
        check_loose(&lid, self.top(to), to)?;
        self.put_lid(from, false);
        self.open(entry, Moved::LidOff, (lid, place, to.clone()), Phase::Begun);
        Ok(())
    }

    fn relid(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Event::Relid { transfer: id, from, to, lid, plate } = &entry.event else {
            return Ok(());
        };
        self.check_begin(*id, entry.sequence)?;
        self.check_ways(from, to, lid)?;
        self.check_fit(from, to, lid, plate)?;
        let (item, phase) = self.take(from)?;
        self.open(entry, Moved::LidOn, (item, from.clone(), to.clone()), phase);
        Ok(())
    }

    /// A transfer may begin, and is numbered as the event that begins it.
    fn check_begin(&self, id: TransferId, sequence: u64) -> Result<(), Refusal> {
        if id.0 != sequence {
            return Err(Refusal::Gap { before: self.sequence, found: id.0 });
        }
        self.check_rest()
    }

    /// The transfer leads to another place, of which somebody said what lies there.
    fn check_ways(&self, from: &Place, to: &SlotAddress, item: &ItemId) -> Result<(), Refusal> {
        if *from == Place::Slot(to.clone()) {
            return Err(Refusal::AlreadyThere { item: item.clone(), slot: to.clone() });
        }
        match self.slots.contains_key(to) {
            true => Ok(()),
            false => Err(Refusal::NotStated { slot: to.clone() }),
        }
    }

    /// Takes the topmost item of a place, and the phase in which its transfer begins.
    fn take(&mut self, from: &Place) -> Result<(Item, Phase), Refusal> {
        let (taken, phase) = match from {
            Place::Jaws => (self.jaws.take(), Phase::Grasped),
            Place::Slot(slot) => (self.slots.get_mut(slot).and_then(Vec::pop), Phase::Begun),
        };
        taken.map(|item| (item, phase)).ok_or_else(|| Refusal::Empty { place: from.clone() })
    }

    fn open(
        &mut self,
        entry: &Entry,
        moved: Moved,
        (item, from, to): (Item, Place, SlotAddress),
        phase: Phase,
    ) {
        let (id, begun) = (TransferId(entry.sequence), entry.time);
        let put_back = false;
        self.transfer = Some(Transfer { id, item, moved, from, to, put_back, phase, begun });
    }

    /// Nothing moves, and nothing is uncertain.
    ///
    /// # Errors
    /// Something is.
    pub(crate) fn check_rest(&self) -> Result<(), Refusal> {
        if let Some(Uncertain { item, places, transfer, .. }) = &self.uncertain {
            let (item, places) = (item.id.clone(), either(places));
            return Err(Refusal::Uncertain { item, transfer: *transfer, places });
        }
        self.transfer.as_ref().map_or(Ok(()), |transfer| Err(is_open(transfer)))
    }

    /// The open transfer, if it is `id` and in one of `phases`, for the step `wanted`.
    fn step(
        &mut self,
        id: TransferId,
        wanted: &'static str,
        phases: &[Phase],
    ) -> Result<&mut Transfer, Refusal> {
        let open = match &self.transfer {
            Some(transfer) => format!("transfer {} is", transfer.id),
            None => "none is".to_string(),
        };
        match &mut self.transfer {
            Some(transfer) if transfer.id == id => {
                let found = transfer.phase;
                match phases.contains(&found) {
                    true => Ok(transfer),
                    false => Err(Refusal::OutOfOrder { transfer: id, found, wanted }),
                }
            }
            _ => Err(Refusal::NotOpen { transfer: id, open }),
        }
    }

    fn release(
        &mut self,
        id: TransferId,
        at: &SlotAddress,
        error_mm: Option<f64>,
    ) -> Result<(), Refusal> {
        if let Some(error_mm) = error_mm.filter(|error| !error.is_finite() || *error < 0.0) {
            return Err(Refusal::InvalidError { error_mm });
        }
        let transfer = self.step(id, "released", &[Phase::Grasped])?;
        let is_back = transfer.from == Place::Slot(at.clone());
        transfer.put_back = is_back && transfer.moved == Moved::LidOff;
        if transfer.to != *at && !transfer.put_back {
            let (expected, found) = (transfer.to.clone(), at.clone());
            return Err(Refusal::OtherSlot { transfer: id, expected, found });
        }
        transfer.phase = Phase::Released;
        if transfer.is_on_plate() {
            self.put_lid(at, true);
            return Ok(());
        }
        let item = transfer.item.clone();
        self.slots.entry(at.clone()).or_default().push(item);
        Ok(())
    }

    /// Takes what was released out of its slot, or off its plate.
    fn unrelease(&mut self, transfer: &Transfer) {
        match &transfer.from {
            Place::Slot(plate) if transfer.put_back => self.put_lid(plate, false),
            _ if transfer.is_on_plate() => self.put_lid(&transfer.to, false),
            _ => drop(self.slots.get_mut(&transfer.to).and_then(Vec::pop)),
        }
    }

    fn fail(&mut self, id: TransferId, at: FailedAt, reason: &str) -> Result<(), Refusal> {
        let all = [Phase::Begun, Phase::Grasped, Phase::Released];
        // What was released at `to` may stick to the jaws, or be gone. It is not back where it was.
        let phases = if at == FailedAt::AtFrom { &all[..2] } else { &all[..] };
        let transfer = self.step(id, "failed", phases)?.clone();
        if transfer.phase == Phase::Released {
            self.unrelease(&transfer);
        }
        self.transfer = None;
        let place = match at {
            FailedAt::AtFrom => transfer.from,
            FailedAt::InJaws => Place::Jaws,
            FailedAt::Unknown => {
                let mut places = transfer.places();
                places.insert(Place::Jaws);
                let (item, reason) = (transfer.item, reason.to_string());
                self.uncertain = Some(Uncertain { item, places, transfer: id, reason });
                return Ok(());
            }
        };
        self.put(transfer.item, &place)
    }

    fn interrupt(&mut self, id: TransferId) -> Result<(), Refusal> {
        let all = [Phase::Begun, Phase::Grasped, Phase::Released];
        let transfer = self.step(id, "interrupted", &all)?.clone();
        self.transfer = None;
        if transfer.phase != Phase::Released {
            let reason = format!("the program ended while the transfer was {}", transfer.phase);
            let places = transfer.places();
            self.uncertain = Some(Uncertain { item: transfer.item, places, transfer: id, reason });
        }
        Ok(())
    }

    fn settle(&mut self, id: &ItemId, place: Option<&Place>) -> Result<(), Refusal> {
        match self.uncertain.take() {
            Some(uncertain) if uncertain.item.id == *id => match place {
                Some(place) => self.put(uncertain.item, place),
                None => Ok(()),
            },
            _ => Err(Refusal::NotUncertain { item: id.clone(), found: self.found(id) }),
        }
    }

    /// Puts an item on top of what lies in a place; a lid onto the plate that lies on top there.
    fn put(&mut self, item: Item, place: &Place) -> Result<(), Refusal> {
        match (place, &self.jaws) {
            (Place::Jaws, None) => self.jaws = Some(item),
            (Place::Jaws, Some(held)) => return Err(Refusal::JawsFull { item: held.id.clone() }),
            (Place::Slot(slot), _) if self.becomes_lid(&item, slot)? => self.put_lid(slot, true),
            (Place::Slot(slot), _) => match self.slots.get_mut(slot) {
                Some(pile) => pile.push(item),
                None => return Err(Refusal::NotStated { slot: slot.clone() }),
            },
        }
        Ok(())
    }
}

fn is_open(transfer: &Transfer) -> Refusal {
    Refusal::TransferOpen { transfer: transfer.id, item: transfer.item.id.clone() }
}
