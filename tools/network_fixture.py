#!/usr/bin/env python3
"""Makes the fixtures that the policy network is compared with: PyTorch's logits, losses and gradients.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/network_fixture.py

Writes to crates/rmrl-learn/tests/fixtures:

- policy_group_norm.safetensors   a whole policy network on a ResNet-10 with group norm
- policy_frozen_batch_norm.safetensors   the same on a ResNet-18 with frozen batch norm
- resnet18_torchvision.pth, .safetensors   the second one's encoder as torchvision saves it

Each policy file holds the weights, an input batch, and what PyTorch makes of it. Networks are narrow
and pictures small, so that the files are.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops.misc import FrozenBatchNorm2d

FIXTURES = Path(__file__).resolve().parent.parent / "crates/rmrl-learn/tests/fixtures"
BASE_WIDTH = 4
IMAGE_SIZE = 32
BATCH = 3
CANDIDATES = [5, 7, 3]
POSE_WIDTH = 6
HEAD_WIDTH = 10
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Encoder(ResNet):
    """torchvision's ResNet with another base width and without its classifier."""

    def __init__(self, blocks, norm_layer):
        super().__init__(BasicBlock, blocks, norm_layer=norm_layer)
        self.inplanes = BASE_WIDTH
        self.conv1 = nn.Conv2d(3, BASE_WIDTH, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm_layer(BASE_WIDTH)
        self.layer1 = self._make_layer(BasicBlock, BASE_WIDTH, blocks[0])
        self.layer2 = self._make_layer(BasicBlock, 2 * BASE_WIDTH, blocks[1], stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * BASE_WIDTH, blocks[2], stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * BASE_WIDTH, blocks[3], stride=2)
        self.fc = nn.Identity()


class Mlp(nn.Module):
    def __init__(self, inputs, hidden, outputs, last_relu):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, outputs)
        self.last_relu = last_relu

    def forward(self, x):
        x = self.fc2(torch.relu(self.fc1(x)))
        return torch.relu(x) if self.last_relu else x


class Policy(nn.Module):
    """Fig. 3 of the paper."""

    def __init__(self, blocks, norm_layer):
        super().__init__()
        self.encoder = Encoder(blocks, norm_layer)
        self.pose = Mlp(3, POSE_WIDTH, POSE_WIDTH, last_relu=True)
        joint = 8 * BASE_WIDTH + POSE_WIDTH
        self.heads = nn.ModuleList(Mlp(joint, HEAD_WIDTH, n, last_relu=False) for n in CANDIDATES)

    def forward(self, pixels, pose):
        image = pixels.permute(0, 3, 1, 2).float() / 255
        joint = torch.cat([self.encoder((image - MEAN) / DEVIATION), self.pose(pose)], dim=1)
        return [head(joint) for head in self.heads]


def group_norm(channels):
    return nn.GroupNorm(max(1, channels // 16), channels)


def losses(logits, labels, rewards):
    """Eq. 6 with the rewards, Eq. 8 without, both averaged over the batch."""
    log_pi = sum(
        torch.log_softmax(logits[d], dim=1).gather(1, labels[:, d : d + 1]).squeeze(1) for d in range(3)
    )
    return -(log_pi * rewards).mean(), -log_pi.mean()


def fixture(blocks, norm_layer):
    model = Policy(blocks, norm_layer)
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            # Statistics as a trained network has them, not the initial zeros and ones.
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.3, 0.3)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    pixels = torch.randint(0, 256, (BATCH, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=torch.uint8)
    pose = torch.randn(BATCH, 3)
    labels = torch.stack([torch.randint(0, n, (BATCH,)) for n in CANDIDATES], dim=1)
    rewards = torch.rand(BATCH)
    tensors = {name: value.clone() for name, value in model.state_dict().items()}

    logits = model(pixels, pose)
    policy_gradient, supervised = losses(logits, labels, rewards)
    policy_gradient.backward()
    tensors |= {f"gradient/{name}": p.grad.clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    optimizer.step()
    after = model(pixels, pose)

    tensors |= {
        "input/pixels": pixels,
        "input/pose": pose,
        "input/labels": labels,
        "input/rewards": rewards,
        "expected/policy_gradient": policy_gradient.detach().reshape(1),
        "expected/supervised": supervised.detach().reshape(1),
    }
    for d in range(3):
        tensors[f"expected/logits.{d}"] = logits[d].detach()
        tensors[f"expected/logits_after_adam.{d}"] = after[d].detach()
    return model, {name: value.contiguous() for name, value in tensors.items()}


def main():
    torch.manual_seed(7)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    _, tensors = fixture([1, 1, 1, 1], group_norm)
    save_file(tensors, FIXTURES / "policy_group_norm.safetensors")
    model, tensors = fixture([2, 2, 2, 2], FrozenBatchNorm2d)
    save_file(tensors, FIXTURES / "policy_frozen_batch_norm.safetensors")

    # The encoder before its Adam step, as a torchvision state dict: with a classifier and counters.
    encoder = {k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")}
    encoder["fc.weight"] = torch.randn(4, 8 * BASE_WIDTH)
    encoder["fc.bias"] = torch.randn(4)
    for name in [k for k in encoder if k.endswith("running_var")]:
        encoder[name.replace("running_var", "num_batches_tracked")] = torch.tensor(1000)
    torch.save(encoder, FIXTURES / "resnet18_torchvision.pth")
    save_file(encoder, FIXTURES / "resnet18_torchvision.safetensors")


if __name__ == "__main__":
    main()
