//! `rmrl snapshot`

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use image::{ImageFormat, RgbImage};
use rmrl_cell::{Capture, PickPlace, TaskKind};
use rmrl_core::{Env, PlanarPose, TrialId};
use rmrl_data::write_atomically;
use rmrl_vision::{
    Localization, PlateGeometry, RecordingWriter, RgbdFrame, draw_localization, draw_plate,
};
use serde::Serialize;

use super::args::{Configuration, check_folder_of, task_parser};
use super::failure::Failure;
use super::output::{path_word, print_result};
use super::start::{StartArgs, failure_of};

/// Capture a frame and show what is found in it.
///
/// Writes the color image with the detector's box (yellow), the segmenter's mask (red) and the localized
/// pose (green outline and arrow) drawn in, and prints the pose. In a simulated cell the true pose is
/// drawn in magenta. In a real cell the arm moves out of view, after asking the operator.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl snapshot                                 the first start of cell 0, to snapshot.png
  rmrl snapshot --task shelf --at target --seed 3 --out slot.png
  rmrl snapshot --record frames --frames 20     twenty frames to localize again later
  rmrl snapshot --set vision.color.darkness_ratio=0.4    try out a threshold")]
pub struct Snapshot {
    /// Where to write the image; an existing file is replaced
    #[arg(long, value_name = "FILE.png", default_value = "snapshot.png")]
    out: PathBuf,

    /// Also record color, depth and the camera into a new folder, for `rmrl localize --recording`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,

    /// How many frames to record
    #[arg(long, default_value_t = 1, requires = "record", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,

    /// Where the plate lies
    #[arg(long, value_enum, default_value = "start")]
    at: Place,

    /// Which scene's start
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    scene: u32,

    /// Seed of the cell and its starts [default: 0]
    #[arg(long)]
    seed: Option<u32>,

    /// What the robot has to do [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// Where the plate lies in a snapshot.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Place {
    /// At a scene's start
    Start,
    /// In its place
    Target,
}

/// The plate, as the command prints it.
#[derive(Serialize)]
struct Found {
    #[serde(rename = "picture")]
    image: String,
    pose: PlanarPose,
    height_m: f64,
    depth_m: f64,
    /// The probability that the pose is within 1 mm.
    confidence: f64,
    /// The detector's.
    score: f64,
    true_pose: Option<PlanarPose>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pose = |pose: PlanarPose| {
            format!(
                "x {:.1} mm, y {:.1} mm, yaw {:.2} degrees",
                1000.0 * pose.x_m,
                1000.0 * pose.y_m,
                pose.yaw_rad.to_degrees()
            )
        };
        writeln!(f, "localized  {}", pose(self.pose))?;
        if let Some(truth) = self.true_pose {
            writeln!(f, "true       {}", pose(truth))?;
        }
        writeln!(
            f,
            "depth      {:.1} mm, confidence {:.2}, score {:.2}",
            1000.0 * self.depth_m,
            self.confidence,
            self.score
        )?;
        writeln!(f, "image      {}", self.image)?;
        let truth = if self.true_pose.is_some() { ", true pose magenta" } else { "" };
        writeln!(f, "           pixels of the plate red, box yellow, pose green{truth}")
    }
}

