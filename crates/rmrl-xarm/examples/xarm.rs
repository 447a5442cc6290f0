//! Reports which robot is there and where it is: `cargo run -p rmrl-xarm --example xarm -- 192.168.1.217`.
//!
//!     xarm HOST [--model NAME] [--up MILLIMETERS [--yes]]
//!
//! Prints version, state and the tool's pose. It sets nothing and moves nothing, unless `--up` is
//! given: then it asks for a confirmation, sets up fence, load and the rest as in the defaults of `XArmConfig`, and
//! moves the tool up, at most 20 mm, straight and slowly, and down again. The tool has to point straight down.
//! `--yes` is the confirmation, for scripts.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use rmrl_cell::Arm;
use rmrl_xarm::{ArmModel, Client, Command, Reply, Robot, XArm, XArmConfig};

const USAGE: &str = "usage: xarm HOST [--model NAME] [--up MILLIMETERS [--yes]]";

/// The speed of the tool, in m/s.
const SPEED: f64 = 0.02;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let host = arguments.next().ok_or(USAGE)?;
    let mut config = XArmConfig { host, ..XArmConfig::default() };
    let (mut up_mm, mut is_confirmed) = (None, false);
    while let Some(key) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{key} needs a value; {USAGE}"));
        match key.as_str() {
            "--model" => {
                let value = value()?;
                let known = ArmModel::ALL.into_iter().find(|model| model.key() == value);
                config.model = known.ok_or("--model is xarm5, xarm6 or 850")?;
            }
            "--up" => up_mm = Some(value()?.parse::<f64>()?),
            "--yes" => is_confirmed = true,
            _ => return Err(format!("{key} is not known; {USAGE}").into()),
        }
    }
    inspect(&config)?;
    match up_mm {
        None => Ok(()),
        Some(up_mm) if !(up_mm > 0.0 && up_mm <= 20.0) => {
            Err("--up takes more than 0 and at most 20 mm".into())
        }
        Some(up_mm) if is_confirmed || confirm(&config, up_mm)? => go_up(config, up_mm / 1000.0),
        Some(_) => Err("not confirmed; the arm was not moved".into()),
    }
}

fn inspect(config: &XArmConfig) -> Result<(), Box<dyn Error>> {
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

/// Asks the operator before the arm moves. Anything but `y` or `yes` is a no, and so is the end of the input.
fn confirm(config: &XArmConfig, up_mm: f64) -> io::Result<bool> {
    print!(
        "The {} at {} will move its tool up by {up_mm} mm and down again. Is the way clear, and the emergency \
         stop button in reach? [y/N] ",
        config.model, config.host
    );
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
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
