#!/usr/bin/env python3
"""A loader of policy files, written from docs/file-formats.md alone: numpy, and Pillow for images.

    python tools/policy_by_the_page.py target/release/examples/ask_policy RUN [RUN ...]

asks the program (`ask_policy RUN --json`) and this loader about every trial of the runs, and fails
where a probability differs by more than 1e-5, or another candidate is chosen. Where a run has
checkpoints, the policy of the last one is put together with the run's frozen encoder, whose digest
is checked, and has to be that of the policy file if the run went on no longer.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Tensors = dict[str, Floats]

ALLOWED = 1e-5
BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
EPSILON = 1e-5
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def read_safetensors(path: Path) -> tuple[dict[str, Any], Tensors]:
    """The metadata of the program in a file, and its tensors of 32-bit floats."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header.pop("__metadata__", {}).get("rmrl", "{}"))
    tensors: Tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(content[begin:end], "<f4").reshape(entry["shape"])
    return metadata, tensors


def wrap(angle: float) -> float:
    """An angle in (-pi, pi]."""
    wrapped = angle % (2 * math.pi)
    return wrapped - 2 * math.pi if wrapped > math.pi else wrapped


# The resize.


def integer_weights(
    size: int, begin: float, length: float, n: int
) -> tuple[list[tuple[int, npt.NDArray[np.int64]]], int]:
    """First source pixel and integer weights of each output pixel, and the bits `k`."""
    scale = length / n
    f = max(scale, 1.0)
    windows: list[tuple[int, Doubles]] = []
    for o in range(n):
        center = begin + (o + 0.5) * scale
        first = max(math.floor(center - f), 0)
        last = min(math.ceil(center + f), size)
        x = np.arange(first, last, dtype=np.float64)
        weights = np.maximum(1.0 - np.abs(x + 0.5 - center) / f, 0.0)
        windows.append((first, weights / weights.sum()))
    largest = max(float(weights.max()) for _, weights in windows)
    k = next((k for k in range(22) if math.floor(largest * 2 ** (k + 1) + 0.5) >= 2**15), 21)
    # Weights are not negative: halves away from zero are halves up.
    return [(first, np.floor(w * 2**k + 0.5).astype(np.int64)) for first, w in windows], k


def resize_rows(image: Bytes, begin: float, length: float, n: int) -> Bytes:
    """`[rows, columns, 3]` with `n` rows: one pass over the first axis."""
    windows, k = integer_weights(image.shape[0], begin, length, n)
    rows = []
    for first, weights in windows:
        source = image[first : first + len(weights)].astype(np.int64)
        total = np.tensordot(weights, source, axes=(0, 0)) + (1 << (k - 1))
        rows.append(np.clip(total >> k, 0, 255))
    return np.stack(rows).astype(np.uint8)


def resize(image: Bytes, box: tuple[float, float, float, float], n: int) -> Bytes:
    """The box (left, top, width, height) of an image as `n` x `n` pixels: vertical first."""
    left, top, width, height = box
    tall = resize_rows(image, top, height, n)
    return resize_rows(tall.transpose(1, 0, 2), left, width, n).transpose(1, 0, 2)


def crop(image: Bytes, plate: dict[str, float], scale: float, n: int) -> Bytes:
    """The square around a plate, `scale` of its diagonals wide, as `n` x `n` pixels."""
    side = max(scale * plate["diagonal_px"], 1.0)
    left = plate["u_px"] + 0.5 - side / 2
    top = plate["v_px"] + 0.5 - side / 2
    whole = np.arange(math.ceil(side) + 1)
    rows = np.clip(math.floor(top) + whole, 0, image.shape[0] - 1)
    columns = np.clip(math.floor(left) + whole, 0, image.shape[1] - 1)
    square = image[rows[:, None], columns[None, :]]
    return resize(square, (left - math.floor(left), top - math.floor(top), side, side), n)


# The network.


def convolution(image: Floats, weight: Floats, stride: int, padding: int) -> Floats:
    """`[in, rows, columns]` to `[out, rows', columns']`, without bias."""
    out, _, kernel, _ = weight.shape
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))
    windows = windows[:, ::stride, ::stride]
    channels, rows, columns = windows.shape[:3]
    patches = windows.transpose(1, 2, 0, 3, 4).reshape(rows * columns, channels * kernel * kernel)
    flat: Floats = patches @ weight.reshape(out, -1).T
    return flat.reshape(rows, columns, out).transpose(2, 0, 1)


