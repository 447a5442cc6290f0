//! An inventory without its cell, and labware from PyLabRobot.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pyo3::prelude::*;
use rmrl::rmrl_inventory::{Inventory, verify};
use rmrl::rmrl_labware::{ImportGrip, Side, parse_pylabrobot};
use rmrl::{ConfigError, InventoryView, Places, item_of_text};

use super::failure::Failure;
use super::jobs::json;
use super::names::{item_id, place_of, stated_by};
use crate::configuration::layers;
use crate::errors::configuration_error;

/// A file, and assignments over it.
type Configuration = (Option<PathBuf>, Vec<String>);

fn places_of(py: Python<'_>, (file, assignments): Configuration) -> PyResult<Places> {
    let invalid = |error: ConfigError| configuration_error(py, &error);
    layers(py, file, &assignments)?.places().map_err(invalid)
}

/// What lies where by the inventory of these places, as JSON.
pub fn view(py: Python<'_>, places: &Places) -> PyResult<String> {
    let read = || json(&InventoryView::read(places)?);
    py.detach(read).map_err(|failure: Failure| failure.exception(py))
}

/// As `rmrl cell inventory show`.
#[pyfunction]
pub fn inventory_of(py: Python<'_>, configuration: Configuration) -> PyResult<String> {
    let places = places_of(py, configuration)?;
    view(py, &places)
}

/// As `rmrl cell inventory verify`.
#[pyfunction]
pub fn verify_inventory(py: Python<'_>, configuration: Configuration) -> PyResult<String> {
    let places = places_of(py, configuration)?;
    let verified = || json(&InventoryView::of(&places, verify(&places.inventory)?));
    py.detach(verified).map_err(|failure: Failure| failure.exception(py))
}

/// As `rmrl cell inventory set`; `stated` is who says it, and why.
#[pyfunction]
pub fn set_items_of(
    py: Python<'_>,
    configuration: Configuration,
    place: &str,
    items: Vec<String>,
    stated: (String, String),
) -> PyResult<String> {
    let places = places_of(py, configuration)?;
    let set = || {
        let place = place_of(place, &places)?;
        let items: Result<Vec<_>, _> =
            items.iter().map(|text| item_of_text(text, &places.labware)).collect();
        let items = items.map_err(|reason| Failure::refused("invalid_item", reason))?;
        let mut inventory = open(&places)?;
        inventory.set(place, items, stated_by(stated), Timestamp::now())?;
        json(&InventoryView::of(&places, inventory.world().clone()))
    };
    py.detach(set).map_err(|failure: Failure| failure.exception(py))
}

/// As `rmrl cell inventory settle`.
#[pyfunction]
pub fn settle_of(
    py: Python<'_>,
    configuration: Configuration,
    item: &str,
    place: Option<&str>,
    stated: (String, String),
) -> PyResult<String> {
    let places = places_of(py, configuration)?;
    let settle = || {
        let id = item_id(item)?;
        let place = place.map(|place| place_of(place, &places)).transpose()?;
        let mut inventory = open(&places)?;
        inventory.settle(&id, place.as_ref(), stated_by(stated), Timestamp::now())?;
        json(&InventoryView::of(&places, inventory.world().clone()))
    };
    py.detach(settle).map_err(|failure: Failure| failure.exception(py))
}

fn open(places: &Places) -> Result<Inventory, Failure> {
    Ok(Inventory::open(&places.inventory, places.layout(), Timestamp::now())?)
}

/// A plate of PyLabRobot's JSON as a labware, as JSON. `grip` is the side between the jaws, `width` or `length`, and the
/// height of the finger tips above the plate's bottom, in meters. `name` is what errors call the text.
#[pyfunction]
pub fn parse_pylabrobot_plate(
    py: Python<'_>,
    text: &str,
    name: &str,
    grip: (&str, f64),
) -> PyResult<String> {
    let side = match grip.0 {
        "width" => Side::Width,
        "length" => Side::Length,
        other => {
            let reason = format!("the side is {other:?}, expected \"width\" or \"length\"");
            return Err(Failure::Configuration(reason).exception(py));
        }
    };
    let grip = ImportGrip { side, height_m: grip.1, ..ImportGrip::default() };
    let labware = parse_pylabrobot(text, Path::new(name), &grip)
        .map_err(|error| Failure::Configuration(rmrl::rmrl_cell::with_sources(&error)));
    labware.and_then(|labware| json(&labware)).map_err(|failure| failure.exception(py))
}
