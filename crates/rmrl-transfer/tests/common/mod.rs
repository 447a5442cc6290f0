//! A simulated laboratory with places: a bench, a hotel with two levels, a reader's tray and a park for lids.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use rmrl_cell::{AfterContact, Devices, SafetyConfig, SiteConfig, TaskConfig};
use rmrl_core::PlanarPose;
use rmrl_inventory::{
    Accepts, Disk, Inventory, InventoryOptions, Item, Layout, LocalDisk, Place, SlotAddress,
    SlotRule, StatedBy,
};
use rmrl_labware::Library;
use rmrl_sim::{
    Cuboid, ItemKind, ItemTruth, Material, Paint, Rim, SimulatedCell, SimulatedGripper,
    SimulatedItem, SimulatedLaboratory, SimulatedSlot, SimulationConfig, SlotWalls,
};
use rmrl_transfer::{
    CellParts, NothingInTheWay, Request, SitePlan, TransferCell, TransferReport, TransferSettings,
    Ways, geometry_of,
};
use rmrl_vision::{
    ColorThreshold, ColorThresholdDetector, ColorThresholdSegmenter, Localizer, LocalizerConfig,
};

pub const SITES: &str = r#"
[bench]
x_m = 0.34
y_m = -0.13
yaw_deg = 0.0
surface_m = 0.0
is_seen = true
capacity = 2
seating = { translation_m = 0.003, yaw_deg = 2.0, height_m = 0.002 }

[hotel]
x_m = 0.26
y_m = 0.30
yaw_deg = -90.0
surface_m = 0.06
access = "front"
slots = { count = 2, pitch_m = 0.06 }
approach_m = 0.15
lift_m = 0.004
jaw_opening_m = 0.1
seating = { translation_m = 0.003, yaw_deg = 2.0, height_m = 0.002 }

[reader]
x_m = 0.46
y_m = 0.18
yaw_deg = 0.0
surface_m = 0.01
is_seen = true
speed_m_s = 0.03
labware = ["96-well", "384-well", "96-well-with-lid"]
seating = { translation_m = 0.0015, yaw_deg = 1.0, height_m = 0.001 }

[lid-park]
x_m = 0.50
y_m = -0.02
yaw_deg = 0.0
surface_m = 0.0
is_seen = true
seating = { translation_m = 0.003, yaw_deg = 2.0, height_m = 0.002 }
"#;

/// The walls and boards of the hotel, as corners and sizes in meters.
const HOTEL: [([f64; 3], [f64; 3]); 6] = [
    ([0.183, 0.305, 0.09], [0.004, 0.13, 0.18]),
    ([0.337, 0.305, 0.09], [0.004, 0.13, 0.18]),
    ([0.26, 0.372, 0.09], [0.158, 0.004, 0.18]),
    ([0.26, 0.305, 0.059], [0.15, 0.13, 0.002]),
    ([0.26, 0.305, 0.119], [0.15, 0.13, 0.002]),
    ([0.26, 0.305, 0.179], [0.15, 0.13, 0.002]),
];

