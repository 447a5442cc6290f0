//! A convolution and its gradients on plain slices.

use rayon::prelude::*;

use super::direct::{self, Correlations};
use super::multiply::Finish;
use super::shape::ConvShape;
use super::winograd;

/// Weights as a convolution reads them.
///
/// They depend on the image's size, not on the batch: [`Self::forward`] prepares them, and says
/// nothing of how.
pub struct PackedWeights(Packed);

enum Packed {
    Direct(Correlations),
    Winograd(winograd::Kernel),
}

/// What follows a convolution, in the same pass over its output: `relu(y + bias + residual)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// One number for each output channel.
    pub bias: Option<&'a [f32]>,
    /// As the output, `[batch, height, width, channels_out]`.
    pub residual: Option<&'a [f32]>,
    /// Whether what is negative becomes zero.
    pub relu: bool,
}

impl PackedWeights {
    /// Prepares weights `[channels_out, channels_in, kernel, kernel]`, each output channel's
    /// multiplied by its `scale`.
    ///
    /// # Panics
    /// If there are not as many weights or scales as the shape says.
    pub fn forward(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        check(shape, weight, scale);
        Self(if shape.suits_winograd() {
            Packed::Winograd(winograd::Kernel::forward(shape, weight, scale))
        } else {
            Packed::Direct(Correlations::forward(shape, weight, scale))
        })
    }

    fn input_gradient(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) -> Self {
        check(shape, weight, scale);
        Self(if shape.suits_winograd() {
            Packed::Winograd(winograd::Kernel::input_gradient(shape, weight, scale))
        } else {
            Packed::Direct(Correlations::input_gradient(shape, weight, scale))
        })
    }
}

fn check(shape: &ConvShape, weight: &[f32], scale: Option<&[f32]>) {
    assert_eq!(weight.len(), shape.weight_len(), "weights of {shape:?}");
    assert!(scale.is_none_or(|scale| scale.len() == shape.channels_out), "scales of {shape:?}");
}

/// The convolution: `y`, `[batch, height_out, width_out, channels_out]`, of `x`,
/// `[batch, height, width, channels_in]`. All of `y` is written.
///
/// # Panics
/// If a slice has not as many numbers as the shape says.
pub fn forward(
    shape: &ConvShape,
    x: &[f32],
    weights: &PackedWeights,
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.input_len(), "the input of {shape:?}");
    assert_eq!(y.len(), shape.output_len(), "the output of {shape:?}");
    let Epilogue { bias, residual, relu } = epilogue;
    assert!(bias.is_none_or(|bias| bias.len() == shape.channels_out), "the bias of {shape:?}");
    assert!(residual.is_none_or(|residual| residual.len() == y.len()), "the residual of {shape:?}");
    let finish = Finish { bias, residual, relu };
    match &weights.0 {
        Packed::Winograd(kernel) => winograd::run(shape, x, kernel, y, finish),
        Packed::Direct(correlations) => correlations.run(
            x,
            [shape.height, shape.width, shape.channels_in],
            y,
            [shape.height_out(), shape.width_out(), shape.channels_out],
            finish,
        ),
    }
}

/// The gradient of the input from that of the output, `dy`; all of `dx` is written.
///
/// # Panics
/// If a slice has not as many numbers as the shape says.
pub fn input_gradient(
    shape: &ConvShape,
    weight: &[f32],
    scale: Option<&[f32]>,
    dy: &[f32],
    dx: &mut [f32],
) {
    assert_eq!(dy.len(), shape.output_len(), "the output's gradient of {shape:?}");
    assert_eq!(dx.len(), shape.input_len(), "the input's gradient of {shape:?}");
    match PackedWeights::input_gradient(shape, weight, scale).0 {
        Packed::Winograd(kernel) => {
            winograd::run(&shape.transposed(), dy, &kernel, dx, Finish::default());
        }
        Packed::Direct(correlations) => correlations.run(
            dy,
            [shape.height_out(), shape.width_out(), shape.channels_out],
            dx,
            [shape.height, shape.width, shape.channels_in],
            Finish::default(),
        ),
    }
}

/// The gradient of the weights, `[channels_out, channels_in, kernel, kernel]`, from the input and
/// the output's gradient, for weights scaled as in [`PackedWeights::forward`]; all of `dw` is
/// written.
///
/// # Panics
/// If a slice has not as many numbers as the shape says.
pub fn weight_gradient(
    shape: &ConvShape,
    scale: Option<&[f32]>,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    assert_eq!(x.len(), shape.input_len(), "the input of {shape:?}");
    assert_eq!(dy.len(), shape.output_len(), "the output's gradient of {shape:?}");
    check(shape, dw, scale);
    if shape.batch == 0 {
        dw.fill(0.0);
    } else if shape.suits_winograd() {
        winograd::weight_gradient(shape, x, dy, dw);
    } else {
        direct::weight_gradient(shape, x, dy, dw);
    }
    if let Some(scale) = scale {
        let channels = dw.chunks_exact_mut(shape.weight_len() / shape.channels_out);
        for (channel, scale) in channels.zip(scale) {
            channel.iter_mut().for_each(|value| *value *= scale);
        }
    }
}

/// The gradient of the bias, one number for each output channel: the sum of the output's gradient.
///
/// # Panics
/// If `db` is empty.
pub fn bias_gradient(dy: &[f32], db: &mut [f32]) {
    let channels = db.len();
    // Fixed pieces, added in order: the same bits on any number of threads.
    let partial: Vec<Vec<f32>> = dy
        .par_chunks(1024 * channels)
        .map(|pixels| {
            let mut sums = vec![0.0; channels];
            for pixel in pixels.chunks_exact(channels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
            sums
        })
        .collect();
    db.fill(0.0);
    for sums in partial {
        for (sum, value) in db.iter_mut().zip(sums) {
            *sum += value;
        }
    }
}
