//! `rmrl export`: runs for other programs.
//!
//! - `lerobot`: a dataset of LeRobot
//! - `onnx`: the policy as an ONNX model

mod lerobot;
mod onnx;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Export runs for other programs.
#[derive(Debug, Args)]
pub struct Export {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Format {
    #[command(name = "lerobot")]
    LeRobot(lerobot::LeRobot),
    Onnx(onnx::Onnx),
}

/// Runs the command.
pub fn run(arguments: &Export) -> Result<(), Failure> {
    match &arguments.format {
        Format::LeRobot(arguments) => lerobot::run(arguments),
        Format::Onnx(arguments) => onnx::run(arguments),
    }
}
