//! Tables of images and flange poses: `poses.csv`, `pairs.csv` and `check.csv`.
//!
//! Poses are the flange's in the robot's base, as the xArm shows them: millimeters, and degrees of
//! `R = Rz(yaw) Ry(pitch) Rx(roll)`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use super::session_error::SessionError;

/// The columns of a pose.
const POSE: [&str; 6] = ["x_mm", "y_mm", "z_mm", "roll_deg", "pitch_deg", "yaw_deg"];

/// A pose as six columns of a table, in millimeters and degrees.
fn pose_columns(world_from_flange: &Isometry3<f64>) -> [f64; 6] {
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

/// A table of images and poses. `image_columns` names the columns of images.
pub fn to_csv(
    image_columns: &[&str],
    rows: impl IntoIterator<Item = (Vec<String>, Isometry3<f64>)>,
) -> String {
    let mut text = image_columns.iter().chain(&POSE).copied().collect::<Vec<_>>().join(",");
    text.push('\n');
    for (images, pose) in rows {
        text.push_str(&images.join(","));
        for value in pose_columns(&pose) {
            // 0.01 micrometers and 0.00001 degrees: finer than any arm.
            write!(text, ",{value:.5}").expect("a string takes all text");
        }
        text.push('\n');
    }
    text
}

/// A row of a table.
pub struct Row {
    /// The line in the file; the header is line 1.
    pub line: u64,
    /// The image of each column of images, as the table names it.
    pub images: Vec<String>,
    /// The flange's pose.
    pub world_from_flange: Isometry3<f64>,
}

/// Reads a table of images and poses. Images are relative to `folder`.
///
/// # Errors
/// The table cannot be read, has other columns or no row, or a row has no image or is not unique.
pub fn read_table(
    path: &Path,
    image_columns: &[&'static str],
    folder: &Path,
) -> Result<Vec<Row>, SessionError> {
    let bytes = std::fs::read(path)
        .map_err(|source| SessionError::Read { path: path.to_path_buf(), source })?;
    let table = |error: csv::Error| SessionError::Table {
        path: path.to_path_buf(),
        reason: error.to_string(),
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let expected: Vec<&'static str> = image_columns.iter().chain(&POSE).copied().collect();
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
            (0..image_columns.len()).map(|column| value(column).to_string()).collect();
        for image in &images {
            let file = folder.join(image);
            if !file.is_file() {
                let path = path.to_path_buf();
                return Err(SessionError::MissingImage { path, line, image: file });
            }
        }
        // The last image is the wrist's, which has one pose.
        let image = images.last().cloned().unwrap_or_default();
        if let Some(before) = seen.insert(image.clone(), line) {
            return Err(SessionError::Twice { path: path.to_path_buf(), line, image, before });
        }
        let mut numbers = [0.0; 6];
        for (index, number) in numbers.iter_mut().enumerate() {
            let value = value(image_columns.len() + index);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A row in the xArm's convention, converted into a matrix by hand: a flange that points down and is
    /// turned by 90 degrees has its x axis along the world's y, and its y axis along the world's x.
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
