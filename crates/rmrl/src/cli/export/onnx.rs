//! `rmrl export onnx`

use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use rmrl_data::write_atomically;
use serde::Serialize;

use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::run::trained_policy::TrainedPolicy;

/// The file in the run directory, if the command names none.
const MODEL: &str = "policy.onnx";

/// Write a run's policy as an ONNX model.
///
/// The model takes the whole picture (u8, height x width x 3) and the plate's pose, and gives the correction, the probabilities of
/// all candidates, and whether the policy abstains. It contains crop, resize, normalization and the candidates, so a program needs
/// nothing but onnxruntime. docs/onnx.md describes it, examples/onnx_policy.py uses it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl export onnx runs/table-hindsight-seed0
  rmrl export onnx runs/table-hindsight-seed0 --out policy.onnx")]
pub struct Onnx {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Where to write the model [default: RUN/policy.onnx]
    #[arg(long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Written {
    model: String,
    bytes: usize,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {:.1} MB", self.model, self.bytes as f64 / 1e6)?;
        writeln!(f, "examples/onnx_policy.py asks it; docs/onnx.md describes it")
    }
}

/// Runs the command.
pub fn run(arguments: &Onnx) -> Result<(), Failure> {
    let out = arguments.out.clone().unwrap_or_else(|| arguments.run.join(MODEL));
    check_folder_of(&out)?;
    let trained = TrainedPolicy::open(&arguments.run).map_err(Failure::Usage)?;
    if trained.needs_place() {
        tracing::warn!(
            "{} stored no camera or no trial, so the model has to be told where the picture shows the plate: input plate_in_image",
            arguments.run.display()
        );
    }
    let model = trained.to_onnx();
    write_atomically(&out, &model).with_context(|| format!("cannot write {}", out.display()))?;
    let written = Written { model: out.display().to_string(), bytes: model.len() };
    let next = format!("rmrl eval {}", path_word(&arguments.run));
    Ok(print_result(&written, false, &next)?)
}
