//! Convolutions of the encoder.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rmrl_conv::{Conv2dEpilogue, Conv2dOptions, PackedConv2d, conv2d};
use rmrl_core::Rng;

use super::initial_weights::kernel;

/// A square convolution without bias, padded to keep the image's size at stride 1.
#[derive(Module, Debug)]
pub(super) struct Conv {
    /// `[channels_out, channels_in, kernel, kernel]`
    weight: Param<Tensor<4>>,
    #[module(skip)]
    stride: usize,
    /// Weights in the order in which the processor reads them, of a network for inference.
    #[module(skip)]
    packed: Option<PackedConv2d>,
}

impl Conv {
    pub(super) fn new(
        channels: [usize; 2],
        size: usize,
        stride: usize,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        Self { weight: kernel(channels, size, rng, device), stride, packed: None }
    }

    /// The same convolution, whose weights are packed once, at its first image. They must not change
    /// afterwards.
    pub(super) fn for_inference(self) -> Self {
        Self { packed: Some(PackedConv2d::default()), ..self }
    }

    /// # Shapes
    /// - input: `[batch, height, width, channels_in]`
    /// - output: `[batch, height / stride, width / stride, channels_out]`, rounded up
    pub(super) fn forward(&self, input: Tensor<4>, epilogue: Conv2dEpilogue) -> Tensor<4> {
        let weight = self.weight.val();
        let padding = weight.dims()[2] / 2;
        let options = Conv2dOptions { stride: self.stride, padding };
        conv2d(input, weight, options, epilogue, self.packed.as_ref())
    }
}
