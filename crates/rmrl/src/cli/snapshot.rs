//! `rmrl snapshot`

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cell::assembly::Laboratory;
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use image::{ImageFormat, RgbImage};
use rmrl_cell::TaskKind;
use rmrl_core::{Env, PlanarPose, TrialId};
use rmrl_data::write_atomically;
use rmrl_vision::{RecordingWriter, draw_localization, draw_plate};
use serde::Serialize;

use super::args::{Configuration, check_folder_of, task_parser};
use super::failure::Failure;
use super::output::print_result;
use super::start::{StartArgs, failure_of};

/// Take a picture and show what is found in it.
///
/// Writes the camera's colour picture with the detector's box (yellow), the segmenter's mask (red)
/// and the localised pose (green outline and arrow) drawn in, and prints the pose. In a simulated
/// cell the true pose is drawn in magenta. The arm of a real cell moves for it: its operator is asked first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl snapshot                                 the first start of cell 0, to snapshot.png
  rmrl snapshot --task shelf --at target --seed 3 --out slot.png
  rmrl snapshot --record frames --frames 20     twenty frames to localise again later
  rmrl snapshot --set vision.color.darkness_ratio=0.4    try out a threshold")]
pub struct Snapshot {
    /// Where to write the picture; what was there is replaced
    #[arg(long, value_name = "FILE.png", default_value = "snapshot.png")]
    out: PathBuf,

    /// Also record colour, depth and the camera into a new folder, for `rmrl localize --recording`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,

    /// How many frames to record
    #[arg(long, default_value_t = 1, requires = "record", value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,

    /// Where the plate lies
    #[arg(long, value_enum, default_value = "start")]
    at: Place,

    /// Which scene's start
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    scene: u32,

    /// Seed of the cell and its placements [default: 0]
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

/// What was found.
#[derive(Serialize)]
struct Found {
    picture: String,
    pose: PlanarPose,
    height_m: f64,
    depth_m: f64,
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
        writeln!(f, "localised  {}", pose(self.pose))?;
        if let Some(truth) = self.true_pose {
            writeln!(f, "true       {}", pose(truth))?;
        }
        writeln!(f, "depth      {:.1} mm, score {:.2}", 1000.0 * self.depth_m, self.score)?;
        writeln!(f, "picture    {}", self.picture)
    }
}

/// Takes a snapshot.
pub fn run(arguments: &Snapshot) -> Result<(), Failure> {
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
    let config = layers.resolve()?;
    let trial = first_trial(arguments.scene, config.schedule.trials_per_scene)?;
    check_folder_of(&arguments.out)?;
    if let Some(root) = arguments.record.as_ref().filter(|root| root.exists()) {
        let message =
            format!("{} exists already; recordings are never written over", root.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let mut laboratory = Laboratory::start(&config, u64::from(config.seed), &start)
        .map_err(|error| failure_of(error.into(), &start.stop))?;
    let cell = &mut laboratory.trial;
    let prepared = match arguments.at {
        Place::Target => cell.record_target().map(|_| ()).map_err(anyhow::Error::from),
        Place::Start => {
            let id = TrialId { trial, attempt: 1, scene: arguments.scene };
            cell.reset(id).map(|_| ()).map_err(anyhow::Error::from)
        }
    };
    if start.stop.is_pressed()
        && let Err(error) = prepared
    {
        return Err(failure_of(error, &start.stop));
    }
    let capture = cell.look().map_err(anyhow::Error::from)?;
    if let Some(root) = &arguments.record {
        let mut recording = RecordingWriter::create(root, &cell.camera_model().into())
            .map_err(anyhow::Error::from)?;
        recording.append(&capture.frame).map_err(anyhow::Error::from)?;
        for _ in 1..arguments.frames {
            let capture = cell.look().map_err(anyhow::Error::from)?;
            recording.append(&capture.frame).map_err(anyhow::Error::from)?;
        }
    }
    let mut picture = capture.frame.color.as_ref().clone();
    let found = match (prepared, capture.localization) {
        (Ok(()), Ok(found)) => found,
        // A picture is wanted most when something is wrong with it.
        (prepared, found) => {
            write_picture(&arguments.out, &picture)?;
            let error = prepared.err().or(found.err().map(Into::into)).context("a reason")?;
            let message = format!("nothing is drawn into {}", arguments.out.display());
            return Err(Failure::Runtime(error.context(message)));
        }
    };
    let plate = config.vision.localizer.plate;
    let camera = laboratory.trial.camera_model();
    let truth = laboratory.world.truth();
    if let (Some(camera), Some(truth)) = (laboratory.world.true_camera(), truth) {
        draw_plate(&mut picture, &camera, plate, truth.plate, found.height_m, [255, 60, 220]);
    }
    draw_localization(&mut picture, &found, &camera, plate);
    write_picture(&arguments.out, &picture)?;
    let result = Found {
        picture: arguments.out.display().to_string(),
        pose: found.pose,
        height_m: found.height_m,
        depth_m: found.depth_m,
        score: found.score,
        true_pose: truth.map(|truth| truth.plate),
    };
    print_result(&result, false)?;
    Ok(())
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

fn write_picture(path: &Path, picture: &RgbImage) -> anyhow::Result<()> {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).context("the picture could not be encoded")?;
    Ok(write_atomically(path, &png.into_inner())?)
}
