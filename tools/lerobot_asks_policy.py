"""Asks policies of runs by LeRobot's own functions, over exported datasets, and compares the answers with rmrl's.

    python3 -m venv judge
    judge/bin/pip install "lerobot==0.4.4" rmrl_robot-*.whl ./python/lerobot_policy_rmrl
    rmrl export lerobot RUN --out DATASET
    judge/bin/python tools/lerobot_asks_policy.py DATASET RUN [DATASET RUN ...]

LeRobot finds the plugin by itself. Its factories make policy and processors; a `DataLoader` reads the dataset. Each correction
has to be that of `rmrl_robot.Policy` for the picture and the pose in the run's log, to 1e-6, and the chosen candidates the same.
The policy is also saved and loaded: from a folder, as a model of the Hugging Face Hub (from its cache, without a network), and
by the function with which LeRobot controls robots. Training is refused, and so is what is no observation.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CACHE = tempfile.TemporaryDirectory()
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HOME"] = CACHE.name
os.environ["HF_DATASETS_CACHE"] = CACHE.name
os.environ["HF_HUB_CACHE"] = CACHE.name

import datasets
import numpy as np
import torch
from lerobot.configs.default import DatasetConfig
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.factory import make_policy, make_policy_config, make_pre_post_processors
from lerobot.utils.import_utils import register_third_party_plugins
from torch.utils.data import DataLoader

try:
    from lerobot.utils.control_utils import predict_action
except ImportError:
    from lerobot.common.control_utils import predict_action

from rmrl_robot import Policy, Run

IMAGE = "observation.images.overhead"
STATE = "observation.state"
PLATE = "observation.plate_px"
#: float32 has seven digits, and corrections are below 0.1 m and 1 rad.
TOLERANCE = 1e-6


def check(holds: bool, message: str) -> None:
    """Ends the program with `message` unless `holds`."""
    if not holds:
        sys.exit(f"error: {message}")


def refuses(call: Callable[[], Any], word: str) -> None:
    """Checks that a call raises an exception that says `word`."""
    try:
        call()
    except Exception as error:  # noqa: BLE001, any exception may say it
        check(word in str(error), f"the exception {error!r} does not say {word!r}")
        return
    sys.exit(f"error: nothing was raised that says {word!r}")


def corrections(dataset: LeRobotDataset, policy: Any, before: Any, after: Any) -> torch.Tensor:
    """The actions of a policy for a whole dataset, [frames, 3]."""
    actions = [
        after(policy.select_action(before(dict(batch))))
        for batch in DataLoader(dataset, batch_size=4)
    ]
    return torch.cat(actions)


def loaded(source: Path | str, dataset: LeRobotDataset) -> tuple[Any, Any, Any]:
    """A saved policy with its processors, as LeRobot's commands load it."""
    config = PreTrainedConfig.from_pretrained(source)
    config.pretrained_path = source
    policy = make_policy(config, ds_meta=dataset.meta)
    # As lerobot-eval does.
    overrides = {"device_processor": {"device": str(policy.config.device)}}
    before, after = make_pre_post_processors(
        config, pretrained_path=str(source), preprocessor_overrides=overrides
    )
    return policy, before, after


def in_the_hub(folder: Path, name: str) -> None:
    """Puts a folder where the Hub's client keeps what it has downloaded."""
    kept = Path(CACHE.name) / f"models--{name.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, kept / "snapshots" / ("0" * 40))


def compare(dataset: LeRobotDataset, run: Run, policy: Any, found: torch.Tensor) -> float:
    """Compares LeRobot's answers with those of `rmrl_robot` for the log. Returns the largest difference."""
    check(found.dtype == torch.float32 and found.shape == (len(dataset), 3), f"{found.shape}")
    own = Policy.load(run)
    largest = 0.0
    for trial, action, frame in zip(run.trials, found.numpy(), dataset, strict=True):
        assert trial.estimated_pose is not None and trial.images.start is not None
        expected = own.act(trial.images.start, trial.estimated_pose, trial.plate_in_image)
        batch = {key: frame[key][None] for key in (IMAGE, STATE, PLATE)}
        [decision] = policy.decide(batch)
        same = (decision.index, decision.abstained) == (expected.index, expected.abstained)
        check(same, f"trial {trial.record['trial']}: {decision}, expected {expected}")
        # Of the same numbers the same bits: only the dataset's poses are rounded.
        exact = own.act(
            trial.images.start, frame[STATE].numpy(), frame[PLATE].numpy()
        ).correction.astype(np.float32)
        check(np.array_equal(action, exact), f"{action} of rounded numbers, expected {exact}")
        largest = max(largest, float(np.abs(action - expected.correction).max()))
    check(largest <= TOLERANCE, f"corrections differ by {largest}")
    return largest


