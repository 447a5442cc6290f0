//! A cell that transfers, assembled from a configuration.

use std::sync::Arc;

use jiff::Timestamp;
use rmrl_cell::{AfterContact, Devices, SafetyEnvelope, with_sources};
use rmrl_inventory::{Inventory, InventoryError, Place, StatedBy};
use rmrl_sim::SimulatedCell;
use rmrl_transfer::{
    CellParts, NothingInTheWay, SitePlan, TransferCell, TransferError, TransferLog,
    TransferSettings, Ways,
};
use rmrl_vision::Localizer;
use rmrl_xarm::ArmModel;

use super::assembly::{Interrupts, connect, real_devices};
use super::first_motion::Start;
use super::kept_laboratory::KeptLaboratory;
use super::laboratory_error::LaboratoryError;
use super::perception::{localizer, picture_reader};
use super::simulated_places::simulated_laboratory;
use super::site_clearance::{SiteClearance, WayError};
use super::site_reach::{SiteError, prove_slot, prove_travel};
use super::transfer_policies::open_policies;
use super::transfer_trials::TrialFolders;
use crate::config::{CellKind, Places, RunConfig};

/// The file of what is known of how things lie, in the folder of the inventory.
pub(crate) const KNOWLEDGE: &str = "knowledge.json";
/// The log of transfers, in the folder of the inventory.
pub(crate) const TRANSFERS: &str = "transfers.jsonl";
/// The state of a simulated laboratory, in the folder of the inventory.
const SIMULATED: &str = "simulated-laboratory.json";

/// Why a cell that transfers could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum TransferCellError {
    /// Its devices.
    #[error(transparent)]
    Laboratory(#[from] LaboratoryError),
    /// What lies where.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// Its limits.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The configuration has no site.
    #[error("the configuration has no site: add [sites.NAME], as configs/laboratory.toml has them")]
    NoSites,
    /// The arm does not reach a slot, or a way between two; in words.
    #[error("{0}")]
    Reach(String),
    /// The arm is one of a program.
    #[error(
        "cell.kind is \"external\": transfers are for arms whose kinematics are known here, because each way is proven to be \
         clear; set cell.kind = \"xarm\" (its camera and operator may be external)"
    )]
    External,
    /// The cell is not simulated.
    #[error(
        "cell.kind is not \"simulated\": this is for a simulated laboratory; set cell.kind = \"simulated\""
    )]
    NotSimulated,
    /// The simulated laboratory that was kept cannot be read.
    #[error("{0}")]
    Kept(String),
}

/// A cell that transfers, with the simulation behind it if there is one.
pub struct AssembledCell {
    /// The cell.
    pub cell: TransferCell,
    /// The simulated laboratory: for evaluation, and for what a simulated person does.
    pub simulated: Option<SimulatedCell>,
}

/// Assembles the cell of a configuration and its places on behalf of `start`. Nothing moves yet; the operator of a real cell has
/// permitted the first motion.
///
/// A simulated laboratory continues where the last program left it. At its first start its operator says what lies where.
///
/// # Errors
/// The configuration is invalid, the inventory is damaged or in use, a device does not answer, or an arm may not move.
pub fn open_transfer_cell(
    config: &RunConfig,
    places: &Places,
    start: &Start,
) -> Result<AssembledCell, TransferCellError> {
    open_transfer_cell_with(config, places, start, |devices| devices)
}

/// As [`open_transfer_cell`], with devices that `wrap` puts around those of the cell: to watch them, or to let them fail.
///
/// # Errors
/// As [`open_transfer_cell`].
pub fn open_transfer_cell_with(
    config: &RunConfig,
    places: &Places,
    start: &Start,
    wrap: impl FnOnce(Devices) -> Devices,
) -> Result<AssembledCell, TransferCellError> {
    if places.sites.is_empty() {
        return Err(TransferCellError::NoSites);
    }
    let localizer = localizer(&config.vision).map_err(LaboratoryError::from)?;
    let mut inventory = opened_inventory(places)?;
    let start = &Start {
        sites: Some(Arc::new((site_plan(config, places), inventory.world().clone()))),
        ..start.clone()
    };
    let Found { devices, simulated, interrupts } =
        find_devices(config, places, start, &mut inventory)?;
    let mut cell = cell_over(config, places, (localizer, wrap(devices)), inventory)?;
    // The cell has opened the log, and repaired it.
    cell.correct_by(open_policies(places, TransferLog::at(&places.inventory.join(TRANSFERS))));
    cell.keep_trials_by(Box::new(TrialFolders::new(config, places)));
    connect(&cell.stop_switch(), interrupts, start);
    Ok(AssembledCell { cell, simulated })
}

/// Assembles the simulated laboratory of a configuration and its places as it is before anybody has used it, and without
/// trained policies. It is not kept: what is written beside the inventory is for the cell alone. `seed` decides the noise of
/// its devices.
///
/// # Errors
/// The configuration is invalid or its cell is not simulated, or the inventory is damaged or in use.
pub fn open_simulated_laboratory(
    config: &RunConfig,
    places: &Places,
    seed: u64,
) -> Result<(TransferCell, SimulatedCell), TransferCellError> {
    if config.cell.kind != CellKind::Simulated {
        return Err(TransferCellError::NotSimulated);
    }
    if places.sites.is_empty() {
        return Err(TransferCellError::NoSites);
    }
    let localizer = localizer(&config.vision).map_err(LaboratoryError::from)?;
    let simulated = simulated_laboratory(config, places, seed)?;
    let mut inventory = opened_inventory(places)?;
    say_what_lies_there(&mut inventory, places, Timestamp::now())?;
    let cell = cell_over(config, places, (localizer, simulated.devices()), inventory)?;
    connect(&cell.stop_switch(), None, &Start::default());
    Ok((cell, simulated))
}

