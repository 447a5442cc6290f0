//! `rmrl calibrate capture`

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use rmrl_cell::{Camera, TaskKind};
use rmrl_data::write_atomically;
use rmrl_sim::SimulatedHeldBoard;
use rmrl_vision::{CameraFile, Chessboard};
use serde::Serialize;

use super::capture_by_hand;
use super::shared_args::{ArmNoise, BoardArgs};
use crate::calibration::board_mount::BoardMount;
use crate::calibration::by_board::{flange_from_simulated_tool, simulated_devices};
use crate::calibration::capture::{CAPTURE_SPEED_M_S, Capture, CaptureReport};
use crate::calibration::capture_session::{CaptureHeader, CaptureSession, CaptureSessionError};
use crate::calibration::coverage::Coverage;
use crate::cell::calibration_arm::calibration_devices;
use crate::cell::terminal::say;
use crate::cli::args::{Configuration, check_folder_of, task_parser};
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::cli::start::{StartArgs, failure_of};
use crate::config::{CellKind, RunConfig};

/// Have the arm show a board to the overhead camera, and keep images and poses.
///
/// The arm holds the board: on a bracket at the flange, or in the jaws. It looks for a pose in which the camera sees the
/// board, then goes through poses that it plans: all over the image, at several heights, tilted by 15 to 25 degrees. It
/// never comes lower than task.travel_height_m, tilts in a place only, and moves at 0.1 m/s at most. Take everything
/// else out of [safety].
///
/// With --by-hand you lead the arm yourself, and press Enter at each pose: nothing is sent to the arm.
///
/// `rmrl calibrate eye-to-hand` then calibrates the camera. A session that was interrupted continues with --resume.
#[derive(Debug, Args)]
#[command(
    name = "capture",
    after_help = "Examples:
  rmrl calibrate capture --seed 3 --out session                          a simulated cell
  rmrl calibrate capture --config my-cell.toml --square-mm 20 --out session
  rmrl calibrate capture --config my-cell.toml --square-mm 20 --by-hand --out session"
)]
pub struct CaptureCommand {
    /// The folder of the session; it must not exist, except with --resume
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Continue the session in --out
    #[arg(long)]
    resume: bool,

    /// Lead the arm by hand, in the controller's manual mode, and press Enter at each pose
    #[arg(long)]
    by_hand: bool,

    /// What holds the board
    #[arg(long, value_name = "WHAT", value_enum, default_value = "bracket")]
    held_by: BoardMount,

    /// How many views, 3 of every 13 for the check
    #[arg(long, value_name = "N", default_value_t = 26, value_parser = clap::value_parser!(u16).range(13..=200))]
    views: u16,

    /// The lowest place of the board and of everything else on the flange [default: task.travel_height_m, above
    /// everything in the workspace]
    #[arg(long, value_name = "MM")]
    floor_mm: Option<f64>,

    /// Seed of the poses and, in a simulated cell, of the cell
    #[arg(long, default_value_t = 0)]
    seed: u32,

    /// What the robot has to do there [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    #[command(flatten)]
    board: BoardArgs,

    #[command(flatten)]
    arm: ArmNoise,

    #[command(flatten)]
    start: StartArgs,

    #[command(flatten)]
    configuration: Configuration,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Captured {
    session: String,
    views: usize,
    checks: usize,
    missed: usize,
    /// The robot's time, estimated from its lines, in minutes. None where the arm was led by hand.
    robot_minutes: Option<f64>,
    /// The time that the command took, in minutes.
    elapsed_minutes: f64,
    /// What the views do not cover.
    missing: Vec<String>,
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, views, checks, missed, elapsed_minutes, .. } = self;
        writeln!(
            f,
            "{session}: {views} views and {checks} to check with; {missed} did not show the board; {elapsed_minutes:.1} \
             minutes"
        )?;
        if let Some(robot_minutes) = self.robot_minutes {
            writeln!(f, "the robot's time is estimated at {robot_minutes:.1} minutes")?;
        }
        for missing in &self.missing {
            writeln!(f, "missing    {missing}")?;
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(arguments: &CaptureCommand) -> Result<(), Failure> {
    let board = arguments.board.chessboard()?;
    let config = configuration(arguments)?;
    check_folder_of(&arguments.out)?;
    if arguments.out.exists() != arguments.resume {
        return Err(Failure::Usage(match arguments.resume {
            true => {
                anyhow!("{} does not exist: there is nothing to resume", arguments.out.display())
            }
            false => CaptureSessionError::Exists { path: arguments.out.clone() }.into(),
        }));
    }
    let header = CaptureHeader { held_by: arguments.held_by, board };
    let began = Instant::now();
    let (session, report) = match (arguments.by_hand, config.cell.kind) {
        (true, CellKind::Simulated) => {
            return Err(Failure::Usage(anyhow!(
                "nobody can lead a simulated arm by hand: leave --by-hand out, or give a --config with cell.kind \
                 = \"xarm\""
            )));
        }
        (_, CellKind::External) => {
            return Err(Failure::Usage(anyhow!(
                "cell.kind is \"external\": only an arm of UFACTORY shows a board here. Take images of a board with your own \
                 program, and give them to `rmrl calibrate overhead`"
            )));
        }
        (true, CellKind::XArm) => {
            let open = |camera: &dyn Camera| open_session(arguments, &header, camera);
            let views = usize::from(arguments.views);
            (capture_by_hand::capture(&config, &header, views, open)?, None)
        }
        (false, _) => {
            let (session, report) = by_arm(arguments, &config, &header)?;
            (session, Some(report))
        }
    };
    let [views, checks] = session.counts();
    let result = Captured {
        session: arguments.out.display().to_string(),
        views,
        checks,
        missed: report.map_or(0, |report| report.missed),
        robot_minutes: report.map(|report| report.robot_secs / 60.0),
        elapsed_minutes: began.elapsed().as_secs_f64() / 60.0,
        missing: Coverage::of(session.views()).missing(),
    };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl calibrate eye-to-hand --session {} --out overhead.toml",
            path_word(&arguments.out)
        ),
    )?;
    Ok(())
}

