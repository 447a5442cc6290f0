//! A laboratory with places, by calls of its devices only: carries between slots, stacks, lids, walls and contact.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, Vector3};
use rand::RngExt;
use rmrl_cell::{DeviceError, Devices, TaskConfig, ToolPose};
use rmrl_core::{PlanarPose, random_stream};
use rmrl_sim::{
    CellDistribution, Cuboid, ItemKind, ItemTruth, Material, Rim, SimulatedCell, SimulatedGripper,
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
        rim: None,
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

/// Where the way into the hotel begins.
fn before_hotel() -> PlanarPose {
    PlanarPose { y_m: HOTEL.y_m - 0.16, ..HOTEL }
}

/// A plate stands off the board while it moves level.
const LIFT_M: f64 = 0.004;

impl Laboratory {
    fn place_in_hotel(&mut self, level: usize) {
        let z_m = HOTEL_SURFACE_M[level] + GRIP_M;
        self.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
        self.go(before_hotel(), z_m + LIFT_M, 0.25).unwrap();
        self.go(HOTEL, z_m + LIFT_M, 0.05).unwrap();
        self.go(HOTEL, z_m + 0.001, 0.05).unwrap();
        self.devices.gripper.open(OPEN_M).unwrap();
        self.go(before_hotel(), z_m + 0.001, 0.05).unwrap();
        self.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
    }

    fn pick_from_hotel(&mut self, level: usize) {
        let z_m = HOTEL_SURFACE_M[level] + GRIP_M;
        self.devices.gripper.open(OPEN_M).unwrap();
        self.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
        self.go(before_hotel(), z_m, 0.25).unwrap();
        self.go(HOTEL, z_m, 0.05).unwrap();
        self.devices.gripper.close().unwrap();
        assert!(self.devices.gripper.holds_object().unwrap());
        self.go(HOTEL, z_m + LIFT_M, 0.05).unwrap();
        self.go(before_hotel(), z_m + LIFT_M, 0.05).unwrap();
        self.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
    }

    fn width_mm(&mut self) -> f64 {
        1000.0 * self.devices.gripper.measured_width_m().unwrap().unwrap()
    }
}

/// An item lies flat in its slot, off by less than `within_mm`.
fn assert_lies(laboratory: &Laboratory, id: &str, slot: &str, within_mm: f64) {
    let error = laboratory.error(id, slot);
    let is_near = error.x_mm.hypot(error.y_mm) < within_mm && error.yaw_deg.abs() < 0.2;
    assert!(is_near && error.height_mm.abs() < 0.1 && error.tilt_deg < 0.1, "{id}: {error:?}");
    assert!(!laboratory.item(id).is_held);
}

#[test]
fn a_centered_plate_stays_centered_from_slot_to_slot() {
    let cells = [
        (CellDistribution::PERFECT, 1),
        (CellDistribution::default(), 2),
        (CellDistribution::default(), 3),
        (CellDistribution::default(), 4),
    ];
    for (cells, seed) in cells {
        let mut laboratory = Laboratory::new(vec![plate("a", "bench")], cells, seed);
        laboratory.cell.put_item("a", "bench", PlanarPose::default()).unwrap();
        laboratory.pick_above(BENCH, GRIP_M);
        laboratory.place_above(READER, READER_SURFACE_M + GRIP_M);
        assert_lies(&laboratory, "a", "reader", 0.3);
        laboratory.pick_above(READER, READER_SURFACE_M + GRIP_M);
        laboratory.place_in_hotel(0);
        assert_lies(&laboratory, "a", "hotel:1", 0.3);
        laboratory.pick_from_hotel(0);
        laboratory.place_in_hotel(1);
        assert_lies(&laboratory, "a", "hotel:2", 0.3);
        laboratory.pick_from_hotel(1);
        laboratory.place_above(BENCH, GRIP_M);
        assert_lies(&laboratory, "a", "bench", 0.3);
    }
}

/// Across the fingers the jaws center a plate, along them it stays as it was.
#[test]
fn an_offset_along_the_fingers_is_carried_along() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench")]);
    let error = PlanarPose::new(0.004, 0.003, 0.03);
    laboratory.cell.put_item("a", "bench", error).unwrap();
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.place_above(SECOND, GRIP_M);
    let error = laboratory.error("a", "second");
    assert!((error.x_mm - 4.0).abs() < 1.5 && error.x_mm > 2.0, "{error:?}");
    assert!(error.y_mm.abs() < 0.1 && error.yaw_deg.abs() < 0.1, "{error:?}");
}

