//! The images and poses of a calibration session, as files.
//!
//! `rmrl calibrate simulate` makes such a session; a laboratory makes it with a camera and the arm's
//! pendant.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rmrl_calibration::{Board, BoardMissing, Placement, PosedView, Rejected, RejectedReason, View};
use rmrl_vision::{Recording, is_image_name, read_gray_image};

use super::natural_order::natural_order;
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
    let mut copies = Copies::default();
    for (name, board) in names.into_iter().zip(found) {
        match copies.checked(&name, board) {
            Ok(view) => views.push(view),
            Err(reason) => rejected.push(Rejected { name, reason }),
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
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(cannot_read)? {
        let entry = entry.map_err(cannot_read)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_image = is_image_name(&name) && entry.path().is_file();
        if is_image { &mut names } else { &mut others }.push(name);
    }
    names.sort_by(|a, b| natural_order(a, b));
    if names.is_empty() {
        return Err(no_images(folder, others));
    }
    Ok(names)
}

/// The error of a folder without images, which says what is there: images may be in a folder of it, or of another
/// format.
fn no_images(folder: &Path, mut others: Vec<String>) -> SessionError {
    others.retain(|name| !name.starts_with('.'));
    others.sort_by(|a, b| natural_order(a, b));
    let has_images = |name: &&String| {
        let entries = std::fs::read_dir(folder.join(name)).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| is_image_name(&entry.file_name().to_string_lossy()))
    };
    let found = match (others.iter().find(has_images), others.first()) {
        (Some(sub), _) => format!("; its folder {sub} does: give {}", folder.join(sub).display()),
        (None, Some(first)) => format!(", but {first}; convert other formats to PNG"),
        (None, None) => String::new(),
    };
    SessionError::NoImages { path: folder.to_path_buf(), found }
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
    let mut copies = Copies::default();
    for (row, found) in rows.into_iter().zip(find_board(&files, board)?) {
        tracing::debug!("{}: {}", row.place, row.images[0]);
        let name = row.images.into_iter().next_back().unwrap_or_default();
        match copies.checked(&name, found) {
            Ok(view) => {
                views.push(PosedView { view, world_from_flange: row.world_from_flange });
            }
            Err(reason) => rejected.push(Rejected { name, reason }),
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
    let mut copies = Copies::default();
    let mut keep = |name: &str, view| match copies.checked(name, view) {
        Ok(view) => Some(view),
        Err(reason) => {
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

/// Finds images that are there twice, under two names: counted twice they would weigh more.
#[derive(Default)]
struct Copies {
    /// The first name of each image, by its digest.
    names: HashMap<String, String>,
}

impl Copies {
    /// The view of the image `name`, unless it has no board or is a copy of an earlier image.
    fn checked(
        &mut self,
        name: &str,
        found: Result<View, BoardMissing>,
    ) -> Result<View, RejectedReason> {
        let view = View { name: name.to_string(), ..found? };
        let original = self.names.entry(view.digest()).or_insert_with(|| name.to_string());
        match *original == name {
            true => Ok(view),
            false => Err(RejectedReason::Copy { original: original.clone() }),
        }
    }
}

/// Searches images for the board. Views have the names of their files.
fn find_board(
    files: &[PathBuf],
    board: &Board,
) -> Result<Vec<Result<View, BoardMissing>>, SessionError> {
    files
        .par_iter()
        .map(|path| {
            let image = read_gray_image(path)?;
            let found = board.look(&image);
            let size = [image.width(), image.height()];
            Ok(found.map(|found| View::new(path.display().to_string(), size, found)))
        })
        .collect()
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

    /// A folder copied from other systems, with their own files in it.
    #[test]
    fn only_images_of_a_folder_are_used_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let of = |folder: &Path| images_in(folder).map_err(|error| error.to_string());
        assert!(of(dir.path()).unwrap_err().contains("contains no image"));
        std::fs::create_dir(dir.path().join("my views.png")).unwrap();
        for name in
            ["view10.JPG", "View 9.tiff", "view2.bmp", "._view2.bmp", ".DS_Store", "Thumbs.db"]
        {
            std::fs::write(dir.path().join("my views.png").join(name), "").unwrap();
        }
        let above = of(dir.path()).unwrap_err();
        assert!(above.contains("give ") && above.ends_with("my views.png"), "{above}");
        let names = of(&dir.path().join("my views.png")).unwrap();
        assert_eq!(names, ["View 9.tiff", "view2.bmp", "view10.JPG"]);
        let phone = tempfile::tempdir().unwrap();
        std::fs::write(phone.path().join("IMG_1.HEIC"), "").unwrap();
        assert!(of(phone.path()).unwrap_err().contains("IMG_1.HEIC; convert"));
    }

    #[test]
    fn an_image_under_two_names_counts_once() {
        let view = |corner: f64| {
            let corners = vec![nalgebra::Point2::new(corner, 1.0)];
            Ok(View::whole("", [640, 480], corners, 1.0))
        };
        let mut copies = Copies::default();
        let names: Vec<Result<String, String>> = [("a", 1.0), ("b", 2.0), ("a again", 1.0)]
            .map(|(name, corner)| copies.checked(name, view(corner)))
            .map(|view| view.map(|view| view.name).map_err(|reason| reason.to_string()))
            .into();
        assert_eq!(names, [Ok("a".into()), Ok("b".into()), Err("it is a copy of a".into())]);
    }
}
