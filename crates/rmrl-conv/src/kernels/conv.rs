//! A convolution and its gradients on plain slices.

use rayon::prelude::*;

use super::direct::Correlations;
use super::direct_weight_gradient;
use super::epilogue::Epilogue;
use super::shape::ConvShape;
use super::winograd;

/// A convolution's weights in the order in which it reads them.
///
/// They depend on the image's size, but not on the batch.
pub struct PackedWeights(Packed);

enum Packed {
    Direct(Correlations),
    Winograd(winograd::Kernel),
}

impl PackedWeights {
    /// Prepares weights `[channels_out, channels_in, kernel, kernel]`, each output channel's
    /// multiplied by its `scale`.
    ///
    /// # Panics
    /// The number of weights or scales does not match the shape.
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

/// The convolution: writes all of `y`, `[batch, height_out, width_out, channels_out]`, from `x`,
/// `[batch, height, width, channels_in]`.
///
/// # Panics
/// The length of a slice does not match the shape.
pub fn forward(
    shape: &ConvShape,
    x: &[f32],
    weights: &PackedWeights,
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.input_len(), "the input of {shape:?}");
    assert_eq!(y.len(), shape.output_len(), "the output of {shape:?}");
    let Epilogue { bias, residual, .. } = epilogue;
    assert!(bias.is_none_or(|bias| bias.len() == shape.channels_out), "the bias of {shape:?}");
    assert!(residual.is_none_or(|residual| residual.len() == y.len()), "the residual of {shape:?}");
    match &weights.0 {
        Packed::Winograd(kernel) => winograd::run(shape, x, kernel, y, epilogue),
        Packed::Direct(correlations) => correlations.run(
            x,
            [shape.height, shape.width, shape.channels_in],
            y,
            [shape.height_out(), shape.width_out(), shape.channels_out],
            epilogue,
        ),
    }
}

/// The gradient of the input: writes all of `dx` from the gradient of the output, `dy`.
///
/// # Panics
/// The length of a slice does not match the shape.
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
            winograd::run(&shape.transposed(), dy, &kernel, dx, Epilogue::default());
        }
        Packed::Direct(correlations) => correlations.run(
            dy,
            [shape.height_out(), shape.width_out(), shape.channels_out],
            dx,
            [shape.height, shape.width, shape.channels_in],
            Epilogue::default(),
        ),
    }
}

/// The gradient of the weights: writes all of `dw`, `[channels_out, channels_in, kernel, kernel]`, from the input
/// and the output's gradient, for weights scaled as in [`PackedWeights::forward`].
///
/// # Panics
/// The length of a slice does not match the shape.
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
        direct_weight_gradient::run(shape, x, dy, dw);
    }
    if let Some(scale) = scale {
        let channels = dw.chunks_exact_mut(shape.weight_len() / shape.channels_out);
        for (channel, scale) in channels.zip(scale) {
            channel.iter_mut().for_each(|value| *value *= scale);
        }
    }
}

/// The gradient of the bias, one value for each output channel: the sum of the output's gradient.
///
/// # Panics
/// `db` is empty.
pub fn bias_gradient(dy: &[f32], db: &mut [f32]) {
    let channels = db.len();
    // Fixed pieces are added in order, so the bits do not depend on the number of threads.
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
