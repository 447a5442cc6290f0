//! `rmrl calibrate`
//!
//! - `carries` needs no board: the arm carries a plate.
//! - `capture` and `eye_to_hand` are the steps with one camera: the arm holds the board. `capture_by_hand` captures while
//!   a person leads the arm.
//! - `intrinsics`, `hand_eye`, `overhead` and `check` are the steps with a camera on the wrist, in this order.
//! - `import` converts the camera file of another program.
//! - `simulate` makes the images of a calibration in a simulated cell.
//! - `shared_args` has the arguments and files that the steps share.

mod capture;
mod capture_by_hand;
mod carries;
mod check;
mod eye_to_hand;
mod hand_eye;
mod import;
mod intrinsics;
mod overhead;
mod shared_args;
mod simulate;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;

/// Calibrate the cameras: by carrying a plate, or with a chessboard (Sec. 4.1).
///
/// Without a board, the arm carries a plate: `carries` does everything, the check included.
///
/// With one camera, the arm holds the board: `capture` and `eye-to-hand` do everything, the check included.
///
/// With a camera on the wrist as well, the steps in order: the wrist camera's intrinsics and its pose on the
/// flange; the overhead camera's intrinsics; its pose, from images of one board that both cameras see; a check
/// on boards that were not used. docs/calibration.md describes the board to print and the images to take.
#[derive(Debug, Args)]
#[command(after_help = "Example without a board, in a simulated cell:
  rmrl calibrate carries --seed 3 --out overhead.toml

Example with one camera, in a simulated cell:
  rmrl calibrate capture --seed 3 --out held
  rmrl calibrate eye-to-hand --session held --out overhead.toml --svg map.svg

Example with a camera on the wrist, in a simulated cell:
  rmrl calibrate simulate --seed 3 --out session
  rmrl calibrate intrinsics --images session/wrist --out wrist.toml
  rmrl calibrate hand-eye --images session/wrist --poses session/poses.csv --camera wrist.toml --out wrist.toml
  rmrl calibrate intrinsics --images session/overhead --out overhead.toml
  rmrl calibrate overhead --pairs session/pairs.csv --wrist wrist.toml --camera overhead.toml --out overhead.toml
  rmrl calibrate check --pairs session/check.csv --wrist wrist.toml --camera overhead.toml --svg map.svg --write")]
pub struct Calibrate {
    #[command(subcommand)]
    command: CalibrateCommand,
}

#[derive(Debug, Subcommand)]
enum CalibrateCommand {
    Carries(carries::CarriesCommand),
    Capture(capture::CaptureCommand),
    EyeToHand(eye_to_hand::EyeToHandCommand),
    Intrinsics(intrinsics::IntrinsicsCommand),
    HandEye(hand_eye::HandEyeCommand),
    Overhead(overhead::OverheadCommand),
    Check(check::CheckCommand),
    Import(import::ImportCommand),
    Simulate(simulate::Simulate),
}

/// Runs the command.
pub fn run(arguments: &Calibrate) -> Result<(), Failure> {
    match &arguments.command {
        CalibrateCommand::Carries(arguments) => carries::run(arguments),
        CalibrateCommand::Capture(arguments) => capture::run(arguments),
        CalibrateCommand::EyeToHand(arguments) => eye_to_hand::run(arguments),
        CalibrateCommand::Intrinsics(arguments) => intrinsics::run(arguments),
        CalibrateCommand::HandEye(arguments) => hand_eye::run(arguments),
        CalibrateCommand::Overhead(arguments) => overhead::run(arguments),
        CalibrateCommand::Check(arguments) => check::run(arguments),
        CalibrateCommand::Import(arguments) => import::run(arguments),
        CalibrateCommand::Simulate(arguments) => simulate::run(arguments),
    }
}