/// What lies where at first: the identifier, the labware, whether the lid is on, and the slot.
pub type First = (&'static str, &'static str, bool, &'static str);

pub const TWO_PLATES: [First; 2] =
    [("plate-1", "96-well", false, "hotel:1"), ("plate-2", "96-well-with-lid", true, "bench")];

/// A laboratory with what a program keeps of it.
pub struct Laboratory {
    pub cell: TransferCell,
    pub truth: SimulatedCell,
}

pub fn sites() -> BTreeMap<String, SiteConfig> {
    toml::from_str(SITES).unwrap()
}

pub fn task() -> TaskConfig {
    TaskConfig { travel_height_m: 0.22, ..TaskConfig::table() }
}

pub fn plan() -> SitePlan {
    SitePlan {
        sites: sites(),
        labware: Library::built_in(),
        task: task(),
        fingers_rad: std::f64::consts::PI,
    }
}

/// The simulated laboratory of a seed.
pub fn simulated(first: &[First], seed: u64) -> SimulatedCell {
    let plan = plan();
    let slots = plan.addresses().into_iter().map(|address| {
        let site = &plan.sites[address.site()];
        let slot = site.slot(address.number()).unwrap();
        let walls = match (address.site(), address.number()) {
            ("reader", _) => {
                SlotWalls::Nest { clearance_m: 0.001, wall_height_m: 0.004, chamfer_m: 0.002 }
            }
            ("hotel", Some(1)) => SlotWalls::Boxes(HOTEL.map(cuboid).to_vec()),
            // Its boards are among those of the first slot.
            ("hotel", _) => SlotWalls::Boxes(Vec::new()),
            _ => SlotWalls::None,
        };
        SimulatedSlot {
            name: address.to_string(),
            tool: slot.tool,
            surface_m: slot.surface_m,
            walls,
        }
    });
    let laboratory = SimulatedLaboratory {
        slots: slots.collect(),
        items: first.iter().flat_map(|item| simulated_items(&plan, *item)).collect(),
        gripper: SimulatedGripper::Bio { fingers_rad: plan.fingers_rad },
    };
    SimulatedCell::laboratory(&SimulationConfig::default(), &plan.task, &laboratory, seed, seed)
        .unwrap()
}

fn cuboid((center_m, size_m): ([f64; 3], [f64; 3])) -> Cuboid {
    Cuboid {
        pose: PlanarPose::new(center_m[0], center_m[1], 0.0),
        center_z_m: center_m[2],
        half_extents_m: size_m.map(|size| 0.5 * size),
        material: Material::Object(Paint::White),
    }
}

fn simulated_items(plan: &SitePlan, (id, name, has_lid, slot): First) -> Vec<SimulatedItem> {
    let labware = plan.labware.get(name).unwrap();
    let item = |id: String, kind, geometry, nesting_m, mass_kg| SimulatedItem {
        id,
        kind,
        geometry,
        nesting_m,
        rim: None,
        mass_kg,
        look_scene: 1,
        slot: slot.to_string(),
    };
    let nesting_m = labware.height_m - labware.stacking_height_m;
    let mut items =
        vec![item(id.to_string(), ItemKind::Plate, geometry_of(labware), nesting_m, 0.06)];
    if has_lid {
        let lid = labware.lid_alone().unwrap();
        let nesting_m = labware.lid.unwrap().nesting_m;
        let lid = item(format!("{id}.lid"), ItemKind::Lid, geometry_of(&lid), nesting_m, 0.015);
        // As much play as simulated laboratories have.
        let inner_m = [labware.length_m, labware.width_m].map(|outer_m| outer_m + 0.0015);
        items.push(SimulatedItem { rim: Some(Rim { inner_m, chamfer_m: 0.00125 }), ..lid });
    }
    items
}

fn layout(plan: &SitePlan) -> Layout {
    let rule = |address: &SlotAddress| {
        let site = &plan.sites[address.site()];
        let accepts = match site.labware.as_slice() {
            [] => Accepts::Any,
            names => Accepts::Only(names.iter().cloned().collect()),
        };
        SlotRule { capacity: site.capacity as usize, accepts }
    };
    plan.addresses().into_iter().map(|slot| (slot.clone(), rule(&slot))).collect()
}

pub fn stated() -> StatedBy {
    StatedBy { by: "a test".to_string(), reason: "set up".to_string() }
}

pub fn item(id: &str, labware: &str, has_lid: bool) -> Item {
    Item::new(id.parse().unwrap(), labware, has_lid).unwrap()
}

/// The inventory in a folder on a disk; before its first event somebody says what lies where.
pub fn inventory(
    dir: &Path,
    first: &[First],
    disk: impl Disk + 'static,
    now: Timestamp,
) -> Inventory {
    let plan = plan();
    let options = InventoryOptions { disk: Box::new(disk), ..InventoryOptions::default() };
    let mut inventory = Inventory::open_with(dir, layout(&plan), options, now).unwrap();
    if inventory.world().sequence() == 0 {
        for slot in plan.addresses() {
            let items = first
                .iter()
                .filter(|(.., at)| slot.to_string() == *at)
                .map(|(id, labware, has_lid, _)| item(id, labware, *has_lid))
                .collect();
            inventory.set(Place::Slot(slot), items, stated(), now).unwrap();
        }
    }
    inventory
}

/// A cell over these devices, with what it remembers in a folder on a disk.
pub fn cell_over(
    devices: Devices,
    dir: &Path,
    first: &[First],
    disk: impl Disk + 'static,
) -> TransferCell {
    cell_among(NothingInTheWay, devices, (dir, first), disk)
}

/// As [`cell_over`], with what stands in the way.
pub fn cell_among(
    ways: impl Ways + 'static,
    devices: Devices,
    (dir, first): (&Path, &[First]),
    disk: impl Disk + 'static,
) -> TransferCell {
    let seconds = Arc::new(AtomicI64::new(1_700_000_000));
    let clock = move || {
        let now = seconds.fetch_add(1, Ordering::Relaxed);
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(now)
    };
    let color = ColorThreshold::default();
    let localizer = Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::new(color)),
        Box::new(ColorThresholdSegmenter::new(color)),
    );
    let mut cell = TransferCell::new(CellParts {
        devices,
        safety: SafetyConfig::default(),
        localizer: localizer.unwrap(),
        plan: plan(),
        ways: Box::new(ways),
        inventory: inventory(dir, first, disk, clock()),
        knowledge: dir.join("knowledge.json"),
        log: dir.join("transfers.jsonl"),
        settings: TransferSettings::default(),
        clock: Box::new(clock),
    })
    .unwrap();
    cell.after_contact(AfterContact::Recover);
    cell
}

impl Laboratory {
    pub fn new(dir: &Path, first: &[First], seed: u64) -> Self {
        let truth = simulated(first, seed);
        Self { cell: cell_over(truth.devices(), dir, first, LocalDisk), truth }
    }

    /// What a scheduler means by "from here to there".
    pub fn request(&self, from: &str, to: &str, lid: bool) -> Request {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Request::between(self.cell.inventory().world(), &from, &to, lid).unwrap()
    }

    /// Moves, as a scheduler asks for it.
    pub fn transfer(&mut self, from: &str, to: &str) -> TransferReport {
        let request = self.request(from, to, false);
        self.cell.transfer(&request).unwrap()
    }

    /// Why a transfer is refused, in words.
    pub fn refused(&mut self, from: &str, to: &str) -> String {
        let request = self.request(from, to, false);
        self.cell.transfer(&request).unwrap_err().to_string()
    }

    pub fn unlid(&mut self, from: &str, to: &str) -> TransferReport {
        let request = self.request(from, to, true);
        self.cell.transfer(&request).unwrap()
    }

    pub fn item(&self, id: &str) -> ItemTruth {
        self.truth.items().into_iter().find(|item| item.id == id).unwrap()
    }

    /// The slot in which an item truly is, and how far off in millimeters.
    pub fn lies(&self, id: &str) -> (String, f64) {
        let (slot, error) = self.item(id).slot.unwrap();
        (slot, error.x_mm.hypot(error.y_mm))
    }

    /// Where the records say that an item is.
    pub fn recorded(&self, id: &str) -> String {
        let location = self.cell.inventory().world().location(&id.parse().unwrap());
        location.map_or("nowhere".to_string(), |location| location.to_string())
    }
}
