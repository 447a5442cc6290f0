//! The folder of a session with a held board: images and the flange's poses at them, written together.
//!
//! `capture.toml` has the board and how it is held, `camera.toml` the intrinsics that the camera itself reports,
//! `poses.csv` and `check.csv` the poses for the calibration and for its check, `held` the images of both.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat};
use nalgebra::Isometry3;
use rmrl_calibration::{PosedView, View};
use rmrl_data::write_atomically;
use rmrl_files::read_utf8_file;
use rmrl_vision::{CameraFile, Chessboard, Intrinsics};
use serde::{Deserialize, Serialize};

use super::board_mount::BoardMount;
use super::pose_table::to_csv;
use super::session::read_posed_views;
use super::session_error::SessionError;

/// The folder of the images, in a session's folder.
pub const IMAGES: &str = "held";
/// The table of the views for the calibration.
pub const POSES: &str = "poses.csv";
/// The table of the views for the check.
pub const CHECK: &str = "check.csv";
/// The board, and how it is held.
const HEADER: &str = "capture.toml";
/// The intrinsics that the camera itself reports.
const CAMERA: &str = "camera.toml";

/// Of every so many views, these are for the check.
const CYCLE: usize = 13;
const CHECKS: [usize; 3] = [4, 8, 12];

/// Why a session cannot be written or continued.
#[derive(Debug, thiserror::Error)]
pub enum CaptureSessionError {
    /// A folder that exists already.
    #[error("{} exists already: continue it with --resume, or choose another folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A folder without a session of `rmrl calibrate capture`.
    #[error("{} is no session of `rmrl calibrate capture`: {reason}", path.display())]
    NoSession {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A session with another board or mount.
    #[error("{} was begun with {found}, not with {asked}: continue it with the same, or choose another folder", path.display())]
    Other {
        /// The folder.
        path: PathBuf,
        /// What it was begun with.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The files of a session cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What a session is about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureHeader {
    /// What holds the board.
    pub held_by: BoardMount,
    /// The board.
    pub board: Chessboard,
}

impl std::fmt::Display for CaptureHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held_by = match self.held_by {
            BoardMount::Bracket => "a bracket",
            BoardMount::Jaws => "the jaws",
        };
        let Chessboard { corners, square_m } = self.board;
        write!(
            f,
            "a board of {corners} corners and squares of {} mm on {held_by}",
            1000.0 * square_m
        )
    }
}

/// No header is larger, in bytes.
const MOST_HEADER_BYTES: u64 = 1 << 20;

impl CaptureHeader {
    /// Reads what the session in a folder is about.
    ///
    /// # Errors
    /// There is no session, or it is damaged.
    pub fn read(root: &Path) -> Result<Self, CaptureSessionError> {
        let no_session =
            |reason: String| CaptureSessionError::NoSession { path: root.to_path_buf(), reason };
        let path = root.join(HEADER);
        let text = read_utf8_file(&path, MOST_HEADER_BYTES)
            .map_err(|error| no_session(format!("{HEADER}: {error}")))?;
        let header: Self =
            toml::from_str(&text).map_err(|error| no_session(format!("{HEADER}: {error}")))?;
        header.board.validate().map_err(|error| no_session(format!("{HEADER}: board.{error}")))?;
        Ok(header)
    }
}

/// A session, with the views that it has so far.
#[derive(Debug)]
pub struct CaptureSession {
    root: PathBuf,
    views: Vec<PosedView>,
    /// Whether each of them is for the check.
    is_check: Vec<bool>,
    /// The number of the next image.
    next: usize,
}

impl CaptureSession {
    /// Begins a session in a new folder.
    ///
    /// # Errors
    /// The folder exists, or cannot be written.
    pub fn create(
        root: &Path,
        header: &CaptureHeader,
        intrinsics: Intrinsics,
    ) -> Result<Self, CaptureSessionError> {
        if root.exists() {
            return Err(CaptureSessionError::Exists { path: root.to_path_buf() });
        }
        let images = root.join(IMAGES);
        std::fs::create_dir_all(&images).map_err(|error| cannot_write(&images, &error))?;
        let camera = CameraFile {
            intrinsics,
            world_from_camera: None,
            flange_from_camera: None,
            calibration: None,
        };
        let path = root.join(HEADER);
        let text = toml::to_string(header).map_err(|error| cannot_write(&path, &error))?;
        for (name, text) in [(CAMERA, camera.to_toml()), (HEADER, text)] {
            let path = root.join(name);
            write_atomically(&path, text.as_bytes())
                .map_err(|error| cannot_write(&path, &error))?;
        }
        Ok(Self { root: root.to_path_buf(), views: Vec::new(), is_check: Vec::new(), next: 0 })
    }