def largest_of_windows(image: Floats) -> Floats:
    """The largest of 3 x 3, stride 2, padding 1."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    largest: Floats = windows[:, ::2, ::2].max(axis=(3, 4))
    return largest


def relu(x: Floats) -> Floats:
    """max(x, 0)."""
    return np.maximum(x, np.float32(0))


@dataclass
class Policy:
    """A policy file."""

    description: dict[str, Any]
    tensors: Tensors

    @staticmethod
    def open(path: Path) -> Policy:
        """Reads a policy file."""
        metadata, tensors = read_safetensors(path)
        return Policy(metadata["policy"], tensors)

    def norm(self, x: Floats, name: str) -> Floats:
        """Normalizes `[channels, rows, columns]`."""
        channels = x.shape[0]
        weight = self.tensors[f"{name}.weight"][:, None, None]
        bias = self.tensors[f"{name}.bias"][:, None, None]
        if self.description["shape"]["norm"] == "frozen_batch":
            mean = self.tensors[f"{name}.running_mean"][:, None, None]
            variance = self.tensors[f"{name}.running_var"][:, None, None]
            frozen: Floats = (x - mean) / np.sqrt(variance + np.float32(EPSILON)) * weight + bias
            return frozen
        most = max(channels // 16, 1)
        groups = next(g for g in range(most, 0, -1) if channels % g == 0)
        wide = x.astype(np.float64).reshape(groups, -1)
        mean64 = wide.mean(axis=1, keepdims=True)
        variance64 = wide.var(axis=1, keepdims=True)
        wide = (wide - mean64) / np.sqrt(variance64 + EPSILON)
        grouped: Floats = wide.reshape(x.shape).astype(np.float32) * weight + bias
        return grouped

    def block(self, x: Floats, name: str, stride: int) -> Floats:
        """A block of a stage."""
        y = convolution(x, self.tensors[f"{name}.conv1.weight"], stride, 1)
        y = relu(self.norm(y, f"{name}.bn1"))
        y = convolution(y, self.tensors[f"{name}.conv2.weight"], 1, 1)
        y = self.norm(y, f"{name}.bn2")
        if stride == 2:
            x = convolution(x, self.tensors[f"{name}.downsample.0.weight"], 2, 0)
            x = self.norm(x, f"{name}.downsample.1")
        return relu(y + x)

    def features(self, pixels: Bytes) -> Floats:
        """The encoder's features of a view `[n, n, 3]`."""
        x = (pixels.astype(np.float32) / np.float32(255) - MEAN) / DEVIATION
        x = convolution(x.transpose(2, 0, 1), self.tensors["encoder.conv1.weight"], 2, 3)
        x = largest_of_windows(relu(self.norm(x, "encoder.bn1")))
        for stage, blocks in enumerate(BLOCKS[self.description["shape"]["depth"]], start=1):
            for block in range(blocks):
                stride = 2 if stage > 1 and block == 0 else 1
                x = self.block(x, f"encoder.layer{stage}.{block}", stride)
        mean: Floats = x.mean(axis=(1, 2), dtype=np.float32)
        return mean

    def linear(self, x: Floats, name: str) -> Floats:
        """W x + b."""
        y: Floats = self.tensors[f"{name}.weight"] @ x + self.tensors[f"{name}.bias"]
        return y

    def view(self, image: Bytes, plate: dict[str, float]) -> Bytes | None:
        """What the encoder sees of a picture `[rows, columns, 3]`; None if there is no encoder."""
        shape = self.description["shape"]
        size = shape["image_size"]
        if shape["view"] == "none":
            return None
        if shape["view"] == "global":
            return resize(image, (0.0, 0.0, image.shape[1], image.shape[0]), size)
        return crop(image, plate, shape["view"]["crop"]["scale"], size)

    def scaled(self, pose: dict[str, float]) -> Floats:
        """The scaled pose."""
        scaling = self.description["scaling"]
        center, extent = scaling["center"], scaling["half_extent"]
        offset = (
            pose["x_m"] - center["x_m"],
            pose["y_m"] - center["y_m"],
            wrap(pose["yaw_rad"] - center["yaw_rad"]),
        )
        return np.array([o / e for o, e in zip(offset, extent, strict=True)], np.float32)

    def ask(
        self, image: Bytes, plate: dict[str, float], pose: dict[str, float]
    ) -> tuple[list[Floats], list[float] | None]:
        """The probabilities of each head's candidates, and the scores of pose and picture."""
        scaled = self.scaled(pose)
        pixels = self.view(image, plate)
        features = np.zeros(0, np.float32) if pixels is None else self.features(pixels)
        encoded = relu(self.linear(relu(self.linear(scaled, "pose.fc1")), "pose.fc2"))
        joint = np.concatenate([features, encoded])
        probabilities = []
        for head in range(3):
            logits = self.linear(relu(self.linear(joint, f"heads.{head}.fc1")), f"heads.{head}.fc2")
            powers = np.exp(logits - logits.max())
            probabilities.append(powers / powers.sum())
        return probabilities, self.score(scaled, features)

    def score(self, scaled: Floats, features: Floats) -> list[float] | None:
        """How far a state is from the nearest training state: by pose, by picture."""
        reach = self.description.get("reach")
        if reach is None:
            return None
        scores = []
        for name, value in (("pose", scaled), ("features", features)):
            known = self.tensors["support.poses" if name == "pose" else "support.features"]
            distance = float(np.sqrt(((known - value) ** 2).sum(axis=1)).min())
            scores.append(0.0 if distance == 0 else distance / reach[name])
        return scores


