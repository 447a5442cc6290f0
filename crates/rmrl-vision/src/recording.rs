//! Recorded frames: a folder with images, their camera, and a list of the frames.
//!
//! ```text
//! camera.toml      the camera, as a `CameraFile` with its extrinsics
//! frames.csv       color,depth: one line per frame, oldest first, paths relative to the folder
//! 000001.png       color, 8 bits
//! 000001-depth.png depth aligned to it, 16 bits, millimeters
//! ```
//!
//! Recordings of other programs may have images in the other formats of [`read_frame`], and a column
//! `depth_unit_m` where depth is not in millimeters.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rmrl_files::{create_file, open_to_append};

use crate::text_table::{TextRow, TextTable, listed_name};
use crate::{CameraFile, CameraFileError, CameraModel, FrameFileError, RgbdFrame, read_frame};

/// The two files of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FramePaths {
    /// The color image.
    pub color: PathBuf,
    /// The depth image.
    pub depth: PathBuf,
    /// The unit of the depth, in meters; `None` for integers in millimeters.
    pub depth_unit_m: Option<f64>,
}

/// Why a recording cannot be read or created.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The camera file is invalid.
    #[error(transparent)]
    Camera(#[from] CameraFileError),
    /// A frame is invalid.
    #[error(transparent)]
    Frame(#[from] FrameFileError),
    /// The list of frames is invalid.
    #[error("{}: {reason}; expected the columns color and depth (and depth_unit_m) with one line per frame", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The folder of a new recording exists already.
    #[error("{} exists already; recordings are never overwritten", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// A recording that frames are read from.
#[derive(Debug, Clone)]
pub struct Recording {
    camera: CameraModel,
    frames: Vec<FramePaths>,
}

impl Recording {
    /// The camera's file within a recording.
    pub const CAMERA: &'static str = "camera.toml";
    /// The list of its frames.
    pub const FRAMES: &'static str = "frames.csv";

    /// Opens a recording. Frames are read later, one by one.
    ///
    /// # Errors
    /// The camera file or the list is missing or damaged, or the list is empty.
    pub fn open(root: &Path) -> Result<Self, RecordingError> {
        let camera_path = root.join(Self::CAMERA);
        let camera = CameraFile::read(&camera_path)?.overhead(&camera_path)?;
        Ok(Self { camera, frames: Self::list(root)? })
    }

    /// The files of a recording's frames, oldest first; ignores the camera file.
    ///
    /// # Errors
    /// The list is missing, damaged or empty.
    pub fn list(root: &Path) -> Result<Vec<FramePaths>, RecordingError> {
        let path = root.join(Self::FRAMES);
        let wrong = |reason: String| RecordingError::List { path: path.clone(), reason };
        let table = TextTable::read(&path).map_err(|error| wrong(error.to_string()))?;
        let table = table.map_err(wrong)?;
        let place = |column| {
            table.place(column).ok_or_else(|| wrong(format!("it has the columns {}", table.header)))
        };
        let (color, depth) = (place("color")?, place("depth")?);
        let unit = table.place("depth_unit_m");
        if table.columns.len() != 2 + usize::from(unit.is_some()) {
            return Err(wrong(format!("it has the columns {}", table.header)));
        }
        let frame = |row: &TextRow| -> Result<FramePaths, RecordingError> {
            let file = |place: usize| match row.cells[place].as_str() {
                "" => Err(wrong(format!("line {} names no {}", row.line, table.columns[place]))),
                name => Ok(root.join(listed_name(root, name))),
            };
            let depth_unit_m = unit.map(|place| {
                table
                    .number(&row.cells[place])
                    .ok_or_else(|| wrong(format!("line {}: depth_unit_m is no number", row.line)))
            });
            Ok(FramePaths {
                color: file(color)?,
                depth: file(depth)?,
                depth_unit_m: depth_unit_m.transpose()?,
            })
        };
        let frames: Vec<FramePaths> = table.rows.iter().map(frame).collect::<Result<_, _>>()?;
        if frames.is_empty() {
            return Err(wrong("it lists no frame".to_string()));
        }
        Ok(frames)
    }

    /// The camera that took the frames.
    pub fn camera(&self) -> CameraModel {
        self.camera
    }

    /// The files of all frames, oldest first.
    pub fn frames(&self) -> &[FramePaths] {
        &self.frames
    }

    /// Reads a frame, counted from 0; `None` after the last.
    ///
    /// # Errors
    /// A file of the frame is damaged or missing.
    pub fn frame(&self, number: usize) -> Option<Result<RgbdFrame, FrameFileError>> {
        self.frames
            .get(number)
            .map(|paths| read_frame(&paths.color, &paths.depth, paths.depth_unit_m))
    }
}

/// A recording that frames are written to.
#[derive(Debug)]
pub struct RecordingWriter {
    root: PathBuf,
    list: File,
    frames: usize,
}

impl RecordingWriter {
    /// Creates the folder `root` for frames of `camera`. [`Recording::open`] needs the camera's extrinsics.
    ///
    /// # Errors
    /// The folder exists already or cannot be created.
    pub fn create(root: &Path, camera: &CameraFile) -> Result<Self, RecordingError> {
        let written = |path: &Path| {
            let path = path.to_path_buf();
            move |source: io::Error| match source.kind() {
                io::ErrorKind::AlreadyExists => RecordingError::Exists { path },
                _ => RecordingError::Write { path, source },
            }
        };
        fs::create_dir(root).map_err(written(root))?;
        let path = root.join(Recording::CAMERA);
        write_synced(&path, camera.to_toml().as_bytes()).map_err(written(&path))?;
        let path = root.join(Recording::FRAMES);
        write_synced(&path, b"color,depth\n").map_err(written(&path))?;
        let list = open_to_append(&path).map_err(written(&path))?;
        Ok(Self { root: root.to_path_buf(), list, frames: 0 })
    }

    /// Adds a frame: first its images, then its line in the list, so that every listed file exists.
    ///
    /// # Errors
    /// The frame cannot be written; the frames before it stay as they are.
    pub fn append(&mut self, frame: &RgbdFrame) -> Result<FramePaths, RecordingError> {
        let number = self.frames + 1;
        let (color, depth) = (format!("{number:06}.png"), format!("{number:06}-depth.png"));
        let depth_bytes: Vec<u8> =
            frame.depth.as_raw().iter().flat_map(|value| value.to_ne_bytes()).collect();
        // As in a run's directory: a search for repetitions pays for depth only.
        let (fast, search) = (CompressionType::Fast, CompressionType::Level(3));
        for (name, pixels, kind, compression) in [
            (&color, frame.color.as_raw().as_slice(), ExtendedColorType::Rgb8, fast),
            (&depth, depth_bytes.as_slice(), ExtendedColorType::L16, search),
        ] {
            let path = self.root.join(name);
            let (width, height) = frame.color.dimensions();
            let mut png = Vec::new();
            PngEncoder::new_with_quality(&mut png, compression, FilterType::Avg)
                .write_image(pixels, width, height, kind)
                .map_err(io::Error::other)
                .and_then(|()| write_synced(&path, &png))
                .map_err(|source| RecordingError::Write { path, source })?;
        }
        self.list
            .write_all(format!("{color},{depth}\n").as_bytes())
            .and_then(|()| self.list.sync_data())
            .map_err(|source| RecordingError::Write {
                path: self.root.join(Recording::FRAMES),
                source,
            })?;
        self.frames = number;
        Ok(FramePaths {
            color: self.root.join(color),
            depth: self.root.join(depth),
            depth_unit_m: None,
        })
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DepthImage, Distortion, Intrinsics};
    use image::{Luma, Rgb, RgbImage};
    use nalgebra::Isometry3;
    use std::sync::Arc;

    fn camera() -> CameraModel {
        CameraModel {
            intrinsics: Intrinsics {
                width: 32,
                height: 24,
                fx: 30.5,
                fy: 30.25,
                cx: 15.5,
                cy: 11.5,
                distortion: Distortion::default(),
            },
            world_from_camera: Isometry3::translation(0.1, 0.2, 0.8),
        }
    }

    fn frame(seed: u32) -> RgbdFrame {
        RgbdFrame {
            color: Arc::new(RgbImage::from_fn(32, 24, |u, v| Rgb([u as u8, v as u8, seed as u8]))),
            depth: DepthImage::from_fn(32, 24, |u, v| Luma([(700 + u * v + seed) as u16])),
        }
    }

    #[test]
    fn frames_and_camera_survive_a_recording_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("frames");
        let mut writer = RecordingWriter::create(&root, &camera().into()).unwrap();
        for seed in 0..3 {
            writer.append(&frame(seed)).unwrap();
        }
        let recording = Recording::open(&root).unwrap();
        assert_eq!(recording.camera(), camera());
        assert_eq!(recording.frames().len(), 3);
        for seed in 0..3 {
            let read = recording.frame(seed as usize).unwrap().unwrap();
            assert_eq!(read.color, frame(seed).color);
            assert_eq!(read.depth, frame(seed).depth);
        }
        assert!(recording.frame(3).is_none());
        let message = RecordingWriter::create(&root, &camera().into()).unwrap_err().to_string();
        assert!(message.contains("exists already"), "{message}");
    }

    /// A list from a spreadsheet on Windows, and depth in meters.
    #[test]
    fn lists_of_other_programs_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let text = "\u{FEFF}Depth;Color;Depth_Unit_m\r\n.\\d\\1.npy;c\\1.jpg;0,001\r\n";
        fs::write(root.join(Recording::FRAMES), text).unwrap();
        let frames = Recording::list(root).unwrap();
        let expected = FramePaths {
            color: root.join("c/1.jpg"),
            depth: root.join("d/1.npy"),
            depth_unit_m: Some(0.001),
        };
        assert_eq!(frames, [expected]);
    }

    #[test]
    fn damaged_recordings_are_refused_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("frames");
        RecordingWriter::create(&root, &camera().into()).unwrap();
        let message = |text: &str| {
            fs::write(root.join(Recording::FRAMES), text).unwrap();
            Recording::open(&root).unwrap_err().to_string()
        };
        assert!(message("color,depth\n").contains("lists no frame"));
        assert!(message("colour,depth\na.png,b.png\n").contains("frames.csv"));
        assert!(message("color,depth\na.png\n").contains("line 2"));
        assert!(message("color,depth,time\na.png,b.png,1\n").contains("time"));
        assert!(message("color,depth\na.png,\n").contains("line 2 names no depth"));
        assert!(message("color,depth,depth_unit_m\na.png,b.png,mm\n").contains("line 2"));
        fs::write(root.join(Recording::FRAMES), "color,depth\na.png,b.png\n").unwrap();
        let missing = Recording::open(&root).unwrap().frame(0).unwrap().unwrap_err().to_string();
        assert!(missing.contains("a.png"), "{missing}");
        fs::remove_file(root.join(Recording::CAMERA)).unwrap();
        let missing = Recording::open(&root).unwrap_err().to_string();
        assert!(missing.contains("camera.toml"), "{missing}");
    }
}
