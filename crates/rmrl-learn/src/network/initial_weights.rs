//! Initial weights, drawn from a seeded stream: the same seed gives the same network on every
//! device and in every process.

use burn::module::Param;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rmrl_core::{Rng, standard_normal};

/// The weights of a square convolution, `[channels_out, channels_in, kernel, kernel]`, as
/// torchvision initializes them: normal, of variance `2 / fan_out` (He et al. 2015).
pub(super) fn kernel(
    [channels_in, channels_out]: [usize; 2],
    kernel: usize,
    rng: &mut Rng,
    device: &Device,
) -> Param<Tensor<4>> {
    let deviation = (2.0 / (channels_out * kernel * kernel) as f64).sqrt();
    parameter([channels_out, channels_in, kernel, kernel], device, || {
        deviation * standard_normal(rng)
    })
}

/// A fully connected layer with PyTorch's initial weights: uniform within `1 / sqrt(fan_in)`.
pub(crate) fn linear(inputs: usize, outputs: usize, rng: &mut Rng, device: &Device) -> Linear {
    let bound = 1.0 / (inputs as f64).sqrt();
    let mut uniform = || bound * (2.0 * rng.random::<f64>() - 1.0);
    let mut linear = LinearConfig::new(inputs, outputs).init(device);
    linear.weight = parameter([inputs, outputs], device, &mut uniform);
    linear.bias = Some(parameter([outputs], device, &mut uniform));
    linear
}

/// A fully connected layer whose output is zero for any input.
pub(super) fn zero_linear(inputs: usize, outputs: usize, device: &Device) -> Linear {
    let mut linear = LinearConfig::new(inputs, outputs).init(device);
    linear.weight = parameter([inputs, outputs], device, || 0.0);
    linear.bias = Some(parameter([outputs], device, || 0.0));
    linear
}

fn parameter<const D: usize>(
    shape: [usize; D],
    device: &Device,
    mut value: impl FnMut() -> f64,
) -> Param<Tensor<D>> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| value() as f32).collect();
    Param::from_data(TensorData::new(values, shape), device)
}
