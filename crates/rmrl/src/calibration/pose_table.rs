//! Tables of images and flange poses: `poses.csv`, `pairs.csv` and `check.csv`.
//!
//! Poses are the flange's in the robot's base, as the xArm shows them: millimeters, and degrees of
//! `R = Rz(yaw) Ry(pitch) Rx(roll)`. Other forms are read as well: `pose_fields` has them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use nalgebra::Isometry3;
use rmrl_files::{decode_text, read_regular_file};
use rmrl_vision::{TextTable, is_image_name, listed_name};

use super::pose_fields::{Fields, NoPose, Value, world_from_flange};
use super::pose_json;
use super::session_error::SessionError;

/// The columns of a pose.
const POSE: [&str; 6] = ["x_mm", "y_mm", "z_mm", "roll_deg", "pitch_deg", "yaw_deg"];

/// A pose as six columns of a table, in millimeters and degrees.
fn pose_columns(world_from_flange: &Isometry3<f64>) -> [f64; 6] {
    let [x, y, z]: [f64; 3] = world_from_flange.translation.vector.into();
    let (roll, pitch, yaw) = world_from_flange.rotation.euler_angles();
    [1000.0 * x, 1000.0 * y, 1000.0 * z, roll.to_degrees(), pitch.to_degrees(), yaw.to_degrees()]
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
    /// Where it is in the file: a line, where the header is line 1, or an entry of a list.
    pub place: String,
    /// The image of each column of images, relative to their folder.
    pub images: Vec<String>,
    /// The flange's pose.
    pub world_from_flange: Isometry3<f64>,
}

/// No table of poses is larger, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// Other names of the column `image`.
const IMAGE_NAMES: [&str; 6] =
    ["file", "filename", "file_name", "image_file", "image_name", "picture"];

/// Reads images and poses from a table or from JSON. Images are relative to `folder`.
///
/// # Errors
/// The file cannot be read, has other columns or no row, or a row has no image, no pose, or is not unique.
pub fn read_table(
    path: &Path,
    image_columns: &[&'static str],
    folder: &Path,
) -> Result<Vec<Row>, SessionError> {
    let (header, rows) = read_fields(path)?;
    if rows.is_empty() {
        return Err(table(path, "it has no row".to_string()));
    }
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut read = Vec::new();
    for (place, mut fields) in rows {
        let columns = |hint: &str| SessionError::Columns {
            path: path.to_path_buf(),
            found: header.clone().unwrap_or_else(|| fields_of(&fields)),
            expected: image_columns.iter().chain(&POSE).copied().collect::<Vec<_>>().join(","),
            hint: if hint.is_empty() { String::new() } else { format!(": {hint}") },
        };
        let names = image_columns.iter().map(|column| image_field(&fields, column));
        let names = names.collect::<Option<Vec<&str>>>().ok_or_else(|| columns(""))?;
        let pose = {
            let mut fields = fields.clone();
            fields.retain(|name, _| !names.contains(&name.as_str()));
            world_from_flange(&fields)
        };
        let world_from_flange = pose.map_err(|no_pose| match no_pose {
            NoPose::Names(hint) => columns(hint),
            NoPose::Number { column, value } => SessionError::Number {
                path: path.to_path_buf(),
                place: place.clone(),
                column,
                value,
            },
            NoPose::Values(reason) => table(path, format!("{place}: {reason}")),
        })?;
        let names: Vec<String> = names.into_iter().map(str::to_string).collect();
        let images: Vec<String> = names
            .iter()
            .map(|name| fields.remove(name).map(|value| listed_name(folder, &value.text)))
            .map(Option::unwrap_or_default)
            .collect();
        for image in &images {
            let file = folder.join(image);
            if !file.is_file() {
                let (path, similar) = (path.to_path_buf(), similar(&file));
                return Err(SessionError::MissingImage { path, place, image: file, similar });
            }
        }
        // The last image is the wrist's, which has one pose.
        let image = images.last().cloned().unwrap_or_default();
        if let Some(before) = seen.insert(image.clone(), place.clone()) {
            return Err(SessionError::Twice { path: path.to_path_buf(), place, image, before });
        }
        read.push(Row { place, images, world_from_flange });
    }
    Ok(read)
}

fn table(path: &Path, reason: String) -> SessionError {
    SessionError::Table { path: path.to_path_buf(), reason }
}

/// Names an image whose name differs in upper case or in its ending only.
fn similar(missing: &Path) -> String {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let folder = missing.parent().unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .find(|name| is_image_name(name) && stem(Path::new(name)) == stem(missing))
        .map_or(String::new(), |name| format!("; there is {name}"))
}

fn fields_of(fields: &Fields) -> String {
    fields.keys().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// The name of the field of a column of images.
fn image_field<'a>(fields: &Fields, column: &'a str) -> Option<&'a str> {
    let mut names = std::iter::once(column).chain(
        match column {
            "image" => IMAGE_NAMES.as_slice(),
            _ => &[],
        }
        .iter()
        .copied(),
    );
    names.find(|name| fields.contains_key(*name))
}