#[test]
fn the_upper_one_of_two_stacked_plates_goes_alone() {
    let items = vec![plate("below", "bench"), plate("above", "bench")];
    let mut laboratory = Laboratory::exact(items);
    assert_eq!(laboratory.item("above").lies_on.as_deref(), Some("below"));
    let below = laboratory.item("below").world_from_item;
    laboratory.pick_above(BENCH, HEIGHT_M + GRIP_M);
    laboratory.place_above(SECOND, GRIP_M);
    assert_lies(&laboratory, "above", "second", 0.3);
    assert_eq!(laboratory.item("above").lies_on, None);
    assert_eq!(laboratory.item("below").world_from_item, below);
    // And back onto the stack, and both at once.
    laboratory.pick_above(SECOND, GRIP_M);
    laboratory.place_above(BENCH, HEIGHT_M + GRIP_M);
    assert_lies(&laboratory, "above", "bench", 0.3);
    assert_eq!(laboratory.item("above").lies_on.as_deref(), Some("below"));
    laboratory.pick_above(BENCH, GRIP_M);
    assert!(laboratory.item("above").is_held && laboratory.item("below").is_held);
    laboratory.place_above(SECOND, GRIP_M);
    assert_lies(&laboratory, "below", "second", 0.3);
    assert_lies(&laboratory, "above", "second", 0.3);
}

#[test]
fn a_lid_goes_off_and_on_again_and_its_plate_stays() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench"), lid("a.lid", "bench")]);
    let rim_m = HEIGHT_M - LID_NESTING_M;
    let plate_at = laboratory.item("a").world_from_item;
    laboratory.pick_above(BENCH, rim_m + LID_GRIP_M);
    assert!(laboratory.item("a.lid").is_held && !laboratory.item("a").is_held);
    assert!((laboratory.width_mm() - 85.48).abs() < 0.6);
    laboratory.place_above(PARK, LID_GRIP_M);
    assert_lies(&laboratory, "a.lid", "park", 0.3);
    assert_eq!(laboratory.item("a.lid").lies_on, None);
    // While it is off, the plate goes elsewhere and back.
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.place_above(SECOND, GRIP_M);
    laboratory.pick_above(SECOND, GRIP_M);
    laboratory.place_above(BENCH, GRIP_M);
    laboratory.pick_above(PARK, LID_GRIP_M);
    laboratory.place_above(BENCH, rim_m + LID_GRIP_M);
    assert_lies(&laboratory, "a.lid", "bench", 0.3);
    assert_lies(&laboratory, "a", "bench", 0.3);
    assert_eq!(laboratory.item("a.lid").lies_on.as_deref(), Some("a"));
    let moved =
        laboratory.item("a").world_from_item.translation.vector - plate_at.translation.vector;
    assert!(moved.norm() < 0.000_3);
}

/// A lid with a rim that leaves its plate a play to each side.
fn lid_with_rim(id: &str, slot: &str) -> SimulatedItem {
    let rim =
        Rim { inner_m: [0.12776, 0.08548].map(|outer_m| outer_m + 0.0015), chamfer_m: 0.00125 };
    SimulatedItem { rim: Some(rim), ..lid(id, slot) }
}

