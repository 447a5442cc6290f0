//! What callers let a cell do, each with its answer as JSON: that of the command `rmrl cell`.

use jiff::Timestamp;
use rmrl::rmrl_cell::StopSwitch;
use rmrl::rmrl_inventory::{ItemId, Place, SlotAddress, StatedBy};
use rmrl::rmrl_transfer::{Protocol, ProtocolEvent, Request, StepAttempt};
use rmrl::{AssembledCell, InventoryView, Places, ProtocolChains, item_of_text};
use serde::Serialize;

use super::failure::Failure;
use super::line::Line;
use super::owner::Job;

/// From where to where, and whether only the lid is meant.
pub struct Way {
    pub from: Place,
    pub to: SlotAddress,
    pub lid: bool,
}

impl Way {
    fn request(&self, cell: &AssembledCell) -> Result<Request, Failure> {
        let world = cell.cell.inventory().world();
        Request::between(world, &self.from, &self.to, self.lid)
            .map_err(|reason| Failure::refused("no_lid", reason))
    }
}

/// An answer as JSON.
pub fn json(answer: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(answer)
        .map_err(|error| Failure::cell("failed", format!("the answer is no JSON: {error}")))
}

/// As `rmrl cell transfer`.
pub fn transfer(way: Way) -> Job {
    Box::new(move |cell, _| {
        let request = way.request(cell)?;
        json(&cell.cell.transfer(&request)?)
    })
}

/// As `rmrl cell transfer --dry-run`.
pub fn rehearse(way: Way) -> Job {
    #[derive(Serialize)]
    struct Rehearsed {
        way: Vec<String>,
    }
    Box::new(move |cell, _| {
        let request = way.request(cell)?;
        json(&Rehearsed { way: cell.cell.rehearse(&request)? })
    })
}

/// What a protocol reports beside the events of its transfers.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum StepEvent<'a> {
    StepBegins { step: &'a str, attempt: u32 },
    StepEnded(&'a StepAttempt),
}

/// As `rmrl cell protocol`.
pub fn protocol(protocol: Protocol, count: u32, stop: StopSwitch) -> Job {
    Box::new(move |cell, line: &Line| {
        let mut progress = |event: ProtocolEvent<'_>| match event {
            ProtocolEvent::Begins { step, attempt } => {
                line.say(&StepEvent::StepBegins { step: &step.name, attempt });
            }
            ProtocolEvent::Ended(attempt) => line.say(&StepEvent::StepEnded(attempt)),
        };
        json(&ProtocolChains::run(&protocol, &mut cell.cell, count, &stop, &mut progress))
    })
}

/// As `rmrl cell home`, in a cell that is open.
pub fn home() -> Job {
    #[derive(Serialize)]
    struct AtHome {
        home: rmrl::rmrl_cell::ToolPose,
    }
    Box::new(|cell, _| {
        cell.cell.come_home()?;
        let home = cell.cell.tool_pose();
        let home = home.map_err(|error| Failure::cell("motion", error.to_string()))?;
        json(&AtHome { home })
    })
}

/// As `rmrl cell inventory set`.
pub fn set_items(
    places: Places,
    place: Place,
    items: &[String],
    stated: StatedBy,
) -> Result<Job, Failure> {
    let items: Result<Vec<_>, _> =
        items.iter().map(|text| item_of_text(text, &places.labware)).collect();
    let items = items.map_err(|reason| Failure::refused("invalid_item", reason))?;
    Ok(Box::new(move |cell, _| {
        let inventory = cell.cell.inventory_mut();
        inventory.set(place, items, stated, Timestamp::now())?;
        json(&InventoryView::of(&places, inventory.world().clone()))
    }))
}

/// As `rmrl cell inventory settle`.
pub fn settle(places: Places, item: ItemId, place: Option<Place>, stated: StatedBy) -> Job {
    Box::new(move |cell, _| {
        let inventory = cell.cell.inventory_mut();
        inventory.settle(&item, place.as_ref(), stated, Timestamp::now())?;
        json(&InventoryView::of(&places, inventory.world().clone()))
    })
}
