"""What PyTorch takes for the cases of `crates/rmrl-learn/benches/step.rs`: one case, every setting.

    PYTHONPATH=tools python bench/pytorch.py CASE --policy FILE --threads N [--device cuda]

Prints a line of JSON with what each setting computes, then one with times for each line that it reads.
Settings that do not work here say why instead.
"""

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from policy_network import Encoder, Policy, group_norm
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models.resnet import BasicBlock
from torchvision.ops.misc import FrozenBatchNorm2d

# As in step.rs, where the reasons are.
CANDIDATES = [7, 7, 13]
POSE_WIDTH = 64
HEAD_WIDTH = 128
LEARNING_RATE = 3e-4
CHECKED_STEPS = 4
MEASURED_SECS = 0.5
LEAST_REPEATS = 3
MOST_REPEATS = 200


@dataclass(frozen=True)
class Case:
    work: str
    depth: int
    base_width: int
    size: int
    batch: int

    @classmethod
    def parse(cls, name: str) -> "Case":
        work, network, size, batch = name.split("/")
        depth, base_width = network.removeprefix("resnet").split("x")
        return cls(
            work,
            int(depth),
            int(base_width),
            int(size.removesuffix("px")),
            int(batch.removeprefix("batch")),
        )


@dataclass(frozen=True)
class Setting:
    """A way to have PyTorch compute. Without any of these it is PyTorch as it comes."""

    channels_last: bool = False
    fused_adam: bool = False
    inference_mode: bool = False
    # Norms that do not learn become part of the convolutions before them.
    folded: bool = False
    # `torch.jit.freeze` and `optimize_for_inference`, for weights that stay as they are.
    frozen: bool = False
    compiled: bool = False

    @property
    def name(self) -> str:
        chosen = [name.replace("_", " ") for name, value in vars(self).items() if value]
        return ", ".join(chosen) or "plain"


def settings(work: str, foldable: bool) -> list[Setting]:
    """Plain first, then whatever may be quicker."""
    common = Setting(fused_adam=work == "train", inference_mode=work != "train", folded=foldable)
    last = replace(common, channels_last=True)
    candidates = [Setting(), common, last, replace(last, compiled=True)]
    if work == "look-frozen":
        candidates += [replace(one, frozen=True) for one in candidates[1:]]
    return candidates


@dataclass(frozen=True)
class Batch:
    """Pictures `[batch, height, width, 3]`, poses and labels, by the formulas of step.rs."""

    pixels: Tensor
    poses: Tensor
    labels: Tensor

    @classmethod
    def of(cls, count: int, size: int) -> "Batch":
        k = torch.arange(count).view(-1, 1, 1, 1)
        c = torch.arange(3).view(1, -1, 1, 1)
        y = torch.arange(size).view(1, 1, -1, 1)
        x = torch.arange(size).view(1, 1, 1, -1)
        planes = ((7 * x + 13 * y + 29 * c + 31 * k) % 256).to(torch.uint8)
        poses = [[k % period / period - 0.5 for period in (7, 5, 3)] for k in range(count)]
        labels = [[(5 * k + 3 * d) % n for d, n in enumerate(CANDIDATES)] for k in range(count)]
        # Planes in memory, as PyTorch's default has them; `permuted` chooses otherwise.
        return cls(planes.permute(0, 2, 3, 1), torch.tensor(poses), torch.tensor(labels))

    def permuted(self, channels_last: bool) -> "Batch":
        pixels = self.pixels.contiguous() if channels_last else self.pixels
        return Batch(pixels, self.poses, self.labels)

    def on(self, device: torch.device) -> "Batch":
        return Batch(self.pixels.to(device), self.poses.to(device), self.labels.to(device))


def policy_of(case: Case, weights: dict[str, Tensor]) -> Policy:
    """The network that the Rust benchmark begins with."""
    foldable = "encoder.bn1.running_mean" in weights
    encoder = Encoder(case.depth, case.base_width, FrozenBatchNorm2d if foldable else group_norm)
    policy = Policy(encoder, 8 * case.base_width, POSE_WIDTH, HEAD_WIDTH, CANDIDATES)
    # The value, which only other methods learn, is not part of the comparison.
    policy.load_state_dict({k: v for k, v in weights.items() if not k.startswith("value.")})
    return policy


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def folded(conv: nn.Conv2d, norm: FrozenBatchNorm2d) -> nn.Conv2d:
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    # The norm does not learn, so what it adds does not.
    fused.bias.requires_grad_(False)
    return fused


def fold_norms(encoder: Encoder) -> None:
    encoder.conv1, encoder.bn1 = folded(encoder.conv1, encoder.bn1), nn.Identity()
    for block in (module for module in encoder.modules() if isinstance(module, BasicBlock)):
        block.conv1, block.bn1 = folded(block.conv1, block.bn1), nn.Identity()
        block.conv2, block.bn2 = folded(block.conv2, block.bn2), nn.Identity()
        if block.downsample is not None:
            block.downsample = folded(*block.downsample)