def judge(root: Path, run: Run, folder: Path) -> None:
    """Asks the policy of a run over its dataset in every way."""
    dataset = LeRobotDataset("local/export", root=root)
    config = make_policy_config("rmrl", run=str(run.path))
    policy = make_policy(config, ds_meta=dataset.meta)
    before, after = make_pre_post_processors(config, dataset_stats=dataset.meta.stats)
    found = corrections(dataset, policy, before, after)
    largest = compare(dataset, run, policy, found)
    check(bool((found.abs().amax(dim=0) > 0).any()), "the policy corrects nothing")

    # Written by the command, away from its run; saved again, and as a model of the Hub.
    saved = folder / f"{root.name}-policy"
    command = [sys.executable, "-m", "lerobot_policy_rmrl", run.path, "--out", saved]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    name = f"local/{root.name}"
    in_the_hub(saved, name)
    for source in (saved, name):
        again, *processors = loaded(source, dataset)
        check(
            torch.equal(corrections(dataset, again, *processors), found),
            f"the policy of {source} answers otherwise",
        )
    twice = folder / f"{root.name}-twice"
    again.save_pretrained(twice)
    for pipeline in processors:
        pipeline.save_pretrained(twice)
    again, *processors = loaded(twice, dataset)
    check(torch.equal(corrections(dataset, again, *processors), found), "saved again, it differs")

    # As LeRobot's loop asks in every frame of a robot: NumPy, without a batch.
    first = run.trials[0]
    observation = {IMAGE: first.images.start, STATE: dataset[0][STATE].numpy()}
    observation[PLATE] = dataset[0][PLATE].numpy()
    action = predict_action(observation, policy, torch.device("cpu"), before, after, False)
    check(torch.equal(action[0], found[0]), f"{action}, expected {found[:1]}")
    chunk = policy.predict_action_chunk(before(dict(next(iter(DataLoader(dataset))))))
    check(torch.equal(chunk[:, 0], found[:1]), "the chunk is no correction")

    without_place(dataset, run, policy)
    bad_input(dataset, run, policy)
    print(f"{root.name}: {len(dataset)} frames, corrections differ by {largest:.0e} at most")


def without_place(dataset: LeRobotDataset, run: Run, policy: Any) -> None:
    """Where the plate's place in the picture is not known, it follows from the pose."""
    frame = dataset[0]
    unknown = {
        IMAGE: frame[IMAGE][None],
        STATE: frame[STATE][None],
        PLATE: torch.full((1, 3), torch.nan),
    }
    expected = Policy.load(run).act(run.trials[0].images.start, frame[STATE].numpy())
    given = [unknown, {key: unknown[key] for key in (IMAGE, STATE)}]
    given.append(
        {**unknown, IMAGE: torch.from_numpy(run.trials[0].images.start.transpose(2, 0, 1))[None]}
    )
    for batch in given:
        action = policy.select_action(batch)[0].numpy()
        wanted = expected.correction.astype(np.float32)
        check(np.array_equal(action, wanted), f"{action} without a place, expected {wanted}")


def bad_input(dataset: LeRobotDataset, run: Run, policy: Any) -> None:
    """What is no observation is refused by a message with the feature's name; so is training."""
    frame = dataset[0]
    good = {key: frame[key][None] for key in (IMAGE, STATE, PLATE)}
    for key, value in [
        (IMAGE, None),
        (IMAGE, good[IMAGE][0]),
        (IMAGE, good[IMAGE] * 255.0),
        (IMAGE, good[IMAGE] * torch.nan),
        (IMAGE, good[IMAGE].to(torch.int64)),
        (STATE, None),
        (STATE, good[STATE][:, :2]),
        (STATE, good[STATE].numpy()),
        (PLATE, torch.zeros(2, 3)),
    ]:
        batch = {**good, key: value}
        if value is None:
            del batch[key]
        refuses(lambda batch=batch: policy.select_action(batch), key)
    refuses(lambda: policy.select_action({**good, STATE: good[STATE] * torch.nan}), "finite")

    refuses(lambda: policy.forward(good), "rmrl train")
    refuses(policy.get_optim_params, "rmrl train")
    training = TrainPipelineConfig(
        dataset=DatasetConfig(repo_id="local/export", root=str(dataset.root)),
        policy=make_policy_config("rmrl", run=str(run.path), push_to_hub=False),
    )
    refuses(training.validate, "rmrl train")
    refuses(lambda: make_policy(make_policy_config("rmrl"), ds_meta=dataset.meta), "--policy.run")
    other = make_policy_config("rmrl", run=str(run.path), image="observation.images.wrist")
    refuses(lambda: make_policy(other, ds_meta=dataset.meta), "observation.images.wrist")


def main() -> None:
    """Judges datasets with their runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path, nargs="+", metavar="DATASET RUN")
    pairs: list[Path] = parser.parse_args().pairs
    if len(pairs) % 2:
        parser.error("every dataset needs its run")
    datasets.disable_progress_bars()
    register_third_party_plugins()
    check("rmrl" in PreTrainedConfig.get_known_choices(), "LeRobot does not find the plugin")
    with tempfile.TemporaryDirectory() as folder:
        for root, run in zip(pairs[::2], pairs[1::2], strict=True):
            judge(root, Run(run), Path(folder))


if __name__ == "__main__":
    main()
