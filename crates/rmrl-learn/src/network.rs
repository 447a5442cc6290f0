//! The policy network of Fig. 3: ResNet on the image, MLP on the pose, three heads.

mod conv;
mod initial_weights;
mod norm;
mod resnet;
mod shape;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rmrl_core::random_stream;

pub(crate) use self::initial_weights::linear;
use self::initial_weights::zero_linear;
pub use self::norm::{NORM_EPSILON, NormKind, norm_groups};
pub(crate) use self::resnet::ResNet;
pub use self::shape::{ImageView, MOST_CANDIDATES, MOST_FEATURES, NetworkShape, POSE_INPUTS};
pub(crate) use self::shape::{MOST_BASE_WIDTH, MOST_IMAGE_SIZE, MOST_LAYER_WIDTH};

/// The policy network `π_θ` (Fig. 3), and beside it the value that actor-critic methods learn.
#[derive(Module, Debug)]
pub(crate) struct PolicyNetwork {
    /// `None` for a network that sees no image.
    pub(crate) encoder: Option<ResNet>,
    pose: PoseMlp,
    heads: Vec<Head>,
    value: Head,
}

/// Encodes the estimated pose, or the features of a state that has no pose.
#[derive(Module, Debug)]
struct PoseMlp {
    fc1: Linear,
    fc2: Linear,
}

/// Predicts one dimension's logits, or the value.
#[derive(Module, Debug)]
struct Head {
    fc1: Linear,
    fc2: Linear,
}

impl PolicyNetwork {
    /// A network with initial weights of `seed`.
    ///
    /// The heads' last layers start at zero, so that every candidate is equally likely before the
    /// first update, and every state equally good. The value's weights come from another
    /// random stream: methods without a value begin with the same policy as those with one.
    ///
    /// # Panics
    /// If the shape's depth is not 10, 18 or 34.
    pub(crate) fn new(shape: &NetworkShape, seed: u64, device: &Device) -> Self {
        let rng = &mut random_stream(seed, "initial weights", [0, 0]);
        let value_rng = &mut random_stream(seed, "initial value weights", [0, 0]);
        let blocks = NetworkShape::blocks(shape.depth).expect("a depth of 10, 18 or 34");
        let encoder = (shape.view != ImageView::None)
            .then(|| ResNet::new(blocks, shape.base_width, shape.norm, rng, device));
        let pose = PoseMlp {
            fc1: linear(shape.pose_inputs, shape.pose_width, rng, device),
            fc2: linear(shape.pose_width, shape.pose_width, rng, device),
        };
        let joint = shape.features() + shape.pose_width;
        let heads = shape
            .candidates
            .map(|candidates| Head {
                fc1: linear(joint, shape.head_width, rng, device),
                fc2: zero_linear(shape.head_width, candidates, device),
            })
            .into();
        let value = Head {
            fc1: linear(joint, shape.head_width, value_rng, device),
            fc2: zero_linear(shape.head_width, 1, device),
        };
        Self { encoder, pose, heads, value }
    }

    /// A tiny network that stands in for one while the optimizer changes it.
    pub(crate) fn empty(device: &Device) -> Self {
        let layer = || LinearConfig::new(1, 1).init(device);
        let pose = PoseMlp { fc1: layer(), fc2: layer() };
        Self { encoder: None, pose, heads: Vec::new(), value: Head { fc1: layer(), fc2: layer() } }
    }

    /// The same network for candidates that were refined once. The logits of new candidates lie in
    /// the middle between their neighbors', so the policy stays the same, spread over more
    /// candidates.
    pub(crate) fn with_refined_candidates(self) -> Self {
        let heads = self.heads.into_iter().map(Head::with_refined_outputs).collect();
        Self { heads, ..self }
    }

    /// The same network with an encoder that no gradient reaches.
    pub(crate) fn with_frozen_encoder(self) -> Self {
        Self { encoder: self.encoder.map(Module::no_grad), ..self }
    }

    /// The network for inference, without gradients and with weights prepared for speed. It must not
    /// learn any more.
    pub(crate) fn for_inference(&self) -> Self {
        let network = self.valid();
        Self { encoder: network.encoder.map(ResNet::for_inference), ..network }
    }

    /// The device of its parameters; with gradients, if it learns.
    pub(crate) fn device(&self) -> Device {
        self.pose.fc1.weight.device()
    }

    /// The input of the heads: image features, if there are any, and the encoded pose.
    ///
    /// # Shapes
    /// - features: `[batch, features]`, pose: `[batch, pose_inputs]`
    /// - output: `[batch, features + pose_width]`
    pub(crate) fn joint(&self, features: Option<Tensor<2>>, pose: Tensor<2>) -> Tensor<2> {
        let pose = relu(self.pose.fc2.forward(relu(self.pose.fc1.forward(pose))));
        Tensor::cat(features.into_iter().chain([pose]).collect(), 1)
    }

    /// Logits from the output of [`Self::joint`].
    ///
    /// # Shapes
    /// - output: `[batch, candidates]` for each dimension
    pub(crate) fn logits(&self, joint: Tensor<2>) -> Vec<Tensor<2>> {
        self.heads.iter().map(|head| head.forward(joint.clone())).collect()
    }

    /// The value `V(s)` from the output of [`Self::joint`]. Its gradient ends there: only the policy
    /// trains the features, and one critic cannot disturb three heads.
    ///
    /// # Shapes
    /// - output: `[batch, 1]`
    pub(crate) fn value(&self, joint: Tensor<2>) -> Tensor<2> {
        self.value.forward(joint.detach())
    }
}

impl Head {
    fn with_refined_outputs(mut self) -> Self {
        let refined = |values: Tensor<2>| {
            let [rows, columns] = values.dims();
            let first = values.clone().narrow(1, 0, columns - 1);
            let middles = (first + values.clone().narrow(1, 1, columns - 1)) / 2.0;
            // Values and middles alternate; the middle after the last value is cut off.
            let last = values.clone().narrow(1, columns - 1, 1);
            let alternating =
                Tensor::stack::<3>(vec![values, Tensor::cat(vec![middles, last], 1)], 2);
            alternating.reshape([rows, 2 * columns]).narrow(1, 0, 2 * columns - 1)
        };
        if self.fc2.weight.dims()[1] > 1 {
            self.fc2.weight = self.fc2.weight.map(|weight| refined(weight).detach().require_grad());
            self.fc2.bias = self.fc2.bias.map(|bias| {
                bias.map(|bias| {
                    let refined = refined(bias.unsqueeze::<2>());
                    refined.squeeze_dim::<1>(0).detach().require_grad()
                })
            });
        }
        self
    }

    fn forward(&self, joint: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(joint)))
    }
}