def loss_of(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Eq. 8, averaged over the batch."""
    return sum(functional.cross_entropy(one, labels[:, d]) for d, one in enumerate(logits))


class Trainer:
    """Supervised steps in one setting."""

    def __init__(self, policy: Policy, setting: Setting):
        if setting.folded:
            fold_norms(policy.encoder)
        if setting.channels_last:
            policy = policy.to(memory_format=torch.channels_last)
        learning = [parameter for parameter in policy.parameters() if parameter.requires_grad]
        # `None` leaves the choice to PyTorch.
        fused = True if setting.fused_adam else None
        self.optimizer = torch.optim.Adam(learning, lr=LEARNING_RATE, fused=fused)
        self.policy = policy
        self.forward = torch.compile(policy) if setting.compiled else policy

    def step(self, batch: Batch) -> float:
        # Pictures wait in the host's memory, on either side of the comparison.
        batch = batch.on(device_of(self.policy))
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.forward(batch.pixels, batch.poses), batch.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def looker(
    policy: Policy, setting: Setting, batch: Batch, copied: bool = True
) -> Callable[[], list[Tensor]]:
    """The distribution of one picture, in one setting; of a policy that goes on learning, or a copy."""
    forward: nn.Module = copy.deepcopy(policy).eval().requires_grad_(False) if copied else policy
    device = device_of(policy)
    if setting.folded:
        fold_norms(forward.encoder)
    if setting.channels_last:
        forward = forward.to(memory_format=torch.channels_last)
    if setting.compiled:
        options = {"freezing": True} if setting.frozen else None
        forward = torch.compile(forward, options=options)
    elif setting.frozen:
        with torch.no_grad():
            example = batch.on(device)
            traced = torch.jit.trace(forward, (example.pixels, example.poses))
        forward = torch.jit.optimize_for_inference(torch.jit.freeze(traced))

    def look() -> list[Tensor]:
        with torch.inference_mode() if setting.inference_mode else torch.no_grad():
            seen = batch.on(device)
            logits = forward(seen.pixels, seen.poses)
            return [torch.softmax(one, dim=1).cpu() for one in logits]

    return look


@dataclass
class Prepared:
    """A setting that works, with what it computed."""

    setting: Setting
    work: Callable[[], object]
    # Those of a folded network are other parameters, with which Adam does otherwise.
    losses: list[float] | None
    features: list[float]
    probabilities: list[float] | None


def prepare(case: Case, weights: dict[str, Tensor], setting: Setting, device: torch.device) -> Prepared:
    batch = Batch.of(case.batch, case.size).permuted(setting.channels_last)
    policy = policy_of(case, weights).to(device)
    first = Batch(batch.pixels[:1], batch.poses[:1], batch.labels[:1])

    def computed(look: Callable[[], list[Tensor]]) -> list[float]:
        return torch.cat(look(), dim=1)[0].tolist()

    if case.work == "train":
        trainer = Trainer(policy, setting)
        with torch.no_grad():
            features = trainer.policy.features(first.pixels.to(device))[0].tolist()
        losses = [trainer.step(batch) for _ in range(CHECKED_STEPS)]
        probabilities = computed(looker(trainer.policy, Setting(), first))
        if setting.folded:
            losses, probabilities = None, None
        return Prepared(setting, lambda: trainer.step(batch), losses, features, probabilities)

    policy.encoder.requires_grad_(case.work != "look-frozen")
    with torch.no_grad():
        features = policy.features(first.pixels.to(device))[0].tolist()
    trainer = Trainer(policy, Setting())
    losses = [trainer.step(batch) for _ in range(CHECKED_STEPS)]
    look = looker(trainer.policy, setting, first)
    return Prepared(setting, look, losses, features, computed(look))


def measure(work: Callable[[], object], device: torch.device) -> dict[str, float]:
    processor_ms, wall_ms = [], []
    began = time.perf_counter()
    while len(wall_ms) < LEAST_REPEATS or (
        len(wall_ms) < MOST_REPEATS and time.perf_counter() - began < MEASURED_SECS
    ):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        finish(device)
        processor_ms.append(1e3 * (time.process_time() - processor))
        wall_ms.append(1e3 * (time.perf_counter() - wall))
    return {"processor_ms": statistics.median(processor_ms), "wall_ms": statistics.median(wall_ms)}


def finish(device: torch.device) -> None:
    """Waits for what the device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Case.parse)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", action="append", help="a setting to measure, by name")
    parser.add_argument("--without", action="append", default=[], help="one not to measure")
    arguments = parser.parse_args()
    case = arguments.case
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    # On a graphics card: 32 bits throughout, and cuDNN may try out its convolutions, unless plain.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = arguments.only != ["plain"]
    weights = load_file(arguments.policy)
    foldable = "encoder.bn1.running_mean" in weights

    prepared, broken = [], {}
    for setting in settings(case.work, foldable):
        if setting.name not in (arguments.only or [setting.name]) or setting.name in arguments.without:
            continue
        try:
            one = prepare(case, weights, setting, device)
            for _ in range(2):
                one.work()
            finish(device)
            prepared.append(one)
        # Whatever a setting fails with, the others are still to be measured.
        except Exception as error:
            broken[setting.name] = f"{type(error).__name__}: {error}".splitlines()[0]
    keys = ("losses", "features", "probabilities")
    computed = {one.setting.name: {key: getattr(one, key) for key in keys} for one in prepared}
    print(json.dumps({"computed": computed, "broken": broken}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({one.setting.name: measure(one.work, device) for one in prepared}), flush=True)


if __name__ == "__main__":
    main()
