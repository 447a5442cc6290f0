//! The pictures and poses of a calibration, as files: made by `rmrl calibrate simulate`, or in a
//! laboratory with a camera and the arm's pendant.
//!
//! Poses are the flange's in the robot's base, as the xArm shows them: millimetres, and degrees of
//! `R = Rz(yaw) Ry(pitch) Rx(roll)`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use image::GrayImage;
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rayon::prelude::*;
use rmrl_calibration::{
    BoardMissing, ChessboardFinder, Placement, PosedView, Rejected, RejectedReason, View,
};
use rmrl_vision::{Chessboard, Recording, RecordingError};

/// Why a calibration's files are of no use. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line that is no line of a table.
    #[error("{}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A table with other columns.
    #[error("{} has the columns {found}, expected {expected}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// Its columns.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A value that is no number.
    #[error("{} line {line}: {column} is {value:?}, expected a number", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The line, the header being 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What was there.
        value: String,
    },
    /// A row whose picture is not there.
    #[error("{} line {line}: there is no picture {}", path.display(), image.display())]
    MissingImage {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The picture.
        image: PathBuf,
    },
    /// Two rows of one picture.
    #[error("{} line {line}: {image} has a pose in line {before} already", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The picture.
        image: String,
        /// The line before.
        before: u64,
    },
    /// A picture that cannot be decoded.
    #[error("{} is no whole picture", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: image::ImageError,
    },
    /// A recording's list of pictures.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A folder without pictures.
    #[error("{} holds no .png file", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A picture of another size than a camera's intrinsics.
    #[error(
        "{name} is {} x {}, but {} is the camera of pictures of {} x {}",
        size[0], size[1], camera.display(), expected[0], expected[1]
    )]
    Size {
        /// The picture.
        name: String,
        /// Its size.
        size: [u32; 2],
        /// The camera's file.
        camera: PathBuf,
        /// The size expected.
        expected: [u32; 2],
    },
}

/// The columns of a pose.
const POSE: [&str; 6] = ["x_mm", "y_mm", "z_mm", "roll_deg", "pitch_deg", "yaw_deg"];

/// A pose as six numbers of a table: millimetres and degrees.
pub fn pose_columns(world_from_flange: &Isometry3<f64>) -> [f64; 6] {
    let [x, y, z]: [f64; 3] = world_from_flange.translation.vector.into();
    let (roll, pitch, yaw) = world_from_flange.rotation.euler_angles();
    [1000.0 * x, 1000.0 * y, 1000.0 * z, roll.to_degrees(), pitch.to_degrees(), yaw.to_degrees()]
}

fn pose([x, y, z, roll, pitch, yaw]: [f64; 6]) -> Isometry3<f64> {
    // R = Rz(yaw) Ry(pitch) Rx(roll)
    Isometry3::from_parts(
        Translation3::new(0.001 * x, 0.001 * y, 0.001 * z),
        UnitQuaternion::from_euler_angles(roll.to_radians(), pitch.to_radians(), yaw.to_radians()),
    )
}

/// A table of pictures and poses.
pub fn to_csv(
    names: &[&str],
    rows: impl IntoIterator<Item = (Vec<String>, Isometry3<f64>)>,
) -> String {
    let mut text = names.iter().chain(&POSE).copied().collect::<Vec<_>>().join(",");
    text.push('\n');
    for (images, pose) in rows {
        text.push_str(&images.join(","));
        for value in pose_columns(&pose) {
            // A tenth of a micrometre, a hundred-thousandth of a degree: below any arm.
            write!(text, ",{value:.5}").expect("a string takes all text");
        }
        text.push('\n');
    }
    text
}

/// A row of `poses.csv`, or of `pairs.csv`.
struct Row {
    line: u64,
    /// As the table has them: one for each column of pictures.
    images: Vec<String>,
    world_from_flange: Isometry3<f64>,
}

