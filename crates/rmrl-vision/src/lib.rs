//! From an overhead RGB-D image to the pose of a plate (Sec. 3.4).
//!
//! Colour image -> [`Detector`] -> box -> [`Segmenter`] -> mask -> [`Localizer`] (mean depth over
//! the mask, back-projection, world transform, yaw by PCA) -> [`Localization`].
//!
//! Pixel coordinates follow OpenCV: `u` to the right, `v` down, the centre of the first pixel at
//! `(0, 0)`. Camera frame: x right, y down, z forward along the optical axis. World frame: the
//! robot's base, z up. Transforms are named `target_from_source`.

mod camera;
mod camera_file;
mod chessboard;
mod color_threshold;
mod components;
mod detect;
mod draw;
mod edges;
mod frame;
mod frame_file;
mod localize;
mod localizer_config;
mod mask;
mod recording;
mod segment;
mod silhouette;
mod tilt;

pub use camera::{CameraModel, Distortion, Intrinsics, IntrinsicsError};
pub use camera_file::{CalibrationRecord, CameraFile, CameraFileError};
pub use chessboard::{Chessboard, ChessboardError, CornerCount, CornerFinder, Print};
pub use color_threshold::{ColorThreshold, ColorThresholdError};
pub use detect::{BoundingBox, ColorThresholdDetector, Detection, Detections, Detector, Rejected};
pub use draw::{draw_bounding_box, draw_localization, draw_mask, draw_plate};
pub use frame::{DEPTH_UNIT_M, DepthImage, RgbdFrame};
pub use frame_file::{FrameFileError, read_frame};
pub use localize::{Localization, LocalizeError, Localizer};
pub use localizer_config::{Centre, LocalizerConfig, LocalizerConfigError, PlateGeometry};
pub use mask::Mask;
pub use recording::{FramePaths, Recording, RecordingError, RecordingWriter};
pub use segment::{ColorThresholdSegmenter, Segmenter};
pub use tilt::tilt_rad;

/// The error of a detector or segmenter of anybody's making.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
