//! Max pooling on burn's tensors.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::nn::PaddingConfig2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::tensor::Tensor;

use super::conv2d::Conv2dOptions;
use super::primitive::{OnCpu, as_values, contiguous, tensor, tracked};
use crate::kernels::{ConvShape, max_pool, max_pool_gradient};

/// The largest value of each square window, of images with channels last.
///
/// # Shapes
/// - x: `[batch, height, width, channels]`
/// - output: `[batch, height_out, width_out, channels]`
///
/// # Panics
/// The window is larger than the padded image.
pub fn max_pool2d(x: Tensor<4>, kernel: usize, options: Conv2dOptions) -> Tensor<4> {
    let Some(input) = OnCpu::of(&x) else {
        return by_burn(x, kernel, options);
    };
    let [batch, height, width, channels] = x.dims();
    let Conv2dOptions { stride, padding } = options;
    let (channels_in, channels_out) = (channels, channels);
    let shape =
        ConvShape { batch, height, width, channels_in, channels_out, kernel, stride, padding };
    let values = contiguous(input.plain().clone());
    let mut y = vec![0.0; shape.output_len()];
    max_pool(&shape, as_values(&values), &mut y);
    let y = tensor(y, [batch, shape.height_out(), shape.width_out(), channels]);
    if !input.is_tracked() {
        return Tensor::from_primitive::<Flex>(y);
    }
    let state = State { shape, x: values, y: y.clone() };
    let parents = [input.into_tracked()];
    Tensor::from_primitive::<Autodiff<Flex>>(tracked(MaxPoolBackward, parents, state, y))
}

/// What the gradient of a pooling needs of its forward pass.
#[derive(Debug, Clone)]
struct State {
    shape: ConvShape,
    x: FlexTensor,
    y: FlexTensor,
}

/// Computes the gradient of the input.
#[derive(Debug)]
struct MaxPoolBackward;

impl Backward<Flex, 1> for MaxPoolBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { shape, x, y } = ops.state;
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        if let [Some(parent)] = ops.parents {
            let mut dx = vec![0.0; shape.input_len()];
            max_pool_gradient(&shape, as_values(&x), as_values(&y), as_values(&dy), &mut dx);
            let ConvShape { batch, height, width, channels_in, .. } = shape;
            grads.register::<Flex>(parent.id, tensor(dx, [batch, height, width, channels_in]));
        }
    }
}

/// The pooling by burn's own operation.
fn by_burn(x: Tensor<4>, kernel: usize, options: Conv2dOptions) -> Tensor<4> {
    let Conv2dOptions { stride, padding } = options;
    let pool = MaxPool2dConfig::new([kernel; 2])
        .with_strides([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .init();
    pool.forward(x.permute([0, 3, 1, 2])).permute([0, 2, 3, 1])
}
