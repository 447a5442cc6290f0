//! The images and poses of a calibration session, as files.
//!
//! `rmrl calibrate simulate` makes such a session; a laboratory makes it with a camera and the arm's
//! pendant.

use std::path::{Path, PathBuf};

use image::GrayImage;
use rayon::prelude::*;
use rmrl_calibration::{Board, BoardMissing, Placement, PosedView, Rejected, RejectedReason, View};
use rmrl_vision::Recording;

use super::pose_table::read_table;
use super::session_error::SessionError;

/// The views of a board in a folder of images, ordered by name, and the images without a board.
///
/// # Errors
/// The folder cannot be read or has no image, or an image is damaged.
pub fn read_views(
    folder: &Path,
    board: &Board,
) -> Result<(Vec<View>, Vec<Rejected>), SessionError> {
    let names = images_in(folder)?;
    let found = find_board(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>(), board)?;
    let (mut views, mut rejected) = (Vec::new(), Vec::new());
    for (name, board) in names.into_iter().zip(found) {
        match board {
            Ok(view) => views.push(View { name, ..view }),
            Err(missing) => {
                rejected.push(Rejected { name, reason: RejectedReason::Board(missing) })
            }
        }
    }
    Ok((views, rejected))
}

/// The names of a folder's images, in order. For a recording these are its color images only.
///
/// # Errors
/// The folder cannot be read, has no image, or is a recording whose list is damaged.
pub fn images_in(folder: &Path) -> Result<Vec<String>, SessionError> {
    if folder.join(Recording::FRAMES).exists() {
        let frames = Recording::list(folder)?;
        let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        return Ok(frames.iter().map(|frame| within(&frame.color)).collect());
    }
    let cannot_read = |source| SessionError::Read { path: folder.to_path_buf(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_read)? {
        let name = entry.map_err(cannot_read)?.file_name().to_string_lossy().into_owned();
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
        {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(SessionError::NoImages { path: folder.to_path_buf() });
    }
    Ok(names)
}

/// The views from the wrist with their poses, and the images without a board.
///
/// # Errors
/// The table or one of its images cannot be read.
pub fn read_posed_views(
    folder: &Path,
    poses: &Path,
    board: &Board,
) -> Result<(Vec<PosedView>, Vec<Rejected>), SessionError> {
    let rows = read_table(poses, &["image"], folder)?;
    let files: Vec<PathBuf> = rows.iter().map(|row| folder.join(&row.images[0])).collect();
    let (mut views, mut rejected) = (Vec::new(), Vec::new());
    for (row, found) in rows.into_iter().zip(find_board(&files, board)?) {
        tracing::debug!("line {}: {}", row.line, row.images[0]);
        let name = row.images.into_iter().next_back().unwrap_or_default();
        match found {
            Ok(view) => views.push(PosedView {
                view: View { name, ..view },
                world_from_flange: row.world_from_flange,
            }),
            Err(missing) => {
                rejected.push(Rejected { name, reason: RejectedReason::Board(missing) })
            }
        }
    }
    Ok((views, rejected))
}

/// The placements of a board that both cameras saw, and the images without a board. Rows with the same
/// overhead image are one placement. Images are relative to the table's folder.
///
/// # Errors
/// The table or one of its images cannot be read.
pub fn read_placements(
    pairs: &Path,
    board: &Board,
) -> Result<(Vec<Placement>, Vec<Rejected>), SessionError> {
    let folder = pairs.parent().unwrap_or(Path::new(""));
    let rows = read_table(pairs, &["overhead", "wrist"], folder)?;
    // Each overhead image is searched once.
    let mut overhead_names: Vec<String> = Vec::new();
    for row in &rows {
        if !overhead_names.contains(&row.images[0]) {
            overhead_names.push(row.images[0].clone());
        }
    }
    let views_of = |names: &[String]| {
        find_board(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>(), board)
    };
    let wrist_names: Vec<String> = rows.iter().map(|row| row.images[1].clone()).collect();
    let (overhead_views, wrist_views) = (views_of(&overhead_names)?, views_of(&wrist_names)?);
    let mut rejected = Vec::new();
    let mut keep = |name: &str, view: Result<View, BoardMissing>| match view {
        Ok(view) => Some(View { name: name.to_string(), ..view }),
        Err(missing) => {
            let reason = RejectedReason::Board(missing);
            rejected.push(Rejected { name: name.to_string(), reason });
            None
        }
    };
    let mut wrist: Vec<(String, Option<PosedView>)> = rows
        .into_iter()
        .zip(wrist_views)
        .map(|(row, view)| {
            let posed = keep(&row.images[1], view)
                .map(|view| PosedView { view, world_from_flange: row.world_from_flange });
            (row.images[0].clone(), posed)
        })
        .collect();
    let mut placements = Vec::new();
    for (name, view) in overhead_names.iter().zip(overhead_views) {
        let Some(overhead) = keep(name, view) else { continue };
        let own = wrist.iter_mut().filter(|(overhead, _)| overhead == name);
        let wrist = own.filter_map(|(_, posed)| posed.take()).collect();
        placements.push(Placement { overhead, wrist });
    }
    Ok((placements, rejected))
}

/// Searches images for the board. Views have the names of their files.
fn find_board(
    files: &[PathBuf],
    board: &Board,
) -> Result<Vec<Result<View, BoardMissing>>, SessionError> {
    files
        .par_iter()
        .map(|path| {
            let image = read_gray(path)?;
            let found = board.look(&image);
            let size = [image.width(), image.height()];
            Ok(found.map(|found| View::new(path.display().to_string(), size, found)))
        })
        .collect()
}

/// Reads an image as grayscale.
fn read_gray(path: &Path) -> Result<GrayImage, SessionError> {
    let cannot_read = |source| SessionError::Read { path: path.to_path_buf(), source };
    let reader = image::ImageReader::open(path).map_err(cannot_read)?;
    let reader = reader.with_guessed_format().map_err(cannot_read)?;
    let image = reader.decode();
    let image = image.map_err(|source| SessionError::Image { path: path.to_path_buf(), source })?;
    Ok(image.into_luma8())
}

/// Checks that views have the size that a camera was calibrated at, in pixels.
///
/// # Errors
/// A view has another size; the error names the first one.
pub fn check_size<'a>(
    views: impl IntoIterator<Item = &'a View>,
    camera: &Path,
    expected: [u32; 2],
) -> Result<(), SessionError> {
    match views.into_iter().find(|view| view.size != expected) {
        Some(view) => Err(SessionError::Size {
            name: view.name.clone(),
            size: view.size,
            camera: camera.to_path_buf(),
            expected,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth images of a recording were searched for boards, and listed as images without one.
    #[test]
    fn only_the_color_images_of_a_recording_are_used() {
        let dir = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| {
            for name in names {
                std::fs::write(dir.path().join(name), "").unwrap();
            }
            images_in(dir.path())
        };
        assert_eq!(
            names(&["b.png", "b-depth.png", "a.PNG"]).unwrap(),
            ["a.PNG", "b-depth.png", "b.png"]
        );
        let list = dir.path().join(Recording::FRAMES);
        std::fs::write(&list, "color,depth\nb.png,b-depth.png\n").unwrap();
        assert_eq!(names(&[]).unwrap(), ["b.png"]);
        std::fs::write(&list, "image\nb.png\n").unwrap();
        assert!(names(&[]).unwrap_err().to_string().contains(Recording::FRAMES));
    }
}
