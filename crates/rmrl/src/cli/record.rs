//! `rmrl record`

use std::path::PathBuf;

use clap::Args;

use super::args::Configuration;
use super::failure::Failure;

/// Record frames of a RealSense camera: color, depth aligned to it, and the camera's intrinsics.
///
/// Makes a folder with a pair of PNG files per frame, frames.csv that lists them, and camera.toml with the
/// intrinsics. Use the folder with `rmrl calibrate`. With --camera, which gives the pose of the camera, use
/// it with `rmrl localize --recording`. Needs a build with the cargo feature `realsense`
/// (docs/realsense.md). `rmrl snapshot --record` records the simulated cell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl record --out board --frames 20 --every-secs 3    turn the board between frames
  rmrl record --out plates --camera overhead.toml       with the extrinsics, to be localized
  rmrl record --out played --set camera.realsense.playback=recording.db3")]
#[cfg_attr(
    not(feature = "realsense"),
    allow(dead_code, reason = "a build without the camera still lists the options in its help")
)]
pub struct Record {
    /// Folder for the frames; it must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many frames
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: u32,

    /// Seconds from one frame to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = pause)]
    every_secs: f64,

    /// A calibrated camera, whose intrinsics and pose replace those of the device; without it no plate can
    /// be localized in the recording
    #[arg(long, value_name = "FILE")]
    camera: Option<PathBuf>,

    #[command(flatten)]
    configuration: Configuration,
}

fn pause(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if (0.0..=3600.0).contains(&secs) => Ok(secs),
        _ => Err("expected 0 to 3600 seconds".to_string()),
    }
}

/// Refuses, because this build has no camera.
#[cfg(not(feature = "realsense"))]
pub fn run(_: &Record) -> Result<(), Failure> {
    Err(Failure::Usage(anyhow::anyhow!(
        "this rmrl was built without cameras: install librealsense2 and build it with `cargo build \
         --release --features realsense` (docs/realsense.md)"
    )))
}

/// What was recorded.
#[cfg(feature = "realsense")]
#[derive(serde::Serialize)]
struct Recorded {
    out: PathBuf,
    frames: u32,
}

#[cfg(feature = "realsense")]
impl std::fmt::Display for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} frames in {}", self.frames, self.out.display())
    }
}

/// Runs the command.
#[cfg(feature = "realsense")]
pub fn run(arguments: &Record) -> Result<(), Failure> {
    use std::thread::sleep;
    use std::time::Duration;

    use anyhow::Context;
    use rmrl_cell::Camera;
    use rmrl_realsense::RealSenseCamera;
    use rmrl_vision::{CameraFile, RecordingWriter};

    let config = arguments.configuration.layers()?.resolve()?;
    if arguments.out.exists() {
        let message =
            format!("{} exists already and is never overwritten", arguments.out.display());
        return Err(Failure::Usage(anyhow::anyhow!(message)));
    }
    let calibrated = match &arguments.camera {
        Some(path) => Some(CameraFile::read(path).map_err(|error| Failure::Usage(error.into()))?),
        None => None,
    };
    let world_from_camera = calibrated.as_ref().and_then(|file| file.world_from_camera);
    let mut camera = RealSenseCamera::open(
        config.camera.realsense,
        world_from_camera.unwrap_or_default(),
        calibrated.as_ref().map(|file| file.intrinsics),
    )
    .context("the camera could not be opened")?;
    tracing::info!("recording from {}", camera.description());
    let file = CameraFile {
        world_from_camera,
        calibration: calibrated.and_then(|file| file.calibration),
        ..CameraFile::from(camera.model())
    };
    let mut recording =
        RecordingWriter::create(&arguments.out, &file).map_err(anyhow::Error::from)?;
    for number in 0..arguments.frames {
        if number > 0 {
            sleep(Duration::from_secs_f64(arguments.every_secs));
        }
        let frame = camera
            .capture()
            .with_context(|| format!("{number} of {} frames were recorded", arguments.frames))?;
        let paths = recording.append(&frame).map_err(anyhow::Error::from)?;
        tracing::info!("recorded {}", paths.color.display());
    }
    let folder = super::output::path_word(&arguments.out);
    let next = match &arguments.camera {
        Some(_) => format!("rmrl localize --recording {folder}"),
        None => format!("rmrl calibrate intrinsics --images {folder} --out camera.toml"),
    };
    let recorded = Recorded { out: arguments.out.clone(), frames: arguments.frames };
    Ok(super::output::print_result(&recorded, false, &next)?)
}
