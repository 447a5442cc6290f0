"""Compares policies as Python loads them with the same policies in Rust and as ONNX models, state by state.

    cargo build --release --locked -p rmrl --bin rmrl --example policy_states
    python tools/policies_agree.py target/release/examples/policy_states [--rmrl target/release/rmrl] [RUN...]

Each state is the picture and the pose of a trial of the log, once with the place of the plate as the localizer measured it and
once with picture and pose alone. Without runs it makes some of its own, whose logs have 1,000 states together. `--rmrl` is the
command that exports ONNX models (`rmrl export onnx`); without it, or without `onnxruntime`, ONNX is left out, and says so.

Expected: the same bits in Python and in Rust. From ONNX the same candidates and corrections, and probabilities within 1e-5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rmrl_robot import Policy, Run, train

#: What the policies are: they see a square around the plate, the whole picture, or nothing.
KINDS: list[dict[str, Any]] = [
    {"method": "hindsight"},
    {"method": "rm-rl"},
    {"method": "hindsight", "policy": {"view": "global", "encoder": {"weights": "random"}}},
    {"method": "hindsight", "policy": {"view": "none"}},
]
TRIALS = 125
LEAST_STATES = 1000
TOLERANCE = 1e-5

State = dict[str, Any]
Answer = dict[str, Any]


def states_of(run: Run) -> list[State]:
    """The states of a run's log, each with and without the measured place of the plate."""
    states: list[State] = []
    for trial in run.trials:
        pose, place, start = trial.estimated_pose, trial.plate_in_image, trial.images.paths["start"]
        assert pose is not None and place is not None
        for seen in (place.tolist(), None):
            states.append({"image": str(start), "pose": pose.tolist(), "plate_in_image": seen})
    return states


def in_python(run: Run, states: list[State]) -> list[Answer]:
    policy = Policy.load(run)
    answers = []
    for place, state in enumerate(states):
        # Two states in a row have the same picture.
        image = run.trials[place // 2].images.start
        assert image is not None
        decision = policy.act(image, state["pose"], state["plate_in_image"])
        assert decision.probabilities is not None
        answers.append(
            {
                "index": [int(one.argmax()) for one in decision.probabilities],
                "probabilities": decision.probabilities,
                "correction": decision.correction,
                "abstains": decision.abstained,
            }
        )
    return answers


def in_rust(program: Path, run: Run, states: list[State]) -> list[Answer]:
    lines = "".join(json.dumps(state) + "\n" for state in states)
    command = [str(program), str(run.path)]
    answered = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in answered.stdout.splitlines()]
    return [
        {
            "index": answer["action_index"],
            "probabilities": [np.array(one, np.float32) for one in answer["probabilities"]],
            "correction": np.array(answer["correction"]),
            "abstains": answer["abstains"],
        }
        for answer in answers
    ]


def in_onnx(rmrl: Path, run: Run, states: list[State], folder: Path) -> list[Answer] | None:
    """The answers of the exported model; ``None`` where there is no runtime."""
    try:
        import onnxruntime
    except ImportError:
        return None
    file = folder / f"{run.path.name}.onnx"
    subprocess.run(
        [rmrl, "export", "onnx", run.path, "--out", file], check=True, stdout=subprocess.DEVNULL
    )
    session = onnxruntime.InferenceSession(file)
    optional = [one.name for one in session.get_overridable_initializers()]
    outputs = [one.name for one in session.get_outputs()]
    answers = []
    for place, state in enumerate(states):
        given = {"image": run.trials[place // 2].images.start, "pose": np.array(state["pose"])}
        if state["plate_in_image"] is not None and "plate_in_image" in optional:
            given["plate_in_image"] = np.array(state["plate_in_image"])
        found = dict(zip(outputs, session.run(outputs, given), strict=True))
        answers.append(
            {
                "index": found["action_index"].tolist(),
                "probabilities": [found[name] for name in ("p_dx", "p_dy", "p_dyaw")],
                "correction": found["correction"],
                "abstains": bool(found["abstains"]),
            }
        )
    return answers


def compare(one: list[Answer], other: list[Answer], tolerance: float) -> tuple[int, float]:
    """How many states differ, and the largest difference of a probability."""
    differing, largest = 0, 0.0
    for a, b in zip(one, other, strict=True):
        pairs = zip(a["probabilities"], b["probabilities"], strict=True)
        difference = max(float(np.abs(x.astype(float) - y.astype(float)).max()) for x, y in pairs)
        largest = max(largest, difference)
        corrections = np.abs(a["correction"] - b["correction"]).max()
        same = a["index"] == b["index"] and a["abstains"] == b["abstains"]
        differing += not (same and difference <= tolerance and corrections <= tolerance)
    return differing, largest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy_states", type=Path, help="the example of that name")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--rmrl", type=Path, help="the command, to export ONNX models")
    arguments = parser.parse_args()
    wrong, count, onnx = 0, 0, True
    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(path) for path in arguments.runs] or [
            train({**kind, "trials": TRIALS, "seed": seed}, Path(folder, f"run-{seed}"))
            for seed, kind in enumerate(KINDS)
        ]
        for run in runs:
            states = states_of(run)
            count += len(states)
            python = in_python(run, states)
            differing, largest = compare(python, in_rust(arguments.policy_states, run, states), 0.0)
            wrong += differing
            print(
                f"{run.path.name}: {len(states)} states; Rust: {differing} differ, by {largest:.1e} at most"
            )
            model = arguments.rmrl and in_onnx(arguments.rmrl, run, states, Path(folder))
            onnx = onnx and bool(model)
            if model:
                differing, largest = compare(python, model, TOLERANCE)
                wrong += differing
                print(f"{run.path.name}: ONNX: {differing} differ, by {largest:.1e} at most")
    print(f"{count} states; {wrong} differ" + ("" if onnx else "; ONNX was not compared"))
    return 1 if wrong or (not arguments.runs and count < LEAST_STATES) else 0


if __name__ == "__main__":
    sys.exit(main())
