#!/usr/bin/env python3
"""Makes the fixtures that the policy network is compared with: PyTorch's logits, losses and gradients.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/network_fixture.py

Writes to crates/rmrl-learn/tests/fixtures:

- policy_group_norm.safetensors   a whole policy network on a ResNet-10 with group norm
- policy_frozen_batch_norm.safetensors   the same on a ResNet-18 with frozen batch norm
- resnet18_torchvision.pth, .safetensors   the second one's encoder as torchvision saves it
- resnet18_checkpoint.pth   the same as a training script saves it: bfloat16, DataParallel's names, an epoch

Each policy file holds the weights, an input batch, and what PyTorch makes of it. Networks are narrow
and pictures small, so that the files are.
"""

from pathlib import Path

import torch
from policy_network import Encoder, Policy, group_norm
from safetensors.torch import save_file
from torchvision.ops.misc import FrozenBatchNorm2d

FIXTURES = Path(__file__).resolve().parent.parent / "crates/rmrl-learn/tests/fixtures"
BASE_WIDTH = 4
IMAGE_SIZE = 32
BATCH = 3
CANDIDATES = [5, 7, 3]
POSE_WIDTH = 6
HEAD_WIDTH = 10


def losses(logits, labels, rewards):
    """Eq. 6 with the rewards, Eq. 8 without, both averaged over the batch."""
    log_pi = sum(
        torch.log_softmax(logits[d], dim=1).gather(1, labels[:, d : d + 1]).squeeze(1) for d in range(3)
    )
    return -(log_pi * rewards).mean(), -log_pi.mean()


def fixture(depth, norm_layer):
    encoder = Encoder(depth, BASE_WIDTH, norm_layer)
    model = Policy(encoder, 8 * BASE_WIDTH, POSE_WIDTH, HEAD_WIDTH, CANDIDATES)
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
    _, tensors = fixture(10, group_norm)
    save_file(tensors, FIXTURES / "policy_group_norm.safetensors")
    model, tensors = fixture(18, FrozenBatchNorm2d)
    save_file(tensors, FIXTURES / "policy_frozen_batch_norm.safetensors")

    # The encoder before its Adam step, as a torchvision state dict: with a classifier and counters.
    encoder = {k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")}
    encoder["fc.weight"] = torch.randn(4, 8 * BASE_WIDTH)
    encoder["fc.bias"] = torch.randn(4)
    for name in [k for k in encoder if k.endswith("running_var")]:
        encoder[name.replace("running_var", "num_batches_tracked")] = torch.tensor(1000)
    torch.save(encoder, FIXTURES / "resnet18_torchvision.pth")
    save_file(encoder, FIXTURES / "resnet18_torchvision.safetensors")
    halves = {
        f"module.{name}": tensor.bfloat16() if tensor.is_floating_point() else tensor
        for name, tensor in encoder.items()
    }
    torch.save({"epoch": 3, "state_dict": halves}, FIXTURES / "resnet18_checkpoint.pth")


if __name__ == "__main__":
    main()
