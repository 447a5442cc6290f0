//! The convolution.

use std::fmt;
use std::sync::{Arc, OnceLock};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::ops::ConvOptions;

use super::primitive::{OnCpu, Tracked, absent, before_relu, in_a_row, numbers, tensor, tracked};
use crate::kernels::{
    ConvShape, Epilogue, PackedWeights, bias_gradient, forward, input_gradient, weight_gradient,
};

/// How a kernel moves over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Input pixels between neighboring output pixels.
    pub stride: usize,
    /// Rows and columns of zeros around the image.
    pub padding: usize,
}

/// What goes with a convolution in the same pass:
/// `relu(conv(x, weight * scale) + bias + residual)`, each if it is there.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    /// A factor for each output channel, `[channels_out]`: a constant that no gradient goes to, as
    /// of a frozen normalization.
    pub scale: Option<Tensor<1>>,
    /// `[channels_out]`
    pub bias: Option<Tensor<1>>,
    /// As the output.
    pub residual: Option<Tensor<4>>,
    /// Whether what is negative becomes zero.
    pub relu: bool,
}

/// Weights that were prepared at their first use, for weights that do not change any more: one
/// image's convolution takes less time than preparing them.
///
/// Clones share what was prepared. It serves convolutions without gradients, of images of the
/// first one's size.
#[derive(Clone, Default)]
pub struct PackedConv2d(Arc<OnceLock<(ConvShape, PackedWeights)>>);

impl fmt::Debug for PackedConv2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PackedConv2d").field(&self.0.get().map(|(shape, _)| shape)).finish()
    }
}

/// A convolution by a square kernel of images with channels last.
///
/// Gradients go to the input, the weight, the bias and the residual. `packed` is for weights that do
/// not change; it keeps what is prepared.
///
/// # Shapes
/// - x: `[batch, height, width, channels_in]`
/// - weight: `[channels_out, channels_in, kernel, kernel]`
/// - output: `[batch, height_out, width_out, channels_out]`
///
/// # Panics
/// If the shapes do not fit each other.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    options: Conv2dOptions,
    follow: Follow,
    packed: Option<&PackedConv2d>,
) -> Tensor<4> {
    let shape = shape_of(x.dims(), weight.dims(), options);
    let operands = Operands::of(&x, &weight, &follow);
    let Some(operands) = operands else {
        return elsewhere(x, weight, options, follow);
    };
    if operands.any_tracked() {
        Tensor::from_primitive::<Autodiff<Flex>>(with_gradients(shape, operands, follow.relu))
    } else {
        Tensor::from_primitive::<Flex>(plain(shape, &operands, follow.relu, packed))
    }
}

fn shape_of(x: [usize; 4], weight: [usize; 4], options: Conv2dOptions) -> ConvShape {
    let ([batch, height, width, channels_in], [channels_out, depth, kernel, columns]) = (x, weight);
    assert!(
        depth == channels_in && columns == kernel,
        "weights {weight:?} are not a square kernel for images {x:?}"
    );
    let Conv2dOptions { stride, padding } = options;
    ConvShape { batch, height, width, channels_in, channels_out, kernel, stride, padding }
}

/// What a convolution is made of, on the CPU.
struct Operands {
    x: OnCpu,
    weight: OnCpu,
    scale: Option<FlexTensor>,
    bias: Option<OnCpu>,
    residual: Option<OnCpu>,
}

impl Operands {
    fn of(x: &Tensor<4>, weight: &Tensor<4>, follow: &Follow) -> Option<Self> {
        let scale = OnCpu::of_optional(follow.scale.as_ref())?;
        Some(Self {
            x: OnCpu::of(x)?,
            weight: OnCpu::of(weight)?,
            scale: scale.map(|scale| in_a_row(scale.plain().clone())),
            bias: OnCpu::of_optional(follow.bias.as_ref())?,
            residual: OnCpu::of_optional(follow.residual.as_ref())?,
        })
    }

    fn any_tracked(&self) -> bool {
        let optional = [&self.bias, &self.residual].into_iter().flatten();
        [&self.x, &self.weight].into_iter().chain(optional).any(OnCpu::is_tracked)
    }
}