/// A lid that is lowered off its plate comes to lie within the play of its rim, as far as the lead-in reaches. What lies
/// without a rim stays where it was put.
#[test]
fn the_rim_of_a_lid_guides_it_onto_its_plate() {
    let rim_m = HEIGHT_M - LID_NESTING_M;
    let lowered = |lid: fn(&str, &str) -> SimulatedItem, off: PlanarPose| {
        let mut laboratory = Laboratory::exact(vec![plate("a", "bench"), lid("a.lid", "bench")]);
        laboratory.pick_above(BENCH, rim_m + LID_GRIP_M);
        let there =
            PlanarPose::new(BENCH.x_m + off.x_m, BENCH.y_m + off.y_m, BENCH.yaw_rad + off.yaw_rad);
        laboratory.place_above(there, rim_m + LID_GRIP_M);
        assert_lies(&laboratory, "a", "bench", 0.3);
        laboratory.item("a.lid").slot.map(|(_, error)| error).unwrap()
    };
    for (x_m, y_m, yaw_deg) in [
        (0.0, 0.0, 0.0f64),
        (0.0006, 0.0, 0.0),
        (0.0012, 0.0, 0.0),
        (-0.0017, 0.0, 0.0),
        (0.0017, 0.0005, 0.3),
        (-0.001, -0.0004, -0.25),
    ] {
        let off = PlanarPose::new(x_m, y_m, yaw_deg.to_radians());
        let guided = lowered(lid_with_rim, off);
        assert!(guided.x_mm.abs() < 0.85 && guided.y_mm.abs() < 0.85, "{off:?}: {guided:?}");
        assert!(guided.tilt_deg < 0.1 && guided.height_mm.abs() < 0.15, "{off:?}: {guided:?}");
        let free = lowered(lid, off);
        assert!((free.x_mm - 1e3 * x_m).abs() < 0.2, "{off:?}: {free:?}");
    }
    // Beyond the lead-in its rim stands on the plate.
    let beyond = lowered(lid_with_rim, PlanarPose::new(0.003, 0.0, 0.0));
    assert!(beyond.height_mm > 1.0 || beyond.tilt_deg > 1.0, "{beyond:?}");
}

#[test]
fn a_plate_goes_with_its_lid() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench"), lid("a.lid", "bench")]);
    laboratory.pick_above(BENCH, GRIP_M);
    assert!(laboratory.item("a.lid").is_held && laboratory.item("a").is_held);
    laboratory.place_in_hotel(0);
    assert_lies(&laboratory, "a", "hotel:1", 0.3);
    assert_lies(&laboratory, "a.lid", "hotel:1", 0.3);
    laboratory.pick_from_hotel(0);
    laboratory.place_above(READER, READER_SURFACE_M + GRIP_M);
    assert_lies(&laboratory, "a.lid", "reader", 0.3);
    assert_eq!(laboratory.item("a.lid").lies_on.as_deref(), Some("a"));
}

/// The slot at which the hand comes down is empty, and another plate lies where its fingers, its roots or its body go.
#[test]
fn fingers_that_come_down_on_another_plate_collide() {
    // Across the fingers, along them behind the tips, and below the body.
    for (dx_m, dy_m) in [(0.0, 0.09), (-0.05, -0.08), (0.14, 0.0)] {
        let mut laboratory = Laboratory::exact(vec![plate("a", "second")]);
        let off = PlanarPose::new(dx_m, dy_m, 0.0);
        laboratory.cell.put_item("a", "bench", off).unwrap();
        let before = laboratory.item("a").world_from_item;
        laboratory.go(BENCH, TRAVEL_M, 0.25).unwrap();
        let stopped = laboratory.go(BENCH, GRIP_M, 0.05);
        let Err(DeviceError::Collision { at }) = stopped else { panic!("({dx_m}, {dy_m})") };
        assert!(at.z_m > GRIP_M + 0.003, "({dx_m}, {dy_m}): stopped at {at:?}");
        laboratory.devices.arm.recover().unwrap();
        laboratory.go(BENCH, TRAVEL_M, 0.25).unwrap();
        let after = laboratory.item("a").world_from_item;
        let moved_m = (after.translation.vector - before.translation.vector).norm();
        assert!(moved_m < 0.002, "({dx_m}, {dy_m}): moved by {moved_m}");
    }
}

