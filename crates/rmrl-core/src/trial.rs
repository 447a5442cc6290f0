//! One trial: its observation, its decision and its outcome.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ActionIndex, Carry, DIMENSIONS, Look, Observation, PlacementError, PlanarPose, PoseAdjustment,
};

/// The name of one attempt at one trial, unique within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialId {
    /// The trial, counted from 1. A run of 150 trials ends with trial 150.
    pub trial: u32,
    /// The attempt at it, counted from 1. Above 1 only after a fault.
    pub attempt: u32,
    /// The scene, counted from 1, whose trials start from similar states (Sec. 3.3.1).
    pub scene: u32,
    /// What the trial is for.
    pub purpose: Purpose,
}

/// What a trial is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To learn: the policy samples its action.
    #[default]
    Training,
    /// To test the policy as it would be deployed: it takes its most likely action. A test is a scene of its own.
    Test,
}

impl Purpose {
    /// Whether it is training, which logs leave out.
    pub fn is_training(&self) -> bool {
        *self == Self::Training
    }
}

impl TrialId {
    /// The name of an attempt at a training trial.
    pub fn new(trial: u32, attempt: u32, scene: u32) -> Self {
        Self { trial, attempt, scene, purpose: Purpose::Training }
    }

    /// Whether the trial tests the policy.
    pub fn is_test(&self) -> bool {
        self.purpose == Purpose::Test
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_test() { "test trial" } else { "trial" }, self.trial)?;
        if self.attempt > 1 {
            write!(f, " (attempt {})", self.attempt)?;
        }
        Ok(())
    }
}

/// The action chosen in a state, and how it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The adjustment `a` to pick with.
    pub adjustment: PoseAdjustment,
    /// The candidates of the adjustment; `None` if it is not made of candidates, such as a constant offset.
    pub index: Option<ActionIndex>,
    /// The policy's probability of every candidate, by dimension; `None` if no policy chose.
    pub probabilities: Option<[Vec<f32>; DIMENSIONS]>,
    /// Half the width of the 95 % interval in which the policy expects the placed plate, in meters from its target; `None`
    /// if it does not know.
    pub interval_m: Option<f64>,
    /// Whether a deployed policy corrected nothing because the state was unlike its training states. Always
    /// false in training.
    pub abstained: bool,
}

/// The outcome of a completed trial. It follows from the action, so the policy can learn from it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The plate was placed and its final pose measured.
    Placed(Placement),
    /// The plate was not carried to the target. The reward is 0; the trial is never a role model and has no
    /// hindsight label.
    NotGrasped(GraspFailure),
    /// An environment that is no cell of plates judged the action.
    Judged(Judgment),
}

/// What an environment says of an action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgment {
    /// The reward.
    pub reward: f64,
    /// The values of the candidates that would have been best, by dimension, as far as the environment says afterwards.
    pub best: [Option<f64>; DIMENSIONS],
}

impl Outcome {
    /// The reward of the trial: the measured one, that of the environment, or 0 if nothing was placed.
    pub fn reward(&self) -> f64 {
        match self {
            Self::Placed(placement) => placement.reward,
            Self::NotGrasped(_) => 0.0,
            Self::Judged(judgment) => judgment.reward,
        }
    }

    /// The measured translation error, in meters; `None` if nothing was placed.
    pub fn e_trans_m(&self) -> Option<f64> {
        Some(self.placement()?.error.e_trans_m)
    }

    /// The placement, if the plate was placed.
    pub fn placement(&self) -> Option<&Placement> {
        match self {
            Self::Placed(placement) => Some(placement),
            Self::NotGrasped(_) | Self::Judged(_) => None,
        }
    }

    /// Whether the action can be a role model: it led to more than a failed grasp.
    pub fn can_be_model(&self) -> bool {
        !matches!(self, Self::NotGrasped(_))
    }
}

/// A measured placement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Where the arm picked, `P_pick` of Eq. 1: the commanded pose.
    pub pick_pose: PlanarPose,
    /// Where the camera saw the plate afterwards.
    pub final_pose: PlanarPose,
    /// By how much the picture says that this is off, as in [`Look::error_m`].
    pub final_look_error_m: Option<[f64; 2]>,
    /// The target, as the same camera saw it before training.
    pub target_pose: PlanarPose,
    /// The errors of Eq. 9 and 10.
    pub error: PlacementError,
    /// The reward of Eq. 11.
    pub reward: f64,
    /// Whether the plate sits in its place according to the camera: level, and within the task's tolerance.
    pub seated: bool,
}