/// Reads a table of pictures and poses; pictures are relative to `folder`.
fn read_table(
    path: &Path,
    names: &[&'static str],
    folder: &Path,
) -> Result<Vec<Row>, SessionError> {
    let bytes = std::fs::read(path)
        .map_err(|source| SessionError::Read { path: path.to_path_buf(), source })?;
    let table = |error: csv::Error| SessionError::Table {
        path: path.to_path_buf(),
        reason: error.to_string(),
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let expected: Vec<&'static str> = names.iter().chain(&POSE).copied().collect();
    let headers = reader.headers().map_err(table)?.clone();
    let place = |column: &str| headers.iter().position(|header| header == column);
    let places: Option<Vec<usize>> = expected.iter().map(|column| place(column)).collect();
    let Some(places) = places.filter(|_| headers.len() == expected.len()) else {
        return Err(SessionError::Columns {
            path: path.to_path_buf(),
            found: headers.iter().collect::<Vec<_>>().join(","),
            expected: expected.join(","),
        });
    };
    let mut rows = Vec::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(table)?;
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column: usize| &record[places[column]];
        let images: Vec<String> =
            (0..names.len()).map(|column| value(column).to_string()).collect();
        for image in &images {
            let file = folder.join(image);
            if !file.is_file() {
                let path = path.to_path_buf();
                return Err(SessionError::MissingImage { path, line, image: file });
            }
        }
        // The last picture is the wrist's, which has one pose.
        let own = images.last().cloned().unwrap_or_default();
        if let Some(before) = seen.insert(own.clone(), line) {
            return Err(SessionError::Twice { path: path.to_path_buf(), line, image: own, before });
        }
        let mut numbers = [0.0; 6];
        for (index, number) in numbers.iter_mut().enumerate() {
            let value = value(names.len() + index);
            *number =
                value.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
                    let (path, value) = (path.to_path_buf(), value.to_string());
                    SessionError::Number { path, line, column: POSE[index], value }
                })?;
        }
        rows.push(Row { line, images, world_from_flange: pose(numbers) });
    }
    if rows.is_empty() {
        let (path, reason) = (path.to_path_buf(), "it has no row".to_string());
        return Err(SessionError::Table { path, reason });
    }
    Ok(rows)
}

/// Views of a board in a folder of pictures, by name, and the pictures without one.
///
/// # Errors
/// The folder cannot be read or holds no picture, or one is damaged.
pub fn read_views(
    folder: &Path,
    board: &Chessboard,
) -> Result<(Vec<View>, Vec<Rejected>), SessionError> {
    let names = pictures_in(folder)?;
    let looks = look_at(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>(), board)?;
    let (mut views, mut rejected) = (Vec::new(), Vec::new());
    for (name, look) in names.into_iter().zip(looks) {
        match look {
            Ok(view) => views.push(View { name, ..view }),
            Err(missing) => {
                rejected.push(Rejected { name, reason: RejectedReason::Board(missing) })
            }
        }
    }
    Ok((views, rejected))
}

/// The names of a folder's pictures, in order; of a recording, those of its colour pictures.
///
/// # Errors
/// The folder cannot be read, holds no picture, or is a recording whose list is damaged.
pub fn pictures_in(folder: &Path) -> Result<Vec<String>, SessionError> {
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
        return Err(SessionError::NoPictures { path: folder.to_path_buf() });
    }
    Ok(names)
}

