//! What the steps of a calibration share: arguments of the board and of the arm's noise, camera files, and
//! the error for views that are not enough.

use std::fmt::Display;
use std::path::Path;

use anyhow::anyhow;
use clap::Args;
use nalgebra::Isometry3;
use rmrl_calibration::{
    Board, CalibrationError, CharucoBoard, Check, MarkerDictionary, PoseError, PoseNoise, Rejected,
    WristCamera,
};
use rmrl_data::write_atomically;
use rmrl_vision::{CameraFile, CameraFileError, Chessboard, CornerCount};

use crate::calibration::residual_map::residual_map;
use crate::calibration::session_error::SessionError;
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;

/// The board: a chessboard, or with --charuco a ChArUco board.
#[derive(Debug, Args)]
pub(super) struct BoardArgs {
    /// Inner corners along both sides of the board: one less than its squares. A chessboard whose frame is
    /// needed has one even and one odd number
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "9x6")]
    pub(super) corners: CornerCount,

    /// Side of a printed square; measure it over many squares
    #[arg(long, value_name = "MM", default_value_t = 25.0)]
    pub(super) square_mm: f64,

    /// The board is a ChArUco board with markers of this dictionary, by OpenCV's name, such as DICT_5X5_100
    #[arg(long, value_name = "DICTIONARY", requires = "marker_mm")]
    charuco: Option<MarkerDictionary>,

    /// Side of a printed marker of a ChArUco board, with its black border
    #[arg(long, value_name = "MM", requires = "charuco")]
    marker_mm: Option<f64>,
}

impl BoardArgs {
    /// The board, whose frame an image has to determine.
    pub(super) fn board(&self) -> Result<Board, Failure> {
        let board = self.unchecked();
        board.validate().map_err(|error| Failure::Usage(error.into()))?;
        Ok(board)
    }

    /// The board, where its frame does not matter.
    pub(super) fn board_of_any_frame(&self) -> Result<Board, Failure> {
        let board = self.unchecked();
        board.validate_size().map_err(|error| Failure::Usage(error.into()))?;
        Ok(board)
    }

    /// The board as a chessboard, for what a ChArUco board cannot be used for.
    pub(super) fn chessboard(&self) -> Result<Chessboard, Failure> {
        match self.board()? {
            Board::Chessboard(board) => Ok(board),
            Board::Charuco(_) => Err(Failure::Usage(anyhow!(
                "--charuco: this command is for chessboards; leave out --charuco and --marker-mm"
            ))),
        }
    }

    fn unchecked(&self) -> Board {
        let corners = Chessboard { corners: self.corners, square_m: 0.001 * self.square_mm };
        match (self.charuco, self.marker_mm) {
            (Some(dictionary), Some(marker_mm)) => {
                CharucoBoard { corners, marker_m: 0.001 * marker_mm, dictionary }.into()
            }
            _ => corners.into(),
        }
    }
}

/// The noise of the arm's pose.
#[derive(Debug, Args)]
pub(super) struct ArmNoise {
    /// Standard deviation of the arm's position along each axis
    #[arg(long, value_name = "MM", default_value_t = 0.1)]
    arm_mm: f64,

    /// Standard deviation of the arm's orientation about each axis
    #[arg(long, value_name = "DEGREES", default_value_t = 0.05)]
    arm_deg: f64,
}

impl ArmNoise {
    pub(super) fn noise(&self) -> Result<PoseNoise, Failure> {
        for (key, value) in [("--arm-mm", self.arm_mm), ("--arm-deg", self.arm_deg)] {
            if !(0.001..=10.0).contains(&value) {
                return Err(Failure::Usage(anyhow!("{key} is {value}, expected 0.001 to 10")));
            }
        }
        Ok(PoseNoise {
            translation_m: 0.001 * self.arm_mm,
            rotation_rad: self.arm_deg.to_radians(),
        })
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<CameraFileError> for Failure {
    fn from(error: CameraFileError) -> Self {
        Self::Usage(error.into())
    }
}

/// A usage error, because the user has to take more or other views. Names the views that were not used.
pub(super) fn not_calibrated(error: CalibrationError, unused: &[Rejected]) -> Failure {
    match error.with_unused(unused) {
        named @ CalibrationError::TooFew { .. } => Failure::Usage(named.into()),
        other => with_unused(other, unused),
    }
}

/// A usage error that also names the views that were not used.
pub(super) fn with_unused(error: impl Display, unused: &[Rejected]) -> Failure {
    let unused: String =
        unused.iter().map(|view| format!("; {}: {}", view.name, view.reason)).collect();
    Failure::Usage(anyhow!("{error}{unused}"))
}

/// The wrist camera of a file, which needs intrinsics and a pose on the flange.
pub(super) fn wrist_camera(path: &Path) -> Result<WristCamera, Failure> {
    let file = CameraFile::read(path)?;
    let flange_from_camera = file.flange_from_camera.ok_or_else(|| CameraFileError::Missing {
        path: path.to_path_buf(),
        key: "flange_from_camera",
    })?;
    Ok(WristCamera { intrinsics: file.intrinsics, flange_from_camera })
}

pub(super) fn write_camera(path: &Path, camera: &CameraFile) -> Result<(), Failure> {
    write_atomically(path, camera.to_toml().as_bytes()).map_err(anyhow::Error::from)?;
    Ok(())
}

/// Lists the views that were not used, one per line.
pub(super) fn write_rejected(
    f: &mut std::fmt::Formatter<'_>,
    rejected: &[Rejected],
) -> std::fmt::Result {
    for view in rejected {
        writeln!(f, "not used   {}: {}", view.name, view.reason)?;
    }
    Ok(())
}

/// Lists what is suspicious, one per line.
pub(super) fn write_warnings(
    f: &mut std::fmt::Formatter<'_>,
    warnings: &[impl Display],
) -> std::fmt::Result {
    for warning in warnings {
        writeln!(f, "warning    {warning}")?;
    }
    Ok(())
}

/// A pose for people: its position in millimeters, and roll, pitch and yaw in degrees.
pub(super) fn millimeters_and_degrees(pose: &Isometry3<f64>) -> [[f64; 3]; 2] {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    let position_mm = 1000.0 * pose.translation.vector;
    [position_mm.into(), [roll, pitch, yaw].map(f64::to_degrees)]
}

/// Root mean square errors of poses, in millimeters and degrees.
pub(super) fn pose_error_rms(errors: &[PoseError]) -> [f64; 2] {
    let rms = |value: fn(&PoseError) -> f64| {
        let squares = errors.iter().map(|error| value(error).powi(2));
        (squares.sum::<f64>() / errors.len() as f64).sqrt()
    };
    [rms(|error| error.off_mm), rms(|error| error.off_deg)]
}

/// Checks that a map can be written.
pub(super) fn check_map(svg: Option<&Path>) -> Result<(), Failure> {
    let Some(svg) = svg else { return Ok(()) };
    if svg.extension().is_none_or(|extension| extension != "svg") {
        let message = format!("--svg is {}, expected an .svg file", svg.display());
        return Err(Failure::Usage(anyhow!(message)));
    }
    check_folder_of(svg)
}

/// Writes the map of residuals.
pub(super) fn write_map(svg: Option<&Path>, check: &Check) -> Result<(), Failure> {
    let Some(svg) = svg else { return Ok(()) };
    let map = residual_map(check).map_err(anyhow::Error::from)?;
    write_atomically(svg, map.as_bytes()).map_err(anyhow::Error::from)?;
    Ok(())
}
