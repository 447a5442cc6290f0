//! The policy: a network, its optimiser, and the two losses it learns from.

use std::path::Path;
use std::sync::OnceLock;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rmrl_core::{
    ActionIndex, ActionSpace, DIMENSIONS, Decision, Label, Observation, PoseAdjustment, Rng,
};
use safetensors::Dtype;

use crate::adam::Adam;
use crate::checkpoint::floats;
use crate::config::{EncoderWeights, PolicyConfig, ViewName};
use crate::input::{PoseScaling, image_batch, view};
use crate::network::{ImageView, NetworkShape, NormKind, PolicyNetwork};
use crate::support::{Support, Unlikeness};
use crate::weights::{WeightsError, load_tensors, plates, read_tensors};

/// A state as the network takes it, computed once and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedState {
    /// The scaled pose.
    pose: [f32; 3],
    /// The picture.
    image: EncodedImage,
}

#[derive(Debug, Clone, PartialEq)]
enum EncodedImage {
    /// A frozen encoder's features.
    Features(Vec<f32>),
    /// Pixels of `image_size` x `image_size`, for an encoder that learns.
    Pixels(Vec<u8>),
    /// Nothing, for a policy that does not see it.
    Unseen,
}

impl EncodedState {
    /// The scaled pose.
    pub(crate) fn pose(&self) -> [f32; 3] {
        self.pose
    }

    /// States as named tensors: type, shape, little-endian bytes.
    pub(crate) fn to_tensors(states: &[Self]) -> Vec<(&'static str, Dtype, Vec<usize>, Vec<u8>)> {
        let mut poses = Vec::new();
        let (mut features, mut pixels) = (Vec::new(), Vec::new());
        for state in states {
            poses.extend(state.pose.iter().flat_map(|value| value.to_le_bytes()));
            match &state.image {
                EncodedImage::Features(values) => {
                    features.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                }
                EncodedImage::Pixels(values) => pixels.extend_from_slice(values),
                EncodedImage::Unseen => {}
            }
        }
        let rows = states.len();
        let mut tensors = vec![("poses", Dtype::F32, vec![rows, 3], poses)];
        if !features.is_empty() {
            tensors.push(("features", Dtype::F32, vec![rows, features.len() / rows / 4], features));
        }
        if !pixels.is_empty() {
            tensors.push(("pixels", Dtype::U8, vec![rows, pixels.len() / rows], pixels));
        }
        tensors
    }

