//! `rmrl localize`

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cell::perception::localizer;
use crate::cell::terminal::say;
use crate::config::Layers;
use crate::perception::frame_source::{Frames, StoredFrame};
use anyhow::{Context, anyhow};
use clap::{ArgGroup, Args};
use image::{GrayImage, ImageFormat, Luma};
use rmrl_cell::with_sources;
use rmrl_core::PlanarPose;
use rmrl_data::{RunDir, write_atomically};
use rmrl_vision::draw_localization;
use rmrl_vision::{BoundingBox, CameraModel, Localization, Localizer, RgbdFrame};
use serde::Serialize;

use super::args::Configuration;
use super::failure::Failure;
use super::output::{is_for_people, path_word, print};

/// Find the plate in stored frames: pose, box, mask, depth and confidence.
///
/// Frames are pairs of files with a camera file (color as PNG, JPEG, BMP or TIFF; depth aligned to it as PNG,
/// TIFF or .npy, 16 bits in millimeters or another unit by --depth-unit-m), a recording of `rmrl snapshot
/// --record`, or the images of a run. If the plate cannot be localized in a frame, the reason is printed, the
/// other frames follow, and the exit status is 1.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("frames").required(true).args(["color", "recording", "run"]),
    after_help = "Examples:
  rmrl localize --color c.png --depth d.png --camera overhead.toml --out found
  rmrl localize --color c1.png c2.png --depth d1.png d2.png --camera overhead.toml --json
  rmrl localize --recording frames --set vision.detector=grounding-dino
  rmrl localize --run runs/table-rm-rl-seed0    all frames of a run, compared with its log

confidence is the probability that the pose is within 1 mm of the truth, if the camera is calibrated; score is the
detector's.

The camera file holds [intrinsics] (width, height, fx, fy, cx, cy, distortion) and [world_from_camera]
(translation_m, rotation); `rmrl calibrate` writes it. --run uses the configuration of the run, overridden by
--config and --set."
)]
pub struct Localize {
    /// Color images
    #[arg(long, value_name = "FILE", num_args = 1.., requires_all = ["depth", "camera"])]
    color: Vec<PathBuf>,

    /// Depth images, in the same order
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "color")]
    depth: Vec<PathBuf>,

    /// The file of their camera
    #[arg(long, value_name = "FILE", requires = "color")]
    camera: Option<PathBuf>,

    /// Unit of the depth images: 1 for meters, 0.001 for millimeters [default: 0.001 for 16-bit integers;
    /// floating-point depth needs it]
    #[arg(long, value_name = "METERS", conflicts_with = "run")]
    depth_unit_m: Option<f64>,

    /// A recording
    #[arg(long, value_name = "DIR")]
    recording: Option<PathBuf>,

    /// A run directory
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Write NAME-found.png (the find drawn into the image) and NAME-mask.png of each frame into a folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print a line of JSON for each frame on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// The result of one frame, as the command prints it.
#[derive(Serialize)]
struct Line {
    frame: String,
    found: Option<Found>,
    error: Option<Refused>,
}

/// The plate in a frame.
#[derive(Serialize)]
struct Found {
    /// In the world frame.
    pose: PlanarPose,
    height_m: f64,
    /// Eq. 12, without depth that lies.
    depth_m: f64,
    bounding_box: BoundingBox,
    /// The probability that the pose is within 1 mm.
    confidence: f64,
    /// The detector's.
    score: f64,
    mask_area_px: usize,
    /// The file of the mask: white on black, with the size of the color image.
    mask: Option<PathBuf>,
    /// The file of the color image with the find drawn in.
    #[serde(rename = "picture")]
    image: Option<PathBuf>,
    /// The distance from the pose in the run's log, in meters.
    from_logged_m: Option<f64>,
}

/// Why no plate was localized.
#[derive(Serialize)]
struct Refused {
    kind: &'static str,
    message: String,
    /// The scores of all detections, where there was not exactly one.
    scores: Vec<f64>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.frame)?;
        if let Some(found) = &self.found {
            let BoundingBox { x_min, y_min, x_max, y_max } = found.bounding_box;
            write!(
                f,
                "x {:.1} mm, y {:.1} mm, yaw {:.2} degrees, height {:.1} mm, depth {:.1} mm, box \
                 [{x_min:.0}, {y_min:.0}, {x_max:.0}, {y_max:.0}], mask {} px, confidence {:.2}, score {:.2}",
                1000.0 * found.pose.x_m,
                1000.0 * found.pose.y_m,
                found.pose.yaw_rad.to_degrees(),
                1000.0 * found.height_m,
                1000.0 * found.depth_m,
                found.mask_area_px,
                found.confidence,
                found.score,
            )?;
            if let Some(distance_m) = found.from_logged_m {
                write!(f, ", {:.2} mm from the log", 1000.0 * distance_m)?;
            }
        }
        if let Some(refused) = &self.error {
            write!(f, "not localized: {}", refused.message)?;
        }
        writeln!(f)
    }
}

