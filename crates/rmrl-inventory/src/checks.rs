//! What the layout of a cell refuses.

use crate::address::{Place, SlotAddress};
use crate::event::StatedBy;
use crate::item::Item;
use crate::layout::{Accepts, Layout, SlotRule};
use crate::refusal::Refusal;
use crate::world::World;

/// The rule of a slot.
///
/// # Errors
/// The cell has no such slot.
pub(crate) fn rule<'a>(layout: &'a Layout, slot: &SlotAddress) -> Result<&'a SlotRule, Refusal> {
    layout.rule(slot).ok_or_else(|| {
        let names: Vec<String> = layout.slots().map(|(known, _)| known.to_string()).collect();
        let known = match names.len() {
            0 => "one of none".to_string(),
            1..=12 => format!("one of {}", names.join(", ")),
            count => format!("one of {count}: {}, ...", names[..12].join(", ")),
        };
        Refusal::UnknownSlot { slot: slot.clone(), known }
    })
}

/// The cell has that place.
///
/// # Errors
/// It does not.
pub(crate) fn known(layout: &Layout, place: &Place) -> Result<(), Refusal> {
    match place {
        Place::Slot(slot) => rule(layout, slot).map(drop),
        Place::Jaws => Ok(()),
    }
}

/// `items` fit into a place, on the `below` items that are there.
///
/// # Errors
/// The cell has no such slot, it has no room for them, or other labware.
pub(crate) fn room(
    layout: &Layout,
    place: &Place,
    below: usize,
    items: &[Item],
) -> Result<(), Refusal> {
    let Place::Slot(slot) = place else { return Ok(()) };
    let SlotRule { capacity, accepts } = rule(layout, slot)?;
    if below + items.len() > *capacity {
        let (capacity, wanted) = (*capacity, items.len());
        return Err(Refusal::Full { slot: slot.clone(), holds: below, capacity, wanted });
    }
    let Some(wrong) = items.iter().find(|item| !accepts.holds(item.labware())) else {
        return Ok(());
    };
    let accepts = match accepts {
        Accepts::Only(names) if !names.is_empty() => {
            names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => "nothing".to_string(),
    };
    let labware = wrong.labware().to_string();
    Err(Refusal::WrongLabware { item: wrong.id.clone(), labware, slot: slot.clone(), accepts })
}

/// Who and why are said.
///
/// # Errors
/// One is empty.
pub(crate) fn statement(stated: &StatedBy) -> Result<(), Refusal> {
    said("by", &stated.by, "who says so")?;
    said("reason", &stated.reason, "why")
}

/// A text is not blank.
///
/// # Errors
/// It is.
pub(crate) fn said(field: &'static str, text: &str, expected: &'static str) -> Result<(), Refusal> {
    match text.trim() {
        "" => Err(Refusal::Blank { field, expected }),
        _ => Ok(()),
    }
}

/// What lies where the layout allows it no longer: slots that are gone, smaller, or for other labware.
pub(crate) fn conflicts(layout: &Layout, world: &World) -> Vec<Refusal> {
    let piles = world.slots().filter(|(_, items)| !items.is_empty());
    piles
        .filter_map(|(slot, items)| room(layout, &Place::Slot(slot.clone()), 0, items).err())
        .collect()
}
