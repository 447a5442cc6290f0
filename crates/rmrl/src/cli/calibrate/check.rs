//! `rmrl calibrate check`

use std::fmt;
use std::path::PathBuf;

use crate::calibration::session::{check_size, read_placements};
use clap::Args;
use jiff::Timestamp;
use rmrl_calibration::{Check, Placement, Rejected, RejectedReason, check};
use rmrl_vision::{CalibrationRecord, CameraFile};
use serde::Serialize;

use super::shared_args::{
    ArmNoise, BoardArgs, check_map, not_calibrated, with_unused, wrist_camera, write_camera,
    write_map, write_rejected,
};
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Measure the residual of the overhead camera, in millimeters on the table.
///
/// Use pairs that the camera was not calibrated with. The residual of a corner is the distance along the
/// table between its positions according to the overhead camera and according to the arm with its wrist
/// camera, at the height that the latter gives. It includes the arm's error, which averages out over
/// several wrist images of each board.
///
/// --write is refused if fewer than 4 placements are left, or if an overhead image does not fit the
/// camera's intrinsics, because the remaining placements would underestimate the residual.
#[derive(Debug, Args)]
#[command(
    name = "check",
    after_help = "Examples:
  rmrl calibrate check --pairs session/check.csv --wrist wrist.toml --camera overhead.toml
  rmrl calibrate check --pairs session/check.csv --wrist wrist.toml --camera overhead.toml --svg map.svg --write"
)]
pub struct CheckCommand {
    /// The held-out pairs (CSV or JSON), with the columns of `rmrl calibrate overhead`
    #[arg(long, value_name = "FILE.csv")]
    pairs: PathBuf,

    /// The wrist camera (TOML)
    #[arg(long, value_name = "FILE.toml")]
    wrist: PathBuf,

    /// The overhead camera to check (TOML)
    #[arg(long, value_name = "FILE.toml")]
    camera: PathBuf,

    /// Where to draw the residuals over the workspace; an existing file is replaced
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,

    /// Write the largest residual into the camera's file, as calibration.residual_mm, with the time of the
    /// check, from which the calibration's age counts
    #[arg(long)]
    write: bool,

    #[command(flatten)]
    board: BoardArgs,

    #[command(flatten)]
    arm: ArmNoise,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Checked {
    camera: String,
    written: bool,
    svg: Option<String>,
    #[serde(flatten)]
    check: Check,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = &self.check;
        for placement in &check.placements {
            let from_wrist = placement.wrist_views;
            writeln!(
                f,
                "{:24} {:.2} mm, {from_wrist} from the wrist",
                placement.name, placement.residual_mm
            )?;
        }
        let [x, y] = check.residual_mean_mm;
        writeln!(
            f,
            "along the table: largest {:.2} mm, root mean square {:.2} mm, mean x {x:+.2} mm, y {y:+.2} mm",
            check.residual_mm, check.residual_rms_mm
        )?;
        writeln!(
            f,
            "in height: largest {:+.2} mm, root mean square {:.2} mm",
            check.height_mm, check.height_rms_mm
        )?;
        write_rejected(f, &check.rejected)?;
        if let Some(why) = &check.inconclusive {
            writeln!(f, "inconclusive: {why}")?;
        }
        if let Some(svg) = &self.svg {
            writeln!(f, "map        {svg}")?;
        }
        if self.written {
            writeln!(f, "written    residual_mm and the time into {}", self.camera)?;
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(arguments: &CheckCommand) -> Result<(), Failure> {
    let (board, noise) = (arguments.board.board()?, arguments.arm.noise()?);
    check_map(arguments.svg.as_deref())?;
    let wrist = wrist_camera(&arguments.wrist)?;
    let mut file = CameraFile::read(&arguments.camera)?;
    let camera = file.overhead(&arguments.camera)?;
    let (placements, mut unused) = read_placements(&arguments.pairs, &board)?;
    let made_from = file.calibration.as_ref().map_or(&[][..], |record| &record.made_from);
    let (known, placements): (Vec<Placement>, Vec<Placement>) = placements
        .into_iter()
        .partition(|placement| made_from.contains(&placement.overhead.digest()));
    unused.extend(known.into_iter().map(|placement| Rejected {
        name: placement.overhead.name,
        reason: RejectedReason::CalibratedWith,
    }));
    let size = [camera.intrinsics.width, camera.intrinsics.height];
    check_size(placements.iter().map(|placement| &placement.overhead), &arguments.camera, size)?;
    let wrist_views =
        placements.iter().flat_map(|placement| &placement.wrist).map(|posed| &posed.view);
    check_size(wrist_views, &arguments.wrist, [wrist.intrinsics.width, wrist.intrinsics.height])?;
    let mut checked = check(&placements, &camera, &wrist, &board, noise)
        .map_err(|error| not_calibrated(error, &unused))?;
    checked.rejected.splice(0..0, unused);
    if let (true, Some(why)) = (arguments.write, &checked.inconclusive) {
        return Err(with_unused(format!("nothing was written: {why}"), &checked.rejected));
    }
    write_map(arguments.svg.as_deref(), &checked)?;
    if arguments.write {
        let now = Timestamp::now();
        let record = file.calibration.get_or_insert_with(|| CalibrationRecord::new(now));
        (record.checked, record.residual_mm) = (Some(now), Some(checked.residual_mm));
        write_camera(&arguments.camera, &file)?;
    }
    let result = Checked {
        camera: arguments.camera.display().to_string(),
        written: arguments.write,
        svg: arguments.svg.as_ref().map(|svg| svg.display().to_string()),
        check: checked,
    };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl cell doctor --config my-cell.toml --set camera.calibration={}",
            path_word(&arguments.camera)
        ),
    )?;
    Ok(())
}
