//! The places of a laboratory: `[sites.NAME]`, `[labware.NAME]`, `[clearance]`, `[inventory]` and `[simulated_laboratory]`.
//!
//! They are no part of a run: a run directory does not keep them, and a run reads a configuration without them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rmrl_cell::{SiteConfig, SlotError};
use rmrl_clearance::ClearanceConfig;
use rmrl_core::InvalidKey;
use rmrl_inventory::{Accepts, AddressError, Layout, SlotAddress, SlotRule};
use rmrl_labware::{Library, LibraryError};
use serde::Deserialize;
use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::key_path::{put, value};
use crate::config::simulated_places::SimulatedPlaces;

/// The sections of places.
const SECTIONS: [&str; 5] = ["sites", "labware", "clearance", "inventory", "simulated_laboratory"];

/// Where an inventory is kept if the configuration does not say.
const INVENTORY: &str = "inventory";

/// Takes the sections of places out of a table.
pub(super) fn take_places(table: &mut Table) -> Table {
    SECTIONS.into_iter().filter_map(|section| table.remove_entry(section)).collect()
}

/// The section of an inventory that no layer names: beside the configuration file, if there is one.
pub(super) fn inventory_beside(file: Option<&str>) -> Table {
    let mut sections = Table::new();
    put(&mut sections, "inventory.dir", Value::String(INVENTORY.to_string()));
    if let Some(file) = file {
        from_folder_of(file, &mut sections);
    }
    sections
}

/// The sections of a configuration file, with the inventory's folder seen from the folder of the file.
pub(super) fn from_folder_of(file: &str, sections: &mut Table) {
    let dir = value(sections, "inventory.dir").and_then(Value::as_str).map(PathBuf::from);
    let folder = Path::new(file).parent();
    if let (Some(dir), Some(folder)) = (dir.filter(|dir| dir.is_relative()), folder) {
        let dir = folder.join(dir).display().to_string();
        put(sections, "inventory.dir", Value::String(dir));
    }
}

/// The places of a laboratory, what is carried between them, and where is remembered what lies where.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// The sites, by name.
    pub sites: BTreeMap<String, SiteConfig>,
    /// The labware, by name: built in, and the configuration's own.
    pub labware: Library,
    /// What arm, gripper and plates have to stay away from.
    pub clearance: ClearanceConfig,
    /// The folder of the inventory.
    pub inventory: PathBuf,
    /// What a simulated cell has beside the sites, and what lies in it at first.
    pub simulated: SimulatedPlaces,
}

/// A slot that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No site of this name.
    #[error("there is no site {site:?}; the configuration has {}", listed(known))]
    NoSuchSite {
        /// The name.
        site: String,
        /// The names of the configuration.
        known: Vec<String>,
    },
    /// The site has no such slot.
    #[error("site {site}: {reason}")]
    Slot {
        /// The site.
        site: String,
        /// What is wrong with the number.
        reason: SlotError,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none: add [sites.NAME]".to_string() } else { names.join(", ") }
}

/// `[inventory]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InventorySection {
    /// The folder.
    dir: PathBuf,
}

impl Places {
    /// Reads the sections of places that `origin` says.
    ///
    /// # Errors
    /// A key is unknown or missing, a value is invalid, or a site is named as no slot can be addressed.
    pub(super) fn of(sections: Table, origin: &str) -> Result<Self, ConfigError> {
        let mut places = Self {
            sites: BTreeMap::new(),
            labware: Library::built_in(),
            clearance: ClearanceConfig::default(),
            inventory: INVENTORY.into(),
            simulated: SimulatedPlaces::default(),
        };
        for (section, value) in sections {
            let Value::Table(tables) = value else {
                return Err(InvalidKey::new(section, value, "a table").into());
            };
            match section.as_str() {
                "sites" => places.sites = sites_of(tables, origin)?,
                "labware" => {
                    let labware = Library::built_in().with_tables(&tables);
                    places.labware = labware.map_err(|error| of_library(&error, origin))?;
                }
                "clearance" => {
                    places.clearance = read("clearance", Value::Table(tables), origin)?;
                    places.clearance.validate().map_err(|error| error.within("clearance"))?;
                }
                "simulated_laboratory" => {
                    places.simulated = read(&section, Value::Table(tables), origin)?;
                    places.simulated.check().map_err(|error| error.within(&section))?;
                }
                _ => {
                    let read: InventorySection = read("inventory", Value::Table(tables), origin)?;
                    places.inventory = read.dir;
                }
            }
        }
        places.check_labware(origin)?;
        places.check_simulated(origin)?;
        Ok(places)
    }

