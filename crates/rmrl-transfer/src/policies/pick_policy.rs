//! What a transfer asks of a policy, and what it gives for policies to learn from.

use jiff::Timestamp;
use rmrl_core::{Look, Observation, PlanarPose};
use rmrl_labware::Labware;

use super::policy_pair::PolicyPair;

/// Says where the jaws close on a plate that the camera sees.
pub trait PickPolicy: Send {
    /// The pose of the tool, as commanded, in the world frame, in which the jaws close on what was seen, so that it lies right
    /// where the taught pose releases it.
    ///
    /// # Errors
    /// It abstains; why, in words.
    fn pick(&mut self, seen: &Observation, labware: &Labware) -> Result<PlanarPose, String>;
}

/// A transfer whose outcome the camera saw, as a trial: what a policy could learn from it.
#[derive(Debug, Clone)]
pub struct TransferTrial {
    /// When it ended.
    pub time: Timestamp,
    /// Between which sites, and of which labware.
    pub pair: PolicyPair,
    /// What chose the pick: the name of a policy, or [`super::BELIEF`].
    pub corrected_by: String,
    /// What the camera saw before.
    pub seen: Observation,
    /// The pose of the tool where the jaws closed, as commanded; in the world frame, meters and radians.
    pub pick: PlanarPose,
    /// Where they opened, in the same way.
    pub place: PlanarPose,
    /// Where the camera saw the item afterwards.
    pub seen_after: Look,
    /// Where it would have seen one that lies right, in the world frame, meters and radians.
    pub target: PlanarPose,
    /// Half the width of the 95 % interval in which it was expected, in meters.
    pub interval_m: f64,
    /// Whether it lies within the site's tolerance.
    pub is_seated: bool,
}

/// Keeps the trials that transfers were.
pub trait KeepTrials: Send {
    /// Keeps one.
    ///
    /// # Errors
    /// It cannot be written; why, in words. The transfer is done all the same.
    fn keep(&mut self, trial: &TransferTrial) -> Result<(), String>;
}
