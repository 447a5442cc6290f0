//! `rmrl calibrate eye-to-hand`

use std::fmt;
use std::path::PathBuf;

use crate::calibration::capture_session::{CHECK, CaptureHeader, IMAGES, POSES};
use crate::calibration::session::{check_size, read_posed_views};
use clap::Args;
use jiff::Timestamp;
use rmrl_calibration::{
    Board, Check, EyeToHandCalibration, IntrinsicsCalibration, PoseError, PoseWarning, PosedView,
    Rejected, View, check_held, eye_to_hand, intrinsics,
};
use rmrl_vision::{CalibrationRecord, CameraFile, CameraModel, Intrinsics};
use serde::Serialize;

use super::intrinsics::write_intrinsics;
use super::shared_args::{
    ArmNoise, check_map, millimeters_and_degrees, not_calibrated, pose_error_rms, write_camera,
    write_map, write_rejected, write_warnings,
};
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Find the overhead camera's intrinsics and pose from a board that the arm held, and check them.
///
/// Reads a session of `rmrl calibrate capture`, with its board. No camera on the wrist is needed. The pose of the board
/// on the flange is found as well. The views of check.csv are not used for the calibration: they measure its residual,
/// which is written into the camera's file with the time, so that a run accepts it.
#[derive(Debug, Args)]
#[command(
    name = "eye-to-hand",
    after_help = "Examples:
  rmrl calibrate capture --out session && rmrl calibrate eye-to-hand --session session --out overhead.toml
  rmrl calibrate eye-to-hand --session session --camera session/camera.toml --out overhead.toml --svg map.svg"
)]
pub struct EyeToHandCommand {
    /// The folder that `rmrl calibrate capture` made
    #[arg(long, value_name = "DIR")]
    session: PathBuf,

    /// Where to write the camera (TOML); an existing file is replaced
    #[arg(long, value_name = "FILE.toml")]
    out: PathBuf,

    /// A camera whose intrinsics are kept, such as the factory's in session/camera.toml [default: found from the same
    /// images]
    #[arg(long, value_name = "FILE.toml")]
    camera: Option<PathBuf>,

    /// Where to draw the residuals over the workspace; an existing file is replaced
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    arm: ArmNoise,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Calibrated {
    camera: String,
    intrinsics: Intrinsics,
    /// How the intrinsics were found; None where they were given.
    intrinsics_calibration: Option<IntrinsicsCalibration>,
    translation_mm: [f64; 3],
    roll_pitch_yaw_deg: [f64; 3],
    deviation_mm: f64,
    deviation_deg: f64,
    /// The middle of the board on the flange.
    board_mm: [f64; 3],
    board_deviation_mm: f64,
    reprojection_px: f64,
    /// The arm's error in units of --arm-mm and --arm-deg.
    misfit: f64,
    warnings: Vec<PoseWarning>,
    pose_error_mm: f64,
    pose_error_deg: f64,
    views: Vec<PoseError>,
    rejected: Vec<Rejected>,
    check: Check,
    /// Whether residual_mm and the time of the check were written.
    checked: bool,
    svg: Option<String>,
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.intrinsics_calibration {
            Some(found) => write_intrinsics(f, found)?,
            None => {
                let Intrinsics { fx, fy, .. } = self.intrinsics;
                writeln!(f, "focal      {fx:.2} px, {fy:.2} px, as given")?;
            }
        }
        let [x, y, z] = self.translation_mm;
        writeln!(f, "position   x {x:.2}, y {y:.2}, z {z:.2} mm, each ± {:.2}", self.deviation_mm)?;
        let [roll, pitch, yaw] = self.roll_pitch_yaw_deg;
        writeln!(
            f,
            "turned     roll {roll:.3}, pitch {pitch:.3}, yaw {yaw:.3} degrees, each ± {:.3}",
            self.deviation_deg
        )?;
        let [x, y, z] = self.board_mm;
        writeln!(
            f,
            "board      middle at x {x:.2}, y {y:.2}, z {z:.2} mm on the flange, each ± {:.2}",
            self.board_deviation_mm
        )?;
        writeln!(
            f,
            "poses      off by {:.2} mm and {:.3} degrees over {} views, {:.1} times what is assumed",
            self.pose_error_mm,
            self.pose_error_deg,
            self.views.len(),
            self.misfit
        )?;
        write_rejected(f, &self.rejected)?;
        write_warnings(f, &self.warnings)?;
        let check = &self.check;
        writeln!(
            f,
            "check      along the table {:.2} mm at most, root mean square {:.2} mm; in height {:+.2} mm; {} views",
            check.residual_mm,
            check.residual_rms_mm,
            check.height_mm,
            check.placements.len()
        )?;
        write_rejected(f, &check.rejected)?;
        if let Some(why) = &check.inconclusive {
            writeln!(f, "inconclusive: {why}; a run refuses the camera until it is checked")?;
        }
        if let Some(svg) = &self.svg {
            writeln!(f, "map        {svg}")?;
        }
        writeln!(f, "written    {}", self.camera)
    }
}