/// The jaws slip along the plate that cannot go deeper, because they hold it with less than what stops the arm. It lies on the
/// other one afterwards.
#[test]
fn a_plate_that_is_lowered_on_another_lies_on_top() {
    for slot in ["reader", "bench"] {
        let mut laboratory = Laboratory::exact(vec![plate("a", "second"), plate("b", slot)]);
        let (pose, surface_m) =
            if slot == "bench" { (BENCH, 0.0) } else { (READER, READER_SURFACE_M) };
        laboratory.pick_above(SECOND, GRIP_M);
        laboratory.go(pose, TRAVEL_M, 0.25).unwrap();
        let lowered = laboratory.go(pose, surface_m + GRIP_M + 0.001, 0.05);
        let (held, below) = (laboratory.item("a"), laboratory.item("b"));
        let apart = held.world_from_item.translation.z - below.world_from_item.translation.z;
        assert!((apart - HEIGHT_M).abs() < 0.001, "{lowered:?}: {apart}");
        laboratory.devices.arm.recover().unwrap();
        laboratory.devices.gripper.open(OPEN_M).unwrap();
        laboratory.go(pose, TRAVEL_M, 0.25).unwrap();
        assert_eq!(laboratory.item("a").lies_on.as_deref(), Some("b"));
        assert_lies(&laboratory, "a", slot, 2.0);
        assert_lies(&laboratory, "b", slot, 0.3);
    }
}

#[test]
fn a_hotel_is_entered_between_its_walls_and_not_through_its_board() {
    // Carried in off by this across, along the vertical; whether it arrives.
    for (aside_m, up_m, arrives) in [
        (0.0, 0.0, true),
        (0.002, 0.0, true),
        (-0.002, 0.0, true),
        (0.006, 0.0, false),
        (0.0, -LIFT_M - 0.004, false),
        (0.0, 0.03, false),
    ] {
        let mut laboratory = Laboratory::exact(vec![plate("a", "bench")]);
        laboratory.pick_above(BENCH, GRIP_M);
        let z_m = HOTEL_SURFACE_M[0] + GRIP_M + LIFT_M + up_m;
        let aside = |pose: PlanarPose| PlanarPose { x_m: pose.x_m + aside_m, ..pose };
        laboratory.go(aside(before_hotel()), TRAVEL_M, 0.25).unwrap();
        laboratory.go(aside(before_hotel()), z_m, 0.25).unwrap();
        let entered = laboratory.go(aside(HOTEL), z_m, 0.05);
        let case = format!("{aside_m} {up_m}: {entered:?} {:?}", laboratory.item("a"));
        assert_eq!(entered.is_ok(), arrives, "{case}");
        if !arrives {
            assert!(matches!(entered, Err(DeviceError::Collision { .. })), "{case}");
        }
        laboratory.devices.arm.recover().unwrap();
        laboratory.go(aside(before_hotel()), z_m, 0.05).unwrap();
    }
    // Fingers without a plate, 4 mm too low.
    let mut laboratory = Laboratory::exact(vec![plate("a", "hotel:1")]);
    let z_m = HOTEL_SURFACE_M[0] + GRIP_M - 0.004;
    laboratory.go(before_hotel(), TRAVEL_M, 0.25).unwrap();
    laboratory.go(before_hotel(), z_m, 0.25).unwrap();
    let entered = laboratory.go(HOTEL, z_m, 0.05);
    assert!(matches!(entered, Err(DeviceError::Collision { .. })), "{entered:?}");
}