/// Runs the command.
pub fn run(arguments: &Localize) -> Result<(), Failure> {
    let (layers, frames) = input(arguments)?;
    let config = layers.resolve()?;
    let mut localizer = localizer(&config.vision).map_err(|error| Failure::Usage(error.into()))?;
    if let Some(out) = &arguments.out {
        if let Some([first, second]) = frames.of_one_name() {
            return Err(Failure::Usage(anyhow!(
                "{} and {} would be written into {} under one name; rename one, or localize them \
                 separately into two folders",
                first.paths.color.display(),
                second.paths.color.display(),
                out.display()
            )));
        }
        std::fs::create_dir_all(out)
            .with_context(|| format!("cannot create the folder {}", out.display()))?;
    }
    let mut failed = 0;
    for stored in &frames.frames {
        let line = localize(stored, &frames.camera, &mut localizer, arguments.out.as_deref())?;
        failed += usize::from(line.found.is_none());
        let text = match arguments.json || !is_for_people() {
            true => format!("{}\n", serde_json::to_string(&line).map_err(anyhow::Error::from)?),
            false => line.to_string(),
        };
        print(&text)?;
    }
    say(format_args!("next: {}", next(arguments)));
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Runtime(anyhow!(
            "the plate could not be localized in {failed} of {} frames",
            frames.frames.len()
        ))),
    }
}

/// The command that usually follows. It goes to standard error, because each line of standard output is a frame.
fn next(arguments: &Localize) -> String {
    match &arguments.run {
        Some(run) => format!("rmrl report {}", path_word(run)),
        None => "rmrl bench localize, to compare detectors".to_string(),
    }
}

/// The configuration, not yet resolved, and the frames.
fn input(arguments: &Localize) -> Result<(Layers, Frames), Failure> {
    let over = arguments.configuration.layers()?;
    let (layers, frames) = if let Some(root) = &arguments.run {
        let (layers, _) = Layers::default().with_run(&root.join(RunDir::CONFIG))?;
        let layers = layers.then(over);
        (layers, Frames::of_run(root))
    } else if let Some(root) = &arguments.recording {
        (over, Frames::of_recording(root))
    } else {
        let camera = arguments.camera.as_deref().expect("--color requires --camera");
        (over, Frames::of_files(&arguments.color, &arguments.depth, camera))
    };
    let mut frames = frames.map_err(Failure::Usage)?;
    if let Some(unit_m) = arguments.depth_unit_m {
        for frame in &mut frames.frames {
            frame.paths.depth_unit_m = Some(unit_m);
        }
    }
    Ok((layers, frames))
}

fn localize(
    stored: &StoredFrame,
    camera: &CameraModel,
    localizer: &mut Localizer,
    out: Option<&Path>,
) -> anyhow::Result<Line> {
    let frame = stored.paths.color.display().to_string();
    let refused = |frame, kind, message, scores| Line {
        frame,
        found: None,
        error: Some(Refused { kind, message, scores }),
    };
    let images = match stored.read() {
        Ok(images) => images,
        Err(error) => return Ok(refused(frame, "bad_frame", format!("{error:#}"), Vec::new())),
    };
    match localizer.localize(&images, camera) {
        Ok(found) => {
            let plate = localizer.config().plate;
            let files = out
                .map(|out| {
                    let mut image = images.color.as_ref().clone();
                    draw_localization(&mut image, &found, camera, plate);
                    let name = stored.name();
                    let drawn = out.join(format!("{name}-found.png"));
                    let mask = out.join(format!("{name}-mask.png"));
                    write_png(&drawn, |png| image.write_to(png, ImageFormat::Png))?;
                    let pixels = mask_image(&found, &images);
                    write_png(&mask, |png| pixels.write_to(png, ImageFormat::Png))?;
                    anyhow::Ok((drawn, mask))
                })
                .transpose()?;
            let (image, mask) = files.unzip();
            let found = Found {
                pose: found.pose,
                height_m: found.height_m,
                depth_m: found.depth_m,
                bounding_box: found.bounding_box,
                confidence: found.confidence,
                score: found.score,
                mask_area_px: found.mask.area(),
                mask,
                image,
                from_logged_m: stored.logged.map(|logged| logged.distance_m(found.pose)),
            };
            Ok(Line { frame, found: Some(found), error: None })
        }
        Err(error) => {
            let scores = error.scores();
            let kind = error.kind();
            Ok(refused(frame, kind, with_sources(&error), scores))
        }
    }
}

fn mask_image(found: &Localization, frame: &RgbdFrame) -> GrayImage {
    let (width, height) = frame.color.dimensions();
    let mut image = GrayImage::new(width, height);
    for (u, v) in found.mask.pixels() {
        image.put_pixel(u, v, Luma([255]));
    }
    image
}

fn write_png(
    path: &Path,
    encode: impl FnOnce(&mut std::io::Cursor<Vec<u8>>) -> image::ImageResult<()>,
) -> anyhow::Result<()> {
    let mut png = std::io::Cursor::new(Vec::new());
    encode(&mut png).with_context(|| format!("{} could not be encoded", path.display()))?;
    Ok(write_atomically(path, &png.into_inner())?)
}
