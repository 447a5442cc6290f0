//! An emulated controller of an xArm 6, an xArm 5 or a UFACTORY 850 with a BIO gripper, over a plant that
//! moves.
//!
//! It speaks the vendor's protocol on the vendor's ports, so that drivers are tested against what they
//! will meet: requests answered in order, motions queued and carried out in simulated time, reports
//! pushed, faults on demand. It reads and writes the wire with code of its own, which the driver's has
//! to agree with; `tools/xarm_sdk_against_emulator.py` has the vendor's own software drive it.
//!
//! What a real controller was not at hand to tell, and is assumed:
//!
//! - After an emergency stop, an error of a servo and a collision, motors are off: only the whole way
//!   back, clear, enable, mode, state, makes the arm movable. After other errors they stay on.
//! - A stop and a pause take no time: the arm stands where its profile was. What is left of a paused
//!   motion begins again from rest.
//! - A motion is looked at as a whole before it begins, and what it cannot do is an error then, with the
//!   arm where it was: 35 beyond the fence, 23 for a joint's limit, 24 for a joint that races, 21 for
//!   what has no solution or leads past a singularity.
//! - Speed rises and falls evenly. A tool that only turns does so at 1.5 rad/s.
//! - A motion that comes at the wrong time is answered with "not ready" and forgotten.
//! - A link of protocol 3 is closed after 90 s of silence.
//!
//! What is not there: rounded corners, torques, other modes than position control (a mode can be set,
//! but nothing moves in it), single joints to enable, offsets of the world, inputs and outputs, standard
//! Modbus TCP, which is refused, and collisions of the arm with itself.

mod bio_gripper;
mod error;
mod fault_text;
mod faults;
mod links;
mod motion;
mod parameters;
mod plan;
mod recording;
mod report;
mod requests;
mod state;
mod task;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nalgebra::{Isometry3, Translation3};
use rmrl_cell::{Arm, DeviceError, Gripper};

use crate::ArmModel;
use crate::kinematics::{ArmKinematics, KinematicsError};
pub use bio_gripper::GripperKind;
pub use fault_text::ParseFaultError;
pub use faults::{
    Faults, GripperFault, LinkFault, MotionFault, ReportFault, Request, ScheduledFault,
};
use links::Shared;
pub use recording::{MotionOutcome, MotionRecord, Recording, StopRecord};

/// What the controller moves: a cell, simulated or kinematic.
///
/// Its world is the arm's base frame, and its tool's point stands at
/// [`ControllerConfig::flange_from_tool`].
pub struct Plant {
    /// The arm, which only knows tools that point straight down.
    pub arm: Box<dyn Arm>,
    /// The gripper.
    pub gripper: Box<dyn Gripper>,
}

/// The controller's software, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firmware {
    major: u8,
    minor: u8,
    patch: u8,
}

impl Firmware {
    /// A version.
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A version that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of a firmware, expected three numbers as in 2.5.0")]
pub struct FirmwareError(String);

impl FromStr for Firmware {
    type Err = FirmwareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => Err(FirmwareError(text.to_string())),
        }
    }
}

/// How fast simulated time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times as fast as real time.
    Times(f64),
    /// Time jumps from event to event: a motion is over as soon as it is computed.
    AsFastAsPossible,
}

/// The numbers of the ports; 0 is any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Requests.
    pub control: u16,
    /// Reports 5 times a second.
    pub normal: u16,
    /// Long reports 5 times a second.
    pub rich: u16,
    /// Short reports 100 times a second.
    pub real: u16,
    /// Reports 250 times a second.
    pub real_time: u16,
}

impl Ports {
    /// The vendor's. The first one is open to nobody but root on most systems.
    pub const VENDOR: Self =
        Self { control: 502, normal: 30001, rich: 30002, real: 30003, real_time: 30000 };
    /// Whatever is free.
    pub const ANY: Self = Self { control: 0, normal: 0, rich: 0, real: 0, real_time: 0 };
}