/// A wall beside the fingers stops jaws that open.
#[test]
fn walls_stop_jaws_that_open() {
    let wall = |y_m: f64| Cuboid {
        pose: PlanarPose::new(BENCH.x_m + 0.04, BENCH.y_m + y_m, 0.0),
        center_z_m: 0.02,
        half_extents_m: [0.02, 0.002, 0.02],
        material: Material::Shelf,
    };
    let mut built = laboratory(vec![plate("a", "bench")], BIO);
    built.slots[0].walls = SlotWalls::Boxes(vec![wall(0.064), wall(-0.064)]);
    let mut laboratory = Laboratory::with(&built, CellDistribution::PERFECT, 1);
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.go(BENCH, GRIP_M + 0.001, 0.05).unwrap();
    let opened = laboratory.devices.gripper.open(0.15);
    let message = opened.unwrap_err().to_string();
    assert!(message.contains("stopped the jaws at 11"), "{message}");
    assert!((laboratory.width_mm() - 112.0).abs() < 0.6);
    assert!(!laboratory.devices.gripper.holds_object().unwrap());
}

#[test]
fn the_measured_width_is_that_of_what_is_held() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench")]);
    assert!((laboratory.width_mm() - 1000.0 * OPEN_M).abs() < 0.6);
    laboratory.pick_above(BENCH, GRIP_M);
    let widths: Vec<f64> = (0..200).map(|_| laboratory.width_mm()).collect();
    let mean = widths.iter().sum::<f64>() / 200.0;
    let variance = widths.iter().map(|width| (width - mean).powi(2)).sum::<f64>() / 199.0;
    assert!((mean - 85.48).abs() < 0.3, "{mean}");
    assert!((0.08..0.12).contains(&variance.sqrt()), "{}", variance.sqrt());
    laboratory.place_above(BENCH, GRIP_M);
    laboratory.go(SECOND, TRAVEL_M, 0.25).unwrap();
    laboratory.devices.gripper.close().unwrap();
    assert!(!laboratory.devices.gripper.holds_object().unwrap());
    assert!((laboratory.width_mm() - 71.0).abs() < 0.6);
}

/// How deep two cuboids of any attitude are in each other, in meters; negative if they are apart. The first one is without the
/// part by which it nests.
fn depth_m(one: &(Isometry3<f64>, [f64; 3]), other: &(Isometry3<f64>, [f64; 3])) -> f64 {
    let axes = |pose: &Isometry3<f64>| {
        [Vector3::x(), Vector3::y(), Vector3::z()].map(|axis| pose.rotation * axis)
    };
    let (ours, theirs) = (axes(&one.0), axes(&other.0));
    let crossed = ours.iter().flat_map(|a| theirs.iter().map(move |b| a.cross(b)));
    let directions = ours.iter().chain(&theirs).copied().chain(crossed);
    let apart = other.0.translation.vector - one.0.translation.vector;
    let extent = |half: &[f64; 3], axes: &[Vector3<f64>; 3], direction: &Vector3<f64>| {
        (0..3).map(|axis| half[axis] * axes[axis].dot(direction).abs()).sum::<f64>()
    };
    directions
        .filter_map(|direction| direction.try_normalize(1e-6))
        .map(|direction| {
            extent(&one.1, &ours, &direction) + extent(&other.1, &theirs, &direction)
                - apart.dot(&direction).abs()
        })
        .fold(f64::INFINITY, f64::min)
}

