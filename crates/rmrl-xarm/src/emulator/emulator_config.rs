//! Which controller is emulated, and where it listens.

use std::path::PathBuf;
use std::time::Duration;

use nalgebra::{Isometry3, Translation3};

use super::emulated_gripper::GripperKind;
use super::firmware::Firmware;
use super::keep_outs::{HeldPlateSource, KeepOuts};
use crate::ArmModel;
use crate::kinematics::ArmKinematics;

/// How fast simulated time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// This many times as fast as real time.
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
    /// The vendor's ports. On most systems only root may open the first one.
    pub const VENDOR: Self =
        Self { control: 502, normal: 30001, rich: 30002, real: 30003, real_time: 30000 };
    /// Any free ports.
    pub const ANY: Self = Self { control: 0, normal: 0, rich: 0, real: 0, real_time: 0 };
}

/// Sockets in the file system, which the vendor's software tries before a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSockets {
    /// The folder of the sockets; the vendor's software looks in `/tmp`.
    pub folder: PathBuf,
    /// The numbers in their names, `xarmcontroller_uds_<port>`.
    pub ports: Ports,
}

/// The greatest speeds and accelerations of the arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmLimits {
    /// Speed of the tool's point, in meters per second.
    pub tool_speed_m_s: f64,
    /// Acceleration of the tool's point, in meters per second per second.
    pub tool_acceleration_m_s2: f64,
    /// Speed of a joint, in radians per second.
    pub joint_speed_rad_s: f64,
    /// Acceleration of a joint, in radians per second per second.
    pub joint_acceleration_rad_s2: f64,
}

impl Default for ArmLimits {
    /// The limits to which the vendor's software cuts requests down.
    fn default() -> Self {
        Self {
            tool_speed_m_s: 1.0,
            tool_acceleration_m_s2: 50.0,
            joint_speed_rad_s: std::f64::consts::PI,
            joint_acceleration_rad_s2: 20.0,
        }
    }
}

/// Which controller to emulate.
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    /// The version of its software. Older versions know fewer requests and report less.
    pub firmware: Firmware,
    /// The gripper at the end of the arm.
    pub gripper: GripperKind,
    /// How fast time passes.
    pub pace: Pace,
    /// The ports to listen on; none with `None`.
    pub tcp: Option<Ports>,
    /// The sockets in the file system to listen on; none with `None`.
    pub unix: Option<UnixSockets>,
    /// The arm and its joints' limits.
    pub arm: ArmKinematics,
    /// The number of axes and the vendor's model number to report, where they shall differ from `arm`.
    pub identity: Option<(u8, u16)>,
    /// The true pose of the plant's tool on the flange. A client that configures the same offset of the
    /// tool center point uses the plant's own coordinates.
    pub flange_from_tool: Isometry3<f64>,
    /// The greatest speeds and accelerations of the arm.
    pub limits: ArmLimits,
    /// The longest simulated time between two updates of the plant, in seconds. It bounds how exactly a stop
    /// or a fault in the middle of a motion is placed.
    pub segment_secs: f64,
    /// A link of protocol 3 is closed after this silence. The vendor does not document the time.
    pub keep_alive: Duration,
    /// The space that the plant's tool should never leave: lower and upper end of x, y and z, in meters, in
    /// the base's frame. The controller does not prevent it but records it.
    pub watched_m: Option<[[f64; 2]; 3]>,
    /// What no part of arm, gripper and held plate may come near; the controller measures it along every motion. Of
    /// an xArm 6 only, and of the BIO gripper with the vendor's fingers. Default none.
    pub keep_outs: Option<KeepOuts>,
    /// Says which plate is in the jaws, asked whenever they have got hold of something; in place of
    /// [`KeepOuts::held_plate`]. For plants with several kinds of labware. Default none.
    pub held_plate: Option<HeldPlateSource>,
}

impl Default for EmulatorConfig {
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
            limits: ArmLimits::default(),
            segment_secs: 0.02,
            keep_alive: Duration::from_secs(90),
            watched_m: None,
            keep_outs: None,
            held_plate: None,
        }
    }
}

/// The control box's serial number: one with sixteen inputs and outputs.
pub(super) const BOX_SERIAL_NUMBER: &str = "AC1305EMU1";

impl EmulatorConfig {
    /// The controller's version text: axes, type, serial numbers, version.
    pub(super) fn version_text(&self) -> String {
        let (axes, number) = self.identity();
        format!("{axes},{number},{},{BOX_SERIAL_NUMBER},v{}", self.serial_number(), self.firmware)
    }

    /// The arm's serial number: one with the narrower joint limits, where there are two kinds.
    pub(super) fn serial_number(&self) -> &'static str {
        match self.arm.model {
            ArmModel::XArm5 => "XF130505EMU001",
            ArmModel::XArm6 => "XI130506EMU001",
            ArmModel::Uf850 => "FX850006EMU001",
        }
    }

    /// The number of axes, and the vendor's number of the model.
    pub(super) fn identity(&self) -> (u8, u16) {
        let model = self.arm.model;
        self.identity.unwrap_or((model.axes(), model.number()))
    }
}
