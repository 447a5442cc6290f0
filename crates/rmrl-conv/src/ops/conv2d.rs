//! Convolutions on burn's tensors.

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

use super::primitive::{
    OnCpu, Tracked, absent, as_values, before_relu, contiguous, tensor, tracked,
};
use crate::kernels::{
    ConvShape, Epilogue, PackedWeights, bias_gradient, forward, input_gradient, weight_gradient,
};

/// Stride and padding of a convolution or pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Input pixels between neighboring output pixels.
    pub stride: usize,
    /// Rows and columns of zeros around the image.
    pub padding: usize,
}

/// The operations that are fused into a convolution: `relu(conv(x, weight * scale) + bias + residual)`, where
/// every part is optional.
#[derive(Debug, Clone, Default)]
pub struct Conv2dEpilogue {
    /// A factor for each output channel, `[channels_out]`. It is a constant without a gradient, such as that of
    /// a frozen normalization.
    pub scale: Option<Tensor<1>>,
    /// A term for each output channel, `[channels_out]`.
    pub bias: Option<Tensor<1>>,
    /// A tensor that is added, with the shape of the output.
    pub residual: Option<Tensor<4>>,
    /// Whether negative values become zero.
    pub relu: bool,
}

/// Packed weights, prepared at their first use, for weights that no longer change: preparing them takes longer than
/// one image's convolution.
///
/// Clones share the prepared weights. They are used for convolutions without gradients, of images of the same size
/// as the first one.
#[derive(Clone, Default)]
pub struct PackedConv2d(Arc<OnceLock<(ConvShape, PackedWeights)>>);

impl fmt::Debug for PackedConv2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PackedConv2d").field(&self.0.get().map(|(shape, _)| shape)).finish()
    }
}

/// A convolution of images with channels last by a square kernel.
///
/// The input, the weight, the bias and the residual get gradients. `packed` is for weights that do not change: it
/// keeps the prepared weights.
///
/// # Shapes
/// - x: `[batch, height, width, channels_in]`
/// - weight: `[channels_out, channels_in, kernel, kernel]`
/// - output: `[batch, height_out, width_out, channels_out]`
///
/// # Panics
/// The shapes do not match.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    options: Conv2dOptions,
    epilogue: Conv2dEpilogue,
    packed: Option<&PackedConv2d>,
) -> Tensor<4> {
    let shape = shape_of(x.dims(), weight.dims(), options);
    let operands = Operands::of(&x, &weight, &epilogue);
    let Some(operands) = operands else {
        return by_burn(x, weight, options, epilogue);
    };
    if operands.any_tracked() {
        Tensor::from_primitive::<Autodiff<Flex>>(with_gradients(shape, operands, epilogue.relu))
    } else {
        Tensor::from_primitive::<Flex>(plain(shape, &operands, epilogue.relu, packed))
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

/// The operands of a convolution, on the CPU.
struct Operands {
    x: OnCpu,
    weight: OnCpu,
    scale: Option<FlexTensor>,
    bias: Option<OnCpu>,
    residual: Option<OnCpu>,
}

impl Operands {
    fn of(x: &Tensor<4>, weight: &Tensor<4>, epilogue: &Conv2dEpilogue) -> Option<Self> {
        let scale = OnCpu::of_optional(epilogue.scale.as_ref())?;
        Some(Self {
            x: OnCpu::of(x)?,
            weight: OnCpu::of(weight)?,
            scale: scale.map(|scale| contiguous(scale.plain().clone())),
            bias: OnCpu::of_optional(epilogue.bias.as_ref())?,
            residual: OnCpu::of_optional(epilogue.residual.as_ref())?,
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
    let weight = contiguous(operands.weight.plain().clone());
    let pack = || {
        PackedWeights::forward(&shape, as_values(&weight), operands.scale.as_ref().map(as_values))
    };
    // Packed weights do not depend on the batch.
    let alike = |other: &ConvShape| ConvShape { batch: shape.batch, ..*other } == shape;
    let fresh;
    let weights = match packed.map(|packed| packed.0.get_or_init(|| (shape, pack()))) {
        Some((packed_for, weights)) if alike(packed_for) => weights,
        _ => {
            fresh = pack();
            &fresh
        }
    };
    let x = contiguous(operands.x.plain().clone());
    let contiguous = |operand: &Option<OnCpu>| {
        operand.as_ref().map(|operand| contiguous(operand.plain().clone()))
    };
    let (bias, residual) = (contiguous(&operands.bias), contiguous(&operands.residual));
    let epilogue = Epilogue {
        bias: bias.as_ref().map(as_values),
        residual: residual.as_ref().map(as_values),
        relu,
    };
    let mut y = vec![0.0; shape.output_len()];
    forward(&shape, as_values(&x), weights, epilogue, &mut y);
    tensor(y, [shape.batch, shape.height_out(), shape.width_out(), shape.channels_out])
}

/// What the gradients of a convolution need of its forward pass.
#[derive(Debug, Clone)]
struct State {
    shape: ConvShape,
    x: FlexTensor,
    weight: FlexTensor,
    scale: Option<FlexTensor>,
    /// The output, if it went through a ReLU.
    y: Option<FlexTensor>,
}

/// Computes the gradients of input, weight, bias and residual.
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
            None => contiguous(dy),
        };
        let (input, kernel) = (contiguous(input), contiguous(kernel));
        let scale = scale.as_ref().map(as_values);
        if let Some(x) = x {
            let mut dx = vec![0.0; shape.input_len()];
            input_gradient(&shape, as_values(&kernel), scale, as_values(&dz), &mut dx);
            let ConvShape { batch, height, width, channels_in, .. } = shape;
            grads.register::<Flex>(x.id, tensor(dx, [batch, height, width, channels_in]));
        }
        if let Some(weight) = weight {
            let mut dw = vec![0.0; shape.weight_len()];
            weight_gradient(&shape, scale, as_values(&input), as_values(&dz), &mut dw);
            let ConvShape { channels_in, channels_out, kernel, .. } = shape;
            grads.register::<Flex>(
                weight.id,
                tensor(dw, [channels_out, channels_in, kernel, kernel]),
            );
        }
        if let Some(bias) = bias {
            let mut db = vec![0.0; shape.channels_out];
            bias_gradient(as_values(&dz), &mut db);
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

/// The convolution by burn's own operations.
fn by_burn(
    x: Tensor<4>,
    weight: Tensor<4>,
    options: Conv2dOptions,
    epilogue: Conv2dEpilogue,
) -> Tensor<4> {
    let Conv2dEpilogue { scale, bias, residual, relu: rectified } = epilogue;
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