    /// `rows` states from the tensors that [`Self::to_tensors`] made of them; `None` if they are not
    /// all there. `view` tells whether they have a picture.
    pub(crate) fn from_tensors(
        rows: usize,
        view: ImageView,
        tensor: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Option<Vec<Self>> {
        if rows == 0 {
            return Some(Vec::new());
        }
        let poses = floats(&tensor("poses")?);
        let images: Vec<EncodedImage> = match tensor("features") {
            None if view == ImageView::None => vec![EncodedImage::Unseen; rows],
            Some(bytes) => bytes
                .chunks(bytes.len() / rows)
                .map(|row| EncodedImage::Features(floats(row)))
                .collect(),
            None => {
                let bytes = tensor("pixels")?;
                bytes
                    .chunks(bytes.len() / rows)
                    .map(|row| EncodedImage::Pixels(row.to_vec()))
                    .collect()
            }
        };
        let poses = poses.as_chunks::<3>().0;
        (poses.len() == rows && images.len() == rows).then(|| {
            let states = poses.iter().zip(images);
            states.map(|(pose, image)| Self { pose: *pose, image }).collect()
        })
    }
}

#[cfg(test)]
impl EncodedState {
    pub(crate) fn from_pixels(pixels: Vec<u8>, pose: [f32; 3]) -> Self {
        Self { pose, image: EncodedImage::Pixels(pixels) }
    }
}

/// The policy `π_θ(a | s)` with its optimiser.
pub struct Policy {
    pub(crate) config: PolicyConfig,
    pub(crate) shape: NetworkShape,
    pub(crate) actions: ActionSpace,
    /// How often the candidates have been refined.
    pub(crate) refinements: u32,
    pub(crate) scaling: PoseScaling,
    pub(crate) network: PolicyNetwork,
    /// The network as it is now, for states alone; made when it is asked for.
    settled: OnceLock<PolicyNetwork>,
    pub(crate) optimizer: Adam,
    /// What it was trained on; `None` while it is trained, and of a policy that never was.
    pub(crate) support: Option<Support>,
    pub(crate) device: Device,
}

impl Policy {
    /// A policy with initial weights of `seed`, or those that the configuration names.
    ///
    /// # Errors
    /// The named weights cannot be read or do not fit.
    ///
    /// # Panics
    /// If the configuration was not validated.
    pub fn new(
        config: &PolicyConfig,
        actions: &ActionSpace,
        scaling: PoseScaling,
        seed: u64,
    ) -> Result<Self, WeightsError> {
        let tensors = match &config.encoder.weights {
            _ if config.view == ViewName::None => None,
            EncoderWeights::Random => None,
            EncoderWeights::Plates => Some((Path::new("plates"), plates()?)),
            EncoderWeights::File(path) => Some((path.as_path(), read_tensors(path)?)),
        };
        // Weights trained with batch normalisation bring its statistics along.
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
            policy.prepare();
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
            settled: OnceLock::new(),
            config: config.clone(),
            shape,
            actions: actions.clone(),
            refinements: 0,
            scaling,
            optimizer: Adam::default(),
            support: None,
            device,
        };
        policy.prepare();
        policy
    }

    /// Gives every parameter the number of its place, by which the optimiser's state finds it in
    /// another process, and freezes the encoder if it shall not learn.
    pub(crate) fn prepare(&mut self) {
        let network = self.network.clone().map(&mut NumberParameters(0));
        self.network =
            if self.config.encoder.train { network } else { network.with_frozen_encoder() };
        self.settled.take();
    }

    /// The action space the policy chooses from.
    pub fn actions(&self) -> &ActionSpace {
        &self.actions
    }

    /// How this policy is configured.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// Computes what the network needs of an observation: the pose, and of the image what it sees,
    /// scaled, or the features of that where the encoder is frozen.
    pub fn encode(&self, observation: &Observation) -> EncodedState {
        let image = match &self.settled().encoder {
            None => EncodedImage::Unseen,
            Some(_) if self.config.encoder.train => EncodedImage::Pixels(self.view(observation)),
            Some(encoder) => {
                let (view, size) = (self.view(observation), self.shape.image_size);
                let images = image_batch([view.as_slice()], size, &self.device.clone().inner());
                EncodedImage::Features(on_all_threads(|| read(encoder.forward(images))))
            }
        };
        EncodedState { pose: self.scaling.scale(observation.estimated_pose), image }
    }

    /// What the encoder sees of an image: `image_size` x `image_size` pixels.
    fn view(&self, observation: &Observation) -> Vec<u8> {
        view(observation, self.shape.view, self.shape.image_size)
    }

    /// The network for states alone; no gradient comes from it.
    pub(crate) fn settled(&self) -> &PolicyNetwork {
        self.settled.get_or_init(|| self.network.settled())
    }

    /// The probability of every candidate, by dimension.
    pub fn distribution(&self, state: &EncodedState) -> [Vec<f32>; DIMENSIONS] {
        let logits = on_all_threads(|| {
            let network = self.settled();
            network.logits(self.joint(network, &[state]))
        });
        let mut probabilities = logits.into_iter().map(|logits| read(softmax(logits, 1)));
        std::array::from_fn(|_| probabilities.next().expect("one head for each dimension"))
    }

