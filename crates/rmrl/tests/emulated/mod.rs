//! An emulated arm in a simulated cell, with its camera and its operator, in the test's own process.
//!
//! - `served`: the camera and the operator that the cell serves
//! - `network`: networks between a program and the emulated controller

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod network;
mod served;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmrl::{CellServer, RunConfig, emulated_calibration, simulated_cell};
use rmrl_cell::{Arm, DeviceError, FirstMotion, TaskKind, ToolPose};
use rmrl_learn::MethodName;
use rmrl_sim::SimulatedCell;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, Pace, Plant, Recording, RunningEmulator,
};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{Address, Client, Robot, XArm, XArmConfig};

use self::served::ServedCell;
use crate::binary::process::wait_until;
use crate::binary::run_log::records;
use crate::binary::small;

/// An emulated controller in a simulated cell, whose camera and operator are served.
pub struct EmulatedCell {
    pub running: RunningEmulator,
    /// Serves the camera and the operator, until a test drops it.
    pub server: Option<CellServer>,
    pub server_address: SocketAddr,
    /// The simulation behind the devices.
    pub cell: SimulatedCell,
    pub config: RunConfig,
    /// The folder that commands run in.
    pub dir: tempfile::TempDir,
    /// The first motions that the operator was asked to permit.
    pub asked: Arc<Mutex<Vec<FirstMotion>>>,
}

impl EmulatedCell {
    pub fn start(seed: u32) -> Self {
        Self::start_as(seed, |_| {}, |_| {})
    }

    pub fn start_at(seed: u32, pace: Pace) -> Self {
        Self::start_with(seed, pace, |_| {})
    }

    pub fn start_with(seed: u32, pace: Pace, change: impl FnOnce(&mut RunConfig)) -> Self {
        Self::start_as(seed, change, |controller| controller.pace = pace)
    }

    /// A cell whose configuration and controller the caller may change. The operator permits every motion.
    pub fn start_as(
        seed: u32,
        change: impl FnOnce(&mut RunConfig),
        control: impl FnOnce(&mut EmulatorConfig),
    ) -> Self {
        Self::start_for(Ok(()), seed, change, control)
    }

    /// A cell of seed 0 whose operator gives this answer to every first motion.
    pub fn start_answering(answer: Result<(), DeviceError>, pace: Pace) -> Self {
        Self::start_for(answer, 0, |_| {}, |controller| controller.pace = pace)
    }

    fn start_for(
        answer: Result<(), DeviceError>,
        seed: u32,
        change: impl FnOnce(&mut RunConfig),
        control: impl FnOnce(&mut EmulatorConfig),
    ) -> Self {
        // It learns a network, which is what has to survive here.
        let mut config = RunConfig::of(TaskKind::Table, MethodName::RmRl);
        config.seed = seed;
        config.simulation.camera.width_px = 320;
        change(&mut config);
        let cell = simulated_cell(&config, u64::from(seed)).unwrap();
        let mut controller = EmulatorConfig {
            flange_from_tool: config.xarm.flange_from_jaws(),
            arm: ArmKinematics::new(config.xarm.model),
            watched_m: Some(config.xarm.fence_m),
            pace: Pace::AsFastAsPossible,
            ..EmulatorConfig::default()
        };
        control(&mut controller);
        let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
        let running = EmulatedController::start(controller, plant).unwrap();
        let calibration = Some(emulated_calibration(&config, &cell));
        let asked = Arc::<Mutex<Vec<FirstMotion>>>::default();
        let served = ServedCell { cell: cell.clone(), answer, asked: Arc::clone(&asked) };
        let server = CellServer::start("127.0.0.1:0", served, calibration).unwrap();
        let server_address = server.address();
        let dir = tempfile::tempdir().unwrap();
        Self { running, server: Some(server), server_address, cell, config, dir, asked }
    }

    /// `rmrl` with these arguments, a small network, and this cell.
    pub fn rmrl(&self, arguments: &[&str]) -> Command {
        self.with_keys(small(self.dir.path(), arguments))
    }

    /// `rmrl` as [`Self::rmrl`] runs it, but with other addresses of the controller.
    pub fn rmrl_at(&self, arguments: &[&str], control: SocketAddr, reports: SocketAddr) -> Command {
        let mut command = small(self.dir.path(), arguments);
        for value in self.keys_at(control, reports) {
            command.args(["--set", &value]);
        }
        command
    }

    /// A command with the keys of this cell.
    pub fn with_keys(&self, mut command: Command) -> Command {
        for value in self.keys() {
            command.args(["--set", &value]);
        }
        command
    }

    /// The keys that make a configuration one of this cell.
    pub fn keys(&self) -> Vec<String> {
        self.keys_at(self.control_address(), self.report_address())
    }

    fn keys_at(&self, control: SocketAddr, reports: SocketAddr) -> Vec<String> {
        vec![
            "cell.kind=xarm".to_string(),
            "cell.operator=remote".to_string(),
            "camera.source=remote".to_string(),
            "camera.max_residual_mm=20".to_string(),
            "xarm.host=127.0.0.1".to_string(),
            format!("xarm.model={}", self.config.xarm.model.key()),
            format!("xarm.control_port={}", control.port()),
            format!("xarm.report_port={}", reports.port()),
            "xarm.standstill_secs=0.2".to_string(),
            format!("remote.address={}", self.server_address),
        ]
    }

    pub fn control_address(&self) -> SocketAddr {
        self.running.addresses().unwrap().control
    }

    pub fn report_address(&self) -> SocketAddr {
        self.running.addresses().unwrap().rich
    }

    /// The configuration with which a test connects to the arm itself.
    pub fn xarm(&self) -> XArmConfig {
        XArmConfig {
            host: "127.0.0.1".into(),
            control_port: self.control_address().port(),
            report_port: Some(self.report_address().port()),
            standstill_secs: 0.0,
            ..XArmConfig::default()
        }
    }

    /// The directory of `--out run`.
    pub fn run(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub fn recording(&self) -> Recording {
        self.running.recording()
    }

    /// A connection of another program to the controller.
    pub fn other_client(&self) -> Client {
        let port = self.control_address().port();
        let address = Address::Tcp { host: "127.0.0.1".into(), port };
        Client::connect(&address, Duration::from_secs(5)).unwrap()
    }

    /// Waits until a run has recorded this many attempts.
    pub fn wait_for_records(&self, count: usize, child: &mut Child) {
        wait_until("enough trials are recorded", || {
            let is_reached = records(&self.run()).len() >= count;
            assert!(is_reached || child.try_wait().unwrap().is_none(), "it ended");
            is_reached
        });
    }
}

/// Moves an arm as a program of its own. Returns the result of the motion.
pub fn move_arm(xarm: XArmConfig, to: ToolPose) -> Result<ToolPose, DeviceError> {
    let robot = Arc::new(Robot::connect(xarm).unwrap());
    XArm::new(robot).move_to(to, 0.2)
}
