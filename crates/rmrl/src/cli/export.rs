//! `rmrl export`

mod onnx;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Write what a run made in the formats of other programs.
#[derive(Debug, Args)]
pub struct Export {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Format {
    Onnx(onnx::Onnx),
}

/// Runs the command.
pub fn run(arguments: &Export) -> Result<(), Failure> {
    match &arguments.format {
        Format::Onnx(arguments) => onnx::run(arguments),
    }
}
