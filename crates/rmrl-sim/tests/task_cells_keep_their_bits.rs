//! Cells of a task have the bits that they had before laboratories could be simulated: recorded runs are repeated by them.
//!
//! The digests were computed before that change. They hold where the library of mathematics is the same.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rand::RngExt;
use rmrl_cell::{Devices, TaskConfig, ToolPose};
use rmrl_core::{PlanarPose, fnv1a, random_stream};
use rmrl_sim::{CellDistribution, SimulatedCell, SimulationConfig};

/// Grips plates badly and places them badly: beside the jaws, below a finger, on walls, from a height, in contact with walls.
fn carries_badly(config: &SimulationConfig, task: &TaskConfig, seed: u64) -> u64 {
    let cell = SimulatedCell::new(config, task, seed, seed).unwrap();
    let mut devices = cell.devices();
    let mut rng = random_stream(seed, "bad carries", [0, 0]);
    let mut either_way = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
    let mut said = String::new();
    for carry in 0..6 {
        let start =
            PlanarPose::new(0.34 + either_way(0.05), -0.13 + either_way(0.05), either_way(0.5));
        cell.put_plate(start, 0.0);
        let off = PlanarPose::new(
            start.x_m + either_way(0.02),
            start.y_m + either_way(0.03),
            start.yaw_rad + either_way(0.08),
        );
        let place = task.place;
        let to = PlanarPose::new(
            place.x_m + either_way(0.006),
            place.y_m + either_way(0.006),
            place.pose().yaw_rad + either_way(0.05),
        );
        let low_m = 0.002 + if carry % 3 == 2 { 0.008 } else { 0.0 };
        let mut go = |devices: &mut Devices, pose: PlanarPose, z_m: f64, speed_m_s: f64| {
            let moved = devices.arm.move_to(ToolPose::new(pose, z_m), speed_m_s);
            said += &format!("{moved:?} {:?}\n", cell.truth());
            devices.arm.recover().unwrap();
        };
        go(&mut devices, off, task.travel_height_m, 0.25);
        go(&mut devices, off, 0.002, 0.05);
        devices.gripper.close().unwrap();
        go(&mut devices, off, task.travel_height_m, 0.25);
        go(&mut devices, to, task.travel_height_m, 0.25);
        go(&mut devices, to, place.surface_m + low_m, 0.05);
        go(&mut devices, PlanarPose { x_m: to.x_m + 0.004, ..to }, place.surface_m + low_m, 0.05);
        devices.gripper.open(task.jaw_opening_m).unwrap();
        go(&mut devices, to, task.travel_height_m, 0.25);
        let held = devices.gripper.holds_object().unwrap();
        said += &format!("{held} {:?} {:?}\n", cell.remember(), cell.grasp());
    }
    fnv1a(said.bytes())
}

#[test]
fn bad_carries_have_their_digests() {
    let default = SimulationConfig::default();
    let with = |cells| SimulationConfig { cells, ..default };
    for (config, task, seed, digest) in [
        (default, TaskConfig::table(), 1, 0x2824_7e83_7af0_c66a),
        (default, TaskConfig::shelf(), 2, 0x6544_58f0_8485_0ca1),
        (with(CellDistribution::EXACT_ARM), TaskConfig::table(), 3, 0x9784_c2d6_0509_c462),
        (with(CellDistribution::EXACT_ARM), TaskConfig::shelf(), 4, 0x61f3_5859_520b_fab3),
        (with(CellDistribution::PERFECT), TaskConfig::shelf(), 5, 0x2794_f26e_e229_e710),
    ] {
        let found = carries_badly(&config, &task, seed);
        assert_eq!(found, digest, "seed {seed}: 0x{found:016x}");
    }
}
