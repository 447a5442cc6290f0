//! Keys of the training schedule: `schedule`.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The largest number of refinements: each doubles the candidates.
pub(crate) const MAX_REFINEMENTS: u32 = 6;

/// Which states count as similar, so that they share a role model (Sec. 3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// The states of a scene: `trials_per_scene` trials in a row, which the arm starts near each other.
    #[default]
    Schedule,
    /// States whose estimated poses are near each other, of all trials so far.
    Similarity,
}

/// Which data the policy learns from, and when (Sec. 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Carries before the first trial: the arm puts the plate down at poses that tell most of the cell's geometry, and the
    /// camera looks. About half a minute each. Default 0; 6 for self-calibration.
    #[key(at_least = 0, at_most = 100)]
    pub carries: u32,
    /// Where the 95 % interval of a pick is wider to each side, in meters, self-calibration abstains: it says that it does not
    /// know the place well enough. Default 0.003, the clearance of the slot on the shelf.
    #[key(above = 0, at_most = 0.1)]
    pub abstain_interval_m: f64,
    /// Self-calibration ends its run as soon as no pick in the region of starts has a wider 95 % interval to each side, in
    /// meters. Default 0: it makes all trials.
    #[key(at_least = 0, at_most = 0.1)]
    pub known_interval_m: f64,
    /// Of so many first trials every other one starts where self-calibration learns most; the others start as drawn. Default
    /// 6.
    #[key(at_least = 0, limit = 1_000_000)]
    pub chosen_starts: u32,
    /// The smooth field that self-calibration adds to shift, turn and scale of the camera, for lens, tilt and what an arm's
    /// joints and lengths leave: its prior standard deviation at 0.15 m from the middle, in meters. 0 leaves it out. Default
    /// 0.0003.
    #[key(at_least = 0, at_most = 0.01)]
    pub residual_field_m: f64,
    /// Trials of a scene, `N`. Default 10.
    #[key(at_least = 1, limit = 100_000)]
    pub trials_per_scene: u32,
    /// Which states share a role model. Default those of a scene, whose starts the arm itself
    /// prepares. Where nobody arranges the starts, `similarity` needs no scenes.
    #[key(kind = "\"schedule\" or \"similarity\"")]
    pub grouping: Grouping,
    /// By `similarity`: how far apart estimated poses may lie, in meters. Default 0.05: far above
    /// a start's jitter, and small beside the region of all starts; untuned.
    #[key(at_least = 0, limit = 100)]
    pub similar_translation_m: f64,
    /// By `similarity`: how far apart their yaws may be, in degrees. Default 15: a quarter of the
    /// range of all starts; untuned.
    #[key(at_least = 0, limit = 360)]
    pub similar_yaw_deg: f64,
    /// Passes over `D_i` whenever its labels are new or have changed: after the scene with the
    /// paper's labels, after each trial with labels of that trial. Default 10.
    #[key(at_least = 0, limit = 10_000)]
    pub scene_epochs: usize,
    /// Whether hindsight labels leave out what the closing jaws added to a deviation
    /// ([`rmrl_core::closing_slide_m`]). Default true.
    pub slide_correction: bool,
    /// Whether hindsight labels take that slide from the cell's geometry, which every carry measures, and not from the action
    /// alone. Default false: in eight cells it made no clear difference (0.33 mm instead of 0.38).
    pub slide_by_geometry: bool,
    /// Trials between replays of the whole `D`, `M`. Default 1: with 10, RM-RL learned too
    /// little of the scenes before the present one. The paper does not say.
    #[key(at_least = 1, limit = 1_000_000)]
    pub replay_interval: u32,
    /// Minibatches of a replay. Default 10.
    #[key(at_least = 0, limit = 10_000)]
    pub replay_batches: usize,
    /// States of a minibatch. Default 16.
    #[key(at_least = 1, limit = 10_000)]
    pub batch_size: usize,
    /// How often training refines the candidates, from coarse to fine: each time it puts another one
    /// in the middle between any two. Default 2: few coarse candidates are soon tried, and fine ones
    /// make the end precise.
    #[key(at_least = 0, at_most = MAX_REFINEMENTS, why = "each doubles the candidates")]
    pub refinements: u32,
    /// Trials from one refinement to the next; it happens between scenes. Default 30: three scenes;
    /// untuned.
    #[key(at_least = 1, limit = 1_000_000)]
    pub refine_interval: u32,
    /// Trials of the earlier run that pretraining labels, if it has to make that run. Default 200,
    /// the paper's number.
    #[key(at_least = 1, limit = 1_000_000)]
    pub pretrain_trials: u32,
    /// Passes over the earlier data in pretraining. Default 30: untuned.
    #[key(at_least = 1, limit = 10_000)]
    pub pretrain_epochs: usize,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            carries: 0,
            abstain_interval_m: 0.003,
            known_interval_m: 0.0,
            chosen_starts: 6,
            residual_field_m: 0.000_3,
            trials_per_scene: 10,
            grouping: Grouping::default(),
            similar_translation_m: 0.05,
            similar_yaw_deg: 15.0,
            scene_epochs: 10,
            slide_correction: true,
            slide_by_geometry: false,
            replay_interval: 1,
            replay_batches: 10,
            batch_size: 16,
            refinements: 2,
            refine_interval: 30,
            pretrain_trials: 200,
            pretrain_epochs: 30,
        }
    }
}

impl ScheduleConfig {
    /// How often the candidates have been refined after `trials` trials.
    pub fn refinements_after(&self, trials: u32) -> u32 {
        let of_whole_scenes = trials - trials % self.trials_per_scene;
        self.refinements.min(of_whole_scenes / self.refine_interval)
    }
}
