//! `rmrl calibrate intrinsics`

use std::fmt;
use std::path::PathBuf;

use crate::calibration::session::read_views;
use clap::Args;
use jiff::Timestamp;
use rmrl_calibration::{IntrinsicsCalibration, intrinsics};
use rmrl_vision::{CalibrationRecord, CameraFile};
use serde::Serialize;

use super::shared_args::{BoardArgs, not_calibrated, write_camera, write_rejected, write_warnings};
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Find a camera's focal lengths, principal point and distortion, from views of a board.
///
/// Take 15 or more images with the board tilted to all sides by 20 to 40 degrees and extending into the
/// image's corners. The output names views that are not used because they are blurred, cut off or do not
/// fit.
#[derive(Debug, Args)]
#[command(
    name = "intrinsics",
    after_help = "Examples:
  rmrl calibrate intrinsics --images session/wrist --out wrist.toml
  rmrl calibrate intrinsics --images board --corners 10x7 --square-mm 20 --out overhead.toml --json"
)]
pub struct IntrinsicsCommand {
    /// A folder of images (PNG, JPEG, BMP or TIFF) of one camera with the same focus and size
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// Where to write the camera (TOML); an existing file is replaced
    #[arg(long, value_name = "FILE.toml")]
    out: PathBuf,

    #[command(flatten)]
    board: BoardArgs,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Calibrated {
    camera: String,
    #[serde(flatten)]
    calibration: IntrinsicsCalibration,
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_intrinsics(f, &self.calibration)?;
        writeln!(f, "written    {}", self.camera)
    }
}

/// The intrinsics with their uncertainty, the views that were not used, and warnings.
pub(super) fn write_intrinsics(
    f: &mut fmt::Formatter<'_>,
    calibration: &IntrinsicsCalibration,
) -> fmt::Result {
    let IntrinsicsCalibration { intrinsics: got, deviations: off, views, .. } = calibration;
    writeln!(f, "focal      {:.2} ± {:.2} px, {:.2} ± {:.2} px", got.fx, off.fx, got.fy, off.fy)?;
    writeln!(f, "center     {:.2} ± {:.2} px, {:.2} ± {:.2} px", got.cx, off.cx, got.cy, off.cy)?;
    write_lens(f, calibration)?;
    writeln!(
        f,
        "corners    off by {:.3} px over {} views",
        calibration.reprojection_px,
        views.len()
    )?;
    write_rejected(f, &calibration.rejected)?;
    if !calibration.unseen_regions.is_empty() {
        writeln!(
            f,
            "not seen   {} of the image; add views with the board there",
            calibration.unseen_regions.join(", ")
        )?;
    }
    write_warnings(f, &calibration.warnings)
}

/// The lens: its coefficients, why others are zero, and how well the border is known.
fn write_lens(f: &mut fmt::Formatter<'_>, calibration: &IntrinsicsCalibration) -> fmt::Result {
    let (lens, off) = (calibration.intrinsics.distortion, calibration.deviations.distortion);
    let values = [
        ("k1", lens.k1, off.k1, 4),
        ("k2", lens.k2, off.k2, 4),
        ("p1", lens.p1, off.p1, 5),
        ("p2", lens.p2, off.p2, 5),
        ("k3", lens.k3, off.k3, 4),
    ];
    let fitted = calibration.lens.model.coefficients();
    let fitted: Vec<String> = values
        .into_iter()
        .filter(|(name, ..)| fitted.contains(name))
        .map(|(name, value, off, digits)| format!("{name} {value:.digits$} ± {off:.digits$}"))
        .collect();
    let fitted = if fitted.is_empty() { "no distortion".to_string() } else { fitted.join(", ") };
    writeln!(f, "lens       {fitted}")?;
    for other in &calibration.lens.passed_over {
        writeln!(
            f,
            "           not {}, off by {:.3} px: {}",
            other.model, other.reprojection_px, other.reason
        )?;
    }
    if let Some(limit) = &calibration.lens.limit {
        writeln!(f, "warning    {limit}: add views that reach farther into the image's corners")?;
    }
    writeln!(f, "border     known to {:.1} px", calibration.lens.border_px)
}

/// Runs the command.
pub fn run(arguments: &IntrinsicsCommand) -> Result<(), Failure> {
    let board = arguments.board.board_of_any_frame()?;
    check_folder_of(&arguments.out)?;
    let (views, unused) = read_views(&arguments.images, &board)?;
    let mut calibration =
        intrinsics(&views, &board).map_err(|error| not_calibrated(error, &unused))?;
    calibration.rejected.splice(0..0, unused);
    let camera = CameraFile {
        intrinsics: calibration.intrinsics,
        world_from_camera: None,
        flange_from_camera: None,
        calibration: Some(CalibrationRecord {
            views: Some(calibration.views.len()),
            reprojection_px: Some(calibration.reprojection_px),
            ..CalibrationRecord::new(Timestamp::now())
        }),
    };
    write_camera(&arguments.out, &camera)?;
    let result = Calibrated { camera: arguments.out.display().to_string(), calibration };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl calibrate hand-eye --camera {0} for a wrist camera, rmrl calibrate overhead --camera {0} for an overhead one",
            path_word(&arguments.out)
        ),
    )?;
    Ok(())
}
