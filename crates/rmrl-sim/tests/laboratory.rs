//! A laboratory with places, by calls of its devices only: carries between slots, stacks, lids, walls and contact.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::f64::consts::PI;

use rmrl_cell::{DeviceError, Devices, TaskConfig, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_sim::{
    CellDistribution, Cuboid, ItemKind, ItemTruth, Material, SimulatedCell, SimulatedGripper,
    SimulatedItem, SimulatedLaboratory, SimulatedSlot, SimulationConfig, SlotError, SlotWalls,
};
use rmrl_vision::PlateGeometry;

const HEIGHT_M: f64 = 0.01435;
const GRIP_M: f64 = 0.002;
const OPEN_M: f64 = 0.1;
const TRAVEL_M: f64 = 0.22;
/// The grip of a lid that covers 7.6 mm of its plate: above its own lower edge.
const LID_GRIP_M: f64 = 0.00445;
const LID_HEIGHT_M: f64 = 0.0089;
const LID_NESTING_M: f64 = 0.0076;

const BENCH: PlanarPose = PlanarPose { x_m: 0.34, y_m: -0.13, yaw_rad: 0.0 };
const SECOND: PlanarPose = PlanarPose { x_m: 0.34, y_m: -0.26, yaw_rad: 0.0 };
const READER: PlanarPose = PlanarPose { x_m: 0.46, y_m: 0.14, yaw_rad: 0.0 };
const PARK: PlanarPose = PlanarPose { x_m: 0.50, y_m: 0.0, yaw_rad: 0.0 };
/// Its fingers point along y.
const HOTEL: PlanarPose = PlanarPose { x_m: 0.26, y_m: 0.30, yaw_rad: -0.5 * PI };
const HOTEL_SURFACE_M: [f64; 2] = [0.06, 0.12];
const READER_SURFACE_M: f64 = 0.01;

fn slot(name: &str, tool: PlanarPose, surface_m: f64, walls: SlotWalls) -> SimulatedSlot {
    SimulatedSlot { name: name.to_string(), tool, surface_m, walls }
}

/// A level of a hotel: side walls that leave `clearance_m` to each side of a plate, a back wall, a board and one above.
fn hotel(surface_m: f64, clearance_m: f64) -> SlotWalls {
    let upright = |dx: f64, dy: f64, z: f64, half: [f64; 3]| Cuboid {
        pose: PlanarPose::new(HOTEL.x_m + dx, HOTEL.y_m + dy, 0.0),
        center_z_m: z,
        half_extents_m: half,
        material: Material::Shelf,
    };
    // Walls beside the plate's far half only, so that the fingers have room.
    let side_m = 0.04274 + clearance_m + 0.002;
    SlotWalls::Boxes(vec![
        upright(side_m, 0.04, surface_m + 0.02, [0.002, 0.025, 0.02]),
        upright(-side_m, 0.04, surface_m + 0.02, [0.002, 0.025, 0.02]),
        upright(0.0, 0.0702, surface_m + 0.02, [0.075, 0.002, 0.02]),
        upright(0.0, 0.005, surface_m - 0.001, [0.075, 0.065, 0.001]),
        upright(0.0, 0.005, surface_m + 0.041, [0.075, 0.065, 0.001]),
    ])
}

fn geometry(height_m: f64) -> PlateGeometry {
    PlateGeometry { length_m: 0.12776, width_m: 0.08548, height_m, ..PlateGeometry::default() }
}

fn plate(id: &str, slot: &str) -> SimulatedItem {
    SimulatedItem {
        id: id.to_string(),
        kind: ItemKind::Plate,
        geometry: geometry(HEIGHT_M),
        nesting_m: 0.0,
        mass_kg: 0.06,
        look_scene: 1,
        slot: slot.to_string(),
    }
}

fn lid(id: &str, slot: &str) -> SimulatedItem {
    SimulatedItem {
        kind: ItemKind::Lid,
        geometry: geometry(LID_HEIGHT_M),
        nesting_m: LID_NESTING_M,
        mass_kg: 0.015,
        ..plate(id, slot)
    }
}

fn laboratory(items: Vec<SimulatedItem>, gripper: SimulatedGripper) -> SimulatedLaboratory {
    let nest = SlotWalls::Nest { clearance_m: 0.001, wall_height_m: 0.008, chamfer_m: 0.0015 };
    SimulatedLaboratory {
        slots: vec![
            slot("bench", BENCH, 0.0, SlotWalls::None),
            slot("second", SECOND, 0.0, SlotWalls::None),
            slot("reader", READER, READER_SURFACE_M, nest),
            slot("park", PARK, 0.0, SlotWalls::None),
            slot("hotel:1", HOTEL, HOTEL_SURFACE_M[0], hotel(HOTEL_SURFACE_M[0], 0.003)),
            slot("hotel:2", HOTEL, HOTEL_SURFACE_M[1], hotel(HOTEL_SURFACE_M[1], 0.003)),
        ],
        items,
        gripper,
    }
}

const BIO: SimulatedGripper = SimulatedGripper::Bio { fingers_rad: PI };

fn task() -> TaskConfig {
    TaskConfig { travel_height_m: TRAVEL_M, ..TaskConfig::table() }
}

fn config(cells: CellDistribution) -> SimulationConfig {
    SimulationConfig {
        cells,
        plate: geometry(HEIGHT_M),
        camera: rmrl_sim::SimulatedCamera { width_px: 160, ..Default::default() },
        ..SimulationConfig::default()
    }
}

struct Laboratory {
    cell: SimulatedCell,
    devices: Devices,
}

impl Laboratory {
    fn new(items: Vec<SimulatedItem>, cells: CellDistribution, seed: u64) -> Self {
        Self::with(&laboratory(items, BIO), cells, seed)
    }

    fn with(laboratory: &SimulatedLaboratory, cells: CellDistribution, seed: u64) -> Self {
        let cell =
            SimulatedCell::laboratory(&config(cells), &task(), laboratory, seed, seed).unwrap();
        let mut devices = cell.devices();
        devices.gripper.open(OPEN_M).unwrap();
        Self { devices, cell }
    }

    /// An ideal cell whose items all lie exactly in their slots.
    fn exact(items: Vec<SimulatedItem>) -> Self {
        let named: Vec<_> = items.iter().map(|item| (item.id.clone(), item.slot.clone())).collect();
        let laboratory = Self::new(items, CellDistribution::PERFECT, 1);
        for (id, _) in &named {
            laboratory.cell.take_away(id).unwrap();
        }
        for (id, slot) in &named {
            laboratory.cell.put_item(id, slot, PlanarPose::default()).unwrap();
        }
        laboratory
    }

    fn go(&mut self, pose: PlanarPose, z_m: f64, speed_m_s: f64) -> Result<(), DeviceError> {
        self.devices.arm.move_to(ToolPose::new(pose, z_m), speed_m_s).map(|_| ())
    }

    /// Straight down, closes, straight up.
    fn pick_above(&mut self, pose: PlanarPose, z_m: f64) {
        self.devices.gripper.open(OPEN_M).unwrap();
        self.go(pose, TRAVEL_M, 0.25).unwrap();
        self.go(pose, z_m + 0.03, 0.25).unwrap();
        self.go(pose, z_m, 0.05).unwrap();
        self.devices.gripper.close().unwrap();
        assert!(self.devices.gripper.holds_object().unwrap(), "nothing held at {pose:?}");
        self.go(pose, z_m + 0.03, 0.05).unwrap();
        self.go(pose, TRAVEL_M, 0.25).unwrap();
    }

    fn place_above(&mut self, pose: PlanarPose, z_m: f64) {
        self.go(pose, TRAVEL_M, 0.25).unwrap();
        self.go(pose, z_m + 0.03, 0.25).unwrap();
        self.go(pose, z_m + 0.001, 0.05).unwrap();
        self.devices.gripper.open(OPEN_M).unwrap();
        self.go(pose, z_m + 0.03, 0.05).unwrap();
        self.go(pose, TRAVEL_M, 0.25).unwrap();
    }

    fn item(&self, id: &str) -> ItemTruth {
        self.cell.items().into_iter().find(|item| item.id == id).unwrap()
    }

    /// How far an item is off in a slot.
    fn error(&self, id: &str, slot: &str) -> SlotError {
        let item = self.item(id);
        let (name, error) = item.slot.clone().unwrap_or_else(|| panic!("{item:?}"));
        assert_eq!(name, slot, "{item:?}");
        error
    }
}

fn before_hotel() -> PlanarPose {
    PlanarPose { y_m: HOTEL.y_m - 0.16, ..HOTEL }
}

#[test]
fn a_plate_goes_from_the_bench_to_the_reader() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench")]);
    let start = std::time::Instant::now();
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.place_above(READER, READER_SURFACE_M + GRIP_M);
    println!("{:?}", start.elapsed());
    println!("{:?}", laboratory.item("a"));
    let start = std::time::Instant::now();
    let z_m = HOTEL_SURFACE_M[0] + GRIP_M;
    laboratory.pick_above(READER, READER_SURFACE_M + GRIP_M);
    laboratory.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
    laboratory.go(before_hotel(), z_m + 0.004, 0.25).unwrap();
    laboratory.go(HOTEL, z_m + 0.004, 0.05).unwrap();
    laboratory.go(HOTEL, z_m + 0.001, 0.05).unwrap();
    laboratory.devices.gripper.open(OPEN_M).unwrap();
    println!("{:?}", laboratory.item("a"));
    laboratory.go(before_hotel(), z_m, 0.05).unwrap();
    println!("{:?}", start.elapsed());
    println!("{:?}", laboratory.item("a"));
}
