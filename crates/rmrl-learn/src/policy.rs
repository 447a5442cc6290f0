//! The policy `π_θ(a | s)`: a network with its optimizer.

mod adam;
mod categorical;
mod encoder_weights;
mod inference;
mod look_error;
mod losses;
mod observation_encoding;
mod ood_detector;
mod policy_file;
#[cfg(test)]
mod pytorch_parity;
mod state;
mod tensor;

use std::path::Path;
use std::sync::OnceLock;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use rmrl_core::{ActionSpace, DIMENSIONS, PlanarPose};

pub(crate) use self::adam::{Adam, ParameterMoments};
pub use self::categorical::most_likely;
pub(crate) use self::categorical::sample;
use self::encoder_weights::resnet_tensors;
pub use self::look_error::LookErrorNetwork;
pub use self::observation_encoding::{COLOR_DEVIATION, COLOR_MEAN, PoseScaling};
pub(crate) use self::observation_encoding::{image_batch, view};
pub use self::ood_detector::{OodDetector, OodScale, OodScore};
pub use self::policy_file::PolicyTensor;
pub(crate) use self::policy_file::{PolicyDescription, check_same};
pub use self::state::EncodedState;
use self::state::{feature_batch, pose_batch};
pub(crate) use self::tensor::{on_all_threads, read};
use crate::config::{EncoderWeights, PolicyConfig, ViewName};
use crate::network::{MOST_FEATURES, NetworkShape, NormKind, POSE_INPUTS, PolicyNetwork};
use crate::storage::{WeightsError, load_tensors, plate_encoder, read_tensors};

/// The policy `π_θ(a | s)` with its optimizer.
pub struct Policy {
    pub(crate) config: PolicyConfig,
    pub(crate) shape: NetworkShape,
    pub(crate) actions: ActionSpace,
    /// How often the candidates have been refined.
    pub(crate) refinements: u32,
    pub(crate) scaling: PoseScaling,
    pub(crate) network: PolicyNetwork,
    /// The present network for inference, made at its first use.
    inference_network: OnceLock<PolicyNetwork>,
    pub(crate) optimizer: Adam,
    /// The detector of unknown states; `None` during training, and for a policy that was never
    /// trained.
    pub(crate) support: Option<OodDetector>,
    pub(crate) device: Device,
}

impl Policy {
    /// A policy with initial weights of `seed`, or with the weights in the configuration.
    ///
    /// # Errors
    /// The weights in the configuration cannot be read or do not fit.
    ///
    /// # Panics
    /// If the configuration was not validated.
    pub fn new(
        config: &PolicyConfig,
        actions: &ActionSpace,
        scaling: PoseScaling,
        seed: u64,
    ) -> Result<Self, WeightsError> {
        Self::of_inputs(config, actions, (POSE_INPUTS, scaling), seed)
    }

    /// A policy for the states of an environment that is no cell of plates: `features` numbers, and an image unless the
    /// configuration's view is none. Otherwise as [`Policy::new`].
    ///
    /// # Errors
    /// The weights in the configuration cannot be read or do not fit.
    ///
    /// # Panics
    /// If the configuration was not validated, or there are no features or more than [`MOST_FEATURES`].
    pub fn of_features(
        config: &PolicyConfig,
        actions: &ActionSpace,
        features: usize,
        seed: u64,
    ) -> Result<Self, WeightsError> {
        assert!((1..=MOST_FEATURES).contains(&features), "{features} features");
        let unused = PoseScaling::new(PlanarPose::default(), [1.0; DIMENSIONS]);
        Self::of_inputs(config, actions, (features, unused), seed)
    }

