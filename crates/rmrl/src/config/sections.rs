//! The sections of a configuration that belong to a whole cell; others are beside what they configure.

use std::path::PathBuf;

use rmrl_cell::DriftConfig;
use rmrl_grounded_sam::{GroundingDinoConfig, SegmentAnythingConfig};
use rmrl_realsense::RealSenseConfig;
use rmrl_vision::{ColorThreshold, LocalizerConfig};
use serde::{Deserialize, Serialize};

/// Which work cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellConfig {
    /// What stands there.
    pub kind: CellKind,
    /// Which laboratory is simulated; each seed is another. Default: the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Who does what a robot cannot. Default `terminal`; a simulated cell needs nobody.
    #[serde(default)]
    pub person: PersonName,
}

/// Who is asked whether the arm may make its first motion, to put a plate into its target, or back where the
/// robot can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonName {
    /// Whoever sits at the terminal.
    #[default]
    Terminal,
    /// Whoever has the operator's page open and its token; the page has to be served.
    Page,
    /// Another program, or the person whom that asks.
    Distant,
}

/// What stands in the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Simulated devices.
    Simulated,
    /// A robot arm of UFACTORY with a BIO gripper, or its emulator; `xarm.model` says which arm. Older files
    /// say `xarm6`.
    #[serde(rename = "xarm", alias = "xarm6")]
    XArm,
}

/// Where pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraSource {
    /// The simulated cell.
    #[default]
    Simulated,
    /// A RealSense camera; in a build with the feature of its name.
    Realsense,
    /// Another program, by TCP.
    Distant,
    /// A recording, for commands that only look: it shows nothing of what the arm does.
    Recorded,
}

/// The candidate values of an action, evenly spaced around zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Candidates of Δx and of Δy to begin with. Default 7.
    pub translations: usize,
    /// Their distance, in millimetres. Default 2.5: with 7 they reach 7.5 mm, what the calibration
    /// and tool errors of a laboratory rarely add up to along the fingers. `schedule.refinements`
    /// halves it as training goes on.
    pub translation_step_mm: f64,
    /// Candidates of Δψ to begin with. Default 13.
    pub rotations: usize,
    /// Their distance, in degrees, refined with the others'. Default 0.5.
    pub rotation_step_deg: f64,
}

/// The overhead camera: its calibration, and whether that still holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// Where pictures come from. Default the simulated cell.
    pub source: CameraSource,
    /// The folder of the recording, where pictures come from one. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<PathBuf>,
    /// The camera file of `rmrl calibrate`. Default none: a simulated cell draws how far its camera is
    /// off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
    /// The largest residual, by `rmrl calibrate check`, with which a run begins, in millimetres.
    /// Default 2: candidates of a few millimetres have to make up for it and the tool's error together.
    pub max_residual_mm: f64,
    /// How long ago a calibration may have been made or last checked, in days. Default 30: mounts sag;
    /// untuned.
    pub max_age_days: f64,
    /// The watch over a board in the camera's view. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftConfig>,
    /// How a RealSense camera is asked for its pictures.
    pub realsense: RealSenseConfig,
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            source: CameraSource::Simulated,
            recording: None,
            calibration: None,
            max_residual_mm: 2.0,
            max_age_days: 30.0,
            drift: None,
            realsense: RealSenseConfig::default(),
        }
    }
}

/// How to find the plate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// What finds the plate in the picture. Default `color`: it needs no model file.
    pub detector: DetectorName,
    /// What finds its pixels. Default `color`.
    pub segmenter: SegmenterName,
    /// From mask and depth to the pose.
    pub localizer: LocalizerConfig,
    /// The embedded detector and segmenter.
    pub color: ColorThreshold,
    /// The paper's detector; its files are opened where it is chosen.
    pub grounding_dino: GroundingDinoConfig,
    /// The paper's segmenter.
    pub segment_anything: SegmentAnythingConfig,
}

/// What finds plates in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorName {
    /// Dark rectangles on a lighter table.
    #[default]
    Color,
    /// What a text describes, by Grounding DINO.
    GroundingDino,
}

/// What finds a plate's pixels in its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmenterName {
    /// The largest dark object.
    #[default]
    Color,
    /// Segment Anything.
    SegmentAnything,
}

/// How runs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// The threshold `τ` of Eq. 15. Default 0.97: 3 mm.
    pub reward_threshold: f64,
    /// The factor of the moving average, `m_t = f m_{t-1} + (1 - f) r_t`. Default 0.9.
    pub smoothing: f64,
    /// How often the resting plate is localised to measure the noise floor. Default 20.
    pub noise_floor_repeats: usize,
}

/// What is kept of each trial, besides its line in the log and its colour pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// Whether to keep depth pictures, too. Default true.
    pub depth: bool,
}
