//! The person beside the cell.

use jiff::Timestamp;
use rmrl::Places;
use rmrl::rmrl_core::PlanarPose;
use rmrl::rmrl_inventory::{Inventory, Place, StatedBy};
use rmrl::rmrl_sim::SimulatedCell;

use crate::Failure;
use crate::requests::free_slot;
use crate::truth::item;

/// A person who looks at a laboratory and says what lies where.
pub struct Person<'a> {
    pub truth: &'a SimulatedCell,
    pub places: &'a Places,
}

impl Person<'_> {
    /// Says where the item is of which nobody knew it, and puts back what fell. `takes_out` of the jaws what cannot be put down.
    pub fn put_right(&self, inventory: &mut Inventory, takes_out: bool) -> Result<(), Failure> {
        let stated = || StatedBy { by: "a person".to_string(), reason: "looked".to_string() };
        let now = Timestamp::now();
        let world = inventory.world().clone();
        // What nobody remembers of an item between the jaws: a person takes it out, and puts it down.
        if let Some(held) = world.jaws().filter(|_| takes_out) {
            let (id, item) = (held.id.clone(), held.clone());
            let free = free_slot(self.places, &world, held.labware());
            let slot = free.ok_or("no free slot for what is held")?;
            self.truth.put_item(id.as_str(), &slot.to_string(), PlanarPose::default())?;
            inventory.set(Place::Jaws, Vec::new(), stated(), now)?;
            inventory.set(Place::Slot(slot), vec![item], stated(), now)?;
        }
        let Some(uncertain) = world.uncertain() else { return Ok(()) };
        let id = uncertain.item.id.clone();
        let place = match item(self.truth, id.as_str()) {
            Some(item) if item.is_held => Some(Place::Jaws),
            Some(item) => item.slot.map(|(slot, _)| slot.parse()).transpose()?,
            None => None,
        };
        match place {
            Some(place) => inventory.settle(&id, Some(&place), stated(), now)?,
            None => {
                let free = free_slot(self.places, inventory.world(), uncertain.item.labware());
                let slot = free.ok_or("no free slot for what fell")?;
                self.truth.put_item(id.as_str(), &slot.to_string(), PlanarPose::default())?;
                inventory.settle(&id, Some(&Place::Slot(slot)), stated(), now)?;
            }
        }
        Ok(())
    }
}