fn opened_inventory(places: &Places) -> Result<Inventory, InventoryError> {
    let mut inventory = Inventory::open(&places.inventory, places.layout(), Timestamp::now())?;
    for notice in inventory.take_notices() {
        tracing::warn!("{notice}");
    }
    Ok(inventory)
}

/// A cell over these devices, with the ways of its configuration.
fn cell_over(
    config: &RunConfig,
    places: &Places,
    (localizer, devices): (Localizer, Devices),
    inventory: Inventory,
) -> Result<TransferCell, TransferCellError> {
    let mut cell = TransferCell::new(CellParts {
        devices,
        safety: config.safety,
        localizer,
        plan: site_plan(config, places),
        ways: ways_of(config, places),
        inventory,
        knowledge: places.inventory.join(KNOWLEDGE),
        log: places.inventory.join(TRANSFERS),
        settings: TransferSettings::default(),
        clock: Box::new(Timestamp::now),
    })?;
    if let Some(reader) = picture_reader(config).map_err(LaboratoryError::from)? {
        cell.read_pictures_by(reader);
    }
    cell.recover_by(config.unattended.recovery);
    cell.after_contact(match config.cell.kind {
        CellKind::Simulated => AfterContact::Recover,
        CellKind::XArm | CellKind::External => config.unattended.after_contact(&config.task),
    });
    Ok(cell)
}

/// The sites of a configuration, for its arm.
pub(crate) fn site_plan(config: &RunConfig, places: &Places) -> SitePlan {
    SitePlan {
        sites: places.sites.clone(),
        labware: places.labware.clone(),
        task: config.task.clone(),
        fingers_rad: config.xarm.jaw_yaw_deg.to_radians(),
    }
}

/// The devices of a cell, and what lies behind them.
struct Found {
    devices: Devices,
    simulated: Option<SimulatedCell>,
    interrupts: Option<Interrupts>,
}

fn find_devices(
    config: &RunConfig,
    places: &Places,
    start: &Start,
    inventory: &mut Inventory,
) -> Result<Found, TransferCellError> {
    match config.cell.kind {
        CellKind::Simulated => {
            let cell = simulated_laboratory(config, places, u64::from(config.seed))?;
            let kept = KeptLaboratory::open(cell.clone(), &places.inventory.join(SIMULATED));
            let devices = kept.map_err(TransferCellError::Kept)?.devices();
            say_what_lies_there(inventory, places, Timestamp::now())?;
            Ok(Found { devices, simulated: Some(cell), interrupts: None })
        }
        CellKind::External => Err(TransferCellError::External),
        CellKind::XArm => {
            // Ways are proven before each transfer, with the arm's reach. Those of an arm whose shapes are not known are not.
            if config.xarm.model != ArmModel::XArm6 {
                prove_sites(config, places)?;
            }
            let envelope = SafetyEnvelope::new(config.safety)
                .map_err(|error| LaboratoryError::from(error.within("safety")))?;
            let (devices, interrupts) = real_devices(config, &envelope, start)?;
            Ok(Found { devices, simulated: None, interrupts: Some(interrupts) })
        }
    }
}

/// Proves that the arm reaches every slot, and every way between them.
fn prove_sites(config: &RunConfig, places: &Places) -> Result<(), TransferCellError> {
    let proven = || -> Result<(), SiteError> {
        for slot in places.slots() {
            prove_slot(config, places, &slot)?;
        }
        prove_travel(config, places).map(drop)
    };
    proven().map_err(|error| TransferCellError::Reach(with_sources(&error)))
}

/// The proofs of a configuration's ways. An arm whose shapes are not known has none.
fn ways_of(config: &RunConfig, places: &Places) -> Box<dyn Ways> {
    match SiteClearance::new(config, places) {
        Ok(ways) => Box::new(ways),
        Err(error @ WayError::OtherArm { .. }) => {
            tracing::warn!("no way is proven to be clear: {error}");
            Box::new(NothingInTheWay)
        }
        Err(error) => Box::new(NoWay(error.to_string())),
    }
}

/// Ways that cannot be proven, because the limits are invalid.
struct NoWay(String);

impl Ways for NoWay {
    fn travel(
        &mut self,
        _: rmrl_cell::ToolPose,
        _: rmrl_cell::ToolPose,
        _: rmrl_transfer::Load<'_>,
    ) -> Result<Vec<rmrl_cell::ToolPose>, String> {
        Err(self.0.clone())
    }

    fn at_slot(
        &mut self,
        _: rmrl_transfer::SlotLine<'_>,
        _: rmrl_transfer::Load<'_>,
    ) -> Result<(), String> {
        Err(self.0.clone())
    }
}

/// The simulated operator says what lies where, before anybody has said anything.
fn say_what_lies_there(
    inventory: &mut Inventory,
    places: &Places,
    now: Timestamp,
) -> Result<(), TransferCellError> {
    if inventory.world().sequence() > 0 {
        return Ok(());
    }
    let stated = StatedBy {
        by: "the simulated operator".to_string(),
        reason: "the laboratory is set up".to_string(),
    };
    for slot in places.slots() {
        let items = places.simulated.items.iter().filter(|item| item.slot == slot);
        let items = items.filter_map(|item| item.item().ok()).collect();
        inventory.set(Place::Slot(slot), items, stated.clone(), now)?;
    }
    Ok(())
}
