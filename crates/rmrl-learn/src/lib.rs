//! Role-Model Reinforcement Learning: the policy network, the methods, and the loop.
//!
//! [`train`] is the whole method of the paper. The differences between the methods are values it is
//! given: a [`Method`] of an on-line update, a labelling strategy and a replay rule. The cell is
//! known only as an [`rmrl_core::Env`], the log only as an [`Observer`].

mod actor_critic;
mod adam;
mod behaviour;
mod checkpoint;
mod collect;
mod compute;
mod config;
mod encoder;
mod goal;
mod input;
mod labelling;
mod memory;
mod method;
mod network;
#[cfg(test)]
mod parity;
mod policy;
mod pretrain;
mod support;
mod trainer;
mod update;
mod weights;

pub use actor_critic::{ActorCritic, Ppo};
pub use behaviour::{
    Behaviour, ConstantOffset, Greedy, NoCorrection, Oracle, RandomCorrection, run_trials,
};
pub use checkpoint::{CheckpointError, Notes, read_notes};
pub use collect::{Observer, ObserverError, Recorded, RunError};
pub use config::{
    ComputeDevice, EncoderConfig, EncoderWeights, Grouping, LearnConfigError, OnlineConfig,
    PolicyConfig, ScheduleConfig, ViewName,
};
pub use encoder::{EncoderExample, EncoderTrainer, EncoderTraining};
pub use goal::{EarlyEnd, Goal};
pub use input::PoseScaling;
pub use labelling::{BestOfScene, BestOfSimilar, Hindsight, Labelling, TrialLabel, role_models};
pub use memory::{Experience, Memory};
pub use method::{Method, MethodName, UnknownMethod};
pub use network::{ImageView, NetworkShape, NormKind};
pub use policy::{EncodedState, Policy, most_likely, sample};
pub use pretrain::{EarlierData, pretrain};
pub use support::{Support, SupportConfig, Unlikeness};
pub use trainer::{Learner, train};
pub use update::{OnlineUpdate, Reinforce, ReplayRule};
pub use weights::WeightsError;
