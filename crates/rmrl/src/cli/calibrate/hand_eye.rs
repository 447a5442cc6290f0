//! `rmrl calibrate hand-eye`

use std::fmt;
use std::path::PathBuf;

use crate::calibration::session::{check_size, images_in, read_posed_views};
use clap::Args;
use jiff::Timestamp;
use rmrl_calibration::{PoseError, PoseWarning, Rejected, hand_eye};
use rmrl_vision::{CalibrationRecord, CameraFile};
use serde::Serialize;

use super::shared_args::{
    ArmNoise, BoardArgs, millimeters_and_degrees, not_calibrated, pose_error_rms, write_camera,
    write_rejected, write_warnings,
};
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Find the pose of the wrist camera on the flange, from views of a resting board.
///
/// Take 15 or more images with the wrist rolled, pitched and yawed by 20 degrees or more, and note the
/// flange's pose at each. The output names views whose pose does not fit, and the image whose pose would
/// fit.
#[derive(Debug, Args)]
#[command(
    name = "hand-eye",
    after_help = "Example:
  rmrl calibrate hand-eye --images session/wrist --poses session/poses.csv --camera wrist.toml --out wrist.toml

Columns of the poses: image,x_mm,y_mm,z_mm,roll_deg,pitch_deg,yaw_deg, of the flange in the robot's base,
as the xArm shows them: R = Rz(yaw) Ry(pitch) Rx(roll)."
)]
pub struct HandEyeCommand {
    /// A folder of images (PNG, JPEG, BMP or TIFF)
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// The flange's pose at each image (CSV or JSON)
    #[arg(long, value_name = "FILE.csv")]
    poses: PathBuf,

    /// The camera, with its intrinsics (TOML, or of another program)
    #[arg(long, value_name = "FILE.toml")]
    camera: PathBuf,

    /// Where to write the camera with [flange_from_camera]; it may be the same file
    #[arg(long, value_name = "FILE.toml")]
    out: PathBuf,

    #[command(flatten)]
    board: BoardArgs,

    #[command(flatten)]
    arm: ArmNoise,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Calibrated {
    camera: String,
    translation_mm: [f64; 3],
    roll_pitch_yaw_deg: [f64; 3],
    deviation_mm: f64,
    deviation_deg: f64,
    pose_error_mm: f64,
    pose_error_deg: f64,
    misfit: f64,
    warnings: Vec<PoseWarning>,
    views: Vec<PoseError>,
    /// Images in the folder that have no row.
    without_pose: Vec<String>,
    rejected: Vec<Rejected>,
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.translation_mm;
        let [roll, pitch, yaw] = self.roll_pitch_yaw_deg;
        writeln!(f, "position   x {x:.2}, y {y:.2}, z {z:.2} mm, each ± {:.2}", self.deviation_mm)?;
        writeln!(
            f,
            "turned     roll {roll:.3}, pitch {pitch:.3}, yaw {yaw:.3} degrees, each ± {:.3}",
            self.deviation_deg
        )?;
        writeln!(
            f,
            "poses      off by {:.2} mm and {:.3} degrees over {} views",
            self.pose_error_mm,
            self.pose_error_deg,
            self.views.len()
        )?;
        write_rejected(f, &self.rejected)?;
        write_warnings(f, &self.warnings)?;
        if !self.without_pose.is_empty() {
            writeln!(f, "no pose    {}", self.without_pose.join(", "))?;
        }
        writeln!(f, "written    {}", self.camera)
    }
}

/// Runs the command.
pub fn run(arguments: &HandEyeCommand) -> Result<(), Failure> {
    let (board, noise) = (arguments.board.board()?, arguments.arm.noise()?);
    check_folder_of(&arguments.out)?;
    let mut camera = CameraFile::read(&arguments.camera)?;
    let (views, unused) = read_posed_views(&arguments.images, &arguments.poses, &board)?;
    let size = [camera.intrinsics.width, camera.intrinsics.height];
    check_size(views.iter().map(|posed| &posed.view), &arguments.camera, size)?;
    let mut without_pose = images_in(&arguments.images)?;
    without_pose.retain(|name| {
        !views.iter().any(|posed| posed.view.name == *name)
            && !unused.iter().any(|view| view.name == *name)
    });
    let mut found = hand_eye(&views, &camera.intrinsics, &board, noise)
        .map_err(|error| not_calibrated(error, &unused))?;
    found.rejected.splice(0..0, unused);
    let reprojection_px = camera.calibration.as_ref().and_then(|record| record.reprojection_px);
    camera.flange_from_camera = Some(found.flange_from_camera);
    camera.calibration = Some(CalibrationRecord {
        views: Some(found.views.len()),
        reprojection_px,
        ..CalibrationRecord::new(Timestamp::now())
    });
    write_camera(&arguments.out, &camera)?;
    let [translation_mm, roll_pitch_yaw_deg] = millimeters_and_degrees(&found.flange_from_camera);
    let [pose_error_mm, pose_error_deg] = pose_error_rms(&found.views);
    let result = Calibrated {
        camera: arguments.out.display().to_string(),
        translation_mm,
        roll_pitch_yaw_deg,
        deviation_mm: 1000.0 * found.deviation_m,
        deviation_deg: found.deviation_rad.to_degrees(),
        pose_error_mm,
        pose_error_deg,
        misfit: found.misfit,
        warnings: found.warnings,
        views: found.views,
        without_pose,
        rejected: found.rejected,
    };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl calibrate overhead --pairs session/pairs.csv --wrist {} --camera overhead.toml --out overhead.toml",
            path_word(&arguments.out)
        ),
    )?;
    Ok(())
}
