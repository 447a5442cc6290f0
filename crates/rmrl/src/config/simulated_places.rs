//! `[simulated_laboratory]`: what a simulated cell has beside the sites, and what lies in it at first.

use std::collections::BTreeMap;

use rmrl_core::{ConfigKeys, InvalidKey};
use rmrl_inventory::{Item, ItemId, SlotAddress};
use serde::Deserialize;

/// What a simulated cell has beside the sites that the software knows, and what lies in it at first.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedPlaces {
    /// How far off along the fingers each site was taught, in meters: the standard deviation of what a person does by eye.
    /// Default 0.
    pub taught_apart_m: f64,
    /// The trays with walls, by the name of their site.
    pub nests: BTreeMap<String, Nest>,
    /// The rims of lids.
    pub lid_rims: LidRims,
    /// What lies in the slots at first, from the bottom.
    pub items: Vec<FirstItem>,
}

/// A tray with walls around the plate.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Nest {
    /// The free room to each side of a centered plate, in meters.
    #[key(at_least = 0.0001, at_most = 0.03)]
    pub clearance_m: f64,
    /// Height of the walls above the surface, in meters.
    #[key(at_least = 0.0005, at_most = 0.05)]
    pub wall_height_m: f64,
    /// The lead-in at the upper edge of the walls, in meters, at 45 degrees.
    #[key(at_least = 0, at_most = 0.05)]
    pub chamfer_m: f64,
}

/// The rims of lids, which guide them onto their plates.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct LidRims {
    /// The play of a centered lid to each side of its plate, in meters. Default 0.00075.
    #[key(at_least = 0.0001, at_most = 0.0019)]
    pub clearance_m: f64,
    /// The lead-in at the rim's lower edge, in meters, at 45 degrees. Default 0.00125.
    #[key(at_least = 0.0005, at_most = 0.003)]
    pub chamfer_m: f64,
}

impl Default for LidRims {
    fn default() -> Self {
        Self { clearance_m: 0.000_75, chamfer_m: 0.001_25 }
    }
}

/// What lies in a slot at first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstItem {
    /// Its identifier.
    pub id: ItemId,
    /// Its labware.
    pub labware: String,
    /// The slot.
    pub slot: SlotAddress,
    /// Whether its lid is on.
    #[serde(default)]
    pub has_lid: bool,
}

impl FirstItem {
    /// It as the inventory knows it.
    ///
    /// # Errors
    /// Its labware is no name.
    pub fn item(&self) -> Result<Item, rmrl_inventory::ItemError> {
        Item::new(self.id.clone(), &self.labware, self.has_lid)
    }
}

impl SimulatedPlaces {
    /// Checks every value.
    ///
    /// # Errors
    /// The first invalid key.
    pub fn check(&self) -> Result<(), InvalidKey> {
        if !(0.0..=0.01).contains(&self.taught_apart_m) {
            let value = format!("{}", self.taught_apart_m);
            return Err(InvalidKey::new("taught_apart_m", value, "0 to 0.01"));
        }
        self.lid_rims.validate().map_err(|error| error.within("lid_rims"))?;
        for (name, nest) in &self.nests {
            nest.validate().map_err(|error| error.within(&format!("nests.{name}")))?;
        }
        Ok(())
    }
}
