//! The methods of the paper's comparison (Sec. 4.2) and others, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Method;
use super::actor_critic::{ActorCritic, Ppo};
use super::labeling::{Hindsight, Labeling, role_models};
use super::update::{OnlineUpdate, Reinforce, ReplayRule};
use crate::config::{OnlineConfig, ScheduleConfig};

/// A method by its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum MethodName {
    /// Standard RL: policy gradient only.
    Reinforce,
    /// RL + Replay Buffer: policy gradient, also on stored trials.
    Replay,
    /// Role-Model RL, the paper's method.
    #[default]
    RmRl,
    /// Role-Model RL from a policy pretrained on an earlier run's labels.
    RmRlPretrained,
    /// Role-Model RL with labels from each trial's own deviation instead of the best of its scene.
    Hindsight,
    /// Proximal policy optimization.
    Ppo,
    /// Proximal policy optimization with the role model's labels.
    PpoRmRl,
    /// Advantage actor-critic.
    ActorCritic,
    /// Advantage actor-critic with the role model's labels.
    ActorCriticRmRl,
    /// Self-calibration: act by the cell's geometry, which every carry measures.
    SelfCalibration,
    /// Self-calibration, with a network that reads in each picture by how much the localizer errs.
    SelfCalibrationResidual,
    /// No correction: pick at the estimated pose.
    None,
    /// A random candidate each time.
    Random,
    /// One offset, averaged over the first trials: what an engineer would set by hand.
    Constant,
    /// The best candidate by the simulator's truth, which no policy can beat.
    Oracle,
    /// What a cell with a known geometry does with the localizer's estimate.
    CalibratedOracle,
    /// A camera calibrated by a board, and no correction.
    Chessboard,
}

impl MethodName {
    /// The method of a run that names none: what is precise after the fewest robot minutes. [`Self::default`] is the
    /// paper's.
    pub const RECOMMENDED: Self = Self::SelfCalibrationResidual;

    /// Every method, in the order of the tables.
    pub const ALL: [Self; 17] = [
        Self::Reinforce,
        Self::Replay,
        Self::RmRl,
        Self::RmRlPretrained,
        Self::Hindsight,
        Self::Ppo,
        Self::PpoRmRl,
        Self::ActorCritic,
        Self::ActorCriticRmRl,
        Self::SelfCalibration,
        Self::SelfCalibrationResidual,
        Self::None,
        Self::Chessboard,
        Self::Random,
        Self::Constant,
        Self::Oracle,
        Self::CalibratedOracle,
    ];

