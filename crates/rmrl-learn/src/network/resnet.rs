//! ResNet-10, -18 and -34 (He et al. 2016) without their classifier, as torchvision names them.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rmrl_core::Rng;

use super::initial::conv;
use super::norm::{Norm, NormKind};

/// An image encoder.
#[derive(Module, Debug)]
pub(crate) struct ResNet {
    conv1: Conv2d,
    bn1: Norm,
    maxpool: MaxPool2d,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
}

/// Two 3 x 3 convolutions and a shortcut around them.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: Norm,
    conv2: Conv2d,
    bn2: Norm,
    downsample: Option<Downsample>,
}

/// The shortcut where a block changes the picture's size or the number of channels.
#[derive(Module, Debug)]
struct Downsample {
    conv: Conv2d,
    norm: Norm,
}

impl ResNet {
    /// An encoder with `blocks` basic blocks in its four stages, the first of `base_width`
    /// channels.
    pub(crate) fn new(
        blocks: [usize; 4],
        base_width: usize,
        norm: NormKind,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let mut stage = |index: usize| {
            let channels = base_width << index;
            let channels_in = if index == 0 { base_width } else { channels / 2 };
            let stride = if index == 0 { 1 } else { 2 };
            (0..blocks[index])
                .map(|block| {
                    if block == 0 {
                        BasicBlock::new([channels_in, channels], stride, norm, rng, device)
                    } else {
                        BasicBlock::new([channels, channels], 1, norm, rng, device)
                    }
                })
                .collect()
        };
        let (layer1, layer2, layer3, layer4) = (stage(0), stage(1), stage(2), stage(3));
        Self {
            conv1: conv([3, base_width], 7, 2, rng, device),
            bn1: Norm::new(norm, base_width, device),
            maxpool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            layer1,
            layer2,
            layer3,
            layer4,
        }
    }

    /// # Shapes
    /// - input: `[batch, 3, height, width]`, normalised RGB
    /// - output: `[batch, 8 * base_width]`
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut maps = relu(self.bn1.forward(self.conv1.forward(images)));
        maps = self.maxpool.forward(maps);
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3).chain(&self.layer4)
        {
            maps = block.forward(maps);
        }
        let [batch, channels, height, width] = maps.dims();
        maps.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
    }
}

impl BasicBlock {
    fn new(
        [channels_in, channels]: [usize; 2],
        stride: usize,
        norm: NormKind,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        Self {
            conv1: conv([channels_in, channels], 3, stride, rng, device),
            bn1: Norm::new(norm, channels, device),
            conv2: conv([channels, channels], 3, 1, rng, device),
            bn2: Norm::new(norm, channels, device),
            downsample: (stride != 1 || channels_in != channels).then(|| Downsample {
                conv: conv([channels_in, channels], 1, stride, rng, device),
                norm: Norm::new(norm, channels, device),
            }),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.norm.forward(downsample.conv.forward(input.clone())),
            None => input.clone(),
        };
        let maps = relu(self.bn1.forward(self.conv1.forward(input)));
        relu(self.bn2.forward(self.conv2.forward(maps)) + shortcut)
    }
}
