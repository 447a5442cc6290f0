//! Normalization without batch statistics: trials come one at a time.

use burn::module::{Module, Param};
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rmrl_conv::{Conv2dEpilogue, GroupNormOptions, group_norm};
use serde::{Deserialize, Serialize};

use super::conv::Conv;

/// Which normalization an encoder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// Group normalization, for weights that start from scratch.
    Group,
    /// Batch normalization with the statistics it was trained with, for loaded weights.
    FrozenBatch,
}

/// The normalization after a convolution.
#[derive(Module, Debug)]
pub(crate) enum Norm {
    /// Statistics of groups of channels of one image.
    Group(GroupNorm),
    /// Stored statistics.
    FrozenBatch(FrozenBatchNorm),
}

/// What every normalization of an encoder adds to variances: 1e-5, as in PyTorch.
pub const NORM_EPSILON: f64 = 1e-5;
/// Channels to a group. Untuned; 64 channels then make four groups.
const CHANNELS_PER_GROUP: usize = 16;

/// The number of groups into which group normalization splits `channels` of an encoder: one for each 16 channels, or the
/// next smaller number that divides them.
pub fn norm_groups(channels: usize) -> usize {
    let wanted = (channels / CHANNELS_PER_GROUP).max(1);
    let divides = |groups: &usize| channels.is_multiple_of(*groups);
    (1..=wanted).rev().find(divides).unwrap_or(1)
}

impl Norm {
    pub(crate) fn new(kind: NormKind, channels: usize, device: &Device) -> Self {
        match kind {
            NormKind::Group => Self::Group(
                GroupNormConfig::new(norm_groups(channels), channels)
                    .with_epsilon(NORM_EPSILON)
                    .init(device),
            ),
            NormKind::FrozenBatch => Self::FrozenBatch(FrozenBatchNorm::new(channels, device)),
        }
    }

    /// `relu(norm(conv(input)) + shortcut)`; shortcut and relu are optional.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]`, the same as of the convolution.
    pub(super) fn after(
        &self,
        conv: &Conv,
        input: Tensor<4>,
        shortcut: Option<Tensor<4>>,
        relu: bool,
    ) -> Tensor<4> {
        match self {
            Self::Group(norm) => {
                let maps = conv.forward(input, Conv2dEpilogue::default());
                let [weight, bias] = [&norm.gamma, &norm.beta]
                    .map(|param| param.as_ref().expect("the norm is affine").val());
                let (groups, epsilon) = (norm.num_groups, norm.epsilon);
                group_norm(maps, weight, bias, shortcut, GroupNormOptions { groups, epsilon, relu })
            }
            Self::FrozenBatch(norm) => {
                // The convolution applies the fixed scale and shift of each channel.
                let (scale, shift) = norm.scale_and_shift();
                let (scale, bias) = (Some(scale), Some(shift));
                conv.forward(input, Conv2dEpilogue { scale, bias, residual: shortcut, relu })
            }
        }
    }
}

/// Batch normalization as a fixed affine map, as torchvision's `FrozenBatchNorm2d`.
#[derive(Module, Debug)]
pub(crate) struct FrozenBatchNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
}

impl FrozenBatchNorm {
    fn new(channels: usize, device: &Device) -> Self {
        let constant = |value: f32| {
            let data = TensorData::new(vec![value; channels], [channels]);
            Param::from_data(data, device).set_require_grad(false)
        };
        Self {
            weight: constant(1.0),
            bias: constant(0.0),
            running_mean: constant(0.0),
            running_var: constant(1.0),
        }
    }

    /// `y = (x - mean) / sqrt(var + eps) * weight + bias` as one scale and one shift.
    fn scale_and_shift(&self) -> (Tensor<1>, Tensor<1>) {
        let deviation = self.running_var.val().add_scalar(NORM_EPSILON).sqrt();
        let scale = self.weight.val() / deviation;
        let shift = self.bias.val() - self.running_mean.val() * scale.clone();
        (scale, shift)
    }
}