/// No item is inside of another, of the table or of a board.
fn assert_nothing_overlaps(laboratory: &Laboratory, boards: &[Cuboid], case: &str) {
    let items = laboratory.cell.items();
    let shape = |item: &ItemTruth, nesting_m: f64| {
        let height_m = if item.id.ends_with(".lid") { LID_HEIGHT_M } else { HEIGHT_M };
        let up = Translation3::new(0.0, 0.0, 0.5 * nesting_m);
        (item.world_from_item * up, [0.06388, 0.04274, 0.5 * (height_m - nesting_m)])
    };
    for (index, item) in items.iter().enumerate() {
        let pose = item.world_from_item;
        let is_finite = pose.translation.vector.iter().chain(&pose.rotation.coords);
        assert!(is_finite.copied().all(f64::is_finite), "{case}: {item:?}");
        let whole = shape(item, 0.0);
        let table = (Isometry3::translation(0.3, 0.0, -0.5), [2.0, 2.0, 0.5]);
        assert!(depth_m(&whole, &table) < 0.001, "{case}: in the table {item:?}");
        for board in boards {
            let pose = Isometry3::translation(board.pose.x_m, board.pose.y_m, board.center_z_m);
            let depth_m = depth_m(&whole, &(pose, board.half_extents_m));
            assert!(depth_m < 0.001, "{case}: {depth_m} {item:?} {board:?}");
        }
        for other in items[..index].iter() {
            let nests =
                |item: &ItemTruth| if item.id.ends_with(".lid") { LID_NESTING_M } else { 0.0 };
            let depth = depth_m(&shape(item, nests(item)), &shape(other, nests(other)));
            assert!(depth < 0.001, "{case}: {:.2} mm {item:?} {other:?}", 1000.0 * depth);
        }
    }
}

/// Picks and places with errors that no arm makes, also onto what lies there: whatever happens, all items stay apart.
#[test]
fn random_carries_leave_every_item_whole() {
    let names = ["bench", "second", "reader", "park", "hotel:1", "hotel:2"];
    let places = [BENCH, SECOND, READER, PARK, HOTEL, HOTEL];
    let surfaces_m = [0.0, 0.0, READER_SURFACE_M, 0.0, HOTEL_SURFACE_M[0], HOTEL_SURFACE_M[1]];
    let built = laboratory(
        vec![
            plate("a", "bench"),
            lid("a.lid", "bench"),
            plate("b", "second"),
            plate("c", "second"),
            plate("d", "hotel:1"),
        ],
        BIO,
    );
    let boards: Vec<Cuboid> = HOTEL_SURFACE_M
        .iter()
        .flat_map(|surface_m| match hotel(*surface_m, 0.003) {
            SlotWalls::Boxes(boxes) => boxes,
            _ => Vec::new(),
        })
        .collect();
    let mut laboratory = Laboratory::with(&built, CellDistribution::PERFECT, 1);
    let mut rng = random_stream(5, "random carries", [0, 0]);
    let (mut held, mut stopped) = (0, 0);
    let tidy = laboratory.cell.remember_laboratory();
    for carry in 0..200 {
        if carry % 20 == 0 {
            laboratory.cell.restore_laboratory(&tidy).unwrap();
            laboratory.devices.arm.recover().unwrap();
        }
        let items = laboratory.cell.items();
        let item = &items[rng.random_range(0..items.len())];
        let mut either_way = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
        let mut off = |pose: PlanarPose| {
            let [x_m, y_m] = [pose.x_m + either_way(0.005), pose.y_m + either_way(0.005)];
            PlanarPose::new(x_m, y_m, pose.yaw_rad + either_way(0.04))
        };
        let Some(from) =
            item.slot.as_ref().and_then(|(name, _)| names.iter().position(|one| one == name))
        else {
            let id = item.id.clone();
            laboratory.cell.put_item(&id, names[carry % 3], PlanarPose::default()).unwrap();
            continue;
        };
        let half_m = 0.5 * if item.id.ends_with(".lid") { LID_HEIGHT_M } else { HEIGHT_M };
        let grip_m = if item.id.ends_with(".lid") { LID_GRIP_M } else { GRIP_M };
        let bottom_m = item.world_from_item.translation.z - half_m;
        let (pick, place) = (off(places[from]), off(places[carry % 6]));
        let to = carry % 6;
        let mut try_to = |laboratory: &mut Laboratory, pose: PlanarPose, z_m: f64| {
            let went = laboratory.go(pose, z_m, 0.1);
            stopped += u32::from(went.is_err());
            laboratory.devices.arm.recover().unwrap();
        };
        let outside = |index: usize, pose: PlanarPose| match index {
            4 | 5 => PlanarPose { y_m: pose.y_m - 0.16, ..pose },
            _ => pose,
        };
        for (pose, index, z_m, closes) in [
            (pick, from, bottom_m + grip_m, true),
            (place, to, surfaces_m[to] + grip_m + 0.001, false),
        ] {
            try_to(&mut laboratory, outside(index, pose), TRAVEL_M);
            try_to(&mut laboratory, outside(index, pose), z_m + LIFT_M);
            try_to(&mut laboratory, pose, z_m + LIFT_M);
            try_to(&mut laboratory, pose, z_m);
            match closes {
                true => laboratory.devices.gripper.close().unwrap(),
                false => laboratory.devices.gripper.open(OPEN_M).unwrap_or_default(),
            }
            held += u32::from(closes && laboratory.devices.gripper.holds_object().unwrap());
            try_to(&mut laboratory, pose, z_m + LIFT_M);
            try_to(&mut laboratory, outside(index, pose), z_m + LIFT_M);
            try_to(&mut laboratory, outside(index, pose), TRAVEL_M);
        }
        assert_nothing_overlaps(&laboratory, &boards, &format!("carry {carry}"));
    }
    // What happens is neither nothing nor always the same.
    assert!(held > 60 && stopped > 20, "{held} held, {stopped} stopped");
}