fn plain(
    shape: ConvShape,
    operands: &Operands,
    relu: bool,
    packed: Option<&PackedConv2d>,
) -> FlexTensor {
    let weight = in_a_row(operands.weight.plain().clone());
    let pack =
        || PackedWeights::forward(&shape, numbers(&weight), operands.scale.as_ref().map(numbers));
    // Prepared weights say nothing of the batch.
    let alike = |other: &ConvShape| ConvShape { batch: shape.batch, ..*other } == shape;
    let fresh;
    let weights = match packed.map(|packed| packed.0.get_or_init(|| (shape, pack()))) {
        Some((packed_for, weights)) if alike(packed_for) => weights,
        _ => {
            fresh = pack();
            &fresh
        }
    };
    let x = in_a_row(operands.x.plain().clone());
    let in_a_row =
        |operand: &Option<OnCpu>| operand.as_ref().map(|operand| in_a_row(operand.plain().clone()));
    let (bias, residual) = (in_a_row(&operands.bias), in_a_row(&operands.residual));
    let epilogue = Epilogue {
        bias: bias.as_ref().map(numbers),
        residual: residual.as_ref().map(numbers),
        relu,
    };
    let mut y = vec![0.0; shape.output_len()];
    forward(&shape, numbers(&x), weights, epilogue, &mut y);
    tensor(y, [shape.batch, shape.height_out(), shape.width_out(), shape.channels_out])
}

/// What the gradients of a convolution need.
#[derive(Debug, Clone)]
struct State {
    shape: ConvShape,
    x: FlexTensor,
    weight: FlexTensor,
    scale: Option<FlexTensor>,
    /// The output, if it went through a ReLU.
    y: Option<FlexTensor>,
}

/// The gradients of input, weight, bias and residual.
#[derive(Debug)]
struct Conv2dBackward;

impl Backward<Flex, 4> for Conv2dBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, weight, bias, residual] = ops.parents;
        let State { shape, x: input, weight: kernel, scale, y } = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let dz = match y {
            Some(y) => before_relu(dy, &y),
            None => in_a_row(dy),
        };
        let (input, kernel) = (in_a_row(input), in_a_row(kernel));
        let scale = scale.as_ref().map(numbers);
        if let Some(x) = x {
            let mut dx = vec![0.0; shape.input_len()];
            input_gradient(&shape, numbers(&kernel), scale, numbers(&dz), &mut dx);
            let ConvShape { batch, height, width, channels_in, .. } = shape;
            grads.register::<Flex>(x.id, tensor(dx, [batch, height, width, channels_in]));
        }
        if let Some(weight) = weight {
            let mut dw = vec![0.0; shape.weight_len()];
            weight_gradient(&shape, scale, numbers(&input), numbers(&dz), &mut dw);
            let ConvShape { channels_in, channels_out, kernel, .. } = shape;
            grads.register::<Flex>(
                weight.id,
                tensor(dw, [channels_out, channels_in, kernel, kernel]),
            );
        }
        if let Some(bias) = bias {
            let mut db = vec![0.0; shape.channels_out];
            bias_gradient(numbers(&dz), &mut db);
            grads.register::<Flex>(bias.id, tensor(db, [shape.channels_out]));
        }
        if let Some(residual) = residual {
            grads.register::<Flex>(residual.id, dz);
        }
    }
}

fn with_gradients(shape: ConvShape, operands: Operands, relu: bool) -> Tracked {
    let output = plain(shape, &operands, relu, None);
    let state = State {
        shape,
        x: operands.x.plain().clone(),
        weight: operands.weight.plain().clone(),
        scale: operands.scale,
        y: relu.then(|| output.clone()),
    };
    let optional = |operand: Option<OnCpu>| operand.map_or_else(absent, OnCpu::into_tracked);
    let parents = [
        operands.x.into_tracked(),
        operands.weight.into_tracked(),
        optional(operands.bias),
        optional(operands.residual),
    ];
    tracked(Conv2dBackward, parents, state, output)
}

/// The same by burn's own operations.
fn elsewhere(x: Tensor<4>, weight: Tensor<4>, options: Conv2dOptions, follow: Follow) -> Tensor<4> {
    let Follow { scale, bias, residual, relu: rectified } = follow;
    let weight = match scale {
        Some(scale) => weight * scale.reshape([-1, 1, 1, 1]),
        None => weight,
    };
    let Conv2dOptions { stride, padding } = options;
    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    let x = x.permute([0, 3, 1, 2]);
    let y = burn::tensor::module::conv2d(x, weight, bias, options).permute([0, 2, 3, 1]);
    let y = match residual {
        Some(residual) => y + residual,
        None => y,
    };
    if rectified { relu(y) } else { y }
}
