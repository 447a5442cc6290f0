//! The policy network of Fig. 3: ResNet on the image, MLP on the pose, three heads.

mod conv;
mod initial;
mod norm;
mod resnet;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rmrl_core::{DIMENSIONS, random_stream};
use serde::{Deserialize, Serialize};

pub(crate) use self::initial::linear;
use self::initial::zero_linear;
pub use self::norm::NormKind;
pub(crate) use self::resnet::ResNet;

/// What of the picture a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageView {
    /// The whole picture.
    Global,
    /// A square around the estimated pose.
    Crop {
        /// Its side, in diagonals of the plate.
        scale: f64,
    },
    /// Nothing; the network has no encoder.
    None,
}

/// The shape of a policy network; with it and the weights the network can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkShape {
    /// What of the picture it sees.
    pub view: ImageView,
    /// ResNet depth: 10, 18 or 34.
    pub depth: usize,
    /// Channels of the ResNet's first stage; 64 in the original.
    pub base_width: usize,
    /// The ResNet's normalisation.
    pub norm: NormKind,
    /// Width and height of the input image, in pixels.
    pub image_size: usize,
    /// Width of the pose MLP's layers.
    pub pose_width: usize,
    /// Width of each head's hidden layer.
    pub head_width: usize,
    /// Candidates of each dimension.
    pub candidates: [usize; DIMENSIONS],
}

impl NetworkShape {
    /// Blocks in the four stages of a ResNet of this depth; `None` for a depth not offered.
    pub(crate) fn blocks(depth: usize) -> Option<[usize; 4]> {
        match depth {
            10 => Some([1, 1, 1, 1]),
            18 => Some([2, 2, 2, 2]),
            34 => Some([3, 4, 6, 3]),
            _ => None,
        }
    }

    /// The number of image features; 0 where the picture is not seen.
    pub(crate) fn features(&self) -> usize {
        if self.view == ImageView::None { 0 } else { 8 * self.base_width }
    }
}

/// The policy network `π_θ` (Fig. 3), and beside it the value that actor-critic methods learn.
#[derive(Module, Debug)]
pub(crate) struct PolicyNetwork {
    /// `None` for a network that does not see the picture.
    pub(crate) encoder: Option<ResNet>,
    pose: PoseMlp,
    heads: Vec<Head>,
    value: Head,
}

/// Encodes the estimated pose.
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
    /// first update, and every state equally good. The value's weights come from a stream of their
    /// own: methods that learn no value begin with the same policy as those that do.
    ///
    /// # Panics
    /// If the shape's depth is none of 10, 18 and 34.
    pub(crate) fn new(shape: &NetworkShape, seed: u64, device: &Device) -> Self {
        let rng = &mut random_stream(seed, "initial weights", [0, 0]);
        let value_rng = &mut random_stream(seed, "initial value weights", [0, 0]);
        let blocks = NetworkShape::blocks(shape.depth).expect("a depth of 10, 18 or 34");
        let encoder = (shape.view != ImageView::None)
            .then(|| ResNet::new(blocks, shape.base_width, shape.norm, rng, device));
        let pose = PoseMlp {
            fc1: linear(3, shape.pose_width, rng, device),
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

    /// A network of next to nothing, in the place of one that is being changed.
    pub(crate) fn empty(device: &Device) -> Self {
        let layer = || LinearConfig::new(1, 1).init(device);
        let pose = PoseMlp { fc1: layer(), fc2: layer() };
        Self { encoder: None, pose, heads: Vec::new(), value: Head { fc1: layer(), fc2: layer() } }
    }

    /// The same network for candidates that were refined once: the logits of new candidates lie in
    /// the middle between their neighbours', so the policy stays what it was, spread over more
    /// candidates.
    pub(crate) fn with_refined_candidates(self) -> Self {
        let heads = self.heads.into_iter().map(Head::with_refined_outputs).collect();
        Self { heads, ..self }
    }

    /// The same network with an encoder that no gradient reaches.
    pub(crate) fn with_frozen_encoder(self) -> Self {
        Self { encoder: self.encoder.map(Module::no_grad), ..self }
    }

    /// The network for states alone, which must not learn any more: what can be prepared once is.
    pub(crate) fn settled(&self) -> Self {
        let network = self.valid();
        Self { encoder: network.encoder.map(ResNet::settled), ..network }
    }

    /// Where its parameters are; with gradients, if it learns.
    pub(crate) fn device(&self) -> Device {
        self.pose.fc1.weight.device()
    }

    /// What the heads see: image features, if there are any, and the encoded pose.
    ///
    /// # Shapes
    /// - features: `[batch, features]`, pose: `[batch, 3]`
    /// - output: `[batch, features + pose_width]`
    pub(crate) fn joint(&self, features: Option<Tensor<2>>, pose: Tensor<2>) -> Tensor<2> {
        let pose = relu(self.pose.fc2.forward(relu(self.pose.fc1.forward(pose))));
        Tensor::cat(features.into_iter().chain([pose]).collect(), 1)
    }

    /// Logits from what [`Self::joint`] gives.
    ///
    /// # Shapes
    /// - output: `[batch, candidates]` for each dimension
    pub(crate) fn logits(&self, joint: Tensor<2>) -> Vec<Tensor<2>> {
        self.heads.iter().map(|head| head.forward(joint.clone())).collect()
    }

    /// The value `V(s)` from what [`Self::joint`] gives. Its gradient ends there: what the policy
    /// sees of a state is the policy's to learn, and one critic cannot disturb three heads.
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
            // Values and middles by turns; the middle after the last value is cut off.
            let last = values.clone().narrow(1, columns - 1, 1);
            let by_turns = Tensor::stack::<3>(vec![values, Tensor::cat(vec![middles, last], 1)], 2);
            by_turns.reshape([rows, 2 * columns]).narrow(1, 0, 2 * columns - 1)
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