/// Sockets in the file system, where the vendor's software looks before it tries a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSockets {
    /// Where they are; the vendor's software looks in `/tmp`.
    pub folder: PathBuf,
    /// The numbers in their names, `xarmcontroller_uds_<port>`.
    pub ports: Ports,
}

/// What the arm is able to do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionLimits {
    /// Of the tool's point, in metres per second.
    pub tool_speed_m_s: f64,
    /// Of the tool's point, in metres per second per second.
    pub tool_acceleration_m_s2: f64,
    /// Of a joint, in radians per second.
    pub joint_speed_rad_s: f64,
    /// Of a joint, in radians per second per second.
    pub joint_acceleration_rad_s2: f64,
}

impl Default for MotionLimits {
    /// What the vendor's software cuts requests down to.
    fn default() -> Self {
        Self {
            tool_speed_m_s: 1.0,
            tool_acceleration_m_s2: 50.0,
            joint_speed_rad_s: std::f64::consts::PI,
            joint_acceleration_rad_s2: 20.0,
        }
    }
}

/// What controller to be.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// Its software. Older ones know fewer requests and report less.
    pub firmware: Firmware,
    /// What is at the end of the arm.
    pub gripper: GripperKind,
    /// How fast time passes.
    pub pace: Pace,
    /// Where to listen; nowhere with `None`.
    pub tcp: Option<Ports>,
    /// Where else to listen.
    pub unix: Option<UnixSockets>,
    /// The arm and its joints' limits.
    pub arm: ArmKinematics,
    /// How many axes and which of the vendor's models it claims to have, where that is not what it is.
    pub identity: Option<(u8, u16)>,
    /// Where the plant's tool truly is on the flange. A client that configures the same offset of the
    /// tool centre point speaks of the plant's own coordinates.
    pub flange_from_tool: Isometry3<f64>,
    /// What the arm can do at most.
    pub limits: MotionLimits,
    /// The longest simulated time between two looks at the plant, in seconds: how exactly a stop or a
    /// fault in the middle of a motion is placed.
    pub segment_secs: f64,
    /// A link of protocol 3 that is silent for so long is closed. The vendor does not say how long.
    pub keep_alive: Duration,
    /// Where the plant's tool should never leave, in metres in the base's frame, lower and upper end
    /// of x, y and z. The controller does not prevent it but records it.
    pub watched_m: Option<[[f64; 2]; 3]>,
}

impl Default for ControllerConfig {
    /// The newest firmware with the second gripper, by the vendor's offset, on free ports of the loopback
    /// device.
    fn default() -> Self {
        Self {
            firmware: Firmware::new(2, 5, 0),
            gripper: GripperKind::default(),
            pace: Pace::AsFastAsPossible,
            tcp: Some(Ports::ANY),
            unix: None,
            arm: ArmKinematics::default(),
            identity: None,
            flange_from_tool: Isometry3::from(Translation3::new(0.1595, 0.0, 0.0595)),
            limits: MotionLimits::default(),
            segment_secs: 0.02,
            keep_alive: Duration::from_secs(90),
            watched_m: None,
        }
    }
}

impl ControllerConfig {
    /// What the controller says of itself: axes, type, serial numbers, version.
    fn version_text(&self) -> String {
        let (axes, number) = self.identity();
        format!("{axes},{number},{},AC1305EMU1,v{}", self.serial_number(), self.firmware)
    }

    /// The arm's serial number: one with the narrower joint limits, where there are two kinds.
    fn serial_number(&self) -> &'static str {
        match self.arm.model {
            ArmModel::XArm5 => "XF130505EMU001",
            ArmModel::XArm6 => "XI130506EMU001",
            ArmModel::Uf850 => "FX850006EMU001",
        }
    }

    /// How many axes, and the vendor's number of the model.
    fn identity(&self) -> (u8, u16) {
        let model = self.arm.model;
        self.identity.unwrap_or((model.axes(), model.number()))
    }
}

