//! `rmrl calibrate capture` and `eye-to-hand`: one camera, and a board on the arm.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::f64::consts::FRAC_PI_2;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use binary::{failure, json, rmrl};
use jiff::Timestamp;
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use rmrl::{CameraConfig, CellServer, admit};
use rmrl_cell::{Camera, DeviceError, FirstMotion, FlangeArm, Operator, TaskConfig, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_sim::{HeldBoardConfig, SimulatedCell, SimulatedHeldBoard, SimulationConfig};
use rmrl_vision::{CameraFile, CameraModel, Chessboard, RgbdFrame};
use rmrl_xarm::emulator::{EmulatedController, EmulatorConfig, Pace, Plant};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{ArmModel, Inspector, Robot, XArm, XArmConfig};
use serde_json::Value;

/// The largest distance over the workspace between where a camera sees points of the table and where they are, in
/// millimeters.
fn workspace_error_mm(camera: &CameraModel, truth: &CameraModel) -> f64 {
    let mut worst_mm = 0.0_f64;
    for column in 0..=8 {
        for row in 0..=8 {
            let point =
                Point3::new(0.20 + 0.04 * f64::from(column), -0.24 + 0.06 * f64::from(row), 0.0);
            let pixel = truth.project(point).unwrap();
            let seen = camera.intersect_plane(pixel, 0.0).unwrap();
            worst_mm = worst_mm.max(1000.0 * (seen - point).norm());
        }
    }
    worst_mm
}

fn run(dir: &Path, arguments: &str) -> Value {
    json(&mut rmrl(dir, &arguments.split(' ').collect::<Vec<_>>()))
}

#[test]
fn a_session_that_was_interrupted_is_continued_and_calibrates_a_cell_to_a_millimeter() {
    let dir = tempfile::tempdir().unwrap();
    let begun = run(dir.path(), "calibrate capture --seed 5 --out session --views 13");
    assert_eq!((begun["views"].as_u64(), begun["checks"].as_u64()), (Some(10), Some(3)));
    // An image without a row, as after a crash between the two.
    let session = dir.path().join("session");
    fs::write(session.join("held/013.png"), "half").unwrap();
    let captured = run(dir.path(), "calibrate capture --seed 5 --out session --views 19 --resume");
    assert_eq!((captured["views"].as_u64(), captured["checks"].as_u64()), (Some(15), Some(4)));
    assert_eq!(captured["missing"].as_array().unwrap().len(), 0, "{captured}");
    assert!(captured["robot_minutes"].as_f64().unwrap() < 15.0, "{captured}");
    let calibrated = run(
        dir.path(),
        "calibrate eye-to-hand --session session --out overhead.toml --svg map.svg",
    );
    assert_eq!(calibrated["rejected"].as_array().unwrap().len(), 0, "{calibrated}");
    let residual_mm = calibrated["check"]["residual_mm"].as_f64().unwrap();
    assert!((0.05..1.5).contains(&residual_mm), "{residual_mm}");
    let path = dir.path().join("overhead.toml");
    admit(&path, &CameraConfig::default(), Timestamp::now()).unwrap();
    let truth: Value =
        serde_json::from_slice(&fs::read(session.join("truth.json")).unwrap()).unwrap();
    let true_camera: CameraFile = serde_json::from_value(truth["overhead"].clone()).unwrap();
    let file = CameraFile::read(&path).unwrap();
    assert_eq!(file.calibration.as_ref().unwrap().made_from.len(), 15);
    let worst_mm =
        workspace_error_mm(&file.overhead(&path).unwrap(), &true_camera.overhead(&path).unwrap());
    assert!(worst_mm < 1.0, "{worst_mm} mm");
    for axis in 0..3 {
        let [found, expected] = [&calibrated["board_mm"], &truth["board_mm"]];
        let off_mm = found[axis].as_f64().unwrap() - expected[axis].as_f64().unwrap();
        assert!(off_mm.abs() < 0.5, "{calibrated}");
    }
}

#[test]
fn sessions_are_not_overwritten_and_invalid_requests_are_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("there")).unwrap();
    for (arguments, named) in [
        ("calibrate capture --out there", "--resume"),
        ("calibrate capture --out new --resume", "nothing to resume"),
        ("calibrate capture --out there --resume", "no session"),
        ("calibrate capture --out new --by-hand", "cell.kind"),
        ("calibrate capture --out new --floor-mm 2000", "--floor-mm"),
        ("calibrate capture --out new --corners 8x6", "half a turn"),
        ("calibrate eye-to-hand --session there --out o.toml", "no session"),
    ] {
        let message = failure(&mut rmrl(dir.path(), &arguments.split(' ').collect::<Vec<_>>()), 2);
        assert!(message.contains(named), "{arguments}: {message}");
    }
    // A board that fits nowhere.
    let arguments = "calibrate capture --out new --square-mm 45";
    let message = failure(&mut rmrl(dir.path(), &arguments.split(' ').collect::<Vec<_>>()), 1);
    assert!(message.contains("too large for [safety]"), "{message}");
    assert!(!dir.path().join("o.toml").exists());
}