    /// What to do when deployed: the most likely candidates, or nothing in a state unlike all that
    /// the policy was trained on. A policy without a support, an untrained or a pretrained one, does
    /// not know which these are and never abstains.
    pub fn decide(&self, observation: &Observation) -> Decision {
        self.decide_in(&self.encode(observation))
    }

    /// The same for a state that is encoded already.
    pub fn decide_in(&self, state: &EncodedState) -> Decision {
        let distribution = self.distribution(state);
        let limit = self.config.support.reach_factor;
        let unlikeness = self.unlikeness(state).filter(|_| self.config.support.abstain);
        if unlikeness.is_none_or(|unlikeness| unlikeness.worst() <= limit) {
            return self.decision(most_likely(&distribution), distribution);
        }
        if let Some(Unlikeness { pose, picture }) = unlikeness {
            tracing::warn!(
                "the policy abstains: its training had nothing like this state (the pose is {pose:.1} and the picture {picture:.1} reaches away, {limit} are allowed)"
            );
        }
        Decision {
            adjustment: PoseAdjustment::NONE,
            index: None,
            probabilities: Some(distribution),
            abstained: true,
        }
    }

    /// The states that the policy was trained on, if its training has ended.
    pub fn support(&self) -> Option<&Support> {
        self.support.as_ref()
    }

    /// How unlike the training's states a state is; `None` if there is no support.
    pub fn unlikeness(&self, state: &EncodedState) -> Option<Unlikeness> {
        let support = self.support.as_ref()?;
        Some(support.distance(state.pose(), &self.features_of(state)))
    }

    /// The image features of a state; none where the picture is not seen.
    pub fn features_of(&self, state: &EncodedState) -> Vec<f32> {
        self.features(self.settled(), &[state]).map_or_else(Vec::new, read)
    }

    /// The decision for the candidates `index` of this policy's action space.
    ///
    /// # Panics
    /// If the index lies outside of the action space.
    pub(crate) fn decision(
        &self,
        index: ActionIndex,
        distribution: [Vec<f32>; DIMENSIONS],
    ) -> Decision {
        Decision {
            adjustment: self
                .actions
                .adjustment(index)
                .expect("the heads have the action space's sizes"),
            index: Some(index),
            probabilities: Some(distribution),
            abstained: false,
        }
    }

    /// Puts another candidate in the middle between any two, and goes on as the same policy. The
    /// optimiser starts anew, for the heads' last layers are other parameters now.
    pub(crate) fn refine(&mut self) {
        self.actions = self.actions.refined();
        self.refinements += 1;
        self.shape.candidates = self.actions.sizes();
        self.network = self.network.clone().with_refined_candidates();
        self.reset_optimizer();
        self.prepare();
    }

    /// Forgets the optimiser's momentum.
    pub(crate) fn reset_optimizer(&mut self) {
        self.optimizer = Adam::default();
    }

    /// One step down the policy gradient, Eq. 6, averaged over a batch of state, action and reward.
    ///
    /// Returns the loss before the step.
    pub fn policy_gradient_step(&mut self, batch: &[(&EncodedState, ActionIndex, f64)]) -> f32 {
        let states: Vec<&EncodedState> = batch.iter().map(|(state, ..)| *state).collect();
        let labels: Vec<Label> = batch.iter().map(|(_, action, _)| action.0.map(Some)).collect();
        let rewards: Vec<f32> = batch.iter().map(|(.., reward)| *reward as f32).collect();
        // Eq. 6: L(θ) = -E[log π_θ(a | s) R(a)]
        self.step(&states, &labels, &rewards)
    }

    /// One step down the cross-entropy to the labels, Eq. 8, averaged over a batch.
    ///
    /// Returns the loss before the step.
    pub fn supervised_step(&mut self, batch: &[(&EncodedState, Label)]) -> f32 {
        let width = self.config.label_width as f32;
        if width > 0.0 {
            return self.descend(|policy| policy.wide_label_loss(batch, width));
        }
        let states: Vec<&EncodedState> = batch.iter().map(|(state, _)| *state).collect();
        let labels: Vec<Label> = batch.iter().map(|(_, label)| *label).collect();
        // Eq. 8: L_θ = -Σ_i log π_θ(a*[i] | s), the one-hot target of Eq. 7
        self.step(&states, &labels, &vec![1.0; batch.len()])
    }

