//! Import of plates from PyLabRobot's JSON.
//!
//! Read are what `Plate.serialize()` of PyLabRobot 0.2 and 1.0 writes: `name`, `type`, `category`, `size_x`, `size_y`,
//! `size_z`, `stacking_z_height`, `children`, and of the lid among them also `nesting_z_height`. Lengths are in
//! millimeters there. Version 1.0 leaves out keys that have their default; a missing key and null mean the same. A lid
//! may also be at a key `lid`, as older versions have it. All other keys are ignored, also `location` and `rotation`,
//! which say where a plate is.

use std::path::{Path, PathBuf};

use rmrl_core::InvalidKey;
use rmrl_files::{decode_text, read_regular_file};
use serde_json::Value;

use crate::grip::{DEFAULT_GRIP_TOLERANCE_M, Grip};
use crate::json_key::{JsonObject, WrongKey};
use crate::kind::LabwareKind;
use crate::labware::Labware;
use crate::lid::Lid;
use crate::side::Side;

/// The largest file, in bytes. A plate with 1536 wells has about 1 MiB.
const MOST_BYTES: u64 = 16 << 20;
/// From this height on a plate is called a deep well plate, in meters. Untuned: between 14.35 mm and 41 mm.
const DEEP_WELL_FROM_M: f64 = 0.03;

/// Where the jaws hold an imported plate: PyLabRobot's files do not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportGrip {
    /// The dimension between the jaws. Default the width, as for built-in labware.
    pub side: Side,
    /// The height of the finger tips above the plate's bottom, in meters. Default 0.002: at the flange, where a plate
    /// is as wide as its footprint.
    pub height_m: f64,
    /// How far the measured width may be from the expected one, in meters. Default [`DEFAULT_GRIP_TOLERANCE_M`].
    pub tolerance_m: f64,
}

impl Default for ImportGrip {
    fn default() -> Self {
        Self { side: Side::Width, height_m: 0.002, tolerance_m: DEFAULT_GRIP_TOLERANCE_M }
    }
}

/// Why a file of PyLabRobot gives no labware. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum PyLabRobotError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is no JSON.
    #[error("{} is no JSON: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A key is not as expected.
    #[error("{}: {key} is {found}, expected {expected}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key's path in the file, such as `children[96].size_z`.
        key: String,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The labware that the keys give is invalid.
    #[error("{}: as labware, {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The key of the labware.
        reason: InvalidKey,
    },
}

/// Reads one plate from a file of PyLabRobot, such as `plate.save("plate.json")` writes.
///
/// The name is the file's, and the jaws hold the plate by its footprint. Without `stacking_z_height`, plates do not nest
/// into each other. The jaws hold the lid at half its height.
///
/// # Errors
/// The file cannot be read, is larger than 16 MiB or no JSON, is no plate, a key that is read is missing or invalid, or
/// the labware is invalid, such as a lid that does not fit.
pub fn read_pylabrobot(path: &Path, grip: &ImportGrip) -> Result<Labware, PyLabRobotError> {
    let bytes = read_regular_file(path, MOST_BYTES)
        .map_err(|source| PyLabRobotError::Read { path: path.to_path_buf(), source })?;
    let text = decode_text(&bytes)
        .map_err(|reason| PyLabRobotError::Syntax { path: path.to_path_buf(), reason })?;
    parse_pylabrobot(&text, path, grip)
}

