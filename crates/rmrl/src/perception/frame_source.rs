//! Frames to localize again: single files, a recording, or the images of a run.

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
    pub frames: Vec<StoredFrame>,
}

/// A frame on disk.
pub struct StoredFrame {
    /// Its color and depth images.
    pub paths: FramePaths,
    /// Where a run localized the plate in it, if a run captured it.
    pub logged: Option<PlanarPose>,
}

impl Frames {
    /// Single frames: color and depth images in the same order, and the camera's file.
    ///
    /// # Errors
    /// There are not as many depth images as color images, or the file has no overhead camera.
    pub fn of_files(color: &[PathBuf], depth: &[PathBuf], camera: &Path) -> anyhow::Result<Self> {
        if color.len() != depth.len() {
            bail!(
                "{} color and {} depth images were given; every frame needs both, in the same order",
                color.len(),
                depth.len()
            );
        }
        let paths = color.iter().zip(depth).map(|(color, depth)| FramePaths {
            color: color.clone(),
            depth: depth.clone(),
            depth_unit_m: None,
        });
        let camera = CameraFile::read(camera)?.overhead(camera)?;
        Ok(Self {
            camera,
            frames: paths.map(|paths| StoredFrame { paths, logged: None }).collect(),
        })
    }

    /// The frames of a recording.
    ///
    /// # Errors
    /// The recording cannot be read.
    pub fn of_recording(root: &Path) -> anyhow::Result<Self> {
        let recording = Recording::open(root)?;
        let frames = recording.frames().iter().cloned();
        Ok(Self {
            camera: recording.camera(),
            frames: frames.map(|paths| StoredFrame { paths, logged: None }).collect(),
        })
    }

    /// The frames that a run stored of the starts and ends of its trials.
    ///
    /// # Errors
    /// The log cannot be read, or the run stored no depth or no camera.
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
                    let paths = FramePaths {
                        color: root.join(color),
                        depth: root.join(depth),
                        depth_unit_m: None,
                    };
                    frames.push(StoredFrame { paths, logged });
                }
            }
        }
        if frames.is_empty() {
            bail!(
                "{} has no frame with depth (record.depth = false in its {}, or no trial yet)",
                root.display(),
                RunDir::CONFIG
            );
        }
        Ok(Self { camera, frames })
    }

    /// The first two frames that have the same short name.
    pub fn of_one_name(&self) -> Option<[&StoredFrame; 2]> {
        let mut named: HashMap<String, &StoredFrame> = HashMap::new();
        self.frames
            .iter()
            .find_map(|frame| named.insert(frame.name(), frame).map(|earlier| [earlier, frame]))
    }
}

impl StoredFrame {
    /// A short name: the file name of the color image without its extension.
    pub fn name(&self) -> String {
        let stem = self.paths.color.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// Reads the frame.
    ///
    /// # Errors
    /// An image is missing, damaged or of another kind.
    pub fn read(&self) -> anyhow::Result<RgbdFrame> {
        let FramePaths { color, depth, depth_unit_m } = &self.paths;
        Ok(read_frame(color, depth, *depth_unit_m)?)
    }
}

/// The calibrated camera of a run.
///
/// # Errors
/// The run has no camera file, or the file is invalid.
pub fn camera_of_run(root: &Path) -> anyhow::Result<CameraModel> {
    let path = root.join(Recording::CAMERA);
    let file = CameraFile::read(&path)
        .with_context(|| format!("{} has no valid camera file", root.display()))?;
    Ok(file.overhead(&path)?)
}