    fn of_inputs(
        config: &PolicyConfig,
        actions: &ActionSpace,
        (pose_inputs, scaling): (usize, PoseScaling),
        seed: u64,
    ) -> Result<Self, WeightsError> {
        let tensors = match &config.encoder.weights {
            _ if config.view == ViewName::None => None,
            EncoderWeights::Random => None,
            EncoderWeights::Plates => Some((Path::new("plates"), plate_encoder()?)),
            EncoderWeights::File(path) => {
                let (depth, width) = (config.encoder.depth, config.encoder.base_width);
                let tensors = resnet_tensors(read_tensors(path)?, path, depth, width)?;
                Some((path.as_path(), tensors))
            }
        };
        // Weights trained with batch normalization contain its statistics.
        let norm = match &tensors {
            Some((_, tensors)) if tensors.contains_key("bn1.running_mean") => NormKind::FrozenBatch,
            _ => NormKind::Group,
        };
        let shape = NetworkShape {
            view: config.image_view(),
            depth: config.encoder.depth,
            base_width: config.encoder.base_width,
            norm,
            image_size: config.encoder.image_size,
            pose_inputs,
            pose_width: config.pose_width,
            head_width: config.head_width,
            candidates: actions.sizes(),
        };
        let mut policy = Self::with_shape(config, shape, actions, scaling, seed);
        if let Some((path, tensors)) = tensors {
            let network = format!(
                "a ResNet-{} of base width {}",
                config.encoder.depth, config.encoder.base_width
            );
            let encoder = policy.network.encoder.as_mut().expect("weights are an encoder's");
            load_tensors(encoder, tensors, path, &network, |_| false)?;
            policy.freeze_and_number();
        }
        Ok(policy)
    }

    /// A policy of the given shape with initial weights of `seed`.
    pub(crate) fn with_shape(
        config: &PolicyConfig,
        shape: NetworkShape,
        actions: &ActionSpace,
        scaling: PoseScaling,
        seed: u64,
    ) -> Self {
        let device = config.device.open();
        let mut policy = Self {
            network: PolicyNetwork::new(&shape, seed, &device),
            inference_network: OnceLock::new(),
            config: config.clone(),
            shape,
            actions: actions.clone(),
            refinements: 0,
            scaling,
            optimizer: Adam::default(),
            support: None,
            device,
        };
        policy.freeze_and_number();
        policy
    }

    /// Gives every parameter the number of its place, by which the optimizer's moments find it in
    /// another process, and freezes the encoder unless it learns.
    pub(crate) fn freeze_and_number(&mut self) {
        let network = self.network.clone().map(&mut NumberParameters(0));
        self.network =
            if self.config.encoder.train { network } else { network.with_frozen_encoder() };
        self.inference_network.take();
    }

    /// The action space the policy chooses from.
    pub fn actions(&self) -> &ActionSpace {
        &self.actions
    }

    /// The shape of the network.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// How poses are scaled for the network.
    pub fn scaling(&self) -> PoseScaling {
        self.scaling
    }

    /// The configuration of this policy.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// Puts another candidate in the middle between any two; the policy stays the same. The optimizer
    /// starts again, because the heads' last layers have other parameters now.
    pub(crate) fn refine(&mut self) {
        self.actions = self.actions.refined();
        self.refinements += 1;
        self.shape.candidates = self.actions.sizes();
        self.network = self.network.clone().with_refined_candidates();
        self.reset_optimizer();
        self.freeze_and_number();
    }

    /// Forgets the optimizer's moments.
    pub(crate) fn reset_optimizer(&mut self) {
        self.optimizer = Adam::default();
    }

    /// Fits the detector of unknown states to the states of each scene of the training.
    pub(crate) fn fit_support<'a>(&mut self, scenes: impl IntoIterator<Item = &'a [EncodedState]>) {
        let poses_and_features = |states: &'a [EncodedState]| {
            states.iter().map(|state| (state.pose().to_vec(), self.features_of(state)))
        };
        self.support = OodDetector::fit(scenes.into_iter().map(poses_and_features));
    }

    /// One step of the optimizer down a loss. Returns the loss before the step.
    pub(crate) fn descend(&mut self, loss: impl FnOnce(&Self) -> Tensor<1> + Send) -> f32 {
        on_all_threads(|| {
            let loss = loss(self);
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            // Adam changes the parameters in place only if nothing else holds them.
            self.inference_network.take();
            let network = std::mem::replace(&mut self.network, PolicyNetwork::empty(&self.device));
            self.network = self.optimizer.step(self.config.learning_rate, network, gradients);
            read(loss.inner())[0]
        })
    }

    /// The input of the heads for a batch, `[batch, features + pose_width]`.
    pub(crate) fn joint(&self, network: &PolicyNetwork, states: &[&EncodedState]) -> Tensor<2> {
        let features = feature_batch(network, &self.shape, states);
        network.joint(features, pose_batch(states, &network.device()))
    }
}

/// Numbers the parameters in the order of the visit.
struct NumberParameters(u64);

impl ModuleMapper for NumberParameters {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(self.0), tensor, mapper)
    }
}
