//! Arm and gripper of the driver, on the emulated controller, with the motions of a trial.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::sync::Arc;

use kinematic_plant::KinematicPlant;
use rmrl_cell::{Arm, DeviceError, Gripper, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, Firmware, GripperKind, MotionFault, MotionOutcome, Pace,
    RunningEmulator,
};
use rmrl_xarm::{BioGripperDevice, Robot, XArm, XArmConfig};

struct Cell {
    running: RunningEmulator,
    plant: KinematicPlant,
    arm: XArm,
    gripper: BioGripperDevice,
}

fn cell(firmware: Firmware, gripper: GripperKind) -> Cell {
    let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
    let config = XArmConfig { host: "127.0.0.1".to_string(), ..XArmConfig::default() };
    let emulated = EmulatorConfig {
        firmware,
        gripper,
        pace: Pace::AsFastAsPossible,
        flange_from_tool: config.flange_from_jaws(),
        watched_m: Some(config.fence_m),
        ..EmulatorConfig::default()
    };
    let running = EmulatedController::start(emulated, plant.plant()).unwrap();
    let addresses = running.addresses().unwrap();
    let config = XArmConfig {
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        ..config
    };
    let robot = Arc::new(Robot::connect(config).unwrap());
    let mut gripper = BioGripperDevice::connect(Arc::clone(&robot)).unwrap();
    gripper.power_on().unwrap();
    Cell { running, plant, arm: XArm::new(robot), gripper }
}

fn tool(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> ToolPose {
    ToolPose::new(PlanarPose::new(x_m, y_m, yaw_rad), z_m)
}

#[test]
fn a_plate_is_carried() {
    for (firmware, kind) in [
        (Firmware::new(1, 9, 0), GripperKind::G1),
        (Firmware::new(1, 12, 10), GripperKind::G2),
        (Firmware::new(2, 5, 0), GripperKind::G2),
    ] {
        let Cell { running, plant, mut arm, mut gripper } = cell(firmware, kind);
        gripper.open(0.15).unwrap();
        arm.move_to(tool(0.35, 0.1, 0.1, 0.0), 0.2).unwrap();
        arm.move_to(tool(0.35, 0.1, 0.01, 0.0), 0.1).unwrap();
        gripper.close().unwrap();
        assert!(gripper.holds_object().unwrap());
        arm.move_to(tool(0.35, 0.1, 0.1, 0.0), 0.1).unwrap();
        arm.move_to(tool(0.4, -0.15, 0.1, 0.5), 0.25).unwrap();
        arm.move_to(tool(0.4, -0.15, 0.01, 0.5), 0.1).unwrap();
        gripper.open(0.15).unwrap();
        assert!(!gripper.holds_object().unwrap());
        let plate = plant.plate();
        assert!(plate.distance_m(PlanarPose::new(0.4, -0.15, 0.5)) < 1e-5, "{plate:?}");
        assert!((plate.yaw_rad - 0.5).abs() < 1e-5);
        let recording = running.recording();
        assert!(recording.outside_watched.is_empty());
        assert!(recording.motions.iter().all(|motion| motion.outcome == MotionOutcome::Finished));
    }
}

#[test]
fn a_collision_is_reported_and_recovered_from() {
    let Cell { running, mut arm, .. } = cell(Firmware::new(2, 5, 0), GripperKind::G2);
    running.faults().in_motion(1, 0.5, MotionFault::Collision);
    let met = arm.move_to(tool(0.3, 0.1, 0.2, 0.0), 0.2).unwrap_err();
    let DeviceError::Collision { at } = met else { panic!("{met}") };
    assert!(at.planar.y_m > 0.01 && at.planar.y_m < 0.09, "{at:?}");
    arm.recover().unwrap();
    arm.move_to(tool(0.3, 0.0, 0.2, 0.0), 0.2).unwrap();
    assert!(arm.pose().unwrap().planar.distance_m(PlanarPose::new(0.3, 0.0, 0.0)) < 1e-5);
}
