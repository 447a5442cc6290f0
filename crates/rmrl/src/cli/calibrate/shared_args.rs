//! What the steps of a calibration share: arguments of the board and of the arm's noise, camera files, and
//! the error for views that are not enough.

use std::fmt::Display;
use std::path::Path;

use anyhow::anyhow;
use clap::Args;
use rmrl_calibration::{PoseNoise, Rejected, WristCamera};
use rmrl_data::write_atomically;
use rmrl_vision::{CameraFile, CameraFileError, Chessboard, CornerCount};

use crate::calibration::session_error::SessionError;
use crate::cli::failure::Failure;

/// The chessboard.
#[derive(Debug, Args)]
pub(super) struct Board {
    /// Inner corners along both sides of the board; one number has to be even, the other odd
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "9x6")]
    pub(super) corners: CornerCount,

    /// Side of a printed square; measure it over many squares
    #[arg(long, value_name = "MM", default_value_t = 25.0)]
    pub(super) square_mm: f64,
}

impl Board {
    pub(super) fn board(&self) -> Result<Chessboard, Failure> {
        let board = Chessboard { corners: self.corners, square_m: 0.001 * self.square_mm };
        board.validate().map_err(|error| Failure::Usage(error.into()))?;
        Ok(board)
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
pub(super) fn not_calibrated(error: impl Display, unused: &[Rejected]) -> Failure {
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