#[test]
fn a_person_puts_plates_down_with_errors_that_walls_cut_off() {
    let mut spread = [0.0, 0.0];
    for seed in 0..60 {
        let items = vec![plate("a", "bench"), plate("b", "reader"), plate("c", "hotel:1")];
        let laboratory = Laboratory::new(items, CellDistribution::PERFECT, seed);
        let open = laboratory.error("a", "bench");
        spread[0] += open.x_mm.powi(2) / 60.0;
        spread[1] += open.yaw_deg.powi(2) / 60.0;
        for (id, slot, clearance_mm) in [("b", "reader", 1.0), ("c", "hotel:1", 3.0)] {
            let error = laboratory.error(id, slot);
            assert!(error.height_mm.abs() < 1e-6, "{error:?}");
            assert!(error.y_mm.abs() < clearance_mm + 1.0, "cell {seed}: {id} {error:?}");
        }
        let nest = laboratory.error("b", "reader");
        assert!(nest.x_mm.abs() < 1.0 && nest.yaw_deg.abs() < 1.1, "{nest:?}");
    }
    let spread = spread.map(f64::sqrt);
    assert!((1.5..2.5).contains(&spread[0]) && (0.75..1.25).contains(&spread[1]), "{spread:?}");
}

/// The state is all that a laboratory needs to continue: in the middle of a transfer, with a stack in the jaws.
#[test]
fn a_restored_laboratory_continues_with_the_same_bits() {
    let items = || vec![plate("a", "bench"), lid("a.lid", "bench"), plate("b", "second")];
    let mut laboratory = Laboratory::new(items(), CellDistribution::default(), 7);
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.go(READER, TRAVEL_M, 0.25).unwrap();
    let state = laboratory.cell.remember_laboratory();
    let state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    let end = |laboratory: &mut Laboratory| {
        laboratory.place_above(READER, READER_SURFACE_M + GRIP_M);
        let width = laboratory.width_mm();
        laboratory.pick_above(SECOND, GRIP_M);
        let frame = laboratory.devices.camera.capture().unwrap();
        let last = laboratory.cell.remember_laboratory();
        (
            serde_json::to_string(&last).unwrap(),
            laboratory.cell.items(),
            width,
            format!("{frame:?}"),
        )
    };
    let uninterrupted = end(&mut laboratory);
    // Another process.
    let mut other = Laboratory::new(items(), CellDistribution::default(), 7);
    other.pick_above(SECOND, GRIP_M);
    other.cell.restore_laboratory(&state).unwrap();
    assert!(end(&mut other) == uninterrupted);
    let few = Laboratory::new(vec![plate("a", "bench")], CellDistribution::default(), 7);
    let message = few.cell.restore_laboratory(&state).unwrap_err().to_string();
    assert!(message.contains("3 items"), "{message}");
}