/// Where a controller listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Requests.
    pub control: SocketAddr,
    /// Reports 5 times a second.
    pub normal: SocketAddr,
    /// Long reports 5 times a second.
    pub rich: SocketAddr,
    /// Short reports 100 times a second.
    pub real: SocketAddr,
    /// Reports 250 times a second; from firmware 2.1.0 on, before that the
    /// port closes every link.
    pub real_time: SocketAddr,
}

/// Why a controller cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plant does not say where its tool is.
    #[error("the plant: {0}")]
    Plant(#[source] DeviceError),
    /// The plant's tool is where the arm's is not.
    #[error("the plant's tool is out of the arm's reach: {0}")]
    OutOfReach(#[source] KinematicsError),
    /// Time would stand still or run backwards.
    #[error("{key} is {value}, expected a positive number")]
    NotPositive {
        /// `pace` or `segment_secs`.
        key: &'static str,
        /// What was given.
        value: f64,
    },
    /// A port or socket cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which one.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The emulated controller.
#[derive(Debug)]
pub struct Controller;

impl Controller {
    /// Starts a controller over a plant.
    ///
    /// # Errors
    /// The plant's tool is out of the arm's reach, time would not pass, or a port cannot be had.
    pub fn start(config: ControllerConfig, plant: Plant) -> Result<RunningController, StartError> {
        const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let times = if let Pace::Times(times) = config.pace { times } else { 1.0 };
        for (key, value) in [("pace", times), ("segment_secs", config.segment_secs)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StartError::NotPositive { key, value });
            }
        }
        let faults = Faults::default();
        let pace = config.pace;
        let (tcp, unix) = (config.tcp, config.unix.clone());
        let shared = Arc::new(Shared::new(config, plant, faults.clone())?);
        let mut running = RunningController {
            shared: Arc::clone(&shared),
            faults,
            addresses: None,
            sockets: Vec::new(),
            threads: Vec::new(),
        };
        if let Some(ports) = tcp {
            let mut bound = [SocketAddr::new(HERE, 0); 5];
            for (bound, (port, service)) in bound.iter_mut().zip(links::services(ports)) {
                let (thread, address) =
                    links::listen_tcp(&shared, SocketAddr::new(HERE, port), service)?;
                running.threads.push(thread);
                *bound = address;
            }
            let [control, normal, rich, real, real_time] = bound;
            running.addresses = Some(Addresses { control, normal, rich, real, real_time });
        }
        if let Some(unix) = unix {
            for (port, service) in links::services(unix.ports) {
                let path = unix.folder.join(format!("xarmcontroller_uds_{port}"));
                let thread = links::listen_unix(&shared, &path, service)?;
                running.threads.push(thread);
                running.sockets.push(path);
            }
        }
        running.threads.push(std::thread::spawn(move || links::keep_time(&shared, pace)));
        Ok(running)
    }
}

/// A controller that runs until it is dropped.
pub struct RunningController {
    shared: Arc<Shared>,
    faults: Faults,
    addresses: Option<Addresses>,
    sockets: Vec<PathBuf>,
    threads: Vec<JoinHandle<()>>,
}

impl RunningController {
    /// Where it listens; `None` if on no port.
    pub fn addresses(&self) -> Option<Addresses> {
        self.addresses
    }

    /// What shall go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What it did so far.
    pub fn recording(&self) -> Recording {
        self.shared.machine().recording.clone()
    }

    /// The same for another thread.
    pub fn recorder(&self) -> impl Fn() -> Recording + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.machine().recording.clone()
    }
}

impl Drop for RunningController {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so already.
            let _ = thread.join();
        }
        for socket in &self.sockets {
            // Somebody may have taken it away.
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl fmt::Debug for RunningController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningController")
            .field("addresses", &self.addresses)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}