/// Runs the command.
pub fn run(arguments: &EyeToHandCommand) -> Result<(), Failure> {
    let noise = arguments.arm.noise()?;
    check_folder_of(&arguments.out)?;
    check_map(arguments.svg.as_deref())?;
    let header = CaptureHeader::read(&arguments.session);
    let board = Board::from(header.map_err(|error| Failure::Usage(error.into()))?.board);
    let [views, held_out] = [POSES, CHECK].map(|table| {
        let images = arguments.session.join(IMAGES);
        read_posed_views(&images, &arguments.session.join(table), &board)
    });
    let ((views, unused), (held_out, unused_checks)) = (views?, held_out?);
    let (intrinsics, lens) = lens(arguments, &views, &held_out, &board, &unused)?;
    let mut found = eye_to_hand(&views, &lens, &board, noise)
        .map_err(|error| not_calibrated(error, &unused))?;
    found.rejected.splice(0..0, unused);
    let camera = CameraModel { intrinsics: lens, world_from_camera: found.world_from_camera };
    let mut check = check_held(&held_out, &camera, &found.flange_from_board, &board)
        .map_err(|error| not_calibrated(error, &unused_checks))?;
    check.rejected.splice(0..0, unused_checks);
    write_map(arguments.svg.as_deref(), &check)?;
    let checked = check.inconclusive.is_none();
    let now = Timestamp::now();
    let is_used = |posed: &&PosedView| found.views.iter().any(|view| view.name == posed.view.name);
    let record = CalibrationRecord {
        views: Some(found.views.len()),
        reprojection_px: Some(found.reprojection_px),
        residual_mm: checked.then_some(check.residual_mm),
        checked: checked.then_some(now),
        made_from: views.iter().filter(is_used).map(|posed| posed.view.digest()).collect(),
        ..CalibrationRecord::new(now)
    };
    let file = CameraFile { calibration: Some(record), ..CameraFile::from(camera) };
    write_camera(&arguments.out, &file)?;
    let result = calibrated(arguments, found, check, &board, (intrinsics, lens));
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl cell doctor --config my-cell.toml --set camera.calibration={}",
            path_word(&arguments.out)
        ),
    )?;
    Ok(())
}

/// The given intrinsics, or those of the same images with their deviations.
fn lens(
    arguments: &EyeToHandCommand,
    views: &[PosedView],
    held_out: &[PosedView],
    board: &Board,
    unused: &[Rejected],
) -> Result<(Option<IntrinsicsCalibration>, Intrinsics), Failure> {
    if let Some(path) = &arguments.camera {
        let lens = CameraFile::read(path)?.intrinsics;
        let all = views.iter().chain(held_out).map(|posed| &posed.view);
        check_size(all, path, [lens.width, lens.height])?;
        return Ok((None, lens));
    }
    let plain: Vec<View> = views.iter().map(|posed| posed.view.clone()).collect();
    let found = intrinsics(&plain, board).map_err(|error| not_calibrated(error, unused))?;
    let lens = found.intrinsics;
    Ok((Some(found), lens))
}

fn calibrated(
    arguments: &EyeToHandCommand,
    found: EyeToHandCalibration,
    check: Check,
    board: &Board,
    (intrinsics_calibration, intrinsics): (Option<IntrinsicsCalibration>, Intrinsics),
) -> Calibrated {
    let [translation_mm, roll_pitch_yaw_deg] = millimeters_and_degrees(&found.world_from_camera);
    let [pose_error_mm, pose_error_deg] = pose_error_rms(&found.views);
    let middle = found.flange_from_board * board.center();
    Calibrated {
        camera: arguments.out.display().to_string(),
        intrinsics,
        intrinsics_calibration,
        translation_mm,
        roll_pitch_yaw_deg,
        deviation_mm: 1000.0 * found.camera_deviations[0],
        deviation_deg: found.camera_deviations[1].to_degrees(),
        board_mm: (1000.0 * middle.coords).into(),
        board_deviation_mm: 1000.0 * found.board_deviations[0],
        reprojection_px: found.reprojection_px,
        misfit: found.misfit,
        warnings: found.warnings,
        pose_error_mm,
        pose_error_deg,
        views: found.views,
        rejected: found.rejected,
        checked: check.inconclusive.is_none(),
        check,
        svg: arguments.svg.as_ref().map(|svg| svg.display().to_string()),
    }
}