#[test]
fn a_person_takes_and_brings_items_also_out_of_the_jaws() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench"), lid("a.lid", "bench")]);
    laboratory.pick_above(BENCH, GRIP_M);
    laboratory.cell.take_away("a").unwrap();
    assert!(laboratory.cell.items().is_empty());
    assert!(!laboratory.devices.gripper.holds_object().unwrap());
    let error = PlanarPose::new(0.003, -0.002, 0.02);
    laboratory.cell.put_item("a", "second", error).unwrap();
    laboratory.cell.put_item("a.lid", "second", PlanarPose::default()).unwrap();
    let found = laboratory.error("a", "second");
    assert!((found.x_mm - 3.0).abs() < 1e-6 && (found.y_mm + 2.0).abs() < 1e-6, "{found:?}");
    assert!((found.yaw_deg - 0.02f64.to_degrees()).abs() < 1e-6);
    assert_eq!(laboratory.item("a.lid").lies_on.as_deref(), Some("a"));
    // A plate that is put elsewhere takes its lid along.
    laboratory.cell.put_item("a", "bench", PlanarPose::default()).unwrap();
    laboratory.error("a.lid", "bench");
    for message in [
        laboratory.cell.put_item("a", "attic", error).unwrap_err().to_string(),
        laboratory.cell.put_item("z", "bench", error).unwrap_err().to_string(),
    ] {
        assert!(message.contains("there is no"), "{message}");
    }
}

#[test]
fn nobody_brings_plates_to_a_start_in_a_laboratory() {
    let mut laboratory = Laboratory::exact(vec![plate("a", "bench")]);
    let before = laboratory.item("a");
    let operator = &mut laboratory.devices.operator;
    for asked in [
        operator.exchange_plate(3),
        operator.put_plate_at_target(),
        operator.put_plate_near(PlanarPose::default()),
    ] {
        let message = asked.unwrap_err().to_string();
        assert!(message.contains("items lie in slots"), "{message}");
    }
    assert_eq!(laboratory.item("a"), before);
    let task = SimulatedCell::new(&config(CellDistribution::PERFECT), &TaskConfig::table(), 1, 1);
    assert!(task.unwrap().take_away("a").is_err());
}

#[test]
fn invalid_laboratories_are_refused_by_name() {
    let refusal = |change: fn(&mut SimulatedLaboratory)| {
        let mut built = laboratory(vec![plate("a", "bench"), plate("b", "bench")], BIO);
        change(&mut built);
        let cell =
            SimulatedCell::laboratory(&config(CellDistribution::PERFECT), &task(), &built, 1, 1);
        cell.err().unwrap().to_string()
    };
    for (message, expected) in [
        (refusal(|one| one.items[1].id = "a".to_string()), "two items are named a"),
        (refusal(|one| one.slots[1].name = "bench".to_string()), "two slots are named bench"),
        (refusal(|one| one.items[0].slot = "attic".to_string()), "there is no slot attic"),
        (refusal(|one| one.items[0].nesting_m = 0.1), "nesting_m of item a is 0.1"),
        (refusal(|one| one.items[0].geometry.width_m = 0.2), "geometry.width_m of item a is 0.2"),
        (refusal(|one| one.slots[0].surface_m = -0.1), "surface_m of slot bench is -0.1"),
        (refusal(|one| one.slots[0].tool.x_m = f64::NAN), "x_m of slot bench is NaN"),
        (
            refusal(|one| {
                one.slots[0].walls =
                    SlotWalls::Nest { clearance_m: 0.0, wall_height_m: 0.01, chamfer_m: 0.0 };
            }),
            "clearance_m of slot bench is 0",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}
