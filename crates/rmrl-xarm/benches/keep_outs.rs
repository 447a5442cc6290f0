//! What the judge of keep-outs costs in a motion: `cargo bench -p rmrl-xarm --bench keep_outs`, about a minute.
//!
//! A line of 0.5 m beside six boxes and low above a table, with a held plate, on the emulated controller with and without
//! keep-outs: most parts are near something on all of it.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

#[path = "../tests/kinematic_plant/mod.rs"]
mod kinematic_plant;

use std::time::Instant;

use kinematic_plant::KinematicPlant;
use rmrl_cell::{Arm, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, HeldPlate, KeepOutBox, KeepOutTable, KeepOuts,
};
use rmrl_xarm::{BioGripperDevice, Robot, XArm, XArmConfig};

const MOTIONS: usize = 100;

fn main() {
    let without_ms = motion_ms(None);
    let with_ms = motion_ms(Some(keep_outs()));
    println!("a line of 0.5 m without keep-outs {without_ms:>7.2} ms");
    println!("the same with six boxes, a table and a plate {with_ms:>7.2} ms");
    println!("the judge                         {:>7.2} ms", with_ms - without_ms);
}

fn keep_outs() -> KeepOuts {
    let boxes = (0..6).map(|index| KeepOutBox {
        name: format!("box {index}"),
        center_m: [0.15 + 0.1 * f64::from(index), 0.4, 0.1],
        size_m: [0.08, 0.1, 0.2],
        yaw_deg: 10.0,
        margin_m: 0.02,
        entered_within: Vec::new(),
        entry_margin_m: 0.0,
    });
    KeepOuts {
        boxes: boxes.collect(),
        table: Some(KeepOutTable {
            height_m: 0.0,
            margin_m: 0.02,
            entered_within: Vec::new(),
            entry_margin_m: 0.0,
        }),
        held_plate: Some(HeldPlate {
            along_fingers_m: 0.12776,
            across_fingers_m: 0.08548,
            height_m: 0.0142,
            beyond_tips_m: 0.0,
            grip_height_m: 0.008,
        }),
        stop_on_violation: false,
    }
}

/// The median time of a motion on the emulated controller, in ms.
fn motion_ms(keep_outs: Option<KeepOuts>) -> f64 {
    let plant = KinematicPlant::new(PlanarPose::new(0.35, -0.25, 0.0));
    let config = XArmConfig { host: "127.0.0.1".to_string(), ..XArmConfig::default() };
    let flange_from_tool = config.flange_from_jaws();
    let emulated = EmulatorConfig { flange_from_tool, keep_outs, ..EmulatorConfig::default() };
    let running = EmulatedController::start(emulated, plant.plant()).unwrap();
    let addresses = running.addresses().unwrap();
    let config = XArmConfig {
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        ..config
    };
    let robot = std::sync::Arc::new(Robot::connect(config).unwrap());
    let mut gripper = BioGripperDevice::connect(std::sync::Arc::clone(&robot)).unwrap();
    gripper.power_on().unwrap();
    let mut arm = XArm::new(robot);
    let at = |y_m: f64, z_m: f64| ToolPose::new(PlanarPose::new(0.35, y_m, 0.0), z_m);
    arm.move_to(at(-0.25, 0.01), 0.25).unwrap();
    gripper.close().unwrap();
    assert!(gripper.holds_object().unwrap());
    let mut times_ms: Vec<f64> = (0..MOTIONS)
        .map(|motion| {
            let began = Instant::now();
            let y_m = if motion % 2 == 0 { 0.25 } else { -0.25 };
            arm.move_to(at(y_m, 0.035), 0.25).unwrap();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times_ms.sort_by(f64::total_cmp);
    times_ms[MOTIONS / 2]
}