/// Reads one plate from the text of a file; errors name `path`.
///
/// ```
/// use std::path::Path;
/// use rmrl_labware::{ImportGrip, parse_pylabrobot};
///
/// let text = r#"{"name": "assay", "type": "Plate", "category": "plate",
///     "size_x": 127.76, "size_y": 85.48, "size_z": 14.2}"#;
/// let plate = parse_pylabrobot(text, Path::new("assay.json"), &ImportGrip::default())?;
/// assert_eq!(plate.height_m, 0.0142);
///
/// let text = text.replace("14.2", "\"14.2\"");
/// let error = parse_pylabrobot(&text, Path::new("assay.json"), &ImportGrip::default()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "assay.json: size_z is \"14.2\", expected a number above 0 and at most 1000, in millimeters"
/// );
/// # Ok::<(), rmrl_labware::PyLabRobotError>(())
/// ```
///
/// # Errors
/// The errors of [`read_pylabrobot`], except those of reading.
pub fn parse_pylabrobot(
    text: &str,
    path: &Path,
    grip: &ImportGrip,
) -> Result<Labware, PyLabRobotError> {
    let value: Value = serde_json::from_str(text).map_err(|error| PyLabRobotError::Syntax {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    let labware = plate_of(&value, grip).map_err(|WrongKey { key, found, expected }| {
        PyLabRobotError::Key { path: path.to_path_buf(), key, found, expected }
    })?;
    labware
        .validate()
        .map_err(|reason| PyLabRobotError::Invalid { path: path.to_path_buf(), reason })?;
    Ok(labware)
}

fn plate_of(value: &Value, grip: &ImportGrip) -> Result<Labware, WrongKey> {
    let plate = JsonObject::at("", value)?;
    if !is_a(&plate, "plate", "Plate")? {
        let key = if plate.get("category").is_some() { "category" } else { "type" };
        let expected = "a plate: category \"plate\" or type \"Plate\"; save the plate alone";
        return Err(plate.wrong(key, expected));
    }
    let (length_m, width_m) = (plate.length_m("size_x")?, plate.length_m("size_y")?);
    if width_m > length_m {
        return Err(plate.wrong("size_y", "at most size_x: the long side is along x"));
    }
    let height_m = plate.length_m("size_z")?;
    let is_deep = height_m >= DEEP_WELL_FROM_M;
    let held_m = match grip.side {
        Side::Length => length_m,
        Side::Width => width_m,
    };
    Ok(Labware {
        name: plate.text("name")?.to_string(),
        kind: if is_deep { LabwareKind::DeepWellPlate } else { LabwareKind::Microplate },
        length_m,
        width_m,
        height_m,
        stacking_height_m: plate.optional_length_m("stacking_z_height")?.unwrap_or(height_m),
        grip: Grip { width_m: held_m, height_m: grip.height_m, tolerance_m: grip.tolerance_m },
        lid: lid_of(&plate)?,
    })
}

/// The lid at the key `lid` or among the children.
fn lid_of(plate: &JsonObject<'_>) -> Result<Option<Lid>, WrongKey> {
    if let Some(lid) = plate.get("lid") {
        return lid_at(&JsonObject::at("lid", lid)?).map(Some);
    }
    let mut lid = None;
    for child in plate.objects("children")? {
        if !is_a(&child, "lid", "Lid")? {
            continue;
        }
        if lid.is_some() {
            return Err(child.wrong("name", "one lid only: there is one before"));
        }
        lid = Some(lid_at(&child)?);
    }
    Ok(lid)
}

fn lid_at(lid: &JsonObject<'_>) -> Result<Lid, WrongKey> {
    let height_m = lid.length_m("size_z")?;
    let nesting_m = lid.optional_length_m("nesting_z_height")?;
    let expected = "a number from 0 to 1000, in millimeters";
    Ok(Lid {
        length_m: lid.length_m("size_x")?,
        width_m: lid.length_m("size_y")?,
        height_m,
        nesting_m: nesting_m.ok_or_else(|| lid.wrong("nesting_z_height", expected))?,
        grip_height_m: 0.5 * height_m,
    })
}

/// Whether an object is of a category or, if it has none, of a type.
fn is_a(object: &JsonObject<'_>, category: &str, class: &str) -> Result<bool, WrongKey> {
    match object.optional_text("category")? {
        Some(found) => Ok(found == category),
        None => Ok(object.text("type")? == class),
    }
}
