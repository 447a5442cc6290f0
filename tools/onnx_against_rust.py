"""Compares the ONNX models that `rmrl export onnx` writes with the policies in Rust, state by state.

    pip install onnx onnxruntime pillow
    cargo build --release --locked -p rmrl --bin rmrl --example policy_states
    python3 tools/onnx_against_rust.py target/release/rmrl target/release/examples/policy_states

It trains small policies of every kind (views crop, global and none; frozen and trained encoders; group and batch normalization),
exports each, checks the model with `onnx.checker`, and asks model and policy in more than 1,000 states: those of the log, with
the place of the plate as the localizer measured it and with the picture and the pose alone; and plates at the borders of the
picture and beyond. Runs that are named after the two programs are compared instead of new ones.

Expected: the same bytes of the view, the same candidates and corrections, the same abstention, probabilities within 1e-5.
"""

import argparse
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import zlib
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

Answer = dict[str, Any]
State = dict[str, Any]

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESNET = ROOT / "crates/rmrl-learn/tests/fixtures/resnet18_torchvision.safetensors"
# Probabilities differ by at most this.
TOLERANCE = 1e-5
# States of a test of 1,000 states.
LEAST_STATES = 1000

# Name, method, and keys of each run.
KINDS: list[tuple[str, str, list[str]]] = [
    ("crop, frozen encoder, group norm", "hindsight", []),
    ("crop, wide", "rm-rl", ["crop_scale=3.7", "encoder.weights=random", "encoder.image_size=64"]),
    (
        "crop, trained encoder, group norm",
        "hindsight",
        ["encoder.train=true", "encoder.weights=random", "encoder.image_size=48"],
    ),
    (
        "crop, frozen encoder, batch norm",
        "hindsight",
        [
            f"encoder.weights={RESNET}",
            "encoder.depth=18",
            "encoder.base_width=4",
            "encoder.image_size=96",
        ],
    ),
    ("global, frozen encoder, group norm", "hindsight", ["view=global", "encoder.weights=random"]),
    (
        "global, trained encoder, batch norm",
        "hindsight",
        [
            "view=global",
            "encoder.train=true",
            f"encoder.weights={RESNET}",
            "encoder.depth=18",
            "encoder.base_width=4",
            "encoder.image_size=64",
        ],
    ),
    ("none", "hindsight", ["view=none"]),
]
TRIALS = 40


def train(rmrl: str, out: pathlib.Path, method: str, keys: list[str]) -> None:
    """Makes a run."""
    settings = [word for key in keys for word in ("--set", f"policy.{key}")]
    command = [
        rmrl,
        "train",
        "--method",
        method,
        "--trials",
        str(TRIALS),
        "--out",
        str(out),
        *settings,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def logged(run: pathlib.Path) -> list[State]:
    """The states of a run's log: picture, pose, and where the picture shows the plate."""
    states = []
    for line in (run / "trials.jsonl").read_text().splitlines():
        record = json.loads(line)
        pose, seen, image = (
            record["estimated_pose"],
            record["plate_in_image"],
            record["images"]["start"],
        )
        if pose is None or seen is None or image is None:
            continue
        states.append(
            {
                "image": str(run / image),
                "pose": [pose["x_m"], pose["y_m"], pose["yaw_rad"]],
                "plate_in_image": [seen["u_px"], seen["v_px"], seen["diagonal_px"]],
            }
        )
    return states


def variants(states: list[State]) -> list[State]:
    """The logged states with the picture and the pose alone, and plates at and beyond the picture's borders."""
    draw = random.Random(7)
    made: list[State] = []
    for state in states:
        made.append(state | {"plate_in_image": None})
        x, y, yaw = state["pose"]
        made.append(
            state
            | {
                "pose": [
                    x + draw.uniform(-0.3, 0.3),
                    y + draw.uniform(-0.3, 0.3),
                    yaw + draw.uniform(-9, 9),
                ],
                "plate_in_image": None,
            }
        )
        with Image.open(state["image"]) as picture:
            width, height = picture.size
        u = draw.choice([-0.5, 0.0, 3.25, width - 1.0, width + 40.7, draw.uniform(-90, width + 90)])
        v = draw.choice(
            [-0.5, 0.0, 2.5, height - 1.0, height + 21.2, draw.uniform(-90, height + 90)]
        )
        # Whole sides and halves, whose coefficients are rounded at ties; tiny and large plates.
        diagonal = draw.choice([0.3, 16.0, 64.0, 85.0 + 1 / 3, 128.0, draw.uniform(5, 400)])
        made.append(state | {"plate_in_image": [u, v, diagonal]})
    return made


def asked(program: str, run: pathlib.Path, states: list[State]) -> list[Answer]:
    """What the policy in Rust does."""
    lines = "".join(json.dumps(state) + "\n" for state in states)
    done = subprocess.run(
        [program, str(run)], input=lines, text=True, check=True, stdout=subprocess.PIPE
    )
    answers: list[Answer] = [json.loads(line) for line in done.stdout.splitlines()]
    return answers


class Model:
    """An exported model under onnxruntime."""

    def __init__(self, path: pathlib.Path) -> None:
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=True)
        ort.set_default_logger_severity(3)
        self.session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.optional = [value.name for value in self.session.get_overridable_initializers()]

    def ask(self, state: State) -> dict[str, NDArray[Any]]:
        """All outputs in a state."""
        with Image.open(state["image"]) as picture:
            image = np.asarray(picture.convert("RGB"))
        inputs = {"image": image, "pose": np.array(state["pose"], dtype=np.float64)}
        if state["plate_in_image"] is not None and self.optional:
            inputs["plate_in_image"] = np.array(state["plate_in_image"], dtype=np.float64)
        return dict(zip(self.outputs, self.session.run(self.outputs, inputs)))