    pub(crate) fn step(
        &mut self,
        states: &[&EncodedState],
        labels: &[Label],
        weights: &[f32],
    ) -> f32 {
        self.descend(|policy| policy.loss(states, labels, weights))
    }

    /// One step of the optimiser down a loss. Returns the loss before the step.
    pub(crate) fn descend(&mut self, loss: impl FnOnce(&Self) -> Tensor<1> + Send) -> f32 {
        on_all_threads(|| {
            let loss = loss(self);
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            // Nobody else may hold the parameters, or they could not be changed where they are.
            self.settled.take();
            let network = std::mem::replace(&mut self.network, PolicyNetwork::empty(&self.device));
            self.network = self.optimizer.step(self.config.learning_rate, network, gradients);
            read(loss.inner())[0]
        })
    }

    /// `-mean_k w_k Σ_d log π_θ(label_k[d] | s_k)`, which is both losses of the paper: with rewards
    /// for weights Eq. 6, with ones Eq. 8.
    pub(crate) fn loss(
        &self,
        states: &[&EncodedState],
        labels: &[Label],
        weights: &[f32],
    ) -> Tensor<1> {
        self.cross_entropy(states, |row, dimension, target| {
            // A dimension without a label has no weight.
            if let Some(chosen) = labels[row][dimension] {
                target[chosen] = weights[row];
            }
        })
    }

    /// The loss of labels that reach over to the neighbouring candidates: the cross-entropy to a
    /// normal distribution around each, cut off at the last candidates. What is nearly right is
    /// then nearly as good, which one-hot labels do not tell.
    fn wide_label_loss(&self, batch: &[(&EncodedState, Label)], width: f32) -> Tensor<1> {
        let states: Vec<&EncodedState> = batch.iter().map(|(state, _)| *state).collect();
        self.cross_entropy(&states, |row, dimension, target| {
            if let Some(label) = batch[row].1[dimension] {
                for (index, share) in target.iter_mut().enumerate() {
                    let distance = (index as f32 - label as f32) / width;
                    *share = (-0.5 * distance * distance).exp();
                }
                let sum: f32 = target.iter().sum();
                target.iter_mut().for_each(|share| *share /= sum);
            }
        })
    }

    /// `-mean_k Σ_d Σ_j t_kdj log π_θ(j | s_k)` with the targets `t` that `fill` writes for a row
    /// and dimension over zeros.
    fn cross_entropy(
        &self,
        states: &[&EncodedState],
        fill: impl Fn(usize, usize, &mut [f32]),
    ) -> Tensor<1> {
        let logits = self.network.logits(self.joint(&self.network, states));
        let mut loss = Tensor::<1>::zeros([1], &self.device);
        for (dimension, logits) in logits.into_iter().enumerate() {
            let (rows, candidates) = (states.len(), logits.dims()[1]);
            let mut targets = vec![0.0f32; rows * candidates];
            for (row, target) in targets.chunks_mut(candidates).enumerate() {
                fill(row, dimension, target);
            }
            let targets = TensorData::new(targets, [rows, candidates]);
            let targets = Tensor::<2>::from_data(targets, &self.device);
            loss = loss - (log_softmax(logits, 1) * targets).sum_dim(1).mean();
        }
        loss
    }

    /// What the heads of a network see of a batch, `[batch, features + pose_width]`.
    pub(crate) fn joint(&self, network: &PolicyNetwork, states: &[&EncodedState]) -> Tensor<2> {
        network.joint(self.features(network, states), poses(states, &network.device()))
    }

