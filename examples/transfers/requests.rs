//! What can be asked of a laboratory.

use rmrl::Places;
use rmrl::rmrl_cell::Access;
use rmrl::rmrl_inventory::{Place, SlotAddress, World};
use rmrl::rmrl_transfer::Request;

/// Everything that can be asked for, by what the records say.
pub fn possible(places: &Places, world: &World) -> Vec<Request> {
    let slots = places.slots();
    let mut possible = Vec::new();
    if world.jaws().is_some() {
        for to in &slots {
            possible.extend(Request::between(world, &Place::Jaws, to, false).ok());
        }
    }
    for from in slots.iter().filter(|_| world.jaws().is_none()) {
        for to in &slots {
            let place = Place::Slot(from.clone());
            possible.extend(Request::between(world, &place, to, false).ok());
            if world.top(from).is_some_and(|item| item.has_lid) {
                possible.extend(Request::between(world, &place, to, true).ok());
            }
        }
    }
    possible.retain(|request| is_possible(places, world, request));
    possible
}

/// Whether a slot is free for it, or its plate waits there. What the sites take is asked, too.
fn is_possible(places: &Places, world: &World, request: &Request) -> bool {
    let top = match request.from() {
        Place::Slot(slot) if slot == *request.to() => None,
        Place::Slot(slot) => world.top(&slot),
        Place::Jaws => world.jaws(),
    };
    let Some(top) = top else { return false };
    let Some(site) = places.sites.get(request.to().site()) else { return false };
    let lying = world.slot(request.to()).unwrap_or_default();
    match request {
        // A rim is not lifted off its plate where the way out is level.
        Request::Unlid { .. } | Request::Relid { .. } if enters_from_front(places, request) => {
            false
        }
        Request::Relid { .. } => lying
            .last()
            .is_some_and(|plate| !plate.has_lid && Some(plate.labware()) == top.covers()),
        Request::Unlid { .. } => lying.is_empty() && site.takes(&format!("{}.lid", top.labware())),
        Request::Move { .. } => lying.is_empty() && site.takes(top.labware()),
    }
}

/// Whether a slot where a lid is taken off or put on is entered from the front.
fn enters_from_front(places: &Places, request: &Request) -> bool {
    let slot = match (request, request.from()) {
        (Request::Unlid { .. }, Place::Slot(from)) => from,
        _ => request.to().clone(),
    };
    places.sites.get(slot.site()).is_some_and(|site| site.access == Access::Front)
}

/// A slot in which nothing lies and that takes a labware.
pub fn free_slot(places: &Places, world: &World, labware: &str) -> Option<SlotAddress> {
    places.slots().into_iter().find(|slot| {
        let takes = places.sites.get(slot.site()).is_some_and(|site| site.takes(labware));
        takes && world.slot(slot).is_some_and(<[_]>::is_empty)
    })
}
