//! The supported arms, each on its emulated controller, and other robots, which are refused by their names.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::sync::Arc;
use std::time::Duration;

use kinematic_plant::KinematicPlant;
use rmrl_cell::{Arm, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{EmulatedController, EmulatorConfig, MotionOutcome, RunningEmulator};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{
    Address, ArmModel, Client, Command, Inspector, LineOptions, More, MotionLimits, Reply,
    ReportStream, Robot, XArm, XArmConfig, XArmError,
};

const PATIENCE: Duration = Duration::from_secs(5);

const TOOL_M: f64 = 0.172;

fn emulated(model: ArmModel, identity: Option<(u8, u16)>) -> (RunningEmulator, XArmConfig) {
    let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
    let emulated = EmulatorConfig {
        arm: ArmKinematics::new(model),
        identity,
        flange_from_tool: nalgebra::Isometry3::translation(0.0, 0.0, TOOL_M),
        ..EmulatorConfig::default()
    };
    let running = EmulatedController::start(emulated, plant.plant()).unwrap();
    let addresses = running.addresses().unwrap();
    let config = XArmConfig {
        host: "127.0.0.1".to_string(),
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        tcp_offset_mm_deg: [0.0, 0.0, 1000.0 * TOOL_M, 0.0, 0.0, 0.0],
        jaw_yaw_deg: 0.0,
        model,
        ..XArmConfig::default()
    };
    (running, config)
}

#[test]
fn every_model_is_connected_to_moved_and_read() {
    for model in ArmModel::ALL {
        let (running, config) = emulated(model, None);
        let robot = Arc::new(Robot::connect(config.clone()).unwrap());
        let mut arm = XArm::new(robot);
        let target = ToolPose::new(PlanarPose::new(0.42, 0.15, 0.4), 0.15);
        arm.move_to(target, 0.2).unwrap();
        let there = arm.pose().unwrap();
        assert!(there.planar.distance_m(target.planar) < 1e-5, "{model}: {there:?}");
        let finished = |motion: &_| matches!(motion, MotionOutcome::Finished);
        assert!(running.recording().motions.iter().all(|motion| finished(&motion.outcome)));

        // The reported joints put the tool there, by the kinematics of that model.
        let mut inspector = Inspector::connect(config).unwrap();
        inspector.check_model().unwrap();
        let joints = inspector.joints().unwrap();
        let flange = ArmKinematics::new(model).forward(&joints);
        let at = flange * nalgebra::Point3::new(0.0, 0.0, TOOL_M);
        assert!((at - nalgebra::Point3::new(0.42, 0.15, 0.15)).norm() < 1e-5, "{model}: {at}");
    }
}

/// A set-up arm, and a link of its own to its controller.
fn set_up(model: ArmModel) -> (RunningEmulator, Robot, Client) {
    let (running, config) = emulated(model, None);
    let robot = Robot::connect(config.clone()).unwrap();
    let client = Client::connect(&config.address(config.control_port), PATIENCE).unwrap();
    (running, robot, client)
}

fn joints_of(client: &mut Client) -> [f32; 7] {
    match client.ask(&Command::GetJointPositions).unwrap() {
        Reply::Joints(joints) => joints,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_xarm_5_reports_five_joints_everywhere() {
    let (running, _robot, mut client) = set_up(ArmModel::XArm5);
    let Reply::Version(version) = client.ask(&Command::GetVersion).unwrap() else { panic!() };
    assert!(version.starts_with("5,5,XF1305"), "{version}");

    // Joint 5 turns the tool, and values for joints 6 and 7 have no effect.
    let before = joints_of(&mut client);
    let mut joints = before;
    joints[4] += 0.3;
    (joints[5], joints[6]) = (1.0, 1.0);
    let limits = MotionLimits { speed: 1.0, acceleration: 10.0, time: 0.0 };
    client.start_motion(&Command::MoveJoint { joints, limits }).unwrap();
    while client.ask(&Command::GetCommandCount).unwrap() != Reply::Count(0) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let after = joints_of(&mut client);
    for (index, turn) in [0.0, 0.0, 0.0, 0.0, 0.3].into_iter().enumerate() {
        assert!((after[index] - before[index] - turn).abs() < 1e-5, "{after:?}");
    }
    assert_eq!(after[5..], [0.0, 0.0]);

    let port = running.addresses().unwrap().rich.port();
    let address = Address::Tcp { host: "127.0.0.1".to_string(), port };
    let reports = ReportStream::connect(address, PATIENCE).unwrap();
    let report = reports.next(PATIENCE).unwrap();
    let More::Everything(health, details) = report.more else { panic!("{report:?}") };
    assert_eq!((details.model, details.joints, health.enabled), (5, 5, 0b1_1111));
    assert_eq!(report.joints_rad, after);
}

/// An error of the emulator, as of a real one: with five joints the tool cannot be tilted sideways.
#[test]
fn an_xarm_5_refuses_a_tool_that_is_tilted_sideways() {
    let (_running, _robot, mut client) = set_up(ArmModel::XArm5);
    let pose = [300.0, 0.0, 200.0, 3.0, 0.0, 0.0];
    let limits = MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 };
    let line = Command::MoveLine { pose, limits, options: Some(LineOptions::default()) };
    client.start_motion(&line).unwrap();
    let error = loop {
        match client.ask(&Command::GetErrors).unwrap() {
            Reply::Errors { error: 0, .. } => std::thread::sleep(Duration::from_millis(1)),
            Reply::Errors { error, .. } => break error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error, 21);
}

/// Only the number of joints was compared: a Lite 6 and an 850, with other lengths and limits, were set up
/// and moved as an xArm 6.
#[test]
fn other_robots_are_refused_by_name_before_anything_is_set_or_moved() {
    for (model, identity, name) in [
        (ArmModel::XArm6, (6, 9), "Lite 6"),
        (ArmModel::XArm6, (7, 7), "xArm 7"),
        (ArmModel::XArm6, (7, 13), "xArm 7T"),
        (ArmModel::XArm6, (6, 12), "UFACTORY 850"),
        (ArmModel::XArm6, (5, 5), "xArm 5"),
        (ArmModel::XArm5, (6, 6), "xArm 6"),
        (ArmModel::XArm5, (5, 99), "unknown model 99 with 5 axes"),
    ] {
        let (running, config) = emulated(model, Some(identity));
        let error = Robot::connect(config.clone()).unwrap_err();
        let XArmError::WrongRobot { expected, got, .. } = &error else { panic!("{error}") };
        assert!(*expected == model.name() && got.contains(name), "{error}");
        let refused = Inspector::connect(config).unwrap().check_model().unwrap_err();
        assert!(matches!(refused, XArmError::WrongRobot { .. }), "{refused}");
        let recording = running.recording();
        assert_eq!((recording.changes, recording.motions.len()), (0, 0), "{identity:?}");
    }
}