# Checkpoints.


def encoder_names(tensors: Tensors) -> list[str]:
    """The tensors of an encoder in the order of its digest: that of the layers."""
    places = ["conv1", "bn1", "conv2", "bn2", "downsample.0", "downsample.1"]
    kinds = ["weight", "bias", "running_mean", "running_var"]

    def place(name: str) -> tuple[int, int, int, int]:
        layer, kind = name.rsplit(".", 1)
        stage, block = 0, 0
        if layer.startswith("layer"):
            first, number, layer = layer.split(".", 2)
            stage, block = int(first.removeprefix("layer")), int(number)
        return stage, block, places.index(layer), kinds.index(kind)

    return sorted(tensors, key=place)


def digest(tensors: Tensors) -> int:
    """The digest of an encoder: FNV-1a over its numbers as 32-bit words."""
    value = 0xCBF29CE484222325
    for name in encoder_names(tensors):
        for word in tensors[name].view("<u4").ravel().tolist():
            value = ((value ^ word) * 0x100000001B3) % 2**64
    return value


def check_checkpoint(run: Path, policy: Policy) -> str:
    """What the last checkpoint of a run holds, compared with its policy file; in words."""
    checkpoints = sorted((run / "checkpoints").glob("trial-*.safetensors"))
    if not checkpoints:
        return "no checkpoint"
    metadata, tensors = read_safetensors(checkpoints[-1])
    learner = metadata["learner"]
    tensors = {n: t for n, t in tensors.items() if not n.startswith(("optimizer.", "memory."))}
    if learner["frozen_encoder"] is not None:
        if not (run / "encoder.safetensors").exists():
            return "its checkpoints are of an earlier version, without their encoder"
        _, encoder = read_safetensors(run / "encoder.safetensors")
        if digest(encoder) != learner["frozen_encoder"]:
            raise SystemExit(f"{run}: the encoder has another digest")
        tensors |= {f"encoder.{name}": tensor for name, tensor in encoder.items()}
    if learner["trials"] != len(trials(run)):
        return f"a checkpoint of trial {learner['trials']}"
    expected = {n: t for n, t in policy.tensors.items() if not n.startswith("support.")}
    if tensors.keys() != expected.keys():
        raise SystemExit(f"{run}: the checkpoint has {tensors.keys() ^ expected.keys()}")
    for name, tensor in expected.items():
        if not np.array_equal(tensor, tensors[name]):
            raise SystemExit(f"{run}: {name} of the checkpoint is another one")
    return "its last checkpoint with its encoder is the policy"


# The comparison.


def trials(run: Path) -> list[dict[str, Any]]:
    """The completed trials of a run's log."""
    lines = (run / "trials.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [r for r in records if not r["failure"] or r["failure"]["kind"] != "fault"]


def picture(run: Path, record: dict[str, Any]) -> Bytes:
    """The picture at the start of a trial, `[rows, columns, 3]`."""
    with Image.open(run / record["images"]["start"]) as image:
        return np.asarray(image.convert("RGB"))


@dataclass
class Difference:
    """The largest differences so far."""

    probability: float = 0.0
    score: float = 0.0
    states: int = 0
    others: int = 0


def compare(policy: Policy, program: str, run: Path) -> Difference:
    """Asks both about every trial of a run."""
    asked = subprocess.run(
        [program, str(run), "--json"], capture_output=True, check=True, text=True
    )
    answers = {line["trial"]: line for line in map(json.loads, asked.stdout.splitlines())}
    found = Difference()
    for record in trials(run):
        answer = answers[record["trial"]]
        probabilities, scores = policy.ask(
            picture(run, record), record["plate_in_image"], record["estimated_pose"]
        )
        for ours, theirs in zip(probabilities, answer["probabilities"], strict=True):
            apart = float(np.abs(ours - np.array(theirs)).max())
            found.probability = max(found.probability, apart)
        index = [int(one.argmax()) for one in probabilities]
        abstains = scores is not None and max(scores) > 1.5
        found.others += index != answer["index"] or abstains != answer["abstained"]
        for ours_s, theirs_s in zip(scores or [], answer["ood_score"] or [], strict=True):
            found.score = max(found.score, abs(ours_s - theirs_s))
        found.states += 1
    return found


def main() -> int:
    """Compares, and prints a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the example ask_policy, built")
    parser.add_argument("runs", nargs="+", type=Path)
    arguments = parser.parse_args()
    failed = False
    for run in arguments.runs:
        policy = Policy.open(run / "policy.safetensors")
        shape = policy.description["shape"]
        found = compare(policy, arguments.program, run)
        print(
            f"{run}: view {shape['view']}, ResNet-{shape['depth']} of {shape['base_width']}, "
            f"{shape['norm']} norm, {found.states} states: probabilities differ by at most "
            f"{found.probability:.1e}, scores by {found.score:.1e}, "
            f"{found.others} other decisions; {check_checkpoint(run, policy)}"
        )
        failed |= found.probability > ALLOWED or found.others > 0 or found.states == 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
