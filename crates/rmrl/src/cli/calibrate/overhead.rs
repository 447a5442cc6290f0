//! `rmrl calibrate overhead`

use std::fmt;
use std::path::PathBuf;

use crate::calibration::session::{check_size, read_placements};
use clap::Args;
use jiff::Timestamp;
use rmrl_calibration::{PlacementError, Rejected, View, overhead};
use rmrl_vision::{CalibrationRecord, CameraFile};
use serde::Serialize;

use super::shared_args::{
    ArmNoise, BoardArgs, millimeters_and_degrees, not_calibrated, wrist_camera, write_camera,
    write_rejected,
};
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Find the pose of the overhead camera, from images of one board that both cameras see.
///
/// world_from_overhead = world_from_flange flange_from_wrist wrist_from_board board_from_overhead, over
/// all pairs together. Rows with the same overhead image are one placement of the board that the wrist
/// camera sees several times, which averages out the arm's error.
#[derive(Debug, Args)]
#[command(
    name = "overhead",
    after_help = "Example:
  rmrl calibrate overhead --pairs session/pairs.csv --wrist wrist.toml --camera overhead.toml --out overhead.toml

Columns of the pairs: overhead,wrist,x_mm,y_mm,z_mm,roll_deg,pitch_deg,yaw_deg. Images are relative to the
table's folder; the pose is the flange's at the image of the wrist camera."
)]
pub struct OverheadCommand {
    /// The pairs (CSV or JSON)
    #[arg(
        long,
        value_name = "FILE.csv",
        required_unless_present = "session",
        conflicts_with = "session"
    )]
    pairs: Option<PathBuf>,

    /// A folder with pairs.csv
    #[arg(long, value_name = "DIR")]
    session: Option<PathBuf>,

    /// The wrist camera, with intrinsics and [flange_from_camera] (TOML)
    #[arg(long, value_name = "FILE.toml")]
    wrist: PathBuf,

    /// The overhead camera, with its intrinsics (TOML, or of another program)
    #[arg(long, value_name = "FILE.toml")]
    camera: PathBuf,

    /// Where to write the overhead camera with [world_from_camera]; it may be the same file
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
    position_mm: [f64; 3],
    roll_pitch_yaw_deg: [f64; 3],
    reprojection_px: f64,
    placements: Vec<PlacementError>,
    rejected: Vec<Rejected>,
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.position_mm;
        let [roll, pitch, yaw] = self.roll_pitch_yaw_deg;
        writeln!(f, "position   x {x:.1}, y {y:.1}, z {z:.1} mm in the robot's base")?;
        writeln!(f, "turned     roll {roll:.2}, pitch {pitch:.2}, yaw {yaw:.2} degrees")?;
        writeln!(f, "corners    off by {:.3} px", self.reprojection_px)?;
        for placement in &self.placements {
            writeln!(
                f,
                "pair       {}: {:.2} mm off, {} from the wrist",
                placement.name, placement.off_mm, placement.wrist_views
            )?;
        }
        write_rejected(f, &self.rejected)?;
        writeln!(f, "written    {}", self.camera)
    }
}

/// Runs the command.
pub fn run(arguments: &OverheadCommand) -> Result<(), Failure> {
    let (board, noise) = (arguments.board.board()?, arguments.arm.noise()?);
    check_folder_of(&arguments.out)?;
    let wrist = wrist_camera(&arguments.wrist)?;
    let mut camera = CameraFile::read(&arguments.camera)?;
    let pairs = arguments.pairs.clone();
    let pairs = pairs.or(arguments.session.as_ref().map(|session| session.join("pairs.csv")));
    let (placements, unused) = read_placements(&pairs.unwrap_or_default(), &board)?;
    let size = [camera.intrinsics.width, camera.intrinsics.height];
    check_size(placements.iter().map(|placement| &placement.overhead), &arguments.camera, size)?;
    let wrist_views =
        placements.iter().flat_map(|placement| &placement.wrist).map(|posed| &posed.view);
    check_size(wrist_views, &arguments.wrist, [wrist.intrinsics.width, wrist.intrinsics.height])?;
    let mut found = overhead(&placements, &camera.intrinsics, &wrist, &board, noise)
        .map_err(|error| not_calibrated(error, &unused))?;
    found.rejected.splice(0..0, unused);
    camera.world_from_camera = Some(found.world_from_overhead);
    let used = placements
        .iter()
        .map(|placement| &placement.overhead)
        .filter(|view| found.placements.iter().any(|placement| placement.name == view.name));
    camera.calibration = Some(CalibrationRecord {
        views: Some(found.placements.len()),
        reprojection_px: Some(found.reprojection_px),
        made_from: used.map(View::digest).collect(),
        ..CalibrationRecord::new(Timestamp::now())
    });
    write_camera(&arguments.out, &camera)?;
    let [position_mm, roll_pitch_yaw_deg] = millimeters_and_degrees(&found.world_from_overhead);
    let result = Calibrated {
        camera: arguments.out.display().to_string(),
        position_mm,
        roll_pitch_yaw_deg,
        reprojection_px: found.reprojection_px,
        placements: found.placements,
        rejected: found.rejected,
    };
    print_result(
        &result,
        arguments.json,
        &format!(
            "rmrl calibrate check --pairs session/check.csv --wrist {} --camera {} --write",
            path_word(&arguments.wrist),
            path_word(&arguments.out)
        ),
    )?;
    Ok(())
}
