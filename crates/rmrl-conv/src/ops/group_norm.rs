//! Group normalization on burn's tensors.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::primitive::{OnCpu, absent, as_values, contiguous, owned_contiguous, tensor, tracked};
use crate::kernels::{self, Affine, GroupNormForward, GroupNormShape, Statistics};

/// The options of a group normalization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNormOptions {
    /// Groups of neighboring channels that share their statistics.
    pub groups: usize,
    /// Term added to the variance.
    pub epsilon: f64,
    /// Whether negative values become zero.
    pub relu: bool,
}

/// `relu((x - mean) / sqrt(variance + epsilon) * weight + bias + residual)` with the statistics of
/// groups of channels of each image (Wu and He 2018). Residual and ReLU are optional.
///
/// # Shapes
/// - x, residual and output: `[batch, height, width, channels]`
/// - weight and bias: `[channels]`
///
/// # Panics
/// The shapes do not match.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: GroupNormOptions,
) -> Tensor<4> {
    let operands = [OnCpu::of(&x), OnCpu::of(&weight), OnCpu::of(&bias)];
    let added = OnCpu::of_optional(residual.as_ref());
    let ([Some(input), Some(factor), Some(offset)], Some(added)) = (operands, added) else {
        return by_burn(x, weight, bias, residual, options);
    };
    let dims @ [batch, height, width, channels] = x.dims();
    let GroupNormOptions { groups, epsilon, relu } = options;
    let pixels = height * width;
    let shape = GroupNormShape { batch, pixels, channels, groups, epsilon: epsilon as f32 };

    let state = State {
        shape,
        x: contiguous(input.plain().clone()),
        weight: contiguous(factor.plain().clone()),
        bias: contiguous(offset.plain().clone()),
        statistics: None,
        y: None,
    };
    let kept = added.as_ref().map(|residual| contiguous(residual.plain().clone()));
    let mut y = vec![0.0; batch * pixels * channels];
    let (values, affine) = (as_values(&state.x), state.affine());
    let statistics =
        kernels::group_norm(&shape, values, affine, kept.as_ref().map(as_values), relu, &mut y);
    let y = tensor(y, dims);

    let all = [Some(&input), Some(&factor), Some(&offset), added.as_ref()];
    if !all.into_iter().flatten().any(OnCpu::is_tracked) {
        return Tensor::from_primitive::<Flex>(y);
    }
    let state = State { statistics: Some(statistics), y: relu.then(|| y.clone()), ..state };
    let parents = [
        input.into_tracked(),
        factor.into_tracked(),
        offset.into_tracked(),
        added.map_or_else(absent, OnCpu::into_tracked),
    ];
    Tensor::from_primitive::<Autodiff<Flex>>(tracked(GroupNormBackward, parents, state, y))
}

/// What the gradients of a normalization need of its forward pass.
#[derive(Debug, Clone)]
struct State {
    shape: GroupNormShape,
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    statistics: Option<Statistics>,
    /// The output, if it went through a ReLU.
    y: Option<FlexTensor>,
}

impl State {
    fn affine(&self) -> Affine<'_> {
        Affine { weight: as_values(&self.weight), bias: as_values(&self.bias) }
    }
}

/// Computes the gradients of input, weight, bias and residual.
#[derive(Debug)]
struct GroupNormBackward;

impl Backward<Flex, 4> for GroupNormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight, bias, residual] = ops.parents;
        let state = ops.state;
        let dims = state.x.layout().shape().clone();
        // In place if nothing else holds the output's gradient: the input's gradient replaces it.
        let mut dx = owned_contiguous(grads.consume::<Flex>(&ops.node));
        let mut of_residual = residual.as_ref().map(|_| vec![0.0; dims.num_elements()]);
        let statistics = state.statistics.as_ref().expect("the forward pass kept its statistics");
        let x_values = as_values(&state.x);
        let forward =
            GroupNormForward { x: x_values, statistics, y: state.y.as_ref().map(as_values) };
        let found = kernels::group_norm_gradients(
            &state.shape,
            state.affine(),
            forward,
            dx.storage_mut(),
            of_residual.as_deref_mut(),
        );
        let channels = state.shape.channels;
        if let Some(x) = x {
            grads.register::<Flex>(x.id, dx);
        }
        if let Some(weight) = weight {
            grads.register::<Flex>(weight.id, tensor(found.weight, [channels]));
        }
        if let Some(bias) = bias {
            grads.register::<Flex>(bias.id, tensor(found.bias, [channels]));
        }
        if let (Some(residual), Some(gradient)) = (residual, of_residual) {
            grads.register::<Flex>(residual.id, tensor(gradient, dims));
        }
    }
}

/// The normalization by burn's own operations.
fn by_burn(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: GroupNormOptions,
) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let GroupNormOptions { groups, epsilon, relu: rectified } = options;
    // Each group of an image in one row.
    let grouped = x
        .reshape([batch, height * width, groups, channels / groups])
        .permute([0, 2, 1, 3])
        .reshape([batch, groups, height * width * (channels / groups)]);
    let (variance, mean) = grouped.clone().var_mean_bias(2);
    let normal = (grouped - mean) / variance.add_scalar(epsilon).sqrt();
    let normal = normal
        .reshape([batch, groups, height * width, channels / groups])
        .permute([0, 2, 1, 3])
        .reshape([batch, height, width, channels]);
    let y = normal * weight.reshape([1, 1, 1, -1]) + bias.reshape([1, 1, 1, -1]);
    let y = match residual {
        Some(residual) => y + residual,
        None => y,
    };
    if rectified { relu(y) } else { y }
}
