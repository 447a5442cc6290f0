"""The policy network in PyTorch, with this project's names: what fixtures and comparisons are made with."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

# Basic blocks in the four stages of a ResNet.
BLOCKS = {10: [1, 1, 1, 1], 18: [2, 2, 2, 2], 34: [3, 4, 6, 3]}
# Of ImageNet's colors.
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

NormLayer = Callable[[int], nn.Module]


def group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(max(1, channels // 16), channels)


class Encoder(ResNet):
    """torchvision's ResNet with another base width and without its classifier."""

    def __init__(self, depth: int, base_width: int, norm_layer: NormLayer):
        blocks = BLOCKS[depth]
        super().__init__(BasicBlock, blocks, norm_layer=norm_layer)
        self.inplanes = base_width
        self.conv1 = nn.Conv2d(3, base_width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm_layer(base_width)
        self.layer1 = self._make_layer(BasicBlock, base_width, blocks[0])
        self.layer2 = self._make_layer(BasicBlock, 2 * base_width, blocks[1], stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * base_width, blocks[2], stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * base_width, blocks[3], stride=2)
        self.fc = nn.Identity()


class Mlp(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int, last_relu: bool):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, outputs)
        self.last_relu = last_relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc2(torch.relu(self.fc1(x)))
        return torch.relu(x) if self.last_relu else x


class Policy(nn.Module):
    """Fig. 3 of the paper."""

    def __init__(
        self, encoder: Encoder, features: int, pose_width: int, head_width: int, candidates: list[int]
    ):
        super().__init__()
        self.encoder = encoder
        # Beside the parameters, so that they go where those go; no weights file has them.
        self.register_buffer("mean", MEAN, persistent=False)
        self.register_buffer("deviation", DEVIATION, persistent=False)
        self.pose = Mlp(3, pose_width, pose_width, last_relu=True)
        joint = features + pose_width
        self.heads = nn.ModuleList(Mlp(joint, head_width, n, last_relu=False) for n in candidates)

    def features(self, pixels: Tensor) -> Tensor:
        image = pixels.permute(0, 3, 1, 2).float() / 255
        return self.encoder((image - self.mean) / self.deviation)

    def forward(self, pixels: Tensor, pose: Tensor) -> list[Tensor]:
        """Logits of each dimension, from `[batch, height, width, 3]` bytes and scaled poses."""
        joint = torch.cat([self.features(pixels), self.pose(pose)], dim=1)
        return [head(joint) for head in self.heads]