    /// Every site's labware has to be known.
    fn check_labware(&self, origin: &str) -> Result<(), ConfigError> {
        for (name, site) in &self.sites {
            for labware in &site.labware {
                self.labware.get(labware).map_err(|error| ConfigError::Key {
                    origin: origin.to_string(),
                    key: format!("sites.{name}.labware"),
                    reason: error.to_string(),
                })?;
            }
        }
        Ok(())
    }

    /// What lies in a simulated cell at first has to be known, and its slots.
    fn check_simulated(&self, origin: &str) -> Result<(), ConfigError> {
        let wrong = |key: String, reason: String| ConfigError::Key {
            origin: origin.to_string(),
            key: format!("simulated_laboratory.{key}"),
            reason,
        };
        for (number, item) in self.simulated.items.iter().enumerate() {
            let key = || format!("items[{number}]");
            let labware = self.labware.get(&item.labware);
            let labware = labware.map_err(|error| wrong(key(), error.to_string()))?;
            if item.has_lid && labware.lid.is_none() {
                return Err(wrong(key(), format!("{} has no lid by its definition", labware.name)));
            }
            self.slot(&item.slot).map_err(|error| wrong(key(), error.to_string()))?;
        }
        match self.simulated.nests.keys().find(|name| !self.sites.contains_key(*name)) {
            Some(name) => Err(wrong(format!("nests.{name}"), "there is no such site".to_string())),
            None => Ok(()),
        }
    }

    /// The site of an address, with its slot.
    ///
    /// # Errors
    /// There is no such site, or no such slot.
    pub fn slot(
        &self,
        address: &SlotAddress,
    ) -> Result<(&SiteConfig, rmrl_cell::Slot), PlaceError> {
        let site = self.sites.get(address.site()).ok_or_else(|| PlaceError::NoSuchSite {
            site: address.site().to_string(),
            known: self.sites.keys().cloned().collect(),
        })?;
        let slot = site
            .slot(address.number())
            .map_err(|reason| PlaceError::Slot { site: address.site().to_string(), reason })?;
        Ok((site, slot))
    }

    /// The address of every slot, by site and number.
    pub fn slots(&self) -> Vec<SlotAddress> {
        rmrl_transfer::slot_addresses(&self.sites)
    }

    /// Which slots there are, how much each holds, and what.
    pub fn layout(&self) -> Layout {
        let rule = |address: &SlotAddress| {
            let site = self.sites.get(address.site())?;
            let accepts = match site.labware.as_slice() {
                [] => Accepts::Any,
                names => Accepts::Only(names.iter().cloned().collect()),
            };
            Some(SlotRule { capacity: site.capacity as usize, accepts })
        };
        let slots = self.slots();
        slots.into_iter().filter_map(|slot| rule(&slot).map(|rule| (slot, rule))).collect()
    }
}

fn sites_of(tables: Table, origin: &str) -> Result<BTreeMap<String, SiteConfig>, ConfigError> {
    let mut sites = BTreeMap::new();
    for (name, value) in tables {
        let section = format!("sites.{name}");
        let in_section =
            |key: String, reason| ConfigError::Key { origin: origin.to_string(), key, reason };
        SlotAddress::new(&name, None)
            .map_err(|error: AddressError| in_section(section.clone(), error.to_string()))?;
        let site: SiteConfig = read(&section, value, origin)?;
        site.validate().map_err(|error| error.within(&section))?;
        sites.insert(name, site);
    }
    Ok(sites)
}

fn read<T: serde::de::DeserializeOwned>(
    section: &str,
    value: Value,
    origin: &str,
) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { section.to_string() } else { format!("{section}.{path}") };
        let reason = error.inner().to_string().trim_end().to_string();
        ConfigError::Key { origin: origin.to_string(), key, reason }
    })
}

