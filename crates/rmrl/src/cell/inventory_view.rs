//! What lies where in a laboratory, as people and programs read it, and as they say it.

use std::fmt;

use rmrl_cell::with_sources;
use rmrl_inventory::{InventoryError, Item, ItemError, World};
use rmrl_labware::Library;
use serde::Serialize;

use crate::config::Places;

/// What lies where in a laboratory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryView {
    /// The folder of the inventory.
    pub inventory: String,
    /// What lies where.
    #[serde(flatten)]
    pub world: World,
    /// The slots of which nobody has said what lies in them.
    pub unknown: Vec<String>,
}

impl InventoryView {
    /// What lies where by `world`, in the slots of `places`.
    pub fn of(places: &Places, world: World) -> Self {
        let unknown = places.slots().into_iter().filter(|slot| world.slot(slot).is_none());
        let unknown = unknown.map(|slot| slot.to_string()).collect();
        Self { inventory: places.inventory.display().to_string(), world, unknown }
    }

    /// What lies where by the inventory of `places`, which another program may be writing.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(places: &Places) -> Result<Self, InventoryError> {
        Ok(Self::of(places, World::read(&places.inventory)?))
    }
}

impl fmt::Display for InventoryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.world)?;
        if !self.unknown.is_empty() {
            writeln!(f, "nobody has said what lies in {}", self.unknown.join(", "))?;
        }
        Ok(())
    }
}

/// An item of a text such as `plate-17=96-well` or `plate-17=96-well-with-lid+lid`.
///
/// # Errors
/// The text is no item, or its labware is unknown or has no lid.
pub fn item_of_text(text: &str, library: &Library) -> Result<Item, String> {
    let (id, labware) = text.split_once('=').ok_or_else(|| {
        format!("{text:?} is no item, expected ID=LABWARE, such as plate-17=96-well")
    })?;
    let (labware, has_lid) = match labware.strip_suffix("+lid") {
        Some(labware) => (labware, true),
        None => (labware, false),
    };
    let in_item = |reason: String| format!("item {text:?}: {reason}");
    let known = library.get(labware).map_err(|error| in_item(with_sources(&error)))?;
    if has_lid && known.lid.is_none() {
        return Err(in_item(format!(
            "{labware} has no lid; add `lid` to [labware.{labware}], or leave out +lid"
        )));
    }
    let id = id.parse().map_err(|error: ItemError| error.to_string())?;
    Item::new(id, labware, has_lid).map_err(|error| error.to_string())
}