/// The camera of a cell in which the emulated arm holds the board: the flange is where the controller has it.
#[derive(Clone)]
struct Shown {
    held: SimulatedHeldBoard,
    control: SocketAddr,
}

impl Shown {
    /// During a calibration, the controller's tool is the flange.
    fn arm(&self) -> Inspector {
        Inspector::connect(XArmConfig {
            host: "127.0.0.1".into(),
            control_port: self.control.port(),
            tcp_offset_mm_deg: [0.0; 6],
            ..XArmConfig::default()
        })
        .unwrap()
    }
}

impl Camera for Shown {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let flange = self.arm().flange(None).unwrap();
        self.held.move_flange(&flange, 0.1)?;
        self.held.capture()
    }

    fn model(&self) -> CameraModel {
        // A camera that nobody has calibrated.
        CameraModel { world_from_camera: Isometry3::identity(), ..self.held.model() }
    }
}

impl Operator for Shown {
    fn permit_motion(&mut self, _: &FirstMotion) -> Result<(), DeviceError> {
        Ok(())
    }

    fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_near(&mut self, _: PlanarPose) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// The driver of the real arm, with the emulated controller of an xArm 5, whose flange tilts in one plane only.
#[test]
fn an_emulated_arm_with_five_joints_shows_the_board_to_a_camera_that_nobody_has_calibrated() {
    let simulation = SimulationConfig::default();
    let cell = SimulatedCell::new(&simulation, &TaskConfig::table(), 4, 0).unwrap();
    let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.02 };
    // As a person would mount it, a little off.
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
    let middle = Vector3::new(0.165, 0.0, 0.02) - turn * board.center().coords;
    let nominal = Isometry3::from_parts(Translation3::from(middle), turn);
    let held = SimulatedHeldBoard::new(&simulation, &cell, HeldBoardConfig::new(board, nominal), 4);
    let xarm = XArmConfig { model: ArmModel::XArm5, ..XArmConfig::default() };
    let controller = EmulatorConfig {
        arm: ArmKinematics::new(xarm.model),
        flange_from_tool: xarm.flange_from_jaws(),
        watched_m: Some(xarm.fence_m),
        pace: Pace::AsFastAsPossible,
        ..EmulatorConfig::default()
    };
    let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell) };
    let running = EmulatedController::start(controller, plant).unwrap();
    let addresses = running.addresses().unwrap();
    let served = Shown { held: held.clone(), control: addresses.control };
    let server = CellServer::start("127.0.0.1:0", served, None).unwrap();
    // A person has led the arm to the middle, the board to the left.
    let xarm = XArmConfig {
        host: "127.0.0.1".into(),
        control_port: addresses.control.port(),
        report_port: Some(addresses.rich.port()),
        standstill_secs: 0.0,
        ..xarm
    };
    let begin = ToolPose::new(PlanarPose::new(0.375, 0.01, -FRAC_PI_2), 0.22);
    let mut arm = XArm::new(Robot::connect(xarm).unwrap().into());
    rmrl_cell::Arm::move_to(&mut arm, begin, 0.2).unwrap();
    drop(arm);

    let dir = tempfile::tempdir().unwrap();
    let arguments = "calibrate capture --square-mm 20 --views 13 --out session --json";
    let mut command = rmrl(dir.path(), &arguments.split(' ').collect::<Vec<_>>());
    for value in [
        "cell.kind=xarm".to_string(),
        "cell.operator=remote".to_string(),
        "camera.source=remote".to_string(),
        "camera.calibration=overhead.toml".to_string(),
        "xarm.host=127.0.0.1".to_string(),
        "xarm.model=xarm5".to_string(),
        "xarm.standstill_secs=0.2".to_string(),
        format!("xarm.control_port={}", addresses.control.port()),
        format!("xarm.report_port={}", addresses.rich.port()),
        format!("remote.address={}", server.address()),
    ] {
        command.args(["--set", &value]);
    }
    let captured = json(&mut command);
    assert_eq!((captured["views"].as_u64(), captured["checks"].as_u64()), (Some(10), Some(3)));
    assert_eq!(running.recording().outside_watched, Vec::<[f64; 3]>::new());
    let calibrated = run(
        dir.path(),
        "calibrate eye-to-hand --session session --camera session/camera.toml --out overhead.toml",
    );
    let path = dir.path().join("overhead.toml");
    let camera = CameraFile::read(&path).unwrap().overhead(&path).unwrap();
    let worst_mm = workspace_error_mm(&camera, &held.true_camera());
    assert!(worst_mm < 1.0, "{worst_mm} mm, {calibrated}");
    assert!(
        calibrated["intrinsics_calibration"].is_null() && calibrated["reprojection_px"].is_f64()
    );
}