/// The header of a table, and the fields of each row with its place.
type Rows = (Option<String>, Vec<(String, Fields)>);

fn read_fields(path: &Path) -> Result<Rows, SessionError> {
    let bytes = read_regular_file(path, MOST_BYTES)
        .map_err(|source| SessionError::Read { path: path.to_path_buf(), source })?;
    let wrong = |reason| table(path, reason);
    let text = decode_text(&bytes).map_err(wrong)?;
    if text.trim_start().starts_with(['[', '{']) {
        let list = pose_json::parse(&text).map_err(wrong)?;
        let place = |(number, fields)| (format!("entry {}", number + 1), fields);
        return Ok((None, list.into_iter().enumerate().map(place).collect()));
    }
    let text = TextTable::parse(&text).map_err(wrong)?;
    let mut columns = text.columns.clone();
    columns.sort();
    if let Some(pair) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(wrong(format!("the column {} is there twice", pair[0])));
    }
    let rows = text.rows.iter().map(|row| {
        let value = |cell: &String| Value { text: cell.clone(), number: text.number(cell) };
        let fields = text.columns.iter().cloned().zip(row.cells.iter().map(value));
        (format!("line {}", row.line), fields.collect())
    });
    Ok((Some(text.header.clone()), rows.collect()))
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

    const GOOD: &str =
        "image,x_mm,y_mm,z_mm,roll_deg,pitch_deg,yaw_deg\na b.png,300,-20.5,400,180,0,90\n";

    fn read(text: &[u8]) -> Result<Vec<Row>, SessionError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["a b.png", "sub/a b.png"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let path = dir.path().join("poses.csv");
        std::fs::write(&path, text).unwrap();
        read_table(&path, &["image"], dir.path())
    }

    #[test]
    fn tables_of_other_programs_have_the_same_pose() {
        let expected = read(GOOD.as_bytes()).unwrap();
        let utf16: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for (text, image) in [
            (GOOD.replace('\n', "\r\n").into_bytes(), "a b.png"),
            (
                format!("\u{FEFF}{}", GOOD.to_uppercase().replace("A B.PNG", "./a b.png")).into(),
                "a b.png",
            ),
            (utf16, "a b.png"),
            (
                b"sep=;\r\nYaw [deg];Pitch [deg];Roll [deg];X (mm);Y (mm);Z (mm);File\r\n\
                  90;0;180;300,0;-20,5;400;.\\sub\\a b.png\r\n;;;;;;\r\n"
                    .to_vec(),
                "sub/a b.png",
            ),
            (
                br#"{"unit": "m", "poses": [{"image": "a b.png",
                    "world_from_flange": [[0,1,0,0.3],[1,0,0,-0.0205],[0,0,-1,0.4],[0,0,0,1]]}]}"#
                    .to_vec(),
                "a b.png",
            ),
        ] {
            let rows = read(&text).unwrap_or_else(|error| panic!("{error}"));
            let off = expected[0].world_from_flange.inverse() * rows[0].world_from_flange;
            assert!(off.translation.vector.norm() < 1e-9 && off.rotation.angle() < 1e-9, "{off}");
            assert_eq!((rows.len(), rows[0].images[0].as_str()), (1, image));
        }
    }

    #[test]
    fn doubtful_tables_are_refused_with_the_place() {
        let row = GOOD.lines().nth(1).unwrap();
        for (text, expected) in [
            (format!("{GOOD}./{row}\n"), "line 3: a b.png has a pose in line 2 already"),
            (
                GOOD.replace("x_mm", "x"),
                "expected image,x_mm,y_mm,z_mm,roll_deg,pitch_deg,yaw_deg: the unit of x",
            ),
            (GOOD.replace("_deg", ""), "unit of the angles"),
            (GOOD.replace("y_mm", "x_mm"), "x_mm is there twice"),
            (GOOD.replace("image", "overhead"), "overhead,x_mm"),
            (GOOD.replace("300", "3OO"), "line 2: x_mm is \"3OO\""),
            (
                r#"[{"image": "a b.png", "position_mm": [1, 2, 3]}]"#.to_string(),
                "poses.csv has the columns image,x_mm",
            ),
            (
                r#"[{"image": "no.png", "xyz_mm": [1, 2, 3], "rpy_deg": [0, 0, 0]}]"#.to_string(),
                "entry 1: there is no image",
            ),
            (GOOD.replace("a b.png", "A B.jpg"), "A B.jpg; there is a b.png"),
            ("[]".to_string(), "no row"),
        ] {
            let message = read(text.as_bytes()).map(|rows| rows.len()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let latin1 = GOOD.replace("_deg", " \u{B0}").chars().map(|c| c as u8).collect::<Vec<u8>>();
        let message = read(&latin1).map(|rows| rows.len()).unwrap_err().to_string();
        assert!(message.contains("save it as UTF-8"), "{message}");
    }
}