/// Runs the command.
pub fn run(arguments: &Snapshot) -> Result<(), Failure> {
    let config = configuration(arguments)?;
    let trial = first_trial(arguments.scene, config.schedule.trials_per_scene)?;
    check_outputs(arguments)?;
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let mut laboratory = Laboratory::start(&config, u64::from(config.seed), &start)
        .map_err(|error| failure_of(error.into(), &start.stop))?;
    let cell = &mut laboratory.trial;
    let prepared = match arguments.at {
        Place::Target => cell.record_target().map(|_| ()).map_err(anyhow::Error::from),
        Place::Start => {
            let id = TrialId::new(trial, 1, arguments.scene);
            cell.reset(id).map(|_| ()).map_err(anyhow::Error::from)
        }
    };
    if start.stop.is_pressed()
        && let Err(error) = prepared
    {
        return Err(failure_of(error, &start.stop));
    }
    let Capture { frame, localization: found, .. } = cell.look().map_err(anyhow::Error::from)?;
    if let Some(root) = &arguments.record {
        record(root, cell, &frame, arguments.frames)?;
    }
    let mut image = frame.color.as_ref().clone();
    let found = match (prepared, found) {
        (Ok(()), Ok(found)) => found,
        // The image is needed most when something is wrong with it.
        (prepared, found) => {
            write_image(&arguments.out, &image)?;
            let error = prepared.err().or(found.err().map(Into::into)).context("a reason")?;
            let message = format!("nothing is drawn into {}", arguments.out.display());
            return Err(Failure::Runtime(error.context(message)));
        }
    };
    draw(&mut image, &found, &laboratory, config.vision.localizer.plate);
    write_image(&arguments.out, &image)?;
    let result = Found {
        image: arguments.out.display().to_string(),
        pose: found.pose,
        height_m: found.height_m,
        depth_m: found.depth_m,
        confidence: found.confidence,
        score: found.score,
        true_pose: laboratory.world.truth().map(|truth| truth.plate),
    };
    let next = match &arguments.record {
        Some(root) => format!("rmrl localize --recording {}", path_word(root)),
        None => format!("open {}, then rmrl train", path_word(&arguments.out)),
    };
    print_result(&result, false, &next)?;
    Ok(())
}

/// The resolved configuration. Refuses an output that is no image.
fn configuration(arguments: &Snapshot) -> Result<RunConfig, Failure> {
    if arguments.out.extension().is_none_or(|extension| extension != "png") {
        let message = format!("--out is {}, expected a .png file", arguments.out.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    if let Some(seed) = arguments.seed {
        layers = layers.with_value("--seed", "seed", i64::from(seed));
    }
    Ok(layers.resolve()?)
}

/// Checks that the image and the recording can be written, before anything moves.
fn check_outputs(arguments: &Snapshot) -> Result<(), Failure> {
    check_folder_of(&arguments.out)?;
    if let Some(root) = arguments.record.as_ref().filter(|root| root.exists()) {
        let message = format!("{} exists already and is never overwritten", root.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    Ok(())
}

/// Records `frames` frames, of which `first` is captured already.
fn record(root: &Path, cell: &mut PickPlace, first: &RgbdFrame, frames: u32) -> anyhow::Result<()> {
    let mut recording = RecordingWriter::create(root, &cell.camera_model().into())?;
    recording.append(first)?;
    for _ in 1..frames {
        let capture = cell.look()?;
        recording.append(&capture.frame)?;
    }
    Ok(())
}

/// Draws what was found and, where it is known, the true pose.
fn draw(image: &mut RgbImage, found: &Localization, laboratory: &Laboratory, plate: PlateGeometry) {
    let (world, camera) = (&laboratory.world, laboratory.trial.camera_model());
    if let (Some(camera), Some(truth)) = (world.true_camera(), world.truth()) {
        draw_plate(image, &camera, plate, truth.plate, found.height_m, [255, 60, 220]);
    }
    draw_localization(image, found, &camera, plate);
}

/// The number of a scene's first trial.
fn first_trial(scene: u32, trials_per_scene: u32) -> Result<u32, Failure> {
    let before = (scene - 1).checked_mul(trials_per_scene);
    before.and_then(|before| before.checked_add(1)).ok_or_else(|| {
        Failure::Usage(anyhow!(
            "--scene is {scene}, expected at most {}: trials are counted to {}, and a scene has \
             schedule.trials_per_scene = {trials_per_scene}",
            (u32::MAX - 1) / trials_per_scene + 1,
            u32::MAX
        ))
    })
}

fn write_image(path: &Path, image: &RgbImage) -> anyhow::Result<()> {
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).context("the image could not be encoded")?;
    Ok(write_atomically(path, &png.into_inner())?)
}
