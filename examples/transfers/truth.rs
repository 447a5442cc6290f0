//! What is true of items, compared with what the records say and with what the sites allow.

use rmrl::Places;
use rmrl::rmrl_inventory::{Place, World};
use rmrl::rmrl_sim::{ItemTruth, SimulatedCell, SlotError};
use rmrl::rmrl_transfer::Request;

/// A lid is on its plate within this, each way in millimeters, and level within this in degrees.
const LID_MM: f64 = 1.5;
const LID_DEG: f64 = 1.0;

/// An item as it truly lies.
pub fn item(cell: &SimulatedCell, id: &str) -> Option<ItemTruth> {
    cell.items().into_iter().find(|item| item.id == id)
}

/// How far an item truly is from where a request should have brought it, and whether that is within what its site allows.
pub fn judge(
    cell: &SimulatedCell,
    places: &Places,
    request: &Request,
    id: &str,
) -> Option<(SlotError, bool)> {
    let item = item(cell, id)?;
    let (slot, error) = item.slot?;
    if slot != request.to().to_string() || item.is_held {
        return Some((error, false));
    }
    if let Request::Relid { .. } = request {
        let plate = self::item(cell, &item.lies_on?)?;
        let (_, below) = plate.slot?;
        let apart = SlotError {
            x_mm: error.x_mm - below.x_mm,
            y_mm: error.y_mm - below.y_mm,
            yaw_deg: error.yaw_deg - below.yaw_deg,
            ..error
        };
        let is_on =
            apart.x_mm.abs() <= LID_MM && apart.y_mm.abs() <= LID_MM && apart.tilt_deg <= LID_DEG;
        return Some((apart, is_on));
    }
    let seating = places.sites.get(request.to().site())?.seating;
    let is_seated = error.x_mm.hypot(error.y_mm) <= 1e3 * seating.translation_m
        && error.yaw_deg.abs() <= seating.yaw_deg
        && error.height_mm.abs() <= 1e3 * seating.height_m;
    Some((error, is_seated))
}

/// Where the records are wrong, in words. Lids on their plates are part of them.
pub fn contradictions(cell: &SimulatedCell, world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let truths = cell.items();
    for item in &truths {
        let lid_of = item
            .id
            .strip_suffix(".lid")
            .and_then(|plate| truths.iter().find(|one| one.id == plate));
        let recorded = places_of(world, &item.id, lid_of.map(|plate| plate.id.as_str()));
        let truly = match (&item.slot, item.is_held) {
            (_, true) => "jaws".to_string(),
            (Some((slot, _)), _) => slot.clone(),
            (None, false) => "nowhere".to_string(),
        };
        if !recorded.contains(&truly) {
            wrong
                .push(format!("{} is truly in {truly}, and the records say {recorded:?}", item.id));
        }
        if let Some(below) = &item.lies_on
            && !item.is_held
            && !lies_on_in_records(world, &item.id, below)
        {
            wrong.push(format!("{} lies on {below}, and the records do not say so", item.id));
        }
    }
    for recorded in world.items() {
        if !truths.iter().any(|item| item.id == recorded.id.as_str()) {
            wrong.push(format!("{} is in the records, and in no place", recorded.id));
        }
    }
    wrong
}

/// Where an item can be by the records: a lid that is on its plate is where the plate is.
fn places_of(world: &World, id: &str, plate: Option<&str>) -> Vec<String> {
    let of = |id: &str| -> Vec<String> {
        let Ok(id) = id.parse() else { return Vec::new() };
        match world.location(&id) {
            Some(rmrl::rmrl_inventory::Location::At(place)) => vec![place.to_string()],
            Some(rmrl::rmrl_inventory::Location::OneOf(places)) => {
                places.iter().map(Place::to_string).collect()
            }
            None => Vec::new(),
        }
    };
    let own = of(id);
    match (own.is_empty(), plate) {
        (true, Some(plate)) => of(plate),
        _ => own,
    }
}

fn lies_on_in_records(world: &World, id: &str, below: &str) -> bool {
    // Or it was on its way when a program was killed, and the next one has not started.
    let is_uncertain = world.uncertain().is_some_and(|uncertain| uncertain.item.id.as_str() == id)
        || world.open_transfer().is_some_and(|transfer| transfer.item.id.as_str() == id);
    if id.strip_suffix(".lid") == Some(below) {
        return is_uncertain || world.items().any(|item| item.id.as_str() == below && item.has_lid);
    }
    world.slots().any(|(_, pile)| {
        pile.windows(2).any(|pair| pair[0].id.as_str() == below && pair[1].id.as_str() == id)
    }) || is_uncertain
}
