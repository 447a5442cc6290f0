//! The simulated laboratory of a configuration's places.

use rmrl_core::{PlanarPose, random_stream, standard_normal};
use rmrl_inventory::SlotAddress;
use rmrl_labware::Labware;
use rmrl_sim::{
    Cuboid, ItemKind, Material, Paint, Rim, SimulatedCell, SimulatedGripper, SimulatedItem,
    SimulatedLaboratory, SimulatedSlot, SlotWalls,
};
use rmrl_vision::CameraFile;

use super::laboratory_error::LaboratoryError;
use crate::config::{FirstItem, LidRims, Places, RunConfig};

/// The mass of a plate, and of a lid, in kilograms: empty polystyrene.
const PLATE_KG: f64 = 0.06;
const LID_KG: f64 = 0.015;
/// What the name of a lid ends with, and that of its labware: as the inventory and the library have them.
pub(super) const LID: &str = ".lid";
/// A rim that reaches down by less guides nothing, in meters.
const LEAST_RIM_M: f64 = 0.000_5;

/// The simulated laboratory of a configuration. `seed` decides the noise of its devices.
///
/// # Errors
/// The configuration of the cell or the camera file is invalid.
pub(crate) fn simulated_laboratory(
    config: &RunConfig,
    places: &Places,
    seed: u64,
) -> Result<SimulatedCell, LaboratoryError> {
    let cell_seed = u64::from(config.cell_seed());
    let laboratory = SimulatedLaboratory {
        slots: places.slots().iter().filter_map(|slot| slot_of(places, slot, cell_seed)).collect(),
        items: places.simulated.items.iter().flat_map(|item| items_of(places, item)).collect(),
        gripper: SimulatedGripper::Bio { fingers_rad: config.xarm.jaw_yaw_deg.to_radians() },
    };
    let (simulation, task) = (&config.simulation, &config.task);
    let cell = SimulatedCell::laboratory(simulation, task, &laboratory, cell_seed, seed)?;
    if let Some(path) = &config.camera.calibration {
        cell.calibrate(CameraFile::read(path)?.overhead(path)?)?;
    }
    Ok(cell)
}

fn slot_of(places: &Places, address: &SlotAddress, cell_seed: u64) -> Option<SimulatedSlot> {
    let (_, slot) = places.slot(address).ok()?;
    let keep_outs = &places.clearance.keep_outs;
    let boxes: Vec<Cuboid> = keep_outs
        .iter()
        .filter(|one| one.name == address.site())
        .map(|one| Cuboid {
            pose: PlanarPose::new(one.center_m[0], one.center_m[1], 0.0),
            center_z_m: one.center_m[2],
            half_extents_m: one.size_m.map(|size| 0.5 * size),
            material: Material::Object(Paint::White),
        })
        .collect();
    let walls = match places.simulated.nests.get(address.site()) {
        Some(nest) => SlotWalls::Nest {
            clearance_m: nest.clearance_m,
            wall_height_m: nest.wall_height_m,
            chamfer_m: nest.chamfer_m,
        },
        None if boxes.is_empty() => SlotWalls::None,
        // The walls and boards of a site with several slots are those of the first.
        None if address.number().is_some_and(|number| number > 1) => SlotWalls::Boxes(Vec::new()),
        None => SlotWalls::Boxes(boxes),
    };
    let off_m = places.simulated.taught_apart_m * taught_off(address.site(), cell_seed);
    let (sin, cos) = slot.tool.yaw_rad.sin_cos();
    let tool = PlanarPose::new(
        slot.tool.x_m + off_m * cos,
        slot.tool.y_m + off_m * sin,
        slot.tool.yaw_rad,
    );
    Some(SimulatedSlot { name: address.to_string(), tool, surface_m: slot.surface_m, walls })
}

/// How far off a site was taught, in standard deviations: the same for all of its slots.
fn taught_off(site: &str, cell_seed: u64) -> f64 {
    let name =
        site.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(257).wrapping_add(u64::from(byte)));
    standard_normal(&mut random_stream(cell_seed, "taught site", [name, 0]))
}

/// The name of the labware of an item of the simulated laboratory: of a lid, that of the lid alone.
pub(super) fn labware_name(places: &Places, id: &str) -> Option<String> {
    let (plate, ending) = id.strip_suffix(LID).map_or((id, ""), |plate| (plate, LID));
    let first = places.simulated.items.iter().find(|one| one.id.as_str() == plate)?;
    Some(format!("{}{ending}", first.labware))
}

/// An item, and its lid if it has one on.
fn items_of(places: &Places, first: &FirstItem) -> Vec<SimulatedItem> {
    let Ok(labware) = places.labware.get(&first.labware) else { return Vec::new() };
    let number = first.id.as_str().bytes().map(u32::from).sum();
    let geometry = rmrl_transfer::geometry_of;
    let slot = first.slot.to_string();
    let plate = SimulatedItem {
        id: first.id.to_string(),
        kind: ItemKind::Plate,
        geometry: geometry(labware),
        nesting_m: labware.height_m - labware.stacking_height_m,
        rim: None,
        mass_kg: PLATE_KG,
        look_scene: number,
        slot: slot.clone(),
    };
    let lid = labware.lid_alone().filter(|_| first.has_lid).map(|lid| SimulatedItem {
        id: format!("{}{LID}", first.id),
        kind: ItemKind::Lid,
        geometry: geometry(&lid),
        nesting_m: labware.lid.map_or(0.0, |lid| lid.nesting_m),
        rim: rim_of(places, labware),
        mass_kg: LID_KG,
        look_scene: number,
        slot,
    });
    [Some(plate), lid].into_iter().flatten().collect()
}

/// The rim of a labware's lid; `None` for one that hardly reaches down beside its plate.
fn rim_of(places: &Places, labware: &Labware) -> Option<Rim> {
    let LidRims { clearance_m, chamfer_m } = places.simulated.lid_rims;
    let nesting_m = labware.lid?.nesting_m;
    let inner_m = [labware.length_m, labware.width_m].map(|outer_m| outer_m + 2.0 * clearance_m);
    let rim = Rim { inner_m, chamfer_m: chamfer_m.min(nesting_m) };
    (nesting_m >= LEAST_RIM_M).then_some(rim)
}