/// Views from the wrist with their poses, and what was not used.
///
/// # Errors
/// The table or a picture of it cannot be read.
pub fn read_posed_views(
    folder: &Path,
    poses: &Path,
    board: &Chessboard,
) -> Result<(Vec<PosedView>, Vec<Rejected>), SessionError> {
    let rows = read_table(poses, &["image"], folder)?;
    let files: Vec<PathBuf> = rows.iter().map(|row| folder.join(&row.images[0])).collect();
    let (mut views, mut rejected) = (Vec::new(), Vec::new());
    for (row, look) in rows.into_iter().zip(look_at(&files, board)?) {
        tracing::debug!("line {}: {}", row.line, row.images[0]);
        let name = row.images.into_iter().next_back().unwrap_or_default();
        match look {
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

/// Placements of a board that both cameras saw: rows with the same overhead picture are one. Pictures
/// are relative to the table's folder.
///
/// # Errors
/// The table or a picture of it cannot be read.
pub fn read_placements(
    pairs: &Path,
    board: &Chessboard,
) -> Result<(Vec<Placement>, Vec<Rejected>), SessionError> {
    let folder = pairs.parent().unwrap_or(Path::new(""));
    let rows = read_table(pairs, &["overhead", "wrist"], folder)?;
    // Each picture is looked at once.
    let mut above: Vec<String> = Vec::new();
    for row in &rows {
        if !above.contains(&row.images[0]) {
            above.push(row.images[0].clone());
        }
    }
    let looks = |names: &[String]| {
        look_at(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>(), board)
    };
    let beside: Vec<String> = rows.iter().map(|row| row.images[1].clone()).collect();
    let (above_looks, beside_looks) = (looks(&above)?, looks(&beside)?);
    let mut rejected = Vec::new();
    let mut keep = |name: &str, look: Result<View, BoardMissing>| match look {
        Ok(view) => Some(View { name: name.to_string(), ..view }),
        Err(missing) => {
            let reason = RejectedReason::Board(missing);
            rejected.push(Rejected { name: name.to_string(), reason });
            None
        }
    };
    let mut wrist: Vec<(String, Option<PosedView>)> = rows
        .into_iter()
        .zip(beside_looks)
        .map(|(row, look)| {
            let posed = keep(&row.images[1], look)
                .map(|view| PosedView { view, world_from_flange: row.world_from_flange });
            (row.images[0].clone(), posed)
        })
        .collect();
    let mut placements = Vec::new();
    for (name, look) in above.iter().zip(above_looks) {
        let Some(overhead) = keep(name, look) else { continue };
        let own = wrist.iter_mut().filter(|(overhead, _)| overhead == name);
        let wrist = own.filter_map(|(_, posed)| posed.take()).collect();
        placements.push(Placement { overhead, wrist });
    }
    Ok((placements, rejected))
}

/// Looks for the board in pictures. Views are named by their files' names.
fn look_at(
    files: &[PathBuf],
    board: &Chessboard,
) -> Result<Vec<Result<View, BoardMissing>>, SessionError> {
    files
        .par_iter()
        .map(|path| {
            let image = read_gray(path)?;
            let found = ChessboardFinder.look(&image, board);
            let size = [image.width(), image.height()];
            Ok(found.map(|found| View::new(path.display().to_string(), size, found)))
        })
        .collect()
}

/// Reads a picture in shades of grey.
fn read_gray(path: &Path) -> Result<GrayImage, SessionError> {
    let cannot_read = |source| SessionError::Read { path: path.to_path_buf(), source };
    let reader = image::ImageReader::open(path).map_err(cannot_read)?;
    let reader = reader.with_guessed_format().map_err(cannot_read)?;
    let picture = reader.decode();
    let picture =
        picture.map_err(|source| SessionError::Picture { path: path.to_path_buf(), source })?;
    Ok(picture.into_luma8())
}

/// Checks that views are of the size that a camera was calibrated at.
///
/// # Errors
/// The first view that is not.
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

    /// Rows of the xArm's convention, turned into matrices by hand: a flange that looks down and is
    /// turned by a quarter has its x along the world's y, and its y along the world's x.
    #[test]
    fn poses_are_read_in_the_arms_convention() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), "").unwrap();
        let path = dir.path().join("poses.csv");
        let table =
            "image,x_mm,y_mm,z_mm,roll_deg,pitch_deg,yaw_deg\na.png,300,-20.5,400,180,0,90\n";
        std::fs::write(&path, table).unwrap();
        let rows = read_table(&path, &["image"], dir.path()).unwrap();
        let pose = rows[0].world_from_flange;
        assert!(
            (pose.translation.vector - nalgebra::Vector3::new(0.3, -0.0205, 0.4)).norm() < 1e-12
        );
        let axis = |axis: nalgebra::Vector3<f64>| pose.rotation * axis;
        assert!((axis(nalgebra::Vector3::x()) - nalgebra::Vector3::y()).norm() < 1e-12);
        assert!((axis(nalgebra::Vector3::y()) - nalgebra::Vector3::x()).norm() < 1e-12);
        assert!((axis(nalgebra::Vector3::z()) + nalgebra::Vector3::z()).norm() < 1e-12);
    }

    /// Depth pictures were looked at for boards, and listed as pictures without one.
    #[test]
    fn a_recording_has_its_colour_pictures_only() {
        let dir = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| {
            for name in names {
                std::fs::write(dir.path().join(name), "").unwrap();
            }
            pictures_in(dir.path())
        };
        assert_eq!(
            names(&["b.png", "b-depth.png", "a.PNG"]).unwrap(),
            ["a.PNG", "b-depth.png", "b.png"]
        );
        let list = dir.path().join(Recording::FRAMES);
        std::fs::write(&list, "color,depth\nb.png,b-depth.png\n").unwrap();
        assert_eq!(names(&[]).unwrap(), ["b.png"]);
        std::fs::write(&list, "colour\nb.png\n").unwrap();
        assert!(names(&[]).unwrap_err().to_string().contains(Recording::FRAMES));
    }

    #[test]
    fn poses_survive_their_table() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), "").unwrap();
        let path = dir.path().join("poses.csv");
        let pose = Isometry3::new(
            nalgebra::Vector3::new(0.31, -0.12, 0.4),
            nalgebra::Vector3::new(2.9, 0.3, -0.4),
        );
        std::fs::write(&path, to_csv(&["image"], [(vec!["a.png".to_string()], pose)])).unwrap();
        let rows = read_table(&path, &["image"], dir.path()).unwrap();
        let off = pose.inverse() * rows[0].world_from_flange;
        assert!(off.translation.vector.norm() < 1e-7 && off.rotation.angle() < 1e-6);
    }
}
