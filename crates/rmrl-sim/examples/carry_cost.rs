//! What it costs to simulate a carry: from the start to the box of the table task, and from a bench into a tray of a laboratory.
//!
//!     cargo run --release -p rmrl-sim --example carry_cost

use std::error::Error;
use std::time::{Duration, Instant};

use rmrl_cell::{Devices, TaskConfig, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_sim::{
    ItemKind, SimulatedCell, SimulatedGripper, SimulatedItem, SimulatedLaboratory, SimulatedSlot,
    SimulationConfig, SlotWalls,
};

const CARRIES: u32 = 50;
const BENCH: PlanarPose = PlanarPose { x_m: 0.34, y_m: -0.13, yaw_rad: 0.0 };

fn main() -> Result<(), Box<dyn Error>> {
    let task = TaskConfig::table();
    let config = SimulationConfig::default();
    let cell = SimulatedCell::new(&config, &task, 1, 1)?;
    let mut spent = Duration::ZERO;
    for _ in 0..CARRIES {
        cell.put_plate(BENCH, 0.0);
        let start = Instant::now();
        carry(&mut cell.devices(), &task, BENCH, task.place.pose(), 0.0)?;
        spent += start.elapsed();
    }
    println!("table task: {:.1} ms", 1000.0 * spent.as_secs_f64() / f64::from(CARRIES));

    let place = task.place.pose();
    let laboratory = laboratory(&config, place);
    let cell = SimulatedCell::laboratory(&config, &task, &laboratory, 1, 1)?;
    let mut spent = Duration::ZERO;
    for _ in 0..CARRIES {
        cell.put_item("plate", "bench", PlanarPose::default())?;
        cell.devices().gripper.open(task.jaw_opening_m)?;
        let start = Instant::now();
        carry(&mut cell.devices(), &task, BENCH, place, 0.01)?;
        spent += start.elapsed();
    }
    println!("bench to tray: {:.1} ms", 1000.0 * spent.as_secs_f64() / f64::from(CARRIES));
    Ok(())
}

fn laboratory(config: &SimulationConfig, tray: PlanarPose) -> SimulatedLaboratory {
    let slot = |name: &str, tool: PlanarPose, surface_m: f64, walls: SlotWalls| SimulatedSlot {
        name: name.to_string(),
        tool,
        surface_m,
        walls,
    };
    let nest = SlotWalls::Nest { clearance_m: 0.001, wall_height_m: 0.008, chamfer_m: 0.0015 };
    let item = |id: &str, slot: &str| SimulatedItem {
        id: id.to_string(),
        kind: ItemKind::Plate,
        geometry: config.plate,
        nesting_m: 0.0,
        rim: None,
        mass_kg: 0.06,
        look_scene: 1,
        slot: slot.to_string(),
    };
    let spare = PlanarPose { y_m: -0.26, ..BENCH };
    SimulatedLaboratory {
        slots: vec![
            slot("bench", BENCH, 0.0, SlotWalls::None),
            slot("spare", spare, 0.0, SlotWalls::None),
            slot("tray", tray, 0.01, nest),
        ],
        items: vec![item("plate", "bench"), item("other", "spare"), item("third", "spare")],
        gripper: SimulatedGripper::Bio { fingers_rad: std::f64::consts::PI },
    }
}

/// Grips a plate, carries it and comes up again.
fn carry(
    devices: &mut Devices,
    task: &TaskConfig,
    from: PlanarPose,
    to: PlanarPose,
    surface_m: f64,
) -> Result<(), Box<dyn Error>> {
    let pick = task.grasp_pose(from, 0.0);
    let place = task.release_pose(to, surface_m);
    let go = |devices: &mut Devices, tool: ToolPose, z_m: f64, speed_m_s: f64| {
        devices.arm.move_to(tool.at_height(z_m), speed_m_s)
    };
    let (travel_m, approach_m) = (task.travel_height_m, task.approach_height_m);
    go(devices, pick, travel_m, task.travel_speed_m_s)?;
    go(devices, pick, approach_m, task.travel_speed_m_s)?;
    go(devices, pick, pick.z_m, task.contact_speed_m_s)?;
    devices.gripper.close()?;
    go(devices, pick, approach_m, task.contact_speed_m_s)?;
    go(devices, pick, travel_m, task.travel_speed_m_s)?;
    go(devices, place, travel_m, task.travel_speed_m_s)?;
    go(devices, place, surface_m + approach_m, task.travel_speed_m_s)?;
    go(devices, place, place.z_m, task.contact_speed_m_s)?;
    devices.gripper.open(task.jaw_opening_m)?;
    go(devices, place, travel_m, task.travel_speed_m_s)?;
    Ok(())
}
