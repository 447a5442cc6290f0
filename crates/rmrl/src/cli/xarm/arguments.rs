//! The arguments of `rmrl xarm emulate`, and what its kinds of cells share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rmrl_xarm::emulator::{
    EmulatorConfig, Faults, Firmware, GripperKind, Pace, Ports, RunningEmulator, ScheduledFault,
    UnixSockets,
};
use rmrl_xarm::kinematics::ArmKinematics;
use serde::Serialize;

use crate::cell::remote::CellServer;
use crate::cell::terminal::{Typed, poll_line, say};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::config::{RemoteConfig, RunConfig};

/// Emulate an arm's controller over the simulated cell, or the simulated laboratory if the configuration has sites. xarm.model
/// chooses the arm.
///
/// The emulator speaks the vendor's protocol on the vendor's ports of the loopback address, so that this
/// program, the vendor's software or yours can drive the simulated arm and gripper as if they were real.
/// It also serves the simulated camera and a simulated operator who places plates (docs/xarm.md). It runs
/// until Ctrl-C.
///
/// A laboratory's motions are judged by the emulator itself: the boxes, the table and the margins of [clearance] are its
/// keep-outs, and a violation is reported at once. Type `keep-outs` for their number, and `look` for the commands that say to the
/// inventory what lies where.
///
/// Inject faults with --fault, or by typing them while it runs: a collision, a pressed emergency stop
/// (`release` releases it), a link that falls silent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl xarm emulate --config configs/xarm6-emulated.toml     ports above 1024: no rights needed
  rmrl train --config configs/xarm6-emulated.toml            in another terminal
  rmrl xarm emulate --config configs/laboratory-emulated.toml --speed 5     a laboratory, for rmrl cell transfer
  rmrl xarm emulate --firmware 1.12.10 --gripper g1 --speed 10
  rmrl xarm emulate --set xarm.model=xarm5 --port 10502      an xArm 5
  rmrl xarm emulate --fault collision@12:0.5 --fault late=300@500     in the 12th motion; at the 500th request")]
pub struct Emulate {
    /// The controller's firmware
    #[arg(long, value_name = "VERSION", default_value = "2.5.0")]
    pub(super) firmware: Firmware,

    /// The BIO gripper's generation
    #[arg(long, default_value = "g2", value_parser = gripper_parser())]
    pub(super) gripper: GripperKind,

    /// Speed of the arm as a multiple of real time; 0: as fast as it is computed
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = pace)]
    pub(super) speed: f64,

    /// The control port [default: xarm.control_port, 502]
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,

    /// The first of three report ports, the second of which is that of xarm.report_port [default: one below
    /// xarm.report_port, 30001]
    #[arg(long, value_name = "PORT")]
    pub(super) report_port: Option<u16>,

    /// The port of reports 250 times a second
    #[arg(long, value_name = "PORT", default_value_t = Ports::VENDOR.real_time)]
    pub(super) real_time_port: u16,

    /// Address at which camera and operator are served
    #[arg(long, value_name = "HOST:PORT", default_value = RemoteConfig::DEFAULT_ADDRESS)]
    pub(super) cell: String,

    /// Also listen on sockets in a folder, always named xarmcontroller_uds_502 and so on: the vendor's
    /// software looks for them in /tmp before it tries a port
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "/tmp")]
    pub(super) socket: Option<PathBuf>,

    /// A fault to inject; may be repeated. In motions: collision, joint-limit, emergency-stop,
    /// state-reset, each with @MOTION[:SHARE]. On the link: silence, drop, half-frame, twice,
    /// wrong-transaction, late=MILLISECONDS, each with @REQUEST. Of the gripper: gripper-error=NUMBER,
    /// dropped, each with @GRIPPER-MOTION. All count from 1; without @ the next one is meant. Of the reports,
    /// immediately: report-silence, report-resume
    #[arg(long, value_name = "FAULT")]
    pub(super) fault: Vec<ScheduledFault>,

    /// What a violation of the keep-outs of a laboratory does: it is recorded; it stops the arm as a collision does; nothing is
    /// judged [default: record; off without sites, and for an arm other than the xArm 6]
    #[arg(long, value_name = "DOES", value_parser = ["record", "stop", "off"])]
    pub(super) keep_outs: Option<String>,

    /// The simulated laboratory, the same as --set seed=N
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u32>,

    #[command(flatten)]
    pub(super) configuration: Configuration,
}