    /// The name in commands and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reinforce => "reinforce",
            Self::Replay => "replay",
            Self::RmRl => "rm-rl",
            Self::RmRlPretrained => "rm-rl-pretrained",
            Self::Hindsight => "hindsight",
            Self::Ppo => "ppo",
            Self::PpoRmRl => "ppo-rm-rl",
            Self::ActorCritic => "actor-critic",
            Self::ActorCriticRmRl => "actor-critic-rm-rl",
            Self::SelfCalibration => "self-calibration",
            Self::SelfCalibrationResidual => "self-calibration-residual",
            Self::None => "none",
            Self::Random => "random",
            Self::Constant => "constant",
            Self::Oracle => "oracle",
            Self::CalibratedOracle => "calibrated-oracle",
            Self::Chessboard => "chessboard",
        }
    }

    /// The name in the paper's tables and in this project's reports.
    pub fn title(self) -> &'static str {
        match self {
            Self::Reinforce => "Standard RL",
            Self::Replay => "RL + Replay Buffer",
            Self::RmRl => "RM-RL",
            Self::RmRlPretrained => "Pretrained RM-RL",
            Self::Hindsight => "Hindsight",
            Self::Ppo => "PPO",
            Self::PpoRmRl => "PPO + role model",
            Self::ActorCritic => "Actor-critic",
            Self::ActorCriticRmRl => "Actor-critic + role model",
            Self::SelfCalibration => "Self-calibration",
            Self::SelfCalibrationResidual => "Self-calibration + residual",
            Self::None => "No correction",
            Self::Random => "Random",
            Self::Constant => "Constant offset",
            Self::Oracle => "Oracle",
            Self::CalibratedOracle => "Calibrated oracle",
            Self::Chessboard => "Chessboard",
        }
    }

    /// A description in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Reinforce => "Standard RL: policy gradient only",
            Self::Replay => "RL + Replay Buffer: policy gradient, also on stored trials",
            Self::RmRl => "Role-Model RL, the paper's method",
            Self::RmRlPretrained => {
                "Role-Model RL from a pretrained policy; makes an earlier run first if none is given"
            }
            Self::Hindsight => "Role-Model RL with a label from each trial's own deviation",
            Self::Ppo => "proximal policy optimization, after each scene",
            Self::PpoRmRl => "proximal policy optimization, and the role model's labels",
            Self::ActorCritic => "advantage actor-critic: policy gradient against a learned value",
            Self::ActorCriticRmRl => "advantage actor-critic, and the role model's labels",
            Self::SelfCalibration => "geometry that every carry measures: no candidates, no reward",
            Self::SelfCalibrationResidual => {
                "the same, with a network that sees in pictures how the localizer errs"
            }
            Self::None => "no correction: pick at the estimated pose",
            Self::Random => "a random candidate each time",
            Self::Constant => "one offset, averaged over the first ten trials",
            Self::Oracle => "the best candidate by the simulator's truth",
            Self::CalibratedOracle => "what a known geometry makes of the localizer's estimate",
            Self::Chessboard => {
                "a camera calibrated by a board, no correction; simulated cells only"
            }
        }
    }

    /// The learning method of this name; `None` for a baseline that learns no policy.
    pub fn method(self, schedule: &ScheduleConfig, online: &OnlineConfig) -> Option<Method> {
        let online: Box<dyn OnlineUpdate> = match self {
            Self::Reinforce
            | Self::Replay
            | Self::RmRl
            | Self::RmRlPretrained
            | Self::Hindsight => Box::new(Reinforce),
            Self::ActorCritic | Self::ActorCriticRmRl => Box::new(ActorCritic { config: *online }),
            Self::Ppo | Self::PpoRmRl => Box::new(Ppo { config: *online }),
            Self::SelfCalibration
            | Self::SelfCalibrationResidual
            | Self::None
            | Self::Random
            | Self::Constant
            | Self::Oracle
            | Self::CalibratedOracle
            | Self::Chessboard => return None,
        };
        let (labeling, replay): (Option<Box<dyn Labeling>>, _) = match self {
            Self::Replay => (None, ReplayRule::PolicyGradient),
            Self::RmRl | Self::RmRlPretrained | Self::ActorCriticRmRl | Self::PpoRmRl => {
                (Some(role_models(schedule)), ReplayRule::Labels)
            }
            Self::Hindsight => (
                Some(Box::new(Hindsight { knows_slide: schedule.slide_correction })),
                ReplayRule::Labels,
            ),
            _ => (None, ReplayRule::None),
        };
        Some(Method { online: Some(online), labeling, replay })
    }

    /// Whether it learns a policy network.
    pub fn learns(self) -> bool {
        !matches!(
            self,
            Self::SelfCalibration
                | Self::SelfCalibrationResidual
                | Self::None
                | Self::Random
                | Self::Constant
                | Self::Oracle
                | Self::CalibratedOracle
                | Self::Chessboard
        )
    }

    /// Whether it acts by the cell's geometry, which every carry measures.
    pub fn is_self_calibration(self) -> bool {
        matches!(self, Self::SelfCalibration | Self::SelfCalibrationResidual)
    }

    /// Whether a network reads each picture for it.
    pub fn reads_pictures(self) -> bool {
        self == Self::SelfCalibrationResidual
    }

    /// Whether it compares the trials of a scene, and so needs two or more of them.
    pub fn compares_trials_of_a_scene(self) -> bool {
        matches!(self, Self::Ppo | Self::PpoRmRl)
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name of no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no method; the methods are {}", MethodName::ALL.map(MethodName::as_str).join(", "))]
pub struct UnknownMethod {
    /// The given name.
    pub name: String,
}

impl FromStr for MethodName {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
            .ok_or_else(|| UnknownMethod { name: name.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_unknown_ones_list_the_known() {
        for method in MethodName::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            let parts = method.method(&ScheduleConfig::default(), &OnlineConfig::default());
            assert_eq!(parts.is_some(), method.learns());
        }
        let error = "rmrl".parse::<MethodName>().unwrap_err().to_string();
        assert!(error.contains("\"rmrl\"") && error.contains("rm-rl-pretrained"), "{error}");
    }
}
