//! An emulated arm over a simulated cell, with its camera and its person, in the test's own process.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rmrl::CellServer;
use rmrl::RunConfig;
use rmrl::emulated_calibration;
use rmrl::flange_from_jaws;
use rmrl::simulated_cell;
use rmrl_cell::TaskKind;
use rmrl_sim::SimulatedCell;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, Pace, Plant, Recording, RunningEmulator,
};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{Address, Client};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::binary::small;

/// An emulated controller over a simulated cell, its camera and its person.
pub struct EmulatedCell {
    pub running: RunningEmulator,
    pub remote: CellServer,
    /// What is behind it all.
    pub cell: SimulatedCell,
    pub config: RunConfig,
    pub dir: tempfile::TempDir,
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

    /// With another configuration of the cell, or another controller.
    pub fn start_as(
        seed: u32,
        change: impl FnOnce(&mut RunConfig),
        control: impl FnOnce(&mut EmulatorConfig),
    ) -> Self {
        let mut config = RunConfig::for_task(TaskKind::Table);
        config.seed = seed;
        config.simulation.camera.width_px = 320;
        change(&mut config);
        let cell = simulated_cell(&config, u64::from(seed)).unwrap();
        let mut controller = EmulatorConfig {
            flange_from_tool: flange_from_jaws(&config.xarm),
            arm: ArmKinematics::new(config.xarm.model),
            watched_m: Some(config.xarm.fence_m),
            pace: Pace::AsFastAsPossible,
            ..EmulatorConfig::default()
        };
        control(&mut controller);
        let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
        let running = EmulatedController::start(controller, plant).unwrap();
        let calibration = Some(emulated_calibration(&config, &cell));
        let remote = CellServer::start("127.0.0.1:0", cell.clone(), calibration).unwrap();
        Self { running, remote, cell, config, dir: tempfile::tempdir().unwrap() }
    }

    /// `rmrl` with these arguments, a small network, and this cell.
    pub fn rmrl(&self, arguments: &[&str]) -> Command {
        let addresses = self.running.addresses().unwrap();
        self.rmrl_at(arguments, addresses.control, addresses.rich)
    }

    /// The same by other addresses of the controller.
    pub fn rmrl_at(&self, arguments: &[&str], control: SocketAddr, reports: SocketAddr) -> Command {
        let mut command = small(self.dir.path(), arguments);
        for value in self.keys_at(control, reports) {
            command.args(["--set", &value]);
        }
        command
    }

    pub fn keys(&self) -> Vec<String> {
        let addresses = self.running.addresses().unwrap();
        self.keys_at(addresses.control, addresses.rich)
    }

    pub fn keys_at(&self, control: SocketAddr, reports: SocketAddr) -> Vec<String> {
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
            format!("remote.address={}", self.remote.address()),
        ]
    }

    /// The directory of `--out run`.
    pub fn run(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub fn recording(&self) -> Recording {
        self.running.recording()
    }

    /// A link of another program.
    pub fn other(&self) -> Client {
        let control = self.running.addresses().unwrap().control;
        let address = Address::Tcp { host: "127.0.0.1".into(), port: control.port() };
        Client::connect(&address, Duration::from_secs(5)).unwrap()
    }

    /// Waits until a run has made so many attempts.
    pub fn wait_for_records(&self, count: usize, child: &mut Child) {
        let began = Instant::now();
        while records(&self.run()).len() < count {
            assert!(began.elapsed() < Duration::from_secs(120), "no trial is made");
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The lines of a run's log that are whole.
pub fn records(run: &Path) -> Vec<Value> {
    let Ok(log) = fs::read_to_string(run.join("trials.jsonl")) else { return Vec::new() };
    let whole = log.rfind('\n').map_or(0, |end| end + 1);
    log[..whole].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn is_completed(record: &Value) -> bool {
    record["failure"]["kind"] != "fault"
}

/// The log has the trials 1 to `trials` once each and in order, and the attempts at each as they came.
pub fn assert_each_once(records: &[Value], trials: u64) {
    let completed: Vec<u64> = records
        .iter()
        .filter(|record| is_completed(record))
        .map(|record| record["trial"].as_u64().unwrap())
        .collect();
    assert_eq!(completed, (1..=trials).collect::<Vec<_>>());
    let mut attempts = std::collections::BTreeMap::<u64, u64>::new();
    for record in records {
        let attempt = attempts.entry(record["trial"].as_u64().unwrap()).or_default();
        *attempt += 1;
        assert_eq!(record["attempt"], *attempt, "{record}");
    }
}

/// Waits until a process ends.
pub fn ended(child: &mut Child, patience: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < patience {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A terminal: where the person types, and what the program reads from.
pub fn terminal() -> (File, Stdio) {
    let typing = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&typing).unwrap();
    unlockpt(&typing).unwrap();
    let name = ptsname(&typing, Vec::new()).unwrap().into_string().unwrap();
    let input = File::options().read(true).write(true).open(name).unwrap();
    (File::from(typing), Stdio::from(input))
}

/// Forwards a port, as another computer reaches it: under an address that no lock of this one knows.
pub fn forward(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(to).unwrap());
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut bytes) {
                        if to.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    address
}
