//! Who is there, and where: `cargo run -p rmrl-xarm --example xarm -- 192.168.1.217`.
//!
//!     xarm HOST [--model NAME] [--up MILLIMETRES]
//!
//! Prints version, state and the tool's pose. It sets nothing and moves nothing, unless `--up` is
//! there: then fence, load and the rest are set up as in the defaults of `XArmConfig`, and the tool
//! goes up so far, at most 20 mm, straight and slowly, and down again. It has to point straight down.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rmrl_cell::Arm;
use rmrl_xarm::{ArmModel, Client, Command, Reply, Robot, XArm, XArmConfig};

/// In m/s.
const SPEED: f64 = 0.02;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let host = arguments.next().ok_or("usage: xarm HOST [--model NAME] [--up MILLIMETRES]")?;
    let mut config = XArmConfig { host, ..XArmConfig::default() };
    let mut up_mm = None;
    while let Some(key) = arguments.next() {
        let value = arguments.next().ok_or("a value is missing")?;
        match key.as_str() {
            "--model" => {
                let known = ArmModel::ALL.into_iter().find(|model| model.key() == value);
                config.model = known.ok_or("--model is xarm5, xarm6 or 850")?;
            }
            "--up" => up_mm = Some(value.parse::<f64>()?),
            _ => return Err(format!("{key} is not known").into()),
        }
    }
    look(&config)?;
    match up_mm {
        None => Ok(()),
        Some(up_mm) if up_mm > 0.0 && up_mm <= 20.0 => go_up(config, up_mm / 1000.0),
        Some(_) => Err("--up takes more than 0 and at most 20 mm".into()),
    }
}

fn look(config: &XArmConfig) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(&config.address(config.control_port), Duration::from_secs(2))?;
    for command in [
        Command::GetVersion,
        Command::GetState,
        Command::GetErrors,
        Command::GetTcpPose,
        Command::GetJointPositions,
    ] {
        match client.ask(&command)? {
            Reply::Pose([x, y, z, roll, pitch, yaw]) => {
                let [roll, pitch, yaw] = [roll, pitch, yaw].map(f32::to_degrees);
                println!(
                    "tool at {x:.1}, {y:.1}, {z:.1} mm, {roll:.1}, {pitch:.1}, {yaw:.1} degrees"
                );
            }
            reply => println!("{reply:?}"),
        }
    }
    Ok(())
}

fn go_up(config: XArmConfig, up_m: f64) -> Result<(), Box<dyn Error>> {
    let mut arm = XArm::new(Arc::new(Robot::connect(config)?));
    let here = arm.pose()?;
    for height_m in [here.z_m + up_m, here.z_m] {
        let sent = arm.move_to(here.at_height(height_m), SPEED)?;
        let there = arm.pose()?;
        println!("sent to {:.4} m, is at {:.4} m", sent.z_m, there.z_m);
    }
    Ok(())
}