    /// Continues the session in a folder: its images are searched again.
    ///
    /// # Errors
    /// There is no session, it is about another board, or it is damaged.
    pub fn resume(root: &Path, header: &CaptureHeader) -> Result<Self, CaptureSessionError> {
        let found = CaptureHeader::read(root)?;
        if found != *header {
            let (path, found) = (root.to_path_buf(), found.to_string());
            return Err(CaptureSessionError::Other { path, found, asked: header.to_string() });
        }
        let mut views = Vec::new();
        for (table, is_check) in [(POSES, false), (CHECK, true)] {
            let table = root.join(table);
            // An interrupted session may have no table yet.
            if table.exists() {
                let (found, _) =
                    read_posed_views(&root.join(IMAGES), &table, &header.board.into())?;
                views.extend(found.into_iter().map(|posed| (posed, is_check)));
            }
        }
        views.sort_by(|a, b| a.0.view.name.cmp(&b.0.view.name));
        let (views, is_check) = views.into_iter().unzip();
        let numbers = std::fs::read_dir(root.join(IMAGES))
            .map_err(|source| SessionError::Read { path: root.join(IMAGES), source })?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                name.strip_suffix(".png")?.parse::<usize>().ok()
            });
        let next = numbers.max().map_or(0, |last| last + 1);
        Ok(Self { root: root.to_path_buf(), views, is_check, next })
    }

    /// The name of the next image.
    pub fn next_name(&self) -> String {
        format!("{:03}.png", self.next)
    }

    /// Adds a view, whose name is [`Self::next_name`]: its image first, then the table with its pose, each whole or not
    /// at all.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn add(
        &mut self,
        image: &GrayImage,
        view: View,
        world_from_flange: Isometry3<f64>,
    ) -> Result<(), CaptureSessionError> {
        let path = self.root.join(IMAGES).join(&view.name);
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).map_err(|error| cannot_write(&path, &error))?;
        write_atomically(&path, &png.into_inner()).map_err(|error| cannot_write(&path, &error))?;
        let is_check = CHECKS.contains(&(self.views.len() % CYCLE));
        self.views.push(PosedView { view, world_from_flange });
        self.is_check.push(is_check);
        self.next += 1;
        let rows = self
            .views
            .iter()
            .zip(&self.is_check)
            .filter(|(_, other)| **other == is_check)
            .map(|(posed, _)| (vec![posed.view.name.clone()], posed.world_from_flange));
        let path = self.root.join(if is_check { CHECK } else { POSES });
        write_atomically(&path, to_csv(&["image"], rows).as_bytes())
            .map_err(|error| cannot_write(&path, &error))
    }

    /// All views so far.
    pub fn views(&self) -> &[PosedView] {
        &self.views
    }

    /// The number of views for the calibration, and for the check.
    pub fn counts(&self) -> [usize; 2] {
        let checks = self.is_check.iter().filter(|is_check| **is_check).count();
        [self.is_check.len() - checks, checks]
    }
}

/// How many views make `views` for the calibration and `checks` for the check.
#[cfg(test)]
fn needed(views: usize) -> usize {
    (0..views).filter(|number| CHECKS.contains(&(number % CYCLE))).count()
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> CaptureSessionError {
    CaptureSessionError::Write { path: path.to_path_buf(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_twenty_six_views_twenty_calibrate_and_six_check() {
        assert_eq!(needed(26), 6);
    }

    #[test]
    fn sessions_are_never_overwritten_and_continue_only_with_the_same_board() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("session");
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.02 };
        let header = CaptureHeader { held_by: BoardMount::Bracket, board };
        let intrinsics = rmrl_sim::SimulationConfig::default();
        let task = rmrl_cell::TaskConfig::table();
        let cell = rmrl_sim::SimulatedCell::new(&intrinsics, &task, 0, 0).unwrap();
        let intrinsics = cell.true_camera().intrinsics;
        let no = CaptureSession::resume(&root, &header).unwrap_err().to_string();
        assert!(no.contains("no session"), "{no}");
        CaptureSession::create(&root, &header, intrinsics).unwrap();
        let no = CaptureSession::create(&root, &header, intrinsics).unwrap_err().to_string();
        assert!(no.contains("--resume"), "{no}");
        let other = CaptureHeader { held_by: BoardMount::Jaws, ..header };
        let no = CaptureSession::resume(&root, &other).unwrap_err().to_string();
        assert!(no.contains("a bracket") && no.contains("the jaws"), "{no}");
        let resumed = CaptureSession::resume(&root, &header).unwrap();
        assert_eq!((resumed.counts(), resumed.next_name().as_str()), ([0, 0], "000.png"));
    }
}
