//! `rmrl record`

use std::path::PathBuf;

use clap::Args;

use super::args::Configuration;
use super::failure::Failure;

/// Record frames of a RealSense camera: colour, depth aligned to it, and the camera itself.
///
/// Makes a folder with a pair of PNG files for each frame, frames.csv that lists them, and camera.toml
/// with the camera's intrinsics: for `rmrl calibrate`, or with --camera, which tells where the camera
/// hangs, for `rmrl localize --recording`. Needs a build with the cargo feature `realsense`
/// (docs/realsense.md). The simulated cell is recorded by `rmrl snapshot --record`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl record --out board --frames 20 --every-secs 3    hold the board another way each time
  rmrl record --out plates --camera overhead.toml       with the extrinsics, to be localised
  rmrl record --out played --set camera.realsense.playback=recording.db3")]
#[cfg_attr(
    not(feature = "realsense"),
    allow(dead_code, reason = "a build without the camera knows its options, to explain them")
)]
pub struct Record {
    /// Folder for the frames; it must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many frames
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,

    /// Seconds from one frame to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = pause)]
    every_secs: f64,

    /// A calibrated camera, whose intrinsics and extrinsics are taken instead of the device's; without it,
    /// no plate can be localised in the recording
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

/// Says what is missing.
#[cfg(not(feature = "realsense"))]
pub fn run(_: &Record) -> Result<(), Failure> {
    Err(Failure::Usage(anyhow::anyhow!(
        "this rmrl was built without cameras: install librealsense2 and build it with `cargo build \
         --release --features realsense` (docs/realsense.md)"
    )))
}

/// Records.
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
            format!("{} exists already and is never written over", arguments.out.display());
        return Err(Failure::Usage(anyhow::anyhow!(message)));
    }
    let calibrated = match &arguments.camera {
        Some(path) => Some(CameraFile::read(path).map_err(|error| Failure::Usage(error.into()))?),
        None => None,
    };
    let hangs = calibrated.as_ref().and_then(|file| file.world_from_camera);
    let mut camera = RealSenseCamera::open(
        config.camera.realsense,
        hangs.unwrap_or_default(),
        calibrated.as_ref().map(|file| file.intrinsics),
    )
    .context("the camera could not be opened")?;
    tracing::info!("recording from {}", camera.description());
    let file = CameraFile {
        world_from_camera: hangs,
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
        super::output::print(&format!("{}\n", paths.color.display()))?;
    }
    Ok(())
}