fn gripper_parser() -> impl TypedValueParser<Value = GripperKind> {
    let names = [
        PossibleValue::new("g1").help("the first: open or closed"),
        PossibleValue::new("g2").help("the second: any width"),
        PossibleValue::new("g2-early").help("the second with its early firmware"),
        PossibleValue::new("none").help("nothing at the flange answers"),
    ];
    PossibleValuesParser::new(names).map(|name| match name.as_str() {
        "g1" => GripperKind::G1,
        "g2" => GripperKind::G2,
        "g2-early" => GripperKind::EarlyG2,
        _ => GripperKind::None,
    })
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if (0.0..=1000.0).contains(&times) => Ok(times),
        _ => Err("expected 0 to 1000 times".to_string()),
    }
}

/// The addresses of the emulator, as the command prints them.
#[derive(Serialize)]
pub(super) struct Listening {
    control: String,
    reports: [String; 4],
    cell: String,
    sockets: Option<String>,
    /// The commands that say to the inventory what lies in a laboratory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<String>,
}

impl Listening {
    /// The addresses of a running controller, and of what is served beside it.
    pub fn of(
        running: &RunningEmulator,
        server: &CellServer,
        arguments: &Emulate,
    ) -> anyhow::Result<Self> {
        let addresses = running.addresses().context("the controller listens nowhere")?;
        Ok(Self {
            control: addresses.control.to_string(),
            reports: [addresses.normal, addresses.rich, addresses.real, addresses.real_time]
                .map(|at| at.to_string()),
            cell: server.address().to_string(),
            sockets: arguments.socket.as_ref().map(|folder| folder.display().to_string()),
            inventory: Vec::new(),
        })
    }
}

impl std::fmt::Display for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "controller at {}, reports at {}", self.control, self.reports.join(", "))?;
        writeln!(f, "camera and operator at {}", self.cell)?;
        if let Some(folder) = &self.sockets {
            writeln!(f, "sockets in {folder}")?;
        }
        if !self.inventory.is_empty() {
            writeln!(f, "what lies there; say it once for each start of this emulator:")?;
        }
        self.inventory.iter().try_for_each(|command| writeln!(f, "  {command}"))
    }
}

/// Why no controller can be emulated.
pub(super) fn not_emulated(arguments: &Emulate, config: &RunConfig) -> &'static str {
    match arguments.port.unwrap_or(config.xarm.control_port) {
        1..1024 => {
            "the controller cannot be emulated (ports below 1024 may need rights; --port 10502 needs none)"
        }
        _ => "the controller cannot be emulated",
    }
}

/// The controller that the arguments and a configuration say.
pub(super) fn controller(
    arguments: &Emulate,
    config: &RunConfig,
) -> Result<EmulatorConfig, Failure> {
    Ok(EmulatorConfig {
        firmware: arguments.firmware,
        gripper: arguments.gripper,
        pace: match arguments.speed {
            0.0 => Pace::AsFastAsPossible,
            times => Pace::Times(times),
        },
        tcp: Some(ports(arguments, config)?),
        unix: arguments.socket.clone().map(|folder| UnixSockets { folder, ports: Ports::VENDOR }),
        arm: ArmKinematics::new(config.xarm.model),
        flange_from_tool: config.xarm.flange_from_jaws(),
        watched_m: Some(config.xarm.fence_m),
        ..EmulatorConfig::default()
    })
}

fn ports(arguments: &Emulate, config: &RunConfig) -> Result<Ports, Failure> {
    let configured = config.xarm.reports_at().map(|rich| rich.saturating_sub(1));
    let first = arguments.report_port.or(configured).unwrap_or(Ports::VENDOR.normal);
    let report = |number: u16| {
        let port = if first == 0 { Some(0) } else { first.checked_add(number) };
        port.ok_or_else(|| {
            Failure::Usage(anyhow!("--report-port {first} leaves no room for three ports"))
        })
    };
    Ok(Ports {
        control: arguments.port.unwrap_or(config.xarm.control_port),
        normal: first,
        rich: report(1)?,
        real: report(2)?,
        real_time: arguments.real_time_port,
    })
}

/// Time between two checks of the standard input.
const POLL: Duration = Duration::from_millis(100);

/// Injects the faults that are typed, but for lines that `answers` takes.
pub(super) fn inject_typed_faults(faults: &Faults, answers: impl Fn(&str) -> bool) -> ! {
    loop {
        match poll_line() {
            Typed::Nothing => std::thread::sleep(POLL),
            Typed::Line(line) if line.trim().is_empty() || answers(line.trim()) => {}
            Typed::Line(line) => match line.parse::<ScheduledFault>() {
                Ok(fault) => {
                    faults.schedule(fault);
                    say(format_args!("scheduled: {}", line.trim()));
                }
                Err(error) => say(error),
            },
            Typed::End => loop {
                std::thread::park();
            },
        }
    }
}
