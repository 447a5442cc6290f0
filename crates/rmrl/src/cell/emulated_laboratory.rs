//! A laboratory that is emulated on this computer: the controller, the camera, the operator, and the simulation behind them.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use rmrl_inventory::{Item, ItemId, Place};
use rmrl_sim::{ItemTruth, SimulatedCell};
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, KeepOuts, Plant, RunningEmulator, StartError,
};

use super::emulated_calibration::emulated_calibration;
use super::emulated_keep_outs::held_plates;
use super::laboratory_error::LaboratoryError;
use super::remote::CellServer;
use super::simulated_places::{LID, labware_name, simulated_laboratory};
use crate::config::{Places, RunConfig};

/// Why a laboratory could not be emulated.
#[derive(Debug, thiserror::Error)]
pub enum EmulatedLaboratoryError {
    /// The configuration of the cell, or the camera file.
    #[error(transparent)]
    Laboratory(#[from] LaboratoryError),
    /// The controller.
    #[error("the controller cannot be emulated")]
    Controller(#[from] StartError),
    /// Camera and operator.
    #[error("camera and operator cannot be served")]
    Served(#[source] Arc<std::io::Error>),
}

/// An emulated laboratory that runs until it is dropped.
pub struct EmulatedLaboratory {
    /// The controller.
    pub controller: RunningEmulator,
    /// Camera and operator.
    pub server: CellServer,
    /// The simulation behind them: it knows the truth, and does what a person beside the cell does.
    pub cell: SimulatedCell,
    places: Places,
}

impl EmulatedLaboratory {
    /// Emulates the laboratory of a configuration's places. The arm, the tool and what is watched are the configuration's, and
    /// `keep_outs` what the controller judges motions by; the rest of `controller` stays as it is. Camera and operator are
    /// served at `served_at`.
    ///
    /// # Errors
    /// The configuration is invalid, or an address is in use.
    pub fn start(
        config: &RunConfig,
        places: &Places,
        controller: EmulatorConfig,
        keep_outs: Option<KeepOuts>,
        served_at: impl ToSocketAddrs,
    ) -> Result<Self, EmulatedLaboratoryError> {
        let cell = simulated_laboratory(config, places, u64::from(config.seed))?;
        let controller = EmulatorConfig {
            arm: rmrl_xarm::kinematics::ArmKinematics::new(config.xarm.model),
            flange_from_tool: config.xarm.flange_from_jaws(),
            watched_m: Some(config.xarm.fence_m),
            held_plate: keep_outs.as_ref().map(|_| held_plates(config, places, cell.clone())),
            keep_outs,
            ..controller
        };
        let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
        let controller = EmulatedController::start(controller, plant)?;
        let calibration = emulated_calibration(config, &cell);
        let server = CellServer::start(served_at, cell.clone(), Some(calibration))
            .map_err(|error| EmulatedLaboratoryError::Served(Arc::new(error)))?;
        Ok(Self { controller, server, cell, places: places.clone() })
    }

    /// What truly lies in each place, from the bottom: what a person would say who looks. What lies nowhere is not in it.
    pub fn seen_by_a_person(&self) -> Vec<(Place, Vec<Item>)> {
        let truths = self.cell.items();
        let mut places: Vec<Place> = self.places.slots().into_iter().map(Place::Slot).collect();
        places.insert(0, Place::Jaws);
        let lying = |place: &Place| {
            let mut here: Vec<&ItemTruth> =
                truths.iter().filter(|item| place_of(item).as_ref() == Some(place)).collect();
            let height_m = |item: &ItemTruth| item.world_from_item.translation.z;
            here.sort_by(|a, b| height_m(a).total_cmp(&height_m(b)));
            here.into_iter().filter_map(|item| self.item(item, &truths)).collect()
        };
        places.iter().map(|place| (place.clone(), lying(place))).collect()
    }

    /// An item as the inventory knows it; none for a lid on its plate, which is a part of it.
    fn item(&self, item: &ItemTruth, truths: &[ItemTruth]) -> Option<Item> {
        let plate = item.id.strip_suffix(LID);
        if plate.is_some() && plate == item.lies_on.as_deref() {
            return None;
        }
        let lid = format!("{}{LID}", item.id);
        let has_lid =
            truths.iter().any(|one| one.id == lid && one.lies_on.as_ref() == Some(&item.id));
        let id: ItemId = item.id.parse().ok()?;
        Item::new(id, &labware_name(&self.places, &item.id)?, has_lid).ok()
    }
}

/// Where an item truly is.
fn place_of(item: &ItemTruth) -> Option<Place> {
    match (&item.slot, item.is_held) {
        (_, true) => Some(Place::Jaws),
        (Some((slot, _)), false) => slot.parse().ok().map(Place::Slot),
        (None, false) => None,
    }
}