    /// A network's image features of a batch, `[batch, features]`; `None` where the picture is not seen.
    pub(crate) fn features(
        &self,
        network: &PolicyNetwork,
        states: &[&EncodedState],
    ) -> Option<Tensor<2>> {
        let encoder = network.encoder.as_ref()?;
        let mut kept = Vec::new();
        let mut pixels = Vec::new();
        for state in states {
            match &state.image {
                EncodedImage::Features(features) => kept.extend_from_slice(features),
                EncodedImage::Pixels(image) => pixels.push(image.as_slice()),
                EncodedImage::Unseen => {}
            }
        }
        if pixels.is_empty() {
            let shape = [states.len(), self.shape.features()];
            return Some(Tensor::from_data(TensorData::new(kept, shape), &network.device()));
        }
        Some(encoder.forward(image_batch(pixels, self.shape.image_size, &network.device())))
    }
}

/// Computes on the pool of threads, where a computation of many parallel parts goes over to it once
/// instead of once for each.
pub(crate) fn on_all_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// Poses as a batch, `[batch, 3]`.
fn poses(states: &[&EncodedState], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = states.iter().flat_map(|state| state.pose).collect();
    Tensor::from_data(TensorData::new(values, [states.len(), 3]), device)
}

/// Draws a candidate of each dimension.
pub fn sample(distribution: &[Vec<f32>; DIMENSIONS], rng: &mut Rng) -> ActionIndex {
    ActionIndex(distribution.each_ref().map(|probabilities| {
        let mut remaining = rng.random::<f32>() * probabilities.iter().sum::<f32>();
        probabilities
            .iter()
            .position(|probability| {
                remaining -= probability;
                remaining < 0.0
            })
            .unwrap_or(probabilities.len() - 1)
    }))
}

/// The most likely candidate of each dimension: what is done at deployment. Of equally likely ones
/// the lowest.
pub fn most_likely(distribution: &[Vec<f32>; DIMENSIONS]) -> ActionIndex {
    ActionIndex(distribution.each_ref().map(|probabilities| {
        let mut best = 0;
        for (index, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[best] {
                best = index;
            }
        }
        best
    }))
}

pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("a tensor of floats can be read back")
}

struct NumberParameters(u64);

impl ModuleMapper for NumberParameters {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(self.0), tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::PlanarPose;

    use super::*;
    use crate::config::ViewName;

    #[test]
    fn wide_labels_are_a_cross_entropy_to_a_normal_distribution() {
        let config = PolicyConfig {
            view: ViewName::None,
            label_width: 0.8,
            learning_rate: 0.01,
            ..PolicyConfig::default()
        };
        let actions = ActionSpace::symmetric([5, 4, 3], [1.0; 3]).unwrap();
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        let mut policy = Policy::new(&config, &actions, scaling, 3).unwrap();
        let state = EncodedState { pose: [0.2, -0.4, 0.7], image: EncodedImage::Unseen };
        let label: Label = [Some(4), Some(1), None];
        for _ in 0..5 {
            let distribution = policy.distribution(&state);
            let mut expected = 0.0;
            for (probabilities, label) in distribution.iter().zip(label) {
                let Some(label) = label else { continue };
                let shares: Vec<f64> = (0..probabilities.len())
                    .map(|j| (-0.5 * ((j as f64 - label as f64) / 0.8).powi(2)).exp())
                    .collect();
                let sum: f64 = shares.iter().sum();
                for (share, probability) in shares.iter().zip(probabilities) {
                    expected -= share / sum * f64::from(*probability).ln();
                }
            }
            let loss = policy.supervised_step(&[(&state, label)]);
            assert!((f64::from(loss) - expected).abs() < 1e-4, "{loss} {expected}");
        }
        // What is nearly right has become more likely than what is not.
        let learnt = policy.distribution(&state);
        assert!(learnt[0][3] > learnt[0][0] && learnt[1][0] > learnt[1][3]);
    }
}
