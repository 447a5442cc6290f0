//! `rmrl calibrate carries`

use std::fmt;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use rmrl_belief::BeliefSummary;
use rmrl_cell::TaskKind;
use rmrl_vision::CameraFile;
use serde::Serialize;

use super::shared_args::write_camera;
use crate::calibration::by_carries::{LEAST_CARRIES, calibrate_by_carries, seen_error_mm};
use crate::cell::assembly::Laboratory;
use crate::cell::first_motion::Start;
use crate::cli::args::{Configuration, check_folder_of, task_parser};
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::cli::start::{StartArgs, failure_of};
use crate::config::RunConfig;

/// Find the overhead camera's place by carrying a plate, without a board.
///
/// The plate lies on its target. The arm carries it to poses that tell most of the camera's place, about half a minute
/// each, and the camera looks at it where the arm put it. Further carries that are not used measure the residual, which is
/// written into the camera's file with the time, so that a run accepts it. The intrinsics stay. What the tool is off is
/// said, and not written.
///
/// In a simulated cell the true error is printed, too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl calibrate carries --seed 3 --out carries.toml
  rmrl calibrate carries --config my-cell.toml --out overhead.toml")]
pub struct CarriesCommand {
    /// Where to write the camera (TOML); an existing file is replaced
    #[arg(long, value_name = "FILE.toml")]
    out: PathBuf,

    /// Carries to find the camera by
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(i64::from(LEAST_CARRIES)..=100))]
    carries: u32,

    /// How far the plate is turned to each side: what tells camera and tool apart along the fingers. 0: as at the starts
    #[arg(long, value_name = "DEGREES", default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=75))]
    turn: u16,

    /// Carries to check it by
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    checks: u32,

    /// In a simulated cell: say by how much this camera sees plates off, too
    #[arg(long, value_name = "FILE.toml")]
    against: Option<PathBuf>,

    /// Seed of the cell [default: 0]
    #[arg(long)]
    seed: Option<u32>,

    /// What the robot has to do [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// What was found, as the command prints it.
#[derive(Serialize)]
struct Carried {
    camera: String,
    carries: usize,
    checks: usize,
    residual_mm: f64,
    geometry: BeliefSummary,
    robot_minutes: f64,
    /// By how much plates are seen off over the workspace, at most and on average; only a simulator knows it.
    seen_error_mm: Option<[f64; 2]>,
    /// The same with the camera of --against.
    #[serde(skip_serializing_if = "Option::is_none")]
    against_seen_error_mm: Option<[f64; 2]>,
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, words) in self.geometry.in_words() {
            writeln!(f, "{name:10} {words}")?;
        }
        writeln!(
            f,
            "check      {:.2} mm at most over {} carries that it was not made from; made from {}",
            self.residual_mm, self.checks, self.carries
        )?;
        for (name, errors_mm) in
            [("truth", self.seen_error_mm), ("against", self.against_seen_error_mm)]
        {
            let Some([most, mean]) = errors_mm else { continue };
            writeln!(
                f,
                "{name:10} plates are seen off by {most:.2} mm at most over the workspace, {mean:.2} mm on average"
            )?;
        }
        writeln!(f, "robot      {:.1} minutes", self.robot_minutes)?;
        writeln!(f, "written    {}", self.camera)
    }
}

/// Lets the plate be turned by at least `turn_deg` to each side of the middle of the starts.
fn turn_starts(config: &mut RunConfig, turn_deg: f64) {
    let [from, to] = config.task.start.yaw_deg;
    let middle = 0.5 * (from + to);
    config.task.start.yaw_deg = [from.min(middle - turn_deg), to.max(middle + turn_deg)];
}

/// Runs the command.
pub fn run(arguments: &CarriesCommand) -> Result<(), Failure> {
    check_folder_of(&arguments.out)?;
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    if let Some(seed) = arguments.seed {
        layers = layers.with_value("--seed", "seed", i64::from(seed));
    }
    let mut config = layers.resolve()?;
    turn_starts(&mut config, f64::from(arguments.turn));
    config.validate().map_err(|error| Failure::Usage(anyhow!("{error}; try a smaller --turn")))?;
    let against = arguments.against.as_deref().map(|path| CameraFile::read(path)?.overhead(path));
    let against = against.transpose()?;
    let (start, page) = arguments.start_args.start_alone(&config)?;
    let start = Start { is_calibration: true, ..start };
    let calibrated = Laboratory::start(&config, u64::from(config.seed), &start)
        .map_err(anyhow::Error::from)
        .and_then(|mut laboratory| {
            let counts = (arguments.carries, arguments.checks);
            let calibrated = calibrate_by_carries(&config, &mut laboratory, counts);
            if let Err(fault) = laboratory.trial.stand_down() {
                tracing::warn!("the arm could not be brought home, and stays where it is: {fault}");
            }
            let calibrated = calibrated?;
            let camera = calibrated.file.overhead(&arguments.out)?;
            let mut error_mm = |camera| seen_error_mm(&config, &mut laboratory, camera);
            let seen_error_mm = error_mm(&camera)?;
            let against_mm = against.as_ref().map(error_mm).transpose()?.flatten();
            Ok((calibrated, seen_error_mm, against_mm))
        });
    drop(page);
    let (calibrated, seen_error_mm, against_seen_error_mm) =
        calibrated.map_err(|error| failure_of(error, &start.stop))?;
    write_camera(&arguments.out, &calibrated.file)?;
    let (carries, checks) = calibrated.carries;
    config.schedule.carries = (carries + checks) as u32;
    let result = Carried {
        camera: arguments.out.display().to_string(),
        carries,
        checks,
        residual_mm: calibrated.residual_mm,
        geometry: calibrated.geometry,
        robot_minutes: config.carry_minutes(),
        seen_error_mm,
        against_seen_error_mm,
    };
    let next = format!("rmrl train --set camera.calibration={}", path_word(&arguments.out));
    print_result(&result, arguments.json, &next)?;
    Ok(())
}
