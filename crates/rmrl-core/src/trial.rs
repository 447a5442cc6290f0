//! One trial: what was seen, decided, and how it ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ActionIndex, DIMENSIONS, Observation, PlacementError, PlanarPose, PoseAdjustment};

/// Names one attempt at one trial; unique within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialId {
    /// The trial, counted from 1. A run of 150 trials ends with trial 150.
    pub trial: u32,
    /// The attempt at it, counted from 1. Above 1 only after a fault.
    pub attempt: u32,
    /// The scene, counted from 1, whose trials start from similar states (Sec. 3.3.1).
    pub scene: u32,
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trial {}", self.trial)?;
        if self.attempt > 1 {
            write!(f, " (attempt {})", self.attempt)?;
        }
        Ok(())
    }
}

/// What to do in a state, and how that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The adjustment `a` to pick with.
    pub adjustment: PoseAdjustment,
    /// Its candidates; `None` where the adjustment is not made of candidates (a constant offset).
    pub index: Option<ActionIndex>,
    /// The policy's probabilities of every candidate, by dimension; `None` where no policy was
    /// asked.
    pub probabilities: Option<[Vec<f32>; DIMENSIONS]>,
    /// Whether a deployed policy was asked about a state unlike any it was trained on, and corrected
    /// nothing. Never in training.
    pub abstained: bool,
}

/// How a completed trial ended: a true outcome of its action, fit to learn from.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The plate was placed and its final pose measured.
    Placed(Placement),
    /// The plate was not carried to the target. Reward 0; never a role model, no hindsight label.
    NotGrasped(GraspFailure),
}

impl Ending {
    /// The reward of the trial: the measured one, or 0 where nothing was placed.
    pub fn reward(&self) -> f64 {
        match self {
            Self::Placed(placement) => placement.reward,
            Self::NotGrasped(_) => 0.0,
        }
    }

    /// The placement, if the plate was placed.
    pub fn placement(&self) -> Option<&Placement> {
        match self {
            Self::Placed(placement) => Some(placement),
            Self::NotGrasped(_) => None,
        }
    }
}

/// A measured placement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Where the arm picked, `P_pick` of Eq. 1: the commanded pose.
    pub pick_pose: PlanarPose,
    /// Where the camera saw the plate afterwards.
    pub final_pose: PlanarPose,
    /// The target as the same camera saw it before training.
    pub target_pose: PlanarPose,
    /// The errors of Eq. 9 and 10.
    pub error: PlacementError,
    /// The reward of Eq. 11.
    pub reward: f64,
    /// Whether, by the camera, the plate sits in its place: level, and within the task's tolerance.
    pub seated: bool,
}

/// Why a plate was not carried to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraspFailure {
    /// The fingers met the plate from above instead of passing beside it.
    FingerOnPlate,
    /// The jaws closed on nothing.
    Missed,
    /// The plate was held, and lost before the place was reached.
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

/// What kept a trial from saying anything about its action. Recorded, repeated, never learnt from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {reason}")]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// Why, for a person to read.
    pub reason: String,
}

/// What failed in a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A camera, an arm or a gripper.
    Device,
    /// The plate was in the picture's reach and could not be localised.
    Localization,
    /// The robot no longer knows where the plate is; a person has to put it back.
    LostPlate,
    /// The safety envelope refused a motion.
    Refused,
    /// The camera no longer sees the world where it did; only calibrating it again helps.
    Drift,
    /// A device stands until a person has been there: a stop button, a broken servo.
    Stopped,
    /// Somebody stopped the run, and the arm with it.
    Interrupted,
    /// What the gripper said of a plate is not what the camera saw: it said that it held one that was never
    /// carried, or that it held none, and the plate had been moved.
    FalseGrasp,
    /// The arm met something where no contact was expected, and stands there until a person has looked.
    Contact,
    /// The gripper found nothing to hold, again and again: a person has to look at it.
    NothingHeld,
}

impl FaultKind {
    /// Whether trying again cannot help: a person has to come first.
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Drift | Self::Stopped | Self::Interrupted | Self::Contact | Self::NothingHeld => {
                true
            }
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
            Self::Localization => "localisation failed",
            Self::LostPlate => "plate lost",
            Self::Refused => "motion refused",
            Self::Drift => "camera moved",
            Self::Stopped => "device stopped",
            Self::Interrupted => "interrupted",
            Self::FalseGrasp => "gripper contradicted",
            Self::Contact => "unexpected contact",
            Self::NothingHeld => "nothing held",
        })
    }
}

/// What the environment makes of an action: an ending, or a fault that says nothing about it.
pub type Outcome = Result<Ending, Fault>;

/// A completed trial, fit to learn from.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Which one.
    pub id: TrialId,
    /// The state `s`.
    pub observation: Observation,
    /// The action `a`.
    pub decision: Decision,
    /// What came of it.
    pub ending: Ending,
}

/// An attempt cut short by a fault. It has no reward and is no [`Trial`], so nothing can learn
/// from it.
#[derive(Debug, Clone)]
pub struct FaultedTrial {
    /// Which one.
    pub id: TrialId,
    /// What was seen and decided, if it came to that.
    pub attempted: Option<(Observation, Decision)>,
    /// What went wrong.
    pub fault: Fault,
}

/// What an observer of a run is told after each attempt.
#[derive(Debug, Clone, Copy)]
pub enum TrialReport<'a> {
    /// A completed trial.
    Completed(&'a Trial),
    /// An attempt that a fault cut short; the trial will be repeated.
    Faulted(&'a FaultedTrial),
}

impl TrialReport<'_> {
    /// Which attempt the report is of.
    pub fn id(&self) -> TrialId {
        match self {
            Self::Completed(trial) => trial.id,
            Self::Faulted(trial) => trial.id,
        }
    }
}
