"""Goes the way of somebody who has a wheel and nothing else, and says what each step takes.

    python3 tools/strangers_way.py WHEEL [--lerobot PYTHON]

In a bare environment: install the wheel, train, load the policy in Python, export it as an ONNX model and its run as a LeRobot
dataset, ask the model by onnxruntime, read the dataset by pandas and by LeRobot. The answers have to be those of the policy.
Everything but the downloads has to take less than five minutes.

`--lerobot` is the Python of an environment in which LeRobot is installed, which brings PyTorch. Without it this step is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S = 300.0
#: What other programs read the exports.
READERS = ["pandas", "pyarrow", "onnxruntime", "pillow"]

LOADS = """
import json, sys
from rmrl_robot import Policy, Run

run = Run(sys.argv[1])
trial = run.trials[-1]
decision = Policy.load(run).act(trial.images.start, trial.estimated_pose)
found = {"pose": trial.estimated_pose.tolist(), "correction": decision.correction.tolist()}
found["image"] = str(trial.images.paths["start"])
found["rewards"] = run.trials["reward"].tolist()
print(json.dumps(found))
"""

ASKS_ONNX = """
import json, sys
import numpy as np, onnxruntime
from PIL import Image

asked = json.loads(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
inputs = {"image": np.asarray(Image.open(asked["image"]).convert("RGB")), "pose": np.array(asked["pose"])}
print(json.dumps(session.run(["correction"], inputs)[0].tolist()))
"""

READS_PANDAS = """
import json, pathlib, sys
import pandas

files = sorted(pathlib.Path(sys.argv[1]).glob("data/*/*.parquet"))
frames = pandas.concat(pandas.read_parquet(file) for file in files)
print(json.dumps([float(reward) for reward in frames["next.reward"]]))
"""

READS_LEROBOT = """
import json, os, sys

os.environ["HF_HUB_OFFLINE"] = "1"
from lerobot.datasets.lerobot_dataset import LeRobotDataset

dataset = LeRobotDataset("local/export", root=sys.argv[1])
assert dataset[0]["observation.images.overhead"].shape == (3, 480, 640)
print(json.dumps([float(dataset[place]["next.reward"]) for place in range(len(dataset))]))
"""


class Way:
    """Runs the steps and adds up what they take."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken_s = 0.0
        # Nothing of the environment from which this program was called.
        hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        self.variables = {key: value for key, value in os.environ.items() if key not in hidden}

    def step(self, name: str, *command: object, counts: bool = True) -> str:
        """Runs a step, and returns what it printed. A failure ends the program."""
        began = time.monotonic()
        words = [str(word) for word in command]
        ended = subprocess.run(
            words,
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        took_s = time.monotonic() - began
        if ended.returncode:
            sys.exit(f"error: {name}: {' '.join(words)[:200]}\n{ended.stdout}{ended.stderr}")
        self.taken_s += took_s if counts else 0.0
        print(f"{took_s:6.1f} s  {name}{'' if counts else ' (not counted)'}", flush=True)
        return ended.stdout


def near(found: list[float], expected: list[float]) -> bool:
    """Whether numbers are the same but for rounding to float32."""
    pairs = zip(found, expected, strict=True)
    return all(abs(one - other) <= 1e-6 for one, other in pairs)


def check(holds: bool, message: str) -> None:
    """Ends the program with `message` unless `holds`."""
    if not holds:
        sys.exit(f"error: {message}")


def go(way: Way, wheel: Path, lerobot: Path | None) -> None:
    """All steps."""
    environment = way.folder / "environment"
    python, rmrl = environment / "bin" / "python", environment / "bin" / "rmrl"
    way.step("make a bare environment", sys.executable, "-m", "venv", environment)
    pip = [python, "-m", "pip", "--quiet"]
    packages = [wheel, *READERS]
    way.step("download", *pip, "download", "--dest", "wheels", *packages, counts=False)
    offline = [*pip, "install", "--no-index", "--find-links", "wheels"]
    way.step("install the wheel", *offline, wheel)
    way.step("train: rmrl train", rmrl, "train", "--out", "first")
    network = ["--method", "hindsight", "--trials", 60, "--out", "run"]
    way.step("train a policy network of 60 trials", rmrl, "train", *network)
    asked = json.loads(way.step("load the policy in Python", python, "-c", LOADS, "run"))
    way.step("export an ONNX model", rmrl, "export", "onnx", "run", "--out", "policy.onnx")
    way.step("export a LeRobot dataset", rmrl, "export", "lerobot", "run", "--out", "dataset")

    way.step("install pandas, pyarrow and onnxruntime", *offline, *READERS)
    question = json.dumps({key: asked[key] for key in ("image", "pose")})
    onnx = way.step("ask onnxruntime", python, "-c", ASKS_ONNX, "policy.onnx", question)
    answer = json.loads(onnx)
    check(near(answer, asked["correction"]), f"onnxruntime answers {answer}, not {asked}")
    readers = [("pandas", python, READS_PANDAS)]
    if lerobot is None:
        print("          not read by LeRobot: --lerobot PYTHON is not given")
    else:
        readers.append(("LeRobot", lerobot, READS_LEROBOT))
    for name, reader, program in readers:
        rewards = json.loads(way.step(f"read by {name}", reader, "-c", program, "dataset"))
        check(near(rewards, asked["rewards"]), f"{name} reads the rewards {rewards}")


def main() -> None:
    """Goes the way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    # Not resolved: the link itself is what makes a virtual environment of a Python.
    lerobot = arguments.lerobot.absolute() if arguments.lerobot else None
    with tempfile.TemporaryDirectory() as folder:
        way = Way(Path(folder))
        go(way, arguments.wheel.resolve(), lerobot)
    print(f"{way.taken_s:6.1f} s  without downloads; {LIMIT_S:.0f} s are allowed")
    check(way.taken_s < LIMIT_S, "the way takes too long")


if __name__ == "__main__":
    main()
