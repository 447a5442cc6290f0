//! The file of a calibrated camera, in TOML.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nalgebra::{Isometry3, Translation3};
use rmrl_files::{decode_text, read_regular_file};
use serde::{Deserialize, Serialize};

use crate::foreign_camera::{ForeignCamera, ForeignCameraError, foreign_cameras, names, only};
use crate::rotation::rotation_from_rows;
use crate::{CameraModel, Intrinsics, IntrinsicsError};

/// The content of a camera's calibration file.
///
/// ```toml
/// [intrinsics]
/// width = 640
/// height = 480
/// fx = 612.0
/// fy = 611.0
/// cx = 321.5
/// cy = 238.0
/// distortion = { k1 = 0.12, k2 = -0.25, p1 = 0.001, p2 = -0.0007, k3 = 0.05 }
///
/// [world_from_camera]                  # Eq. 14: p_world = rotation p_camera + translation
/// translation_m = [0.36, 0.0, 0.8]
/// rotation = [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]    # row by row
///
/// [calibration]
/// made = "2026-11-21T09:30:00Z"
/// checked = "2026-11-21T10:00:00Z"
/// residual_mm = 0.6
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraFile {
    /// Focal lengths, principal point, distortion.
    pub intrinsics: Intrinsics,
    /// The pose of a fixed camera: the extrinsics `(R, t)` of Eq. 14.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_transform")]
    pub world_from_camera: Option<Isometry3<f64>>,
    /// The pose of a camera on the arm's flange: the hand-eye transform.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_transform")]
    pub flange_from_camera: Option<Isometry3<f64>>,
    /// How and when the camera was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationRecord>,
}

/// How and when a camera was calibrated, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationRecord {
    /// When the camera was calibrated, in UTC.
    pub made: Timestamp,
    /// When `residual_mm` was measured, in UTC; `None` until then, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    /// The number of views of the board that were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    /// Root mean square distance between detected and expected corners, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprojection_px: Option<f64>,
    /// The largest distance between the true position of a point in a held-out view and the position that
    /// the camera measures, in millimeters in the world; `None` until checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual_mm: Option<f64>,
    /// Digests of the overhead views that were used: a check by the same views would prove nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_from: Vec<String>,
}

impl CalibrationRecord {
    /// A record that holds only the time of the calibration.
    pub fn new(made: Timestamp) -> Self {
        Self {
            made,
            checked: None,
            views: None,
            reprojection_px: None,
            residual_mm: None,
            made_from: Vec::new(),
        }
    }

    /// When the file was last known to be right: when it was checked, or else made.
    pub fn last_known(&self) -> Timestamp {
        self.checked.unwrap_or(self.made)
    }
}

/// Why a camera file is invalid. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum CameraFileError {
    /// The file cannot be read.
    #[error("cannot read the camera file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is no camera file.
    #[error("{} is no camera file: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The file of another program has no camera that can be used.
    #[error("{}: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: ForeignCameraError,
    },
    /// The intrinsics are invalid.
    #[error("{}: intrinsics", path.display())]
    Intrinsics {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: IntrinsicsError,
    },
    /// The file lacks the extrinsics.
    #[error(
        "{} has no [{key}]; `rmrl calibrate` writes it, or set translation_m and rotation by hand",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// `world_from_camera` or `flange_from_camera`.
        key: &'static str,
    },
}

impl CameraFile {
    /// Reads and checks a camera file, of this program or of another: ROS, OpenCV, Kalibr or RealSense. Those have
    /// intrinsics only.
    ///
    /// # Errors
    /// The file cannot be read, has unknown or missing keys, its rotation or intrinsics are invalid, its lens is of
    /// another model, or it has several cameras.
    pub fn read(path: &Path) -> Result<Self, CameraFileError> {
        Self::parse(&read_text(path)?, path)
    }

    /// Parses and checks a camera file's text; errors name `path`.
    ///
    /// # Errors
    /// The errors of [`CameraFile::read`], except those of reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CameraFileError> {
        let foreign = |reason| CameraFileError::Foreign { path: path.to_path_buf(), reason };
        let file = match foreign_cameras(text) {
            Some(cameras) => {
                let cameras = cameras.map_err(foreign)?;
                let camera = only(&cameras).map_err(foreign)?;
                Self::of_intrinsics(camera.intrinsics(None).map_err(foreign)?)
            }
            None => toml::from_str(text).map_err(|error| CameraFileError::Syntax {
                path: path.to_path_buf(),
                reason: error.to_string().trim_end().to_string(),
            })?,
        };
        file.validated(path)
    }

    /// Reads the intrinsics of one camera of another program's file: the one of this name, or the only one. `size` is
    /// that of its images, if the file has none. The second value is what the file has beside, which has no effect.
    ///
    /// # Errors
    /// The errors of [`CameraFile::read`], or there is no camera of this name.
    pub fn import(
        path: &Path,
        name: Option<&str>,
        size: Option<[u32; 2]>,
    ) -> Result<(Self, ForeignCamera), CameraFileError> {
        let foreign = |reason| CameraFileError::Foreign { path: path.to_path_buf(), reason };
        let text = read_text(path)?;
        let cameras = foreign_cameras(&text).ok_or_else(|| CameraFileError::Syntax {
            path: path.to_path_buf(),
            reason: "expected YAML, XML or JSON of another program".to_string(),
        })?;
        let cameras = cameras.map_err(foreign)?;
        let camera = match name {
            None => only(&cameras).map_err(foreign)?,
            Some(name) => {
                let named = cameras.iter().find(|camera| camera.name == name);
                named.ok_or_else(|| {
                    foreign(ForeignCameraError::Several { names: names(&cameras) })
                })?
            }
        };
        let file = Self::of_intrinsics(camera.intrinsics(size).map_err(foreign)?);
        Ok((file.validated(path)?, camera.clone()))
    }

    fn of_intrinsics(intrinsics: Intrinsics) -> Self {
        Self { intrinsics, world_from_camera: None, flange_from_camera: None, calibration: None }
    }

    fn validated(self, path: &Path) -> Result<Self, CameraFileError> {
        self.intrinsics
            .validate()
            .map_err(|source| CameraFileError::Intrinsics { path: path.to_path_buf(), source })?;
        Ok(self)
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a camera file consists of TOML types")
    }

    /// The overhead camera; errors name `path`. Warns where its distortion has no inverse in a part of the image.
    ///
    /// # Errors
    /// The file has no `world_from_camera`.
    pub fn overhead(&self, path: &Path) -> Result<CameraModel, CameraFileError> {
        let world_from_camera = self.world_from_camera.ok_or(CameraFileError::Missing {
            path: path.to_path_buf(),
            key: "world_from_camera",
        })?;
        if let Some(limit) = self.intrinsics.lens_limit() {
            tracing::warn!("{}: {limit}", path.display());
        }
        Ok(CameraModel { intrinsics: self.intrinsics, world_from_camera })
    }
}

