//! The sections of a configuration that belong to a whole cell; others are beside what they configure.

use std::path::PathBuf;

use rmrl_cell::DriftConfig;
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use rmrl_grounded_sam::{GroundingDinoConfig, SegmentAnythingConfig};
use rmrl_realsense::RealSenseConfig;
use rmrl_vision::{ColorThreshold, LocalizerConfig};
use serde::{Deserialize, Serialize};

/// Which work cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct CellConfig {
    /// What stands in the cell.
    #[key(kind = "\"simulated\", \"xarm\" or \"external\"")]
    pub kind: CellKind,
    /// Which laboratory is simulated; each seed is another. Default: the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[key(at_least = 0, at_most = u32::MAX)]
    pub seed: Option<u32>,
    /// The operator, who does what a robot cannot. Default `terminal`; a simulated cell needs none.
    #[serde(default)]
    #[key(kind = "\"terminal\", \"page\", \"remote\" or \"external\"")]
    pub operator: OperatorKind,
}

/// The operator who lets the arm make its first motion, and puts plates into their target or back where the
/// robot can reach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorKind {
    /// The operator at the terminal.
    #[default]
    Terminal,
    /// An operator who has the page open and its token; the page has to be served.
    Page,
    /// Another program, or the operator whom it asks.
    Remote,
    /// What the program that runs this brings: a class in Python, or code in Rust.
    External,
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
    /// The arm and the gripper that the program that runs this brings: classes in Python, or code in Rust.
    External,
}

/// Where frames come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraSource {
    /// The simulated cell.
    #[default]
    Simulated,
    /// A RealSense camera; in a build with the feature of its name.
    Realsense,
    /// Another program, by TCP.
    Remote,
    /// The camera that the program that runs this brings.
    External,
    /// A recording, for commands that only look: it shows nothing of what the arm does.
    Playback,
}

/// The candidate values of an action, evenly spaced around zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Candidates of Δx and of Δy to begin with. Default 7.
    #[key(at_least = 1, at_most = 1001)]
    pub translation_bins: usize,
    /// The distance between candidates of Δx and Δy, in millimeters. Default 2.5: 7 candidates reach 7.5 mm, which
    /// the calibration and tool errors of a laboratory rarely exceed. Each of `schedule.refinements` halves it.
    #[key(above = 0, at_most = 1000)]
    pub translation_step_mm: f64,
    /// Candidates of Δψ to begin with. Default 13.
    #[key(at_least = 1, at_most = 1001)]
    pub rotation_bins: usize,
    /// The distance between candidates of Δψ, in degrees. Default 0.5. Refined with the others.
    #[key(above = 0, at_most = 360)]
    pub rotation_step_deg: f64,
}

/// The overhead camera: its calibration, and whether that still holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct CameraConfig {
    /// Where frames come from; `playback` is for commands that only look. Default `simulated`.
    #[key(kind = "\"simulated\", \"realsense\", \"remote\", \"external\" or \"playback\"")]
    pub source: CameraSource,
    /// The folder of the recording that is played back, where `source` is `playback`. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<PathBuf>,
    /// The camera file of `rmrl calibrate`. Default none: a simulated cell draws how far its camera is
    /// off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
    /// The largest residual, by `rmrl calibrate check`, with which a run begins, in millimeters.
    /// Default 2: candidates of a few millimeters have to make up for it and the tool's error together.
    #[key(above = 0, at_most = 1000)]
    pub max_residual_mm: f64,
    /// How long ago a calibration may have been made or last checked, in days. Default 30: mounts sag;
    /// untuned.
    #[key(above = 0, at_most = 100_000)]
    pub max_age_days: f64,
    /// The drift monitor: watches a board in the camera's view. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[key(nested)]
    pub drift: Option<DriftConfig>,
    /// The streams of a RealSense camera.
    #[key(nested)]
    pub realsense: RealSenseConfig,
}

impl CameraConfig {
    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        let is_playback = self.source == CameraSource::Playback;
        let (value, expected) = match is_playback {
            true => {
                ("not given", "the folder of `rmrl record`, because camera.source is \"playback\"")
            }
            false => ("given", "none, or camera.source = \"playback\""),
        };
        check.require("recording", value, is_playback == self.recording.is_some(), expected)
    }
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// What finds the plate in the image. Default `color`: it needs no model file.
    #[key(kind = "\"color\" or \"grounding-dino\"")]
    pub detector: DetectorName,
    /// What finds the pixels of the plate. Default `color`.
    #[key(kind = "\"color\" or \"segment-anything\"")]
    pub segmenter: SegmenterName,
    /// From mask and depth to the pose.
    #[key(nested)]
    pub localizer: LocalizerConfig,
    /// The embedded detector and segmenter.
    #[key(nested)]
    pub color: ColorThreshold,
    /// The paper's detector; its files are opened where it is chosen.
    #[key(nested)]
    pub grounding_dino: GroundingDinoConfig,
    /// The paper's segmenter.
    #[key(nested)]
    pub segment_anything: SegmentAnythingConfig,
    /// The network that reads in pictures by how much the localizer errs, for methods that use one. Default `plates`: the
    /// one that comes with this program.
    #[key(kind = "\"plates\", or a file of rmrl encoder look-error")]
    #[serde(default)]
    pub look_error: LookErrorWeights,
}

/// The weights of the network of look errors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum LookErrorWeights {
    /// `plates`: those that come with this program.
    #[default]
    Plates,
    /// Anything else is a file of `rmrl encoder look-error`.
    File(PathBuf),
}

impl From<String> for LookErrorWeights {
    fn from(name: String) -> Self {
        match name.as_str() {
            "plates" => Self::Plates,
            _ => Self::File(name.into()),
        }
    }
}

impl From<LookErrorWeights> for String {
    fn from(weights: LookErrorWeights) -> Self {
        match weights {
            LookErrorWeights::Plates => "plates".to_string(),
            LookErrorWeights::File(path) => path.display().to_string(),
        }
    }
}

/// What finds plates in images.
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// The threshold `τ` of Eq. 15. Default 0.97: 3 mm.
    #[key(at_least = 0, below = 1)]
    pub reward_threshold: f64,
    /// The factor of the moving average, `m_t = f m_{t-1} + (1 - f) r_t`. Default 0.9.
    #[key(at_least = 0, below = 1)]
    pub smoothing: f64,
    /// How often the resting plate is localized to measure the noise floor. Default 20.
    #[key(at_least = 2, limit = 1000, why = "noise shows in differences")]
    pub noise_floor_repeats: usize,
    /// Every how many trials two images go to TensorBoard's event file, with the found plate drawn; 0 for none. Default 10:
    /// 0.3 MB in a run of 150 trials.
    #[key(at_least = 0, limit = 1_000_000)]
    pub image_interval: u32,
}

/// What is kept of each trial, besides its line in the log and its color images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// Whether to keep depth images, too. Default true.
    pub depth: bool,
    /// Whether to keep images exactly as the camera took them. Default false: far from the plate colors are rounded to
    /// steps of 16 and depths to 16 units, so that files are half as large. What the policy sees and what the color
    /// detector finds stays the same to the last bit. Where more of the image counts (`policy.view = "global"`, another
    /// detector or segmenter, no plate found), it is always kept exactly.
    pub exact: bool,
}
