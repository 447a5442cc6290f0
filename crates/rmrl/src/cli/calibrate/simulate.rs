//! `rmrl calibrate simulate`

use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::calibration::pose_table::to_csv;
use anyhow::{Context, anyhow};
use clap::Args;
use image::ImageFormat;
use nalgebra::Isometry3;
use rayon::prelude::*;
use rmrl_cell::TaskKind;
use rmrl_data::write_atomically;
use rmrl_sim::{
    ChessboardView, PairViews, SimulatedCalibration, SimulatedCalibrationConfig, SimulatedCell,
};
use rmrl_vision::CameraFile;
use serde::Serialize;

use super::shared_args::{ArmNoise, BoardArgs};
use crate::cli::args::{Configuration, check_folder_of, task_parser};
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Make the images of a calibration in a simulated cell.
///
/// The cell is that of `rmrl train --seed`, with a camera on the wrist. The folder has the same files as
/// that of a laboratory with real cameras. In addition truth.json has the true cameras, only for
/// comparison.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl calibrate simulate --seed 3 --out session
  rmrl calibrate simulate --out session --views 25 --arm-mm 0.3 --arm-deg 0.1")]
pub struct Simulate {
    /// The folder to make; it must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Seed of the cell, the views and the noise
    #[arg(long, default_value_t = 0)]
    seed: u32,

    /// What the robot has to do there [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// Views per camera for its intrinsics; those of the wrist are also used for the hand-eye calibration
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=200))]
    views: u16,

    /// Placements of the board that both cameras see
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=200))]
    pairs: u16,

    /// Further placements for the check
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=200))]
    checks: u16,

    #[command(flatten)]
    board: BoardArgs,

    #[command(flatten)]
    arm: ArmNoise,

    #[command(flatten)]
    configuration: Configuration,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Simulated {
    session: String,
    #[serde(rename = "pictures")]
    images: usize,
}

impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} images, poses.csv, pairs.csv, check.csv, truth.json",
            self.session, self.images
        )
    }
}

/// The true cameras.
#[derive(Serialize)]
struct Truth {
    wrist: CameraFile,
    overhead: CameraFile,
}

/// Runs the command.
pub fn run(arguments: &Simulate) -> Result<(), Failure> {
    let (board, noise) = (arguments.board.chessboard()?, arguments.arm.noise()?);
    let out = &arguments.out;
    if out.exists() {
        return Err(Failure::Usage(anyhow!(
            "{} exists already and is never overwritten",
            out.display()
        )));
    }
    check_folder_of(out)?;
    if board.size_m().into_iter().fold(0.0, f64::max) > LARGEST_BOARD_M {
        return Err(Failure::Usage(anyhow!(
            "a board of {} corners and squares of {} mm is larger than fits into the simulated cell, {} mm",
            arguments.board.corners,
            arguments.board.square_mm,
            1000.0 * LARGEST_BOARD_M
        )));
    }
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    let config = layers.with_value("--seed", "seed", i64::from(arguments.seed)).resolve()?;
    let seed = u64::from(config.cell_seed());
    let cell = SimulatedCell::new(&config.simulation, &config.task, seed, u64::from(config.seed))
        .map_err(|error| Failure::Usage(error.into()))?;
    let session = SimulatedCalibrationConfig {
        wrist_views: usize::from(arguments.views),
        overhead_views: usize::from(arguments.views),
        pairs: usize::from(arguments.pairs),
        checks: usize::from(arguments.checks),
        pose_noise_m: noise.translation_m,
        pose_noise_rad: noise.rotation_rad,
        ..SimulatedCalibrationConfig::new(board)
    };
    let session = SimulatedCalibration::new(&config.simulation, &cell, session, seed);
    let images = write_session(out, &session)?;
    let result = Simulated { session: out.display().to_string(), images };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl calibrate intrinsics --images {} --out wrist.toml",
            path_word(&out.join("wrist"))
        ),
    )?;
    Ok(())
}

/// A larger board would not fit into the overhead camera's image.
const LARGEST_BOARD_M: f64 = 0.4;

/// Writes all files of a session. Returns the number of images.
fn write_session(out: &Path, session: &SimulatedCalibration) -> anyhow::Result<usize> {
    for folder in ["wrist", "overhead", "pairs", "check"] {
        let folder = out.join(folder);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let views = session.views();
    let mut files: Vec<(String, &ChessboardView)> = Vec::new();
    let wrist = views.wrist.iter().enumerate().map(|(number, one)| {
        let name = format!("{number:02}.png");
        files.push((format!("wrist/{name}"), &one.view));
        (vec![name], one.reported_world_from_flange)
    });
    let poses = to_csv(&["image"], wrist.collect::<Vec<_>>());
    for (number, view) in views.overhead.iter().enumerate() {
        files.push((format!("overhead/{number:02}.png"), view));
    }
    let pairs = pair_rows("pairs", &views.pairs, &mut files);
    let checks = pair_rows("check", &views.checks, &mut files);
    files.par_iter().try_for_each(|(name, view)| {
        let mut png = Cursor::new(Vec::new());
        let gray = image::DynamicImage::ImageRgb8(session.render(view)).into_luma8();
        gray.write_to(&mut png, ImageFormat::Png).context("the image could not be encoded")?;
        Ok::<_, anyhow::Error>(write_atomically(&out.join(name), &png.into_inner())?)
    })?;
    let truth = Truth {
        wrist: CameraFile {
            intrinsics: session.wrist,
            world_from_camera: None,
            flange_from_camera: Some(session.flange_from_wrist),
            calibration: None,
        },
        overhead: session.overhead.into(),
    };
    let columns = ["overhead", "wrist"];
    for (name, text) in [
        ("poses.csv", poses),
        ("pairs.csv", to_csv(&columns, pairs)),
        ("check.csv", to_csv(&columns, checks)),
        ("truth.json", serde_json::to_string_pretty(&truth)? + "\n"),
    ] {
        write_atomically(&out.join(name), text.as_bytes())?;
    }
    Ok(files.len())
}

type PairRow = (Vec<String>, Isometry3<f64>);

/// The rows of a table of pairs. Adds their images to `files`.
fn pair_rows<'a>(
    folder: &str,
    pairs: &'a [PairViews],
    files: &mut Vec<(String, &'a ChessboardView)>,
) -> Vec<PairRow> {
    let mut rows = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        let overhead = format!("{folder}/{number:02}-overhead.png");
        files.push((overhead.clone(), &pair.overhead));
        for (view, one) in pair.wrist.iter().enumerate() {
            let wrist = format!("{folder}/{number:02}-wrist-{view}.png");
            files.push((wrist.clone(), &one.view));
            rows.push((vec![overhead.clone(), wrist], one.reported_world_from_flange));
        }
    }
    rows
}
