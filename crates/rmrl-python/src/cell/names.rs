//! Names of places and items, as callers write them.

use rmrl::Places;
use rmrl::rmrl_inventory::{Item, ItemId, Place, SlotAddress, StatedBy, World};

use super::failure::Failure;

/// The place of a text: a slot of the configuration, or the jaws.
///
/// # Errors
/// There is no such place; the error lists those that there are, and what lies in them.
pub fn place_of(text: &str, places: &Places) -> Result<Place, Failure> {
    let refused =
        |reason: String| Failure::refused("no_such_slot", format!("{reason}; {}", known(places)));
    let place: Place = text
        .parse()
        .map_err(|error: rmrl::rmrl_inventory::AddressError| refused(error.to_string()))?;
    if let Place::Slot(slot) = &place {
        places.slot(slot).map_err(|error| refused(error.to_string()))?;
    }
    Ok(place)
}

/// The slot of a text.
///
/// # Errors
/// As [`place_of`]; or the text names the jaws.
pub fn slot_of(text: &str, places: &Places) -> Result<SlotAddress, Failure> {
    match place_of(text, places)? {
        Place::Slot(slot) => Ok(slot),
        Place::Jaws => {
            let reason =
                format!("nothing is brought into the jaws, expected a slot; {}", known(places));
            Err(Failure::refused("no_such_slot", reason))
        }
    }
}

/// The item of a text, which need not be known.
///
/// # Errors
/// The text names no item.
pub fn item_id(text: &str) -> Result<ItemId, Failure> {
    ItemId::new(text).map_err(|error| Failure::refused("invalid_item", error.to_string()))
}

/// A statement, by whom and why.
pub fn stated_by((by, reason): (String, String)) -> StatedBy {
    StatedBy { by, reason }
}

/// The slots of a cell with what lies in them, and what the jaws hold, on one line.
fn known(places: &Places) -> String {
    let world = World::read(&places.inventory).unwrap_or_default();
    let slots: Vec<String> = places
        .slots()
        .iter()
        .map(|slot| match world.slot(slot) {
            Some([]) => slot.to_string(),
            Some(items) => {
                let items: Vec<&str> = items.iter().map(|item: &Item| item.id.as_str()).collect();
                format!("{slot} ({})", items.join(", "))
            }
            None => format!("{slot} (?)"),
        })
        .collect();
    let jaws = world.jaws().map_or(String::new(), |item| format!(", and jaws ({})", item.id));
    format!("this cell has {}{jaws}", slots.join(", "))
}
