//! From an overhead RGB-D frame to the pose of a plate (Sec. 3.4).
//!
//! Color image -> [`Detector`] -> box -> [`Segmenter`] -> mask -> [`Localizer`] (depth over
//! the mask, back-projection, world transform, yaw by PCA) -> [`Localization`].
//!
//! Pixel coordinates follow OpenCV: `u` to the right, `v` down, the center of the first pixel at
//! `(0, 0)`. Camera frame: x right, y down, z forward along the optical axis. World frame: the
//! robot's base, z up. Transforms are named `target_from_source`.
//!
//! Localization, from the top:
//! - `localize.rs`, `localize_error.rs`, `localizer_config.rs`: the localizer, its errors and configuration.
//! - `localization.rs`, `expected_plate.rs`: what it finds, and what it is told to look for.
//! - `plate_fit.rs`: from a plate's mask to its pose. `near_fit.rs`: the same for one of several plates.
//! - `plate_projection.rs`: where the image shows a plate of known pose and height.
//! - `touching.rs`: finds a plate in a mask that other objects belong to, too.
//! - `plate_depth.rs`, `depth_checks.rs`, `surroundings.rs`: the depth of the plate, and whether it can be one's.
//! - `confidence.rs`: how far a pose can be trusted.
//! - `edges.rs`, `silhouette.rs`: refine a mask's pose by the plate's outline and its edges.
//! - `detect.rs`, `segment.rs`: the traits of detectors and segmenters, and their versions by color.
//! - `color_threshold.rs`, `components.rs`: dark pixels, and the objects that they form.
//! - `mask.rs`, `bounding_box.rs`: the pixels of an object and the box around them.
//! - `tilt.rs`: the tilt of a plate. `draw.rs`: draws a localization.
//!
//! Cameras and frames:
//! - `camera.rs`, `distortion.rs`, `camera_file.rs`, `rotation.rs`: the camera model, its lens, its calibration file,
//!   rotations in files.
//! - `foreign_camera.rs`: cameras in the files of ROS, OpenCV, Kalibr and RealSense.
//! - `chessboard.rs`: the calibration target, and the trait of corner finders.
//! - `frame.rs`, `frame_file.rs`, `recording.rs`: frames, in memory, as files, and as a folder of files.
//! - `image_file.rs`, `depth_file.rs`, `npy.rs`: images and depths in the formats of cameras and other programs.
//! - `rounding.rs`: makes files of images smaller, and leaves what is near the plate as it is.
//! - `text_table.rs`: reads tables as spreadsheets write them.

mod bounding_box;
mod camera;
mod camera_file;
mod chessboard;
mod color_threshold;
mod components;
mod confidence;
mod depth_checks;
mod depth_file;
mod detect;
mod distortion;
mod draw;
mod edges;
mod expected_plate;
mod foreign_camera;
mod frame;
mod frame_file;
mod image_file;
mod localization;
mod localize;
mod localize_error;
mod localizer_config;
mod mask;
mod near_fit;
mod npy;
mod plate_depth;
mod plate_fit;
mod plate_projection;
mod recording;
mod rotation;
mod rounding;
mod segment;
mod silhouette;
mod surroundings;
mod text_table;
mod tilt;
mod touching;

pub use bounding_box::BoundingBox;
pub use camera::{CameraModel, Intrinsics, IntrinsicsError, LensLimit};
pub use camera_file::{CalibrationRecord, CameraFile, CameraFileError};
pub use chessboard::{Chessboard, CornerCount, CornerCountError, CornerFinder, Print};
pub use color_threshold::ColorThreshold;
pub use depth_file::{DepthFileError, read_depth};
pub use detect::{ColorThresholdDetector, Detection, Detections, Detector, Rejected};
pub use distortion::Distortion;
pub use draw::{draw_bounding_box, draw_localization, draw_mask, draw_plate};
pub use expected_plate::{ExpectedPlate, PlateInView};
pub use foreign_camera::{ForeignCamera, ForeignCameraError};
pub use frame::{DEPTH_UNIT_M, DepthImage, RgbdFrame};
pub use frame_file::{FrameFileError, read_frame};
pub use image_file::{ImageFileError, is_image_name, read_color_image, read_gray_image};
pub use localization::Localization;
pub use localize::Localizer;
pub use localize_error::LocalizeError;
pub use localizer_config::{Center, DepthEstimate, LocalizerConfig, PlateGeometry};
pub use mask::Mask;
pub use plate_projection::PlateProjection;
pub use recording::{FramePaths, Recording, RecordingError, RecordingWriter};
pub use rotation::rotation_from_rows;
pub use rounding::NearPlate;
pub use segment::{ColorThresholdSegmenter, Segmenter};
pub use text_table::{TextRow, TextTable, column_name, listed_name};
pub use tilt::tilt_rad;

/// The error of any detector, segmenter or corner finder.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