fn configuration(arguments: &CaptureCommand) -> Result<RunConfig, Failure> {
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    Ok(layers.with_value("--seed", "seed", i64::from(arguments.seed)).resolve()?)
}

/// Opens the session that is to be continued, or makes a new one.
fn open_session(
    arguments: &CaptureCommand,
    header: &CaptureHeader,
    camera: &dyn Camera,
) -> Result<CaptureSession, Failure> {
    let session = match arguments.resume {
        true => CaptureSession::resume(&arguments.out, header),
        false => CaptureSession::create(&arguments.out, header, camera.model().intrinsics),
    };
    session.map_err(|error| Failure::Usage(error.into()))
}

/// How long a real arm rests before an image.
const SETTLE: Duration = Duration::from_millis(500);

/// Has the arm move, simulated or real.
fn by_arm(
    arguments: &CaptureCommand,
    config: &RunConfig,
    header: &CaptureHeader,
) -> Result<(CaptureSession, CaptureReport), Failure> {
    let is_simulated = config.cell.kind == CellKind::Simulated;
    let flange_from_tool = match config.cell.kind {
        CellKind::Simulated => flange_from_simulated_tool(),
        CellKind::XArm | CellKind::External => config.xarm.flange_from_tool(),
    };
    let floor_m = match arguments.floor_mm {
        None => config.task.travel_height_m,
        Some(floor_mm) if (0.0..=1000.0).contains(&floor_mm) => 0.001 * floor_mm,
        Some(floor_mm) => {
            return Err(Failure::Usage(anyhow!("--floor-mm is {floor_mm}, expected 0 to 1000")));
        }
    };
    let mut capture = Capture {
        board: header.board,
        nominal: header.held_by.nominal(&header.board, &flange_from_tool),
        flange_from_tool,
        safety: config.safety,
        floor_m,
        views: usize::from(arguments.views),
        seed: u64::from(arguments.seed),
        settle: SETTLE,
        speed_m_s: CAPTURE_SPEED_M_S.min(config.safety.max_speed_m_s),
        rests: !is_simulated,
        say: &mut |line| say(line),
    };
    if is_simulated {
        let noise = arguments.arm.noise()?;
        let devices = simulated_devices(config, &capture, noise);
        let (mut devices, truth) = devices.map_err(Failure::Usage)?;
        let mut session = open_session(arguments, header, devices.camera.as_ref())?;
        write_truth(&arguments.out, &truth, &header.board)?;
        let report = capture.run(&mut devices, &mut session);
        return Ok((session, report.map_err(|error| Failure::Runtime(error.into()))?));
    }
    let (start, _page) = arguments.start.start_alone(config)?;
    let failed = |error: anyhow::Error| failure_of(error, &start.stop);
    let mut devices = calibration_devices(config, &capture, &start).map_err(failed)?;
    let mut session = open_session(arguments, header, devices.camera.as_ref())?;
    let report = capture.run(&mut devices, &mut session).map_err(anyhow::Error::from);
    Ok((session, report.map_err(failed)?))
}

/// The true camera, and where the board truly is on the flange.
#[derive(Serialize)]
struct Truth {
    overhead: CameraFile,
    board_mm: [f64; 3],
}

fn write_truth(out: &Path, held: &SimulatedHeldBoard, board: &Chessboard) -> anyhow::Result<()> {
    let middle = held.flange_from_board() * board.center();
    let truth =
        Truth { overhead: held.true_camera().into(), board_mm: (1000.0 * middle.coords).into() };
    let text = serde_json::to_string_pretty(&truth)? + "\n";
    Ok(write_atomically(&out.join("truth.json"), text.as_bytes())?)
}
