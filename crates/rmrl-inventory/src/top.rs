//! What can be taken from a place and what can be put on it: the topmost item, and its lid.

use crate::address::{Place, SlotAddress};
use crate::item::{Item, ItemId, loose_lid};
use crate::refusal::Refusal;
use crate::world::{Location, World};

impl World {
    /// The item that can be taken from a place.
    ///
    /// # Errors
    /// There is none, or nobody said what lies there.
    pub(crate) fn topmost(&self, place: &Place) -> Result<&Item, Refusal> {
        let top = match place {
            Place::Jaws => self.jaws(),
            Place::Slot(slot) => {
                let pile = self.slot(slot);
                pile.ok_or_else(|| Refusal::NotStated { slot: slot.clone() })?.last()
            }
        };
        top.ok_or_else(|| Refusal::Empty { place: place.clone() })
    }

    /// The item, if it can be taken: the jaws are free for it, and nothing lies on it.
    ///
    /// # Errors
    /// It cannot be taken.
    pub(crate) fn check_top(&self, from: &Place, id: &ItemId) -> Result<&Item, Refusal> {
        if let (Place::Slot(_), Some(held)) = (from, self.jaws()) {
            return Err(Refusal::JawsFull { item: held.id.clone() });
        }
        let top = self.topmost(from)?;
        if top.id == *id {
            return Ok(top);
        }
        match from {
            Place::Slot(slot) if self.location(id) == Some(Location::At(from.clone())) => {
                let (item, above) = (id.clone(), top.id.clone());
                Err(Refusal::Covered { item, above, slot: slot.clone() })
            }
            place => Err(self.not_there(id, place)),
        }
    }

    /// The lid that can be taken off a plate, as an item of its own.
    ///
    /// # Errors
    /// The plate is not on top there, has no lid, or its lid's identifier is taken or too long.
    pub(crate) fn lid_on(&self, slot: &SlotAddress, plate: &ItemId) -> Result<Item, Refusal> {
        let place = Place::Slot(slot.clone());
        let top = self.check_top(&place, plate)?;
        if top.is_lid() {
            return Err(Refusal::IsLid { lid: top.id.clone(), place });
        }
        if !top.has_lid {
            return Err(Refusal::NoLid { plate: plate.clone(), slot: slot.clone() });
        }
        let lid = top.lid_alone().map_err(|error| {
            let (plate, reason) = (plate.clone(), error.to_string());
            Refusal::UnnamedLid { plate, reason }
        })?;
        if self.location(&lid.id).is_some() {
            let (plate, found) = (plate.clone(), self.found(&lid.id));
            return Err(Refusal::LidTaken { plate, lid: lid.id, found });
        }
        Ok(lid)
    }

    /// The lid can be taken from a place, and put onto the plate on top in a slot.
    ///
    /// # Errors
    /// It cannot be taken, is no lid, or does not fit there.
    pub(crate) fn check_fit(
        &self,
        from: &Place,
        to: &SlotAddress,
        lid: &ItemId,
        plate: &ItemId,
    ) -> Result<(), Refusal> {
        let lid = self.check_top(from, lid)?;
        if !lid.is_lid() {
            return Err(Refusal::NotLid { item: lid.id.clone(), place: from.clone() });
        }
        let place = Place::Slot(to.clone());
        match self.top(to) {
            None => Err(Refusal::NoPlate { lid: lid.id.clone(), slot: to.clone() }),
            Some(top) if top.is_lid() => Err(Refusal::IsLid { lid: top.id.clone(), place }),
            Some(top) if top.id != *plate => Err(self.not_there(plate, &place)),
            Some(_) => self.becomes_lid(lid, to).map(drop),
        }
    }

    /// Whether an item that is put into a slot lands on a plate, as its lid.
    ///
    /// # Errors
    /// It is a lid, and does not fit onto the plate on top there.
    pub(crate) fn becomes_lid(&self, item: &Item, slot: &SlotAddress) -> Result<bool, Refusal> {
        let on_plate = |top: &&Item| item.is_lid() && !top.is_lid();
        let Some(plate) = self.top(slot).filter(on_plate) else { return Ok(false) };
        let (lid, plate_id) = (item.id.clone(), plate.id.clone());
        match item.covers() {
            Some(labware) if labware != plate.labware() => {
                let (covers, labware) = (labware.to_string(), plate.labware().to_string());
                Err(Refusal::OtherLid { lid, covers, plate: plate_id, labware })
            }
            _ if plate.has_lid => Err(Refusal::HasLid { lid, plate: plate_id, slot: slot.clone() }),
            _ => Ok(true),
        }
    }

    /// Whether `items`, said to lie in a place, show that the uncertain item is the lid on the topmost of them: it can be there,
    /// fits, and that plate had no lid before.
    pub(crate) fn is_uncertain_lid_on(&self, place: &Place, items: &[Item]) -> bool {
        let (Some(uncertain), Place::Slot(slot), Some(top)) =
            (self.uncertain(), place, items.last())
        else {
            return false;
        };
        let had_none = self.top(slot).is_some_and(|before| before.id == top.id && !before.has_lid);
        let fits = uncertain.item.covers() == Some(top.labware());
        uncertain.places.contains(place) && fits && top.has_lid && had_none
    }

    /// Puts a lid onto the topmost plate of a slot, or takes it off.
    pub(crate) fn put_lid(&mut self, slot: &SlotAddress, has_lid: bool) {
        if let Some(plate) = self.slots.get_mut(slot).and_then(|pile| pile.last_mut()) {
            plate.has_lid = has_lid;
        }
    }

    fn not_there(&self, item: &ItemId, place: &Place) -> Refusal {
        Refusal::NotThere { item: item.clone(), place: place.clone(), found: self.found(item) }
    }
}

/// A lid does not come to lie loose on a plate.
///
/// # Errors
/// It would.
pub(crate) fn check_loose(
    item: &Item,
    top: Option<&Item>,
    slot: &SlotAddress,
) -> Result<(), Refusal> {
    match top {
        Some(plate) if item.is_lid() && !plate.is_lid() => Err(Refusal::LooseLid {
            lid: item.id.clone(),
            plate: plate.id.clone(),
            place: slot.clone().into(),
        }),
        _ => Ok(()),
    }
}

/// No lid has a lid, and none lies loose on a plate.
///
/// # Errors
/// One does.
pub(crate) fn check_pile(place: &Place, items: &[Item]) -> Result<(), Refusal> {
    if let Some(lid) = items.iter().find(|item| item.is_lid() && item.has_lid) {
        return Err(Refusal::LidOnLid { lid: lid.id.clone() });
    }
    match loose_lid(items) {
        Some((lid, plate)) => {
            let (lid, plate) = (lid.id.clone(), plate.id.clone());
            Err(Refusal::LooseLid { lid, plate, place: place.clone() })
        }
        None => Ok(()),
    }
}
