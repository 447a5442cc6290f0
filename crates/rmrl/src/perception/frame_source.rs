//! Frames to localise again: single files, a recording, or the pictures of a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rmrl_core::PlanarPose;
use rmrl_data::RunDir;
use rmrl_vision::{CameraFile, CameraModel, FramePaths, Recording, RgbdFrame, read_frame};

use crate::run::run_log::read_records;

/// Frames of one camera.
pub struct Frames {
    /// The camera that took them, as calibrated.
    pub camera: CameraModel,
    /// The frames, oldest first.
    pub frames: Vec<Recorded>,
}

/// A frame on disk.
pub struct Recorded {
    /// Its pictures.
    pub paths: FramePaths,
    /// Where a run localised the plate in it.
    pub logged: Option<PlanarPose>,
}

impl Frames {
    /// Single frames: colour and depth files in the same order, and the camera's file.
    ///
    /// # Errors
    /// Not as many depth pictures as colour pictures, or no camera in the file.
    pub fn of_files(color: &[PathBuf], depth: &[PathBuf], camera: &Path) -> anyhow::Result<Self> {
        if color.len() != depth.len() {
            bail!(
                "{} colour and {} depth pictures were given; every frame needs both, in the same order",
                color.len(),
                depth.len()
            );
        }
        let paths = color
            .iter()
            .zip(depth)
            .map(|(color, depth)| FramePaths { color: color.clone(), depth: depth.clone() });
        let camera = CameraFile::read(camera)?.overhead(camera)?;
        Ok(Self { camera, frames: paths.map(|paths| Recorded { paths, logged: None }).collect() })
    }

    /// The frames of a recording.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_recording(root: &Path) -> anyhow::Result<Self> {
        let recording = Recording::open(root)?;
        let frames = recording.frames().iter().cloned();
        Ok(Self {
            camera: recording.camera(),
            frames: frames.map(|paths| Recorded { paths, logged: None }).collect(),
        })
    }

    /// The pictures that a run kept of the starts and ends of its trials.
    ///
    /// # Errors
    /// Its log cannot be read, it kept no depth, or does not tell its camera.
    pub fn of_run(root: &Path) -> anyhow::Result<Self> {
        let camera = camera_of_run(root)?;
        let mut frames = Vec::new();
        for record in read_records(root)? {
            let images = record.images;
            for (color, depth, logged) in [
                (images.start, images.start_depth, record.estimated_pose),
                (images.end, images.end_depth, record.final_pose.or(record.plate_after_miss)),
            ] {
                if let (Some(color), Some(depth)) = (color, depth) {
                    let paths = FramePaths { color: root.join(color), depth: root.join(depth) };
                    frames.push(Recorded { paths, logged });
                }
            }
        }
        if frames.is_empty() {
            bail!(
                "{} keeps no frame with a depth (record.depth = false in its {}, or no trial yet)",
                root.display(),
                RunDir::CONFIG
            );
        }
        Ok(Self { camera, frames })
    }

    /// The first two frames with the same short name.
    pub fn of_one_name(&self) -> Option<[&Recorded; 2]> {
        let mut named: HashMap<String, &Recorded> = HashMap::new();
        self.frames
            .iter()
            .find_map(|frame| named.insert(frame.name(), frame).map(|earlier| [earlier, frame]))
    }
}

impl Recorded {
    /// A short name: that of the colour picture, without its folder and ending.
    pub fn name(&self) -> String {
        let stem = self.paths.color.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// Reads the frame.
    ///
    /// # Errors
    /// A picture is missing, damaged or of another kind.
    pub fn read(&self) -> anyhow::Result<RgbdFrame> {
        Ok(read_frame(&self.paths.color, &self.paths.depth)?)
    }
}

/// The camera that a run had, as the software believed it to be.
///
/// # Errors
/// The run does not tell, or its camera's file is none.
pub fn camera_of_run(root: &Path) -> anyhow::Result<CameraModel> {
    let path = root.join(Recording::CAMERA);
    let file = CameraFile::read(&path)
        .with_context(|| format!("{} does not tell its camera", root.display()))?;
    Ok(file.overhead(&path)?)
}