class Comparison:
    """The differences between a model and a policy."""

    def __init__(self) -> None:
        self.states = 0
        self.wrong: list[str] = []
        self.probability = self.feature = self.pick = self.score = 0.0

    def add(self, state: State, model: dict[str, NDArray[Any]], rust: Answer) -> None:
        """Compares one state."""
        self.states += 1
        for name, expected in zip(["p_dx", "p_dy", "p_dyaw"], rust["probabilities"]):
            difference = float(np.abs(model[name] - np.array(expected)).max())
            self.probability = max(self.probability, difference)
            self.require(state, name, difference <= TOLERANCE, difference)
        for name in ["correction", "pick"]:
            difference = float(np.abs(model[name] - np.array(rust[name])).max())
            self.pick = max(self.pick, difference)
            self.require(state, name, difference <= 1e-12, difference)
        self.require(state, "action_index", list(model["action_index"]) == rust["action_index"], "")
        self.require(state, "abstains", bool(model["abstains"]) == rust["abstains"], "")
        if rust["view_adler32"] is not None:
            found = zlib.adler32(model["view"].tobytes())
            self.require(state, "view", found == rust["view_adler32"], "other bytes")
            expected = np.array(rust["features"])
            scale = max(1.0, float(np.abs(expected).max()))
            self.feature = max(
                self.feature, float(np.abs(model["features"] - expected).max()) / scale
            )
        if rust["ood_score"] is not None:
            difference = float(np.abs(model["ood_score"] - np.array(rust["ood_score"])).max())
            self.score = max(self.score, difference)
            self.require(state, "ood_score", difference <= 1e-2, difference)
        else:
            self.require(
                state, "ood_score", all(math.isnan(score) for score in model["ood_score"]), ""
            )

    def require(self, state: State, what: str, good: bool, detail: object) -> None:
        """Notes what is not as expected."""
        if not good:
            self.wrong.append(f"{what} differs: {detail}, in {state}")


def moved(alone: list[Answer], measured: list[Answer]) -> str:
    """How far the answers with the picture and the pose alone are from those with the measured place of the plate."""
    others, largest = 0, 0.0
    for one, other in zip(alone, measured):
        others += one["action_index"] != other["action_index"]
        for ours, theirs in zip(one["probabilities"], other["probabilities"]):
            largest = max(largest, float(np.abs(np.array(ours) - np.array(theirs)).max()))
    return f"{others} of {len(measured)} choices are others, probabilities by up to {largest:.1e}"


def compare(
    rmrl: str, program: str, name: str, run: pathlib.Path, folder: pathlib.Path
) -> Comparison:
    """Exports the policy of a run and compares it in all states."""
    path = folder / "policy.onnx"
    subprocess.run(
        [rmrl, "export", "onnx", str(run), "--out", str(path)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    states = logged(run)
    alone = variants(states)
    states += alone
    answers = asked(program, run, states)
    model, comparison = Model(path), Comparison()
    for state, answer in zip(states, answers):
        comparison.add(state, model.ask(state), answer)
    abstained = sum(answer["abstains"] for answer in answers)
    print(
        f"{name}: {comparison.states} states, {abstained} abstentions, {path.stat().st_size / 1e6:.1f} MB; largest differences: "
        f"probability {comparison.probability:.1e}, features {comparison.feature:.1e}, score {comparison.score:.1e}, "
        f"pick {comparison.pick:.1e} m or rad"
    )
    count = len(states) - len(alone)
    print(
        f"  picture and pose alone: {moved(answers[count :: len(alone) // count][:count], answers[:count])}"
    )
    for wrong in comparison.wrong[:5]:
        print(f"  FAILED {wrong}")
    return comparison


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare ONNX models with policies in Rust.")
    parser.add_argument("rmrl", help="the command rmrl")
    parser.add_argument("policy_states", help="the example policy_states")
    parser.add_argument("runs", nargs="*", type=pathlib.Path, help="runs; else new ones are made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        runs = [(str(run), run) for run in arguments.runs]
        if not runs:
            for number, (kind, method, keys) in enumerate(KINDS):
                run = folder / str(number)
                train(arguments.rmrl, run, method, keys)
                runs.append((kind, run))
        compared = [
            compare(arguments.rmrl, arguments.policy_states, kind, run, folder)
            for kind, run in runs
        ]
    states = sum(comparison.states for comparison in compared)
    failed = sum(len(comparison.wrong) for comparison in compared)
    largest = max(comparison.probability for comparison in compared)
    print(
        f"{states} states, {failed} differences beyond the tolerance; probabilities differ by at most {largest:.1e}"
    )
    if not arguments.runs and states < LEAST_STATES:
        print(f"FAILED: expected {LEAST_STATES} states or more")
        return 1
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
