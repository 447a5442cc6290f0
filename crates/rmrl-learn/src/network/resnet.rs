//! ResNet-10, -18 and -34 (He et al. 2016) without their classifier, as torchvision names them.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rmrl_conv::{Conv2dOptions, max_pool2d};
use rmrl_core::Rng;

use super::conv::Conv;
use super::norm::{Norm, NormKind};

/// An image encoder.
#[derive(Module, Debug)]
pub(crate) struct ResNet {
    conv1: Conv,
    bn1: Norm,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
}

/// Two 3 x 3 convolutions and a shortcut around them.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv,
    bn1: Norm,
    conv2: Conv,
    bn2: Norm,
    downsample: Option<Downsample>,
}

/// The shortcut of a block that changes the image's size or the number of channels.
#[derive(Module, Debug)]
struct Downsample {
    conv: Conv,
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
            conv1: Conv::new([3, base_width], 7, 2, rng, device),
            bn1: Norm::new(norm, base_width, device),
            layer1,
            layer2,
            layer3,
            layer4,
        }
    }

    /// The same encoder for inference: it must not learn any more.
    pub(crate) fn for_inference(self) -> Self {
        let stage =
            |blocks: Vec<BasicBlock>| blocks.into_iter().map(BasicBlock::for_inference).collect();
        Self {
            conv1: self.conv1.for_inference(),
            layer1: stage(self.layer1),
            layer2: stage(self.layer2),
            layer3: stage(self.layer3),
            layer4: stage(self.layer4),
            ..self
        }
    }

    /// # Shapes
    /// - input: `[batch, height, width, 3]`, normalized RGB
    /// - output: `[batch, 8 * base_width]`
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.bn1.after(&self.conv1, images, None, true);
        let mut maps = max_pool2d(maps, 3, Conv2dOptions { stride: 2, padding: 1 });
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3).chain(&self.layer4)
        {
            maps = block.forward(maps);
        }
        let [batch, height, width, channels] = maps.dims();
        maps.reshape([batch, height * width, channels]).mean_dim(1).reshape([batch, channels])
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
            conv1: Conv::new([channels_in, channels], 3, stride, rng, device),
            bn1: Norm::new(norm, channels, device),
            conv2: Conv::new([channels, channels], 3, 1, rng, device),
            bn2: Norm::new(norm, channels, device),
            downsample: (stride != 1 || channels_in != channels).then(|| Downsample {
                conv: Conv::new([channels_in, channels], 1, stride, rng, device),
                norm: Norm::new(norm, channels, device),
            }),
        }
    }

    fn for_inference(self) -> Self {
        let shortcut =
            |shortcut: Downsample| Downsample { conv: shortcut.conv.for_inference(), ..shortcut };
        Self {
            conv1: self.conv1.for_inference(),
            conv2: self.conv2.for_inference(),
            downsample: self.downsample.map(shortcut),
            ..self
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(shortcut) => shortcut.norm.after(&shortcut.conv, input.clone(), None, false),
            None => input.clone(),
        };
        let maps = self.bn1.after(&self.conv1, input, None, true);
        self.bn2.after(&self.conv2, maps, Some(shortcut), true)
    }
}