/// No camera file is larger, in bytes.
const MOST_BYTES: u64 = 16 << 20;

fn read_text(path: &Path) -> Result<String, CameraFileError> {
    let bytes = read_regular_file(path, MOST_BYTES)
        .map_err(|source| CameraFileError::Read { path: path.to_path_buf(), source })?;
    decode_text(&bytes)
        .map_err(|reason| CameraFileError::Syntax { path: path.to_path_buf(), reason })
}

impl From<CameraModel> for CameraFile {
    fn from(camera: CameraModel) -> Self {
        Self {
            intrinsics: camera.intrinsics,
            world_from_camera: Some(camera.world_from_camera),
            flange_from_camera: None,
            calibration: None,
        }
    }
}

/// A rigid transform as a translation and a rotation matrix, as papers and other programs write it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transform {
    translation_m: [f64; 3],
    /// The rotation matrix, row by row.
    rotation: [[f64; 3]; 3],
}

impl Transform {
    fn of(isometry: &Isometry3<f64>) -> Self {
        let rotation = isometry.rotation.to_rotation_matrix();
        Self {
            translation_m: isometry.translation.vector.into(),
            rotation: [0, 1, 2].map(|row| [0, 1, 2].map(|column| rotation[(row, column)])),
        }
    }

    fn to_isometry(&self) -> Result<Isometry3<f64>, String> {
        let rotation = rotation_from_rows(self.rotation)?;
        if !self.translation_m.iter().all(|value| value.is_finite()) {
            return Err(format!("translation_m is {:?}, expected meters", self.translation_m));
        }
        Ok(Isometry3::from_parts(Translation3::from(self.translation_m), rotation))
    }
}

/// Serializes an optional isometry.
mod optional_transform {
    use super::{Isometry3, Transform};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(
        isometry: &Option<Isometry3<f64>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        isometry.as_ref().map(Transform::of).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Isometry3<f64>>, D::Error> {
        let transform = Option::<Transform>::deserialize(deserializer)?;
        transform.map(|transform| transform.to_isometry().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Distortion;
    use nalgebra::UnitQuaternion;

    fn file() -> CameraFile {
        CameraFile {
            intrinsics: Intrinsics {
                width: 640,
                height: 480,
                fx: 612.3,
                fy: 611.7,
                cx: 321.5,
                cy: 238.0,
                distortion: Distortion { k1: 0.1, k2: -0.2, p1: 0.001, p2: -0.001, k3: 0.05 },
            },
            world_from_camera: Some(Isometry3::from_parts(
                Translation3::new(0.36, 1.0 / 3.0, 0.8),
                UnitQuaternion::from_euler_angles(3.1, 0.02, -1.5),
            )),
            flange_from_camera: None,
            calibration: Some(CalibrationRecord {
                checked: Some("2026-12-01T08:00:00Z".parse().unwrap()),
                views: Some(16),
                reprojection_px: Some(0.17),
                ..CalibrationRecord::new("2026-11-21T09:30:00Z".parse().unwrap())
            }),
        }
    }

    fn read(text: &str) -> Result<CameraFile, CameraFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.toml");
        std::fs::write(&path, text).unwrap();
        CameraFile::read(&path)
    }

    #[test]
    fn a_camera_survives_its_file() {
        let read = read(&file().to_toml()).unwrap();
        assert_eq!(read.intrinsics, file().intrinsics);
        assert_eq!(read.calibration, file().calibration);
        let moved = file().world_from_camera.unwrap().inverse() * read.world_from_camera.unwrap();
        assert!(moved.translation.vector.norm() < 1e-12 && moved.rotation.angle() < 1e-7);
    }

    #[test]
    fn invalid_files_are_refused_with_the_reason() {
        let good = file().to_toml();
        let rotation = |rows: &str| {
            let head = good.split("rotation").next().unwrap();
            format!("{head}rotation = {rows}\n")
        };
        for (text, expected) in [
            (String::new(), "intrinsics"),
            (good.replace("fx", "f_x"), "f_x"),
            (good.replace("fx = 612.3", "fx = -612.3"), "intrinsics"),
            (rotation("[[1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]"), "no rotation matrix"),
            (rotation("[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]"), "reflection"),
            (rotation("[[nan, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]"), "no rotation matrix"),
        ] {
            let message = read(&text).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("camera.toml"), "{message}");
        }
        let without = CameraFile { world_from_camera: None, ..file() };
        let message = without.overhead(Path::new("wrist.toml")).unwrap_err().to_string();
        assert!(message.contains("wrist.toml") && message.contains("world_from_camera"));
    }
}
