//! Emulates a controller over a table without physics, until its input ends:
//!
//! ```sh
//! cargo run -p rmrl-xarm --example emulate -- --firmware 2.5.0 --gripper g2 --speed 5 --unix /tmp
//! ```
//!
//! `--ports vendor` listens on 502 and 30000 to 30003, `--ports any` (the default) on free ports, and
//! `--ports none` on none. `--ports reports` is the vendor's for reports, which any user may open. `--unix` names the folder of sockets for the vendor's ports, to which the vendor's own
//! software connects without a network. `--speed fast` jumps from event to event. `--model` is `xarm5`, `xarm6` (the
//! default) or `850`. `--tool` is `straight`, 150 mm down from the flange (the default), or `bio`, the vendor's tool
//! point of the BIO gripper, with which an arm whose joints are all at zero stays above its table.

#[path = "../tests/kinematic_plant/mod.rs"]
mod kinematic_plant;

use std::error::Error;
use std::io::Read;

use kinematic_plant::KinematicPlant;
use nalgebra::Isometry3;
use rmrl_cell::{Arm, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::ArmModel;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, GripperKind, Pace, Ports, UnixSockets,
};
use rmrl_xarm::kinematics::ArmKinematics;

fn main() -> Result<(), Box<dyn Error>> {
    // A straight tool of 150 mm: the plant has no gripper's body.
    let flange_from_tool = Isometry3::translation(0.0, 0.0, 0.15);
    let pace = Pace::Times(1.0);
    let mut config = EmulatorConfig { pace, flange_from_tool, ..EmulatorConfig::default() };
    // Where the tool begins, ahead of the base and above the table.
    let mut at_m = [0.3, 0.2];
    let mut arguments = std::env::args().skip(1);
    while let Some(key) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{key} needs a value"))?;
        match (key.as_str(), value.as_str()) {
            ("--firmware", version) => config.firmware = version.parse()?,
            ("--gripper", "g1") => config.gripper = GripperKind::G1,
            ("--gripper", "g2") => config.gripper = GripperKind::G2,
            ("--gripper", "g2-early") => config.gripper = GripperKind::EarlyG2,
            ("--gripper", "none") => config.gripper = GripperKind::None,
            ("--model", key) => {
                let known = ArmModel::ALL.into_iter().find(|model| model.key() == key);
                config.arm = ArmKinematics::new(known.ok_or("--model is xarm5, xarm6 or 850")?);
            }
            ("--tool", "straight") => {}
            ("--tool", "bio") => {
                config.flange_from_tool = EmulatorConfig::default().flange_from_tool;
                at_m = [0.45, 0.2];
            }
            ("--speed", "fast") => config.pace = Pace::AsFastAsPossible,
            ("--speed", times) => config.pace = Pace::Times(times.parse()?),
            ("--ports", "vendor") => config.tcp = Some(Ports::VENDOR),
            ("--ports", "any") => config.tcp = Some(Ports::ANY),
            ("--ports", "reports") => config.tcp = Some(Ports { control: 0, ..Ports::VENDOR }),
            ("--ports", "none") => config.tcp = None,
            ("--unix", folder) => {
                config.unix = Some(UnixSockets { folder: folder.into(), ports: Ports::VENDOR });
            }
            _ => return Err(format!("{key} {value} is not known").into()),
        }
    }
    let [ahead_m, above_m] = at_m;
    let mut plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
    let begin = ToolPose::new(PlanarPose::new(ahead_m, 0.0, 0.0), above_m);
    plant.move_to(begin, 1.0)?;
    let running = EmulatedController::start(config, plant.plant())?;
    println!("{running:?}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let recording = running.recording();
    println!("{} requests, {} motions", recording.requests, recording.motions.len());
    Ok(())
}