fn of_library(error: &LibraryError, origin: &str) -> ConfigError {
    ConfigError::Key {
        origin: origin.to_string(),
        key: "labware".to_string(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Layers;

    const LABORATORY: &str = r#"
        trials = 7

        [sites.bench]
        x_m = 0.3
        y_m = -0.1
        yaw_deg = 0.0
        surface_m = 0.0
        seating = { translation_m = 0.002, yaw_deg = 1.0, height_m = 0.001 }
        is_seen = true

        [sites.hotel]
        x_m = 0.3
        y_m = 0.25
        yaw_deg = 90.0
        surface_m = 0.05
        access = "front"
        slots = { count = 2, pitch_m = 0.05 }
        approach_m = 0.14
        seating = { translation_m = 0.002, yaw_deg = 1.0, height_m = 0.001 }
        labware = ["96-well", "assay"]

        [labware.assay]
        like = "96-well"

        [inventory]
        dir = "what-lies-where"
    "#;

    #[test]
    fn places_are_read_beside_a_run_and_are_no_part_of_it() {
        let layers = || Layers::default().with_text("lab.toml", LABORATORY).unwrap();
        let config = layers().resolve().unwrap();
        assert_eq!(config.trials, 7);
        assert!(!config.to_toml().contains("hotel"));
        let places = layers().places().unwrap();
        let slots: Vec<String> = places.slots().iter().map(ToString::to_string).collect();
        assert_eq!(slots, ["bench", "hotel:1", "hotel:2"]);
        let (_, slot) = places.slot(&"hotel:2".parse().unwrap()).unwrap();
        assert!((slot.surface_m - 0.1).abs() < 1e-12);
        for (address, expected) in [
            ("fridge", "there is no site \"fridge\"; the configuration has bench, hotel"),
            ("hotel:3", "no slot 3"),
            ("hotel", "say which one"),
        ] {
            let error = places.slot(&address.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let layout = places.layout();
        let rule = |slot: &str| layout.rule(&slot.parse().unwrap()).unwrap().clone();
        assert!(
            rule("hotel:1").accepts.holds("assay") && !rule("hotel:1").accepts.holds("384-well")
        );
        assert!(rule("bench").accepts.holds("384-well"));
        // Beside the file that names it; what an option names is seen from where the command is started.
        let layers_of = |origin: &str| Layers::default().with_text(origin, LABORATORY).unwrap();
        let there = layers_of("some/where/lab.toml");
        let dir = |layers: &Layers| layers.places().unwrap().inventory.display().to_string();
        assert_eq!(dir(&there), "some/where/what-lies-where");
        assert_eq!(dir(&there.with_assignment("inventory.dir=here").unwrap()), "here");
        // A single key can be changed as any other.
        let moved = layers().with_assignment("sites.bench.x_m=0.4").unwrap().places().unwrap();
        assert!((moved.sites["bench"].x_m - 0.4).abs() < 1e-12);
    }

    #[test]
    fn errors_name_the_key() {
        let with = |text: &str| {
            let layers = Layers::default().with_text("lab.toml", &format!("{LABORATORY}\n{text}"));
            layers.unwrap().places().unwrap_err().to_string()
        };
        for (text, expected) in [
            ("[sites.Bench]\nx_m = 0.1", ["sites.Bench", "a-z"]),
            ("[sites.reader]\nx_m = 0.1", ["sites.reader", "missing field"]),
            ("[labware.plate]\nlike = \"960-well\"", ["labware", "960-well"]),
        ] {
            let error = with(text);
            assert!(expected.iter().all(|words| error.contains(words)), "{error}");
        }
        let set = |assignment: &str| {
            let layers = Layers::default().with_text("lab.toml", LABORATORY).unwrap();
            layers.with_assignment(assignment).unwrap().places().unwrap_err().to_string()
        };
        for (assignment, expected) in [
            ("sites.hotel.approach_m=nan", "sites.hotel.approach_m is NaN"),
            ("sites.hotel.depth=1", "sites.hotel"),
            ("sites.bench.labware=[\"vial\"]", "sites.bench.labware"),
            ("sites=1", "sites is 1, expected a table"),
            ("clearance.margin_m=2", "clearance.margin_m"),
            ("inventory.folder=\"x\"", "inventory"),
        ] {
            let error = set(assignment);
            assert!(error.contains(expected), "{assignment}: {error}");
        }
    }
}
