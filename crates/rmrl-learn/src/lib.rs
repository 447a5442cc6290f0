//! Role-Model Reinforcement Learning: the policy network, the methods, and the training.
//!
//! [`Training`] is the method of the paper. Methods differ in values: a [`Method`] has an on-line
//! update, a labeling strategy and a replay rule. The cell is an [`rmrl_core::Env`], the log an
//! [`Observer`].
//!
//! The rooms, each of which uses only those above it:
//! - `config`: the keys of policy, schedule and on-line update
//! - `network`: ResNet, pose MLP, heads and their initial weights
//! - `storage`: `.safetensors` and `.pth` files
//! - `policy`: network and optimizer; `state` and `observation_encoding` (its input), `inference` (its
//!   decisions), `look_error` (by how much the localizer
//!   errs in a picture), `losses`, `adam`, `ood_detector` (where a deployed policy abstains), `policy_file`
//! - `method`: `method_name` (the methods by name), `update` and `actor_critic` (on-line updates),
//!   `labeling`, `reported` (labels outside of cells), `replay_memory`
//! - `training`: the loop of the paper; `rollout` (one trial), `overlap` (learning beside the motion),
//!   `backlog` (resuming), `observer`, `stopping`, `learner`, `checkpoint`; `baselines` and
//!   `fixed_policy_run` (no learning); `pretrain` (from earlier runs) and `encoder_pretraining` (from
//!   images)

mod config;
mod method;
mod network;
mod policy;
mod storage;
mod training;

pub use config::{
    ComputeDevice, EncoderConfig, EncoderWeights, Grouping, OnlineConfig, OodConfig, PolicyConfig,
    ScheduleConfig, ViewName,
};
pub use method::{
    BestOfAlike, BestOfScene, Experience, Hindsight, HindsightByGeometry, Labeling, Method,
    MethodName, OnlineUpdate, Reinforce, ReplayMemory, ReplayRule, ReportedHindsight, TrialLabel,
    UnknownMethod, role_models,
};
pub use network::{
    ImageView, MOST_CANDIDATES, MOST_FEATURES, NORM_EPSILON, NetworkShape, NormKind, POSE_INPUTS,
    norm_groups,
};
pub use policy::{
    COLOR_DEVIATION, COLOR_MEAN, EncodedState, LookErrorNetwork, OodDetector, OodScale, OodScore,
    Policy, PolicyTensor, PoseScaling, most_likely,
};
pub use storage::{CheckpointError, Metadata, WeightsError, read_metadata};
pub use training::{
    CalibratedOracle, Chessboard, ConstantOffset, EarlierData, EncoderExample, EncoderTrainer,
    EncoderTraining, FixedPolicy, FixedPolicyRun, GreedyPolicy, Learner, Limits, NoCorrection,
    Noted, Observer, ObserverError, Oracle, RandomCorrection, RunError, SelfCalibration,
    StopReason, Training, TrialBacklog, TrialPlan, end_scene_early, pretrain,
};
