//! The width between the jaws as the BIO gripper measures it.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

#[allow(dead_code, reason = "this file makes its own plant of it")]
mod kinematic_plant;
mod loopback;

use std::sync::{Arc, Mutex};

use kinematic_plant::KinematicPlant;
use loopback::table::{Position, Table, serve_table};
use rmrl_cell::{DeviceError, Gripper};
use rmrl_core::PlanarPose;
use rmrl_xarm::bio_gripper::{Generation, JawState};
use rmrl_xarm::emulator::{EmulatedController, EmulatorConfig, GripperKind, Plant};
use rmrl_xarm::{BioGripperDevice, Robot, XArmConfig};

fn device(table: Table) -> (BioGripperDevice, Arc<Mutex<Table>>) {
    let (config, table) = serve_table(table);
    let robot = Arc::new(Robot::connect(config).unwrap());
    let mut gripper = BioGripperDevice::connect(robot).unwrap();
    gripper.power_on().unwrap();
    (gripper, table)
}

#[test]
fn the_second_generation_measures_and_others_do_not() {
    let (mut gripper, table) = device(Table::new("2.5.0"));
    for width_mm in [71.0, 85.5, 126.3, 150.0] {
        table.lock().unwrap().width_mm = width_mm;
        let measured_m = gripper.measured_width_m().unwrap().unwrap();
        assert!((measured_m * 1000.0 - width_mm).abs() < 0.14, "{measured_m} of {width_mm} mm");
    }
    // Held jaws measure, too, and the question does not move them.
    gripper.close().unwrap();
    table.lock().unwrap().width_mm = 85.5;
    let before = table.lock().unwrap().registers.clone();
    assert!(gripper.holds_object().unwrap());
    assert!((gripper.measured_width_m().unwrap().unwrap() - 0.0855).abs() < 0.14e-3);
    assert_eq!(table.lock().unwrap().registers, before);

    let first = Table { generation: Generation::First, ..Table::new("2.5.0") };
    assert_eq!(device(first).0.measured_width_m().unwrap(), None);
    for code in [1, 2] {
        let (mut early, table) = device(Table::new("2.5.0"));
        table.lock().unwrap().position = Position::Exception(code);
        assert_eq!(early.measured_width_m().unwrap(), None);
    }
}

#[test]
fn bad_answers_are_errors_of_the_device_and_no_width() {
    for (position, words) in [
        (Position::Exception(4), "exception 4"),
        (Position::Registers(vec![0]), "Modbus"),
        (Position::Registers(vec![0, 0, 0]), "Modbus"),
        (Position::Registers(vec![0x7fff, 0xffff]), "mm between its jaws, expected 0 to 200 mm"),
        (Position::Registers(vec![0x8000, 0]), "mm between its jaws, expected 0 to 200 mm"),
        // 201 mm and -1 mm.
        (Position::Registers(vec![0, 486]), "201.1 mm"),
        (Position::Registers(vec![0xffff, 0xfef3]), "-1.0 mm"),
    ] {
        let (mut gripper, table) = device(Table::new("2.5.0"));
        table.lock().unwrap().position = position.clone();
        let error = gripper.measured_width_m().unwrap_err();
        assert!(matches!(error, DeviceError::Refused { .. }), "{position:?}: {error:?}");
        assert!(error.to_string().contains(words), "{position:?}: {error}");
    }
    // Without power it does not know where its jaws are.
    let (mut gripper, table) = device(Table::new("2.5.0"));
    table.lock().unwrap().gripper.power = rmrl_xarm::bio_gripper::Power::Off;
    assert!(gripper.measured_width_m().unwrap_err().needs_operator());
    // A fault of the jaws does not hide where they are, and stays.
    table.lock().unwrap().gripper.power = rmrl_xarm::bio_gripper::Power::On;
    table.lock().unwrap().gripper.jaws = JawState::Fault;
    assert!(gripper.measured_width_m().unwrap().is_some());
    assert_eq!(table.lock().unwrap().gripper.jaws, JawState::Fault);
}

/// A gripper that measures.
struct Measuring {
    inner: KinematicPlant,
    measured_m: Arc<Mutex<Result<Option<f64>, DeviceError>>>,
}

impl Gripper for Measuring {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        Gripper::open(&mut self.inner, width_m)
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.inner.close()
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.inner.holds_object()
    }

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        match &*self.measured_m.lock().unwrap() {
            Ok(measured) => Ok(*measured),
            Err(_) => Err(DeviceError::TimedOut { device: "gripper", timeout_secs: 1.0 }),
        }
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Gripper::recover(&mut self.inner)
    }
}

#[test]
fn the_emulated_gripper_answers_what_its_plant_measures_or_what_it_was_sent_to() {
    for kind in [GripperKind::G2, GripperKind::EarlyG2, GripperKind::G1] {
        let inner = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
        let measured_m = Arc::new(Mutex::new(Ok(None)));
        let gripper = Measuring { inner: inner.clone(), measured_m: Arc::clone(&measured_m) };
        let plant = Plant { arm: Box::new(inner), gripper: Box::new(gripper) };
        let config = XArmConfig { host: "127.0.0.1".to_string(), ..XArmConfig::default() };
        let emulated = EmulatorConfig {
            gripper: kind,
            flange_from_tool: config.flange_from_jaws(),
            ..EmulatorConfig::default()
        };
        let running = EmulatedController::start(emulated, plant).unwrap();
        let addresses = running.addresses().unwrap();
        let config = XArmConfig {
            control_port: addresses.control.port(),
            report_port: Some(addresses.rich.port()),
            standstill_secs: 0.0,
            ..config
        };
        let robot = Arc::new(Robot::connect(config).unwrap());
        let mut gripper = BioGripperDevice::connect(robot).unwrap();
        gripper.power_on().unwrap();
        gripper.open(0.15).unwrap();
        let mut asked = |measured: Result<Option<f64>, DeviceError>| {
            *measured_m.lock().unwrap() = measured;
            gripper.measured_width_m()
        };
        if kind == GripperKind::G1 {
            assert_eq!(asked(Ok(Some(0.1))).unwrap(), None);
            continue;
        }
        assert!((asked(Ok(None)).unwrap().unwrap() - 0.150).abs() < 0.14e-3, "{kind:?}");
        assert!((asked(Ok(Some(0.1279))).unwrap().unwrap() - 0.1279).abs() < 0.14e-3, "{kind:?}");
        // Jaws that stopped elsewhere than they were sent are noticed when they open.
        *measured_m.lock().unwrap() = Ok(Some(0.1279));
        let error = gripper.open(0.15).unwrap_err();
        assert!(error.to_string().contains("stopped at 127."), "{error}");
        *measured_m.lock().unwrap() =
            Err(DeviceError::TimedOut { device: "gripper", timeout_secs: 1.0 });
        assert!(gripper.measured_width_m().is_err());
    }
}