impl Trial {
    /// All carries that it tells of, oldest first: how the arm brought the plate, and how it placed it with the tool opening
    /// at `place`.
    pub fn carries(&self, place: PlanarPose) -> Vec<Carry> {
        let mut carries = self.observation.carries.clone();
        carries.extend(self.outcome.placement().map(|placement| Carry {
            seen_before: Some(self.observation.look()),
            grasped: placement.pick_pose,
            released: place,
            seen_after: placement.final_look(),
        }));
        carries
    }
}

impl Placement {
    /// The look at the placed plate.
    pub fn final_look(&self) -> Look {
        Look { pose: self.final_pose, error_m: self.final_look_error_m }
    }
}

/// Why a plate was not carried to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraspFailure {
    /// The fingers met the plate from above instead of passing beside it.
    FingerOnPlate,
    /// The jaws closed on nothing.
    Missed,
    /// The gripper held the plate and lost it on the way to the place.
    Slipped,
}

impl fmt::Display for GraspFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FingerOnPlate => "a finger came down on the plate",
            Self::Missed => "the jaws closed on nothing",
            Self::Slipped => "the plate slipped from the jaws",
        })
    }
}

/// A failure that says nothing about the action of its trial. The trial is recorded and repeated, and the
/// policy never learns from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {reason}")]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// The reason, for people.
    pub reason: String,
}

/// What failed in a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A camera, an arm or a gripper.
    Device,
    /// The camera could not localize the plate.
    Localization,
    /// The robot no longer knows where the plate is. The operator has to put it back.
    LostPlate,
    /// The safety envelope refused a motion.
    Refused,
    /// The camera has moved. It has to be calibrated again.
    Drift,
    /// A device stands still until the operator attends to it, because of a stop button or a broken servo.
    Stopped,
    /// Someone stopped the run and the arm.
    Interrupted,
    /// The gripper contradicts the camera. It reported a plate that was never carried, or it reported none
    /// although the plate was moved.
    FalseGrasp,
    /// The arm met something where no contact was expected. It stands there until the operator has looked.
    Contact,
    /// The gripper found nothing to hold, again and again. The operator has to look at it.
    NothingHeld,
    /// Camera or tool are farther off from what they are configured to be than a correction should make good.
    Geometry,
}

impl FaultKind {
    /// Whether trying again cannot help before the operator has come.
    pub fn needs_operator(self) -> bool {
        match self {
            Self::Drift
            | Self::Stopped
            | Self::Interrupted
            | Self::Contact
            | Self::NothingHeld
            | Self::Geometry => true,
            Self::Device
            | Self::Localization
            | Self::LostPlate
            | Self::Refused
            | Self::FalseGrasp => false,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "device fault",
            Self::Localization => "localization failed",
            Self::LostPlate => "plate lost",
            Self::Refused => "motion refused",
            Self::Drift => "camera moved",
            Self::Stopped => "device stopped",
            Self::Interrupted => "interrupted",
            Self::FalseGrasp => "gripper contradicted",
            Self::Contact => "unexpected contact",
            Self::NothingHeld => "nothing held",
            Self::Geometry => "geometry refused",
        })
    }
}

/// The result of a step: the outcome of the action, or a fault that says nothing about it.
pub type StepResult = Result<Outcome, Fault>;

/// A completed trial, which the policy can learn from.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of the trial.
    pub id: TrialId,
    /// The state `s`.
    pub observation: Observation,
    /// The action `a`.
    pub decision: Decision,
    /// The outcome.
    pub outcome: Outcome,
}

/// An attempt that a fault cut short. It has no reward and is not a [`Trial`], so nothing can learn from it.
#[derive(Debug, Clone)]
pub struct FaultedTrial {
    /// The name of the attempt.
    pub id: TrialId,
    /// The observation and the decision, if the fault came after them.
    pub attempted: Option<(Observation, Decision)>,
    /// The fault.
    pub fault: Fault,
}

/// The report to the observers of a run after each attempt.
#[derive(Debug, Clone, Copy)]
pub enum TrialReport<'a> {
    /// A completed trial.
    Completed(&'a Trial),
    /// An attempt that a fault cut short. The trial will be repeated.
    Faulted(&'a FaultedTrial),
}

impl TrialReport<'_> {
    /// The attempt that the report is about.
    pub fn id(&self) -> TrialId {
        match self {
            Self::Completed(trial) => trial.id,
            Self::Faulted(trial) => trial.id,
        }
    }
}
