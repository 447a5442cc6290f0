//! Group normalization.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::primitive::{OnCpu, absent, alone, in_a_row, numbers, tensor, tracked};
use crate::kernels::{self, Affine, GroupNormShape, Statistics};

/// How a group normalization is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNormOptions {
    /// Groups of neighboring channels that share their statistics.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether what is negative becomes zero.
    pub relu: bool,
}

/// `relu((x - mean) / sqrt(variance + epsilon) * weight + bias + residual)` with the statistics of
/// groups of channels of each image (Wu and He 2018); residual and ReLU if they are asked for.
///
/// # Shapes
/// - x, residual and output: `[batch, height, width, channels]`
/// - weight and bias: `[channels]`
///
/// # Panics
/// If the shapes do not fit each other.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: GroupNormOptions,
) -> Tensor<4> {
    let operands = [OnCpu::of(&x), OnCpu::of(&weight), OnCpu::of(&bias)];
    let beside = OnCpu::of_optional(residual.as_ref());
    let ([Some(input), Some(factor), Some(offset)], Some(beside)) = (operands, beside) else {
        return elsewhere(x, weight, bias, residual, options);
    };
    let dims @ [batch, height, width, channels] = x.dims();
    let GroupNormOptions { groups, epsilon, relu } = options;
    let pixels = height * width;
    let shape = GroupNormShape { batch, pixels, channels, groups, epsilon: epsilon as f32 };

    let state = State {
        shape,
        x: in_a_row(input.plain().clone()),
        weight: in_a_row(factor.plain().clone()),
        bias: in_a_row(offset.plain().clone()),
        statistics: None,
        y: None,
    };
    let kept = beside.as_ref().map(|residual| in_a_row(residual.plain().clone()));
    let mut y = vec![0.0; batch * pixels * channels];
    let (values, affine) = (numbers(&state.x), state.affine());
    let statistics =
        kernels::group_norm(&shape, values, affine, kept.as_ref().map(numbers), relu, &mut y);
    let y = tensor(y, dims);

    let all = [Some(&input), Some(&factor), Some(&offset), beside.as_ref()];
    if !all.into_iter().flatten().any(OnCpu::is_tracked) {
        return Tensor::from_primitive::<Flex>(y);
    }
    let state = State { statistics: Some(statistics), y: relu.then(|| y.clone()), ..state };
    let parents = [
        input.into_tracked(),
        factor.into_tracked(),
        offset.into_tracked(),
        beside.map_or_else(absent, OnCpu::into_tracked),
    ];
    Tensor::from_primitive::<Autodiff<Flex>>(tracked(GroupNormBackward, parents, state, y))
}

/// What the gradients of a normalization need.
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
        Affine { weight: numbers(&self.weight), bias: numbers(&self.bias) }
    }
}

/// The gradients of input, weight, bias and residual.
#[derive(Debug)]
struct GroupNormBackward;

impl Backward<Flex, 4> for GroupNormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight, bias, residual] = ops.parents;
        let state = ops.state;
        let dims = state.x.layout().shape().clone();
        // In place where nobody else holds it: the output's gradient becomes the input's.
        let mut dx = alone(grads.consume::<Flex>(&ops.node));
        let mut of_residual = residual.as_ref().map(|_| vec![0.0; dims.num_elements()]);
        let statistics = state.statistics.as_ref().expect("the forward pass kept its statistics");
        let found = kernels::group_norm_gradients(
            &state.shape,
            numbers(&state.x),
            state.affine(),
            statistics,
            state.y.as_ref().map(numbers),
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

/// The same by burn's own operations.
fn elsewhere(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    residual: Option<Tensor<4>>,
    options: GroupNormOptions,
) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let GroupNormOptions { groups, epsilon, relu: rectified } = options;
    // One image's group in a row.
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
